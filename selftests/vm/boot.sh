# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Boots one guest from the pieces that build.sh left.

# boot KERNEL DIR SECONDS [ARGUMENT...]: DIR holds boot/, the files put over the
# image, and gets console.log, channel.log and data.tar; ARGUMENTs are QEMU's. If it
# holds esp/, a disk with GRUB, that starts the kernel, and not QEMU. Knobs:
# SPAWNCTL_QEMU_SMP, _MEM, _ARGS, _APPEND (-icount wants SPAWNCTL_QEMU_SMP=1).
#
# Now and then a kernel gets stuck on an emulated machine before it has come to its
# first process, and so to anything of ours: then it is booted again.
boot() {
	local try rc watch

	for try in 1 2 3; do
		: >"$2/channel.log"
		watch_boot "$2" $((120 * $(patience "$1"))) &
		watch=$!
		rc=0
		boot_once "$@" || rc=$?
		kill "$watch" 2>/dev/null || true
		[ -s "$2/channel.log" ] && break
		say "$1: the kernel has not come to its first process (boot $try of 3)"
		cp "$2/console.log" "$2/console.stuck" || true
	done
	return $rc
}

# watch_boot DIR SECONDS: ends a guest that says nothing for so long. On a busy machine a
# kernel takes longer than that to boot, but goes on writing to its console.
watch_boot() {
	local i size said=0

	for ((i = 0; i < $2; i++)); do
		sleep 1
		[ -s "$1/channel.log" ] && return
		size=$(stat -c %s "$1/console.log" 2>/dev/null) || size=0
		[ "$size" = "$said" ] || i=0
		said=$size
	done
	kill "$(cat "$1/qemu.pid")"
}

boot_once() {
	local b=$BUILD/$1 dir=$2 limit=$3 memory=1536M warn=1 append
	local -a extra start

	# Shadow memory, and the detectors' own records
	is_debug "$1" && memory=3072M
	# KCSAN finds races all over a kernel: ours are counted, none ends the guest.
	[ "$1" = race ] && warn=0

	shift 3
	read -r -a extra <<<"${SPAWNCTL_QEMU_ARGS:-}"
	flock -s "$b/lock" cat "$b/base.cpio" "$b/stage.cpio" >"$dir/initrd"
	install -m 755 "$VM/init" "$dir/boot/init"
	cp "$VM/debug/races.awk" "$dir/boot/"
	pack "$dir/boot" "$dir/boot.cpio"
	cat "$dir/boot.cpio" >>"$dir/initrd"
	# TCG shares the machine with others: the watchdogs wait longer.
	append="console=ttyS0 panic=-1 oops=panic panic_on_warn=$warn log_buf_len=4M watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120 rdinit=/init ${SPAWNCTL_QEMU_APPEND:-}"
	if [ -d "$dir/esp" ]; then
		cp "$b/vmlinuz" "$dir/initrd" "$dir/esp/"
		printf '%s\n' "linux /vmlinuz $append" 'initrd /initrd' boot >"$dir/esp/EFI/debian/grub.cfg"
		start=(-drive "file=fat:$dir/esp,format=raw,if=virtio,readonly=on")
	else
		start=(-kernel "$b/vmlinuz" -initrd "$dir/initrd" -append "$append")
	fi
	timeout --foreground -k 5 "$limit" "${QEMU[@]}" -M q35 -accel tcg -cpu max \
		-smp "${SPAWNCTL_QEMU_SMP:-2}" -m "${SPAWNCTL_QEMU_MEM:-$memory}" \
		-display none -nodefaults -no-user-config -no-reboot -pidfile "$dir/qemu.pid" \
		-serial "file:$dir/console.log" -serial "file:$dir/channel.log" \
		-serial "file:$dir/data.tar" \
		"${start[@]}" "$@" "${extra[@]}" </dev/null >"$dir/qemu.log" 2>&1
}

# boot_conf DIR TOKEN NAME=VALUE...: what the guest's init reads.
boot_conf() {
	local dir=$1 token=$2 x quote="'\\''"
	shift 2
	mkdir -p "$dir/boot"
	for x in "TOKEN=$token" "BAD=$BAD_LOG" "$@"; do
		printf "%s='%s'\n" "${x%%=*}" "$(x=${x#*=}; echo "${x//\'/$quote}")"
	done >"$dir/boot/boot.conf"
}

new_token() {
	od -An -N8 -tx8 /dev/urandom | tr -d ' '
}
