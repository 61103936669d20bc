# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2317 # claim.sh sets work; claim runs the functions
# Shared by the claims about packages, in the chroot and in the guest, in addition to
# selftests/claim.sh. Results go to descriptor 3.

export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root TERM=dumb
exec 3>&1

# typed COMMAND...: runs a command as an administrator would. The transcript records it and its
# output, without dpkg's progress.
typed() {
	typed_status=0
	"$@" >"$work/typed" 2>&1 3>&- </dev/null || typed_status=$?
	{ echo "# $*"; cat "$work/typed"; } | tr '\r' '\n' |
		grep -vE '^$|^\(Reading database \.\.\. ([0-9]+%)?$' | sed 's/^/| /' >&3
	cat "$work/typed"
	return $typed_status
}

# says TEXT COMMAND...: checks that the output contains TEXT, regardless of the exit status
says() {
	says_text=$1
	shift
	typed "$@"
	grep -qF -- "$says_text" "$work/typed"
}

refused() {
	! "$@"
}

install_debs() {
	typed apt-get install -y -q --no-install-recommends "$@"
}

absent() {
	for p in "$@"; do
		[ -z "$(dpkg-query -W -f '${Version}' "$p" 2>/dev/null)" ] || { echo "$p"; return 1; }
	done
}

# module_is RELEASE VERSION: DKMS has installed that version for that kernel
module_is() {
	modinfo -k "$1" spawnctl &&
		[ "$(modinfo -k "$1" -F version spawnctl)" = "$2" ] &&
		modinfo -k "$1" -n spawnctl | grep -qF "/$1/updates/dkms/spawnctl.ko"
}

# dpkg and apt find no broken or half-installed package
sound() {
	[ -z "$(dpkg --audit)" ] && apt-get check
}

# Every file named after spawnctl, except those of dpkg, apt and logs
left() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \
		-o -path /tmp -o -path /mnt -o -path /run -o -path /root \) -prune -o -name '*spawnctl*' -print
	cat /lib/modules/*/modules.dep | grep spawnctl
}

nothing_left() {
	left
	[ -z "$(left)" ]
}
