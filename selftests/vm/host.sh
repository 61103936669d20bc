# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the machine that runs the bench must have.

HOST_TOOLS=(mmdebstrap:mmdebstrap cpio:cpio xz:xz-utils dpkg-deb:dpkg flock:util-linux
	unshare:util-linux perl:perl-base mke2fs:e2fsprogs)

# need_host [TOOL:PACKAGE...]: these too; TOOL may be a file
need_host() {
	local t missing=()

	[ "$(id -u)" = 0 ] || die "roots are made and entered with chroot: run this as root"
	[ "$(dpkg --print-architecture)" = amd64 ] || die "the bench runs on amd64 only"
	for t in "${HOST_TOOLS[@]}" "$@"; do
		command -v "${t%%:*}" >/dev/null || [ -f "${t%%:*}" ] || missing+=("${t##*:}")
	done
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing+=(debian-archive-keyring)
	[ "${#missing[@]}" = 0 ] && return
	say "installing ${missing[*]}"
	retry logged "$BUILD/log/apt" apt-get update || die "apt-get update failed"
	retry logged "$BUILD/log/apt" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}" ||
		die "cannot install ${missing[*]}"
}

# mmdebstrap, without our own descriptors: it has a shell write to one of its
# own by number, and sh takes no number above 9. Its mounts are its own too, so
# that none of the machine's /dev is left in what a killed run leaves behind.
bootstrap() {
	unshare --mount --propagation private mmdebstrap "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

# The mirror that this machine itself uses for Debian.
mirror() {
	local m=${SPAWNCTL_MIRROR:-}

	# shellcheck disable=SC2016 # apt's variables
	[ -n "$m" ] || m=$(apt-get indextargets --format '$(LABEL)|$(REPO_URI)' |
		sed -n 's/^Debian|//p' | head -n 1)
	[ -n "$m" ] || die "this machine's apt sources name no Debian mirror (set SPAWNCTL_MIRROR)"
	echo "${m%/}"
}

# How this machine fetches (proxies, clock checks), as an apt.conf.
apt_conf() {
	apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Max-[A-Za-z-]+)(::| )' || true
	echo 'Acquire::Retries "3";'
	echo 'Acquire::Languages "none";'
}
