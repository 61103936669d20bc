# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Unmodified programs in a complete Debian on a disk, without and with the preload library.
# Each script of selftests/programs is a case.

PROGRAM_PACKAGES=(bash binutils bpftrace bsdutils bubblewrap coreutils dash
	default-jdk-headless findutils gcc gdb git grep kmod libc6-dev libelf-dev
	libglib2.0-dev libjson-c5 libmnl0 libseccomp-dev linux-perf make mount
	ninja-build pkg-config procps python3 rustc sed strace systemd trace-cmd
	udev util-linux valgrind)
# Only 6.1 and the newest kernel: the results depend on the C library, and the suites of these
# two have the libraries that differ most.
PROGRAM_KERNELS=(6.1 "${KERNELS[-1]}")
PROGRAM_EXCLUDE=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*'
	'/usr/share/info/*' '/usr/share/icons/*' '/usr/lib/jvm/*/jmods/*')

# The suite's own release: only the kernel is taken from backports.
programs_suite() {
	local suite
	suite=$(kernel_suite "$1") || return 1
	echo "${suite%-backports}"
}

programs_image() {
	echo "$CACHE/programs-$1-$({
		declare -f make_programs
		declare -p PROGRAM_PACKAGES PROGRAM_EXCLUDE
		echo "$OBJTOOL"
	} | hash_of).ext4"
}

# make_programs SUITE FILE
make_programs() {
	local suite=$1 image=$2 dir=$2.dir m x args=()

	m=$(mirror) || return 1
	for x in "${PROGRAM_EXCLUDE[@]}"; do
		args+=("--dpkgopt=path-exclude=$x")
	done
	rm -rf --one-file-system "$dir"
	apt_conf >"$dir.apt"
	# Java's package fails to install without that directory. Only promtool is taken from
	# Prometheus, which is large; since trixie promtool is a package of its own.
	# shellcheck disable=SC2016 # commands of mmdebstrap's
	bootstrap --mode=root --variant=apt --format=directory \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--aptopt="$dir.apt" --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io "${args[@]}" \
		--essential-hook='mkdir -p "$1/usr/share/man/man1"' \
		--customize-hook='chroot "$1" sh -euc "cd /tmp
			apt-get -q download promtool || apt-get -q download prometheus
			dpkg-deb --fsys-tarfile prom*.deb | tar -x -C / ./usr/bin/promtool
			rm prom*.deb"' \
		--include="$(IFS=,; echo "${PROGRAM_PACKAGES[*]}")" \
		"$suite" "$dir" "deb $m $suite main" || return 1
	cp -r "$OBJTOOL" "$dir/usr/src/linux" || return 1
	rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/*
	x=$(du -sm "$dir" | cut -f1)
	mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d "$dir" "$image" $((x + x / 8 + 64))M || return 1
	rm -rf --one-file-system "$dir" "$dir.apt"
}

# need_programs KERNEL: sets IMAGE.
need_programs() {
	local suite
	suite=$(programs_suite "$1")
	IMAGE=$(programs_image "$suite")
	need_cached "programs-$suite" "$IMAGE" \
		"a disk of $suite with gcc, gdb, java, rust, ... (about 120 s)" \
		retry logged "$BUILD/log/programs-$suite" make_programs "$suite"
}

# run_programs KERNEL CASE...: one guest, in BUILD/KERNEL/programs; sets TOKEN.
run_programs() {
	local kernel=$1 dir=$BUILD/$1/programs
	shift

	rm -rf "$dir"
	mkdir -p "$dir/boot/spawnctl"
	export_tree "$dir/checkout.tar"
	tar -x -C "$dir/boot/spawnctl" -f "$dir/checkout.tar"
	TOKEN=$(new_token)
	boot_conf "$dir" "$TOKEN" MODE=programs TIMEOUT=900 NOMODULE= "CASES=$*" SPAWNCTL_DIVISOR=1
	SPAWNCTL_QEMU_MEM=${SPAWNCTL_QEMU_MEM:-3072M} boot "$kernel" "$dir" 2400 \
		-drive "file=$IMAGE,format=raw,if=virtio,readonly=on" || true
	rm -f "$dir/initrd" "$dir/boot.cpio"
}

# programs_results KERNEL CASE...: of that guest
programs_results() {
	local kernel=$1 dir=$BUILD/$1/programs log=$BUILD/$1/programs/channel.log t rc
	shift

	for t in "$@"; do
		sed -n "/^@$TOKEN begin $t\$/,/^@$TOKEN end $t /p" "$log" >"$dir/one"
		tap "programs:$t" "" <"$dir/one"
		rc=$(sed -n "s/^@$TOKEN end $t \([0-9]*\) .*/\1/p" "$dir/one")
		case $rc in
		0 | 1) ;;
		*) echo "fail programs:$t (its status is ${rc:-not known: it did not end})" ;;
		esac
		sed -n "s/^@$TOKEN klog [^ ]* \(.*\)/fail programs:$t (kernel log) \1/p
			s/^@$TOKEN stuck [^ ]* \(.*\)/fail programs:$t (kill -9 does not end it) \1/p" \
			"$dir/one"
		rm -f "$dir/one"
	done
	guest_result "$dir" "$TOKEN" programs
}

programs_cases() {
	local f
	for f in "$TOP"/selftests/programs/*.sh; do
		f=${f##*/}
		[ "$f" = lib.sh ] || echo "${f%.sh}"
	done
}

# The numbers that the cases have counted, as a table
programs_table() {
	printf '%-40s %12s %12s %12s\n' "$1: processes made" "without, by" "with, by" "with, by" \
		"" "clone" "clone" "the device"
	sed -n 's/^@table //p' "$BUILD/$1/programs/channel.log" |
		while IFS='|' read -r name plain rest device; do
			printf '%-40s %12s %12s %12s\n' "$name" "$plain" "$rest" "$device"
		done
	printf '%-40s %s\n' "$1: one spawn" "system calls, by strace -f -c"
	sed -n 's/^@calls //p' "$BUILD/$1/programs/channel.log" |
		while IFS='|' read -r library kind total calls; do
			[ "$kind" = actions ] && kind="5 file actions"
			printf '%-40s %s\n' "$library, $kind" "$total ($calls)"
		done
}
