# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# The cost of a spawn, in instructions, compared with the limits in bench/gate.

GATE_KERNEL=6.1

# So that no other program is counted
ALONE=(SPAWNCTL_QEMU_SMP=1 'SPAWNCTL_QEMU_ARGS=-icount shift=0,sleep=off')

# judge FILE RECORDS OUT: its lines, each ending with "met" or "missed"
judge() {
	python3 "$TOP/bench/report.py" --targets "$1" "$3" "$(IFS=,; echo "${KERNELS[*]}")" "$2" |
		grep -E ' (met|missed)$' || true
}

gate_results() {
	local kernel=$1 dir=$BUILD/$1/gate token line seen=''

	rm -rf "$dir"
	mkdir -p "$dir"
	token=$(new_token)
	boot_conf "$dir" "$token" MODE=command TIMEOUT=240 NOMODULE= SPAWNCTL_DIVISOR=1 \
		'COMMAND=/bench/bench -i noop typical filtered'
	(export "${ALONE[@]}"; boot "$kernel" "$dir" 300) || true
	rm -f "$dir/initrd" "$dir/boot.cpio"
	tr -d '\r' <"$dir/channel.log" >"$dir/records"
	while read -r line; do
		seen=1
		case $line in
		*met) echo "pass gate $line" ;;
		*) echo "fail gate $line" ;;
		esac
	done < <(judge "$TOP/bench/gate" "$dir/records" "$dir/report")
	[ "$seen" ] || echo "fail gate (nothing was measured)"
	# The control: a limit that no spawn can meet
	echo "$kernel noop/device noop/vfork <= 0.9" >"$dir/control"
	if judge "$dir/control" "$dir/records" "$dir/report" | grep -q ' missed$'; then
		echo "pass gate control: a limit that cannot be met is reported as missed"
	else
		echo "fail gate control: a limit that cannot be met is not reported as missed"
	fi
}
