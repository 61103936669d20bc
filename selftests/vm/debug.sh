# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Debug kernels: built from Debian's linux-source, cached as the roots are. One is
# a root's upper part: what the packages of a kernel and its headers would put
# there. So a module is built for it, and it is booted, as the stock ones are.

debug_key() {
	{
		root_key "$(kernel_suite "$1")"
		declare -f make_debug
		cat "$VM/debug/chroot-kernel" "$VM/debug/base.config" "$VM/debug/$1.config"
	} | hash_of
}

# Unlike retry's, this one goes on for minutes.
compiling() {
	while sleep 60; do
		say "$1: $(grep -c '^  [A-Z]' "$2" || true) files made"
	done
}

# make_debug KERNEL DIR
make_debug() {
	local kernel=$1 dir=$2 layer=$2.layer log=$BUILD/$1/log beat rc=0

	rm -rf --one-file-system "$dir" "$layer"
	mkdir -p "$layer/out"
	cp "$VM/debug/base.config" "$VM/debug/$kernel.config" "$layer/out"
	install -m 755 "$VM/debug/chroot-kernel" "$layer/out"
	retry logged "$log/source" enter_root "$layer" /mnt/chroot-kernel fetch || return 1
	compiling "$kernel" "$log/kernel" &
	beat=$!
	logged "$log/kernel" enter_root "$layer" /mnt/chroot-kernel build "$kernel" || rc=1
	kill "$beat"
	[ "$rc" = 0 ] && mv "$layer/out/tree" "$dir"
	rm -rf --one-file-system "$layer"
	return $rc
}

