# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# One kernel's build: the checkout goes into a throw-away layer over the root,
# where DKMS installs the module and the release's own compiler makes the rest.
# What the guest needs of it ends as pieces of an initramfs in BUILD/KERNEL/.

# Packages of the root whose programs the guest has.
GUEST_PACKAGES=(bash dash coreutils grep sed findutils kmod perl-base procps
	mount util-linux busybox-static libc-bin base-files base-passwd libmnl0
	libjson-c5 jq bsdutils)

# A ROOT may be two with a colon between them, the upper one first.
enter_root() {
	local layer=$1
	shift
	unshare --mount --propagation private --pid --fork --kill-child \
		"$VM/inroot" "$ROOT" "$layer" "$@"
}

# The checkout as it is now, uncommitted work included.
export_tree() {
	if git -c safe.directory="$TOP" -C "$TOP" rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory="$TOP" -C "$TOP" ls-files -z -co --exclude-standard -- \
			':!build'
	else
		(cd "$TOP" && find . -path ./build -prune -o -type f -print0)
	fi | (cd "$TOP" && perl -0ne 'chomp; print "$_\0" if -e || -l') |
		tar -C "$TOP" --null --files-from=- --owner=0 --group=0 -cf "$1"
}

# pack TREE FILE: uncompressed, as the guest unpacks it slower than we copy it.
pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z |
		cpio --null --create --format=newc --owner=0:0 --quiet) >"$2.tmp" &&
		mv "$2.tmp" "$2"
}

# The part of the initramfs that comes from the root alone.
build_base() {
	local dir=$1 key
	key=$ROOT-$(cat "$VM/build.sh" "$VM/chroot-base" | hash_of)

	[ "$(cat "$dir/base.key" 2>/dev/null)" = "$key" ] && return
	rm -rf "$dir/base"
	mkdir -p "$dir/base/out"
	install -m 755 "$VM/chroot-base" "$dir/base/out/"
	enter_root "$dir/base" /mnt/chroot-base "$RELEASE" "${GUEST_PACKAGES[@]}" || return 1
	pack "$dir/base/out/tree" "$dir/base.cpio" || return 1
	cp "${ROOT%%:*}/boot/vmlinuz-$RELEASE" "$dir/vmlinuz" || return 1
	rm -rf "$dir/base"
	echo "$key" >"$dir/base.key"
}

# build_kernel KERNEL MODE: MODE is "strict" (check: from nothing, all must
# build), "lax" (guest: what builds is there) or "nomodule" (guest: no module).
build_kernel() {
	local kernel=$1 mode=$2 dir=$BUILD/$1 layer=$BUILD/$1/layer

	mkdir -p "$dir/log"
	exec 9>"$dir/lock"
	flock 9
	[ "$mode" = strict ] && rm -rf "$layer"
	if [ "$(cat "$layer/root.name" 2>/dev/null)" != "$ROOT" ]; then
		rm -rf "$layer"
	fi
	mkdir -p "$layer/out"
	echo "$ROOT" >"$layer/root.name"
	logged "$dir/log/base" build_base "$dir" || return 1
	export_tree "$layer/out/checkout.tar" || return 1
	rm -rf "$layer/out/ksft" "$layer/out/stage"
	# With its dates, or make(1) would think all the tests older than it.
	cp -a "$KSFT" "$layer/out/ksft"
	install -m 755 "$VM/chroot-build" "$layer/out/"
	rm -f "$layer/out/newest"
	[ "$kernel" != "${KERNELS[-1]}" ] || : >"$layer/out/newest"
	[ "$mode" = strict ] &&
		say "$kernel: the module for $RELEASE, then the user side"
	logged "$dir/log/build" enter_root "$layer" \
		/mnt/chroot-build "$VERSION" "$RELEASE" "$mode" "$(patience "$kernel")" || return 1
	[ "$mode" = strict ] || sed -n '/[Ee]rror/p' "$dir/log/build" >&2
	pack "$layer/out/stage" "$dir/stage.cpio" || return 1
	flock -u 9
}
