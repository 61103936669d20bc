# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# The emulator. Not the machine's own: before QEMU 8.1 a virtual CPU could go on
# with a stale translation of code that another had patched, and a kernel that
# patches its text (static keys, tracepoints, modules) then dies of an int3. And
# with one emulator everywhere, runs on different machines can be compared.

QEMU_SUITE=trixie

qemu_dir() {
	echo "$CACHE/qemu-$({ declare -f make_qemu; echo "$QEMU_SUITE"; } | hash_of)"
}

make_qemu() {
	local m

	m=$(mirror) || return 1
	rm -rf --one-file-system "$1"
	apt_conf >"$1.apt"
	bootstrap --mode=root --variant=extract --format=directory \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--aptopt="$1.apt" --include=qemu-system-x86 "$QEMU_SUITE" "$1" \
		"deb $m $QEMU_SUITE main"
	rm -f "$1.apt"
	[ -x "$1/usr/bin/qemu-system-x86_64" ]
}

# need_qemu: sets QEMU, the command. It runs on the libraries it came with.
need_qemu() {
	local dir lib

	if [ -n "${SPAWNCTL_QEMU:-}" ]; then
		QEMU=("$SPAWNCTL_QEMU")
		return
	fi
	dir=$(qemu_dir)
	need_cached qemu "$dir" "qemu of $QEMU_SUITE (about 20 s)" \
		retry logged "$BUILD/log/qemu" make_qemu
	lib=$dir/usr/lib/x86_64-linux-gnu
	export QEMU_MODULE_DIR=$lib/qemu
	QEMU=("$lib/ld-linux-x86-64.so.2" --library-path "$(qemu_libs "$dir")"
		"$dir/usr/bin/qemu-system-x86_64" -L "$dir/usr/share/qemu"
		-L "$dir/usr/share/seabios")
	"${QEMU[@]}" --version >/dev/null || die "the qemu in $dir does not run"
}

# Where the root's ld.so.conf would have it look.
qemu_libs() {
	echo "$1/usr/lib/x86_64-linux-gnu:$1/usr/lib/x86_64-linux-gnu/pulseaudio:$1/usr/lib"
}