# need_debug KERNEL: puts the kernel over ROOT, and sets RELEASE.
need_debug() {
	local kernel=$1 dir
	dir=$CACHE/debug-$kernel-$(debug_key "$kernel")

	need_cached "debug-$kernel" "$dir" "the kernel $kernel (7 minutes on two processors)" \
		make_debug "$kernel"
	RELEASE=$(basename "$dir"/usr/lib/modules/*)
	ROOT=$dir:$ROOT
}

# need_kernel KERNEL: sets ROOT and RELEASE for either kind.
need_kernel() {
	need_root "$1"
	if is_debug "$1"; then need_debug "$1"; fi
}

# coverage_results KERNEL RUN: which lines of the module the guest's tests reached.
coverage_results() {
	local kernel=$1 run=$2 dir=$BUILD/$1 layer=$BUILD/$1/layer file lines reached

	rm -rf "$layer/out/gcov"
	mkdir -p "$layer/out/gcov"
	if ! tar -x -C "$layer/out/gcov" -f "$run/data.tar" 2>/dev/null; then
		echo "fail coverage (the guest sent none)"
		return
	fi
	install -m 755 "$VM/debug/chroot-gcov" "$layer/out"
	logged "$dir/log/gcov" enter_root "$layer" /mnt/chroot-gcov || {
		echo "fail coverage (gcov failed)"
		return
	}
	# FILE LINE COUNT TEXT, of each build; a line is reached if it is in any.
	awk -v FS='\t' '
		{ key = $1 "\t" $2; text[key] = $4; if ($3 > 0) hit[key] = 1 }
		END { for (key in text) print key "\t" (key in hit) "\t" text[key] }' \
		"$layer/out/gcov.lines" | sort -t$'\t' -k1,1 -k2,2n >"$dir/coverage.lines"
	awk -v FS='\t' '!$3 { print $1 ":" $2 ": " $4 }' "$dir/coverage.lines" >"$dir/coverage.txt"
	awk -v FS='\t' '
		{ lines[$1]++; reached[$1] += $3 }
		END { for (file in lines) print file, lines[file], reached[file] }' \
		"$dir/coverage.lines" | sort >"$dir/coverage.files"
	# By their text, as lines move; none of the list is to have been reached
	sed -E 's/:[0-9]+: /: /' "$dir/coverage.txt" >"$dir/coverage.missed"
	grep -v -e '^#' -e '^$' "$VM/debug/unreached" >"$dir/coverage.listed"
	{
		grep -vxF -f "$dir/coverage.listed" "$dir/coverage.missed" |
			sed 's/^/fail coverage a line that no test reaches: /'
		grep -vxF -f "$dir/coverage.missed" "$dir/coverage.listed" |
			sed 's/^/fail coverage a listed line that is reached or does not exist: /'
	} || true
	while read -r file lines reached; do
		echo "pass coverage $file: $reached of $lines lines"
	done <"$dir/coverage.files"
	[ -s "$dir/coverage.files" ] || echo "fail coverage (no line of the module)"
}

# A fault for each detector, in guests that must fail
control_guest() {
	local kernel=$1 dir=$BUILD/$1/control token t limit=$((60 * $(patience "$1")))
	shift

	rm -rf "$dir"
	mkdir -p "$dir/boot/kselftest/control"
	for t in "$@"; do
		install -m 755 "$VM/debug/control-case" "$dir/boot/kselftest/control/$t"
		echo "control:$t" >>"$dir/boot/kselftest/kselftest-list.txt"
	done
	echo timeout=$limit >"$dir/boot/kselftest/control/settings"
	token=$(new_token)
	boot_conf "$dir" "$token" MODE=tests "TIMEOUT=$((limit + 10))" OVERRIDE= \
		COLLECTION=control NOMODULE= SPAWNCTL_DIVISOR=1
	boot "$kernel" "$dir" "$((2 * limit))" || true
	results "$dir" "$token" $# >"$dir/results"
	results=$dir/results
	rm -f "$dir/initrd" "$dir/boot.cpio"
}

control_results() {
	local results

	case $1 in
	debug)
		control_guest "$1" sleep lock leak
		reported sleep '^fail control:sleep \(kernel log\) .*BUG: sleeping function'
		reported lock '^fail control:lock \(kernel log\) .*WARNING: possible circular locking'
		reported leak '^fail guest \(leak .*lose_memory'
		control_guest "$1" undefined never
		reported undefined '^fail guest \(console\) .*UBSAN'
		reported panic '^fail guest \(no verdict'
		control_guest "$1" freed never
		reported freed '^fail guest \(console\) .*KASAN: slab-use-after-free'
		reported panic '^fail guest \(no verdict'
		;;
	race)
		control_guest "$1" race sleep lock
		reported race '^fail control:race \(kernel log\) .*BUG: KCSAN: data-race'
		reported sleep '^fail control:sleep \(kernel log\) .*BUG: sleeping function'
		reported lock '^fail control:lock \(kernel log\) .*WARNING: possible circular locking'
		;;
	esac
}

# debug_tables KERNEL...: how long each test program took, and what was reached.
debug_tables() {
	local k debug=() files=()

	for k in "$@"; do
		is_debug "$k" && debug+=("$k") && files+=("$BUILD/$k/results")
	done
	[ "${#debug[@]}" -gt 0 ] || return 0
	echo
	awk -v kernels="${debug[*]}" '
		BEGIN { n = split(kernels, kernel, " ") }
		FNR == 1 { k++ }
		$1 == "time" { seconds[k, $2] = $3; sum[k] += $3; if (!seen[$2]++) test[++tests] = $2 }
		function row(name, i) { printf "%-32s", name; for (i = 1; i <= n; i++) printf " %9s", cell[i]; print "" }
		END {
			for (i = 1; i <= n; i++) cell[i] = kernel[i]
			row("seconds")
			for (t = 1; t <= tests; t++) {
				for (i = 1; i <= n; i++) cell[i] = seconds[i, test[t]]
				row(test[t])
			}
			for (i = 1; i <= n; i++) cell[i] = sum[i] + 0
			row("all")
		}' "${files[@]}"
	for k in "${debug[@]}"; do
		grep -ahoE 'BUG: KCSAN: .*' "$BUILD/$k/run/console.log" 2>/dev/null |
			sort | uniq -c >"$BUILD/$k/races.txt" || true
		[ -s "$BUILD/$k/races.txt" ] &&
			printf '\ndata races by place, the kernel'"'"'s own too: %s/%s/races.txt\n' \
				"${BUILD#"$TOP/"}" "$k"
		[ -s "$BUILD/$k/coverage.files" ] || continue
		printf '\n%-32s %9s %9s %6s\n' "lines of module/ ($k)" lines reached %
		awk '{ printf "%-32s %9d %9d %5.1f%%\n", $1, $2, $3, 100 * $3 / $2; l += $2; r += $3 }
			END { printf "%-32s %9d %9d %5.1f%%\n", "all", l, r, 100 * r / l }' \
			"$BUILD/$k/coverage.files"
		echo "not reached: ${BUILD#"$TOP/"}/$k/coverage.txt"
	done
}
