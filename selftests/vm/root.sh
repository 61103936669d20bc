# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# The cached roots: one per Debian suite, with its kernel, headers, compiler and
# dkms. When the recipe changes, they are made anew.

ROOT_PACKAGES=(linux-image-amd64 linux-headers-amd64 dkms gcc g++ make libc6-dev
	kmod openssl xz-utils rsync binutils pkg-config busybox-static perl-base
	procps mount util-linux sparse libmnl-dev libjson-c-dev jq)

# Documentation, and drivers no guest of ours has; they are most of a root.
ROOT_EXCLUDE=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*'
	'/usr/share/info/*' '/lib/modules/*/kernel/sound/*'
	'/usr/lib/modules/*/kernel/sound/*')
for d in gpu net media infiniband scsi staging iio usb hwmon input; do
	ROOT_EXCLUDE+=("/lib/modules/*/kernel/drivers/$d/*"
		"/usr/lib/modules/*/kernel/drivers/$d/*")
done

root_key() {
	{ echo "$1"; declare -f make_root; declare -p ROOT_PACKAGES ROOT_EXCLUDE; } | hash_of
}

root_dir() {
	echo "$CACHE/root-$1-$(root_key "$1")"
}

# make_root SUITE DIR
make_root() {
	local suite=$1 dir=$2 base=${1%-backports} m x
	local packages=("${ROOT_PACKAGES[@]}") args=() sources

	m=$(mirror) || return 1
	sources=("deb $m $base main")
	if [ "$suite" != "$base" ]; then
		sources+=("deb $m $suite main")
		# linux-base too, or apt takes the suite's own, which is too old.
		packages+=("linux-base/$suite")
		packages[0]+=/$suite
		packages[1]+=/$suite
	fi
	for x in "${ROOT_EXCLUDE[@]}"; do
		args+=("--dpkgopt=path-exclude=$x")
	done
	rm -rf --one-file-system "$dir"
	apt_conf >"$dir.apt"
	# INITRD=No: the kernel's own initrd takes long to make, and none boots it.
	INITRD=No bootstrap --mode=root --variant=apt --format=directory \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--aptopt="$dir.apt" --dpkgopt=force-unsafe-io "${args[@]}" \
		--include="$(IFS=,; echo "${packages[*]}")" \
		"$base" "$dir" "${sources[@]}"
}

# The kernel of a root, which must be Debian's stock one.
root_release() {
	local r
	r=$(cd "$1/boot" && echo vmlinuz-*)
	r=${r#vmlinuz-}
	if ! [[ $r =~ ^[0-9][0-9.]*[0-9](-[0-9]+|\+[a-z0-9+]+)?-amd64$ ]] ||
	   ! grep -qxF "Package: linux-image-$r" "$1/var/lib/dpkg/status" ||
	   grep -qx 'CONFIG_PREEMPT_RT=y' "$1/boot/config-$r"; then
		die "$1: '$r' is not a stock amd64 kernel"
	fi
	echo "$r"
}

make_stock_root() {
	retry logged "$BUILD/log/root-$1" make_root "$1" "$2" || return 1
	root_release "$2" >/dev/null
	rm -f "$2.apt"
}

# need_root KERNEL: sets ROOT and RELEASE, making the root if it must be made.
need_root() {
	local suite
	suite=$(kernel_suite "$1")
	ROOT=$(root_dir "$suite")
	need_cached "root-$suite" "$ROOT" "the root of $suite (about 90 s)" make_stock_root "$suite"
	RELEASE=$(root_release "$ROOT")
}
