# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154,SC2317 # claim runs the functions
# Shared by the tests, in addition to selftests/claim.sh. Results go to descriptor 3.

# shellcheck source=../../selftests/claim.sh
. selftests/claim.sh
# Make no initrd for a second kernel: it takes long, and nothing boots it
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root TERM=dumb INITRD=No
exec 3>&1
version=$(sed -n 's/^Version: *//p' META)
user="spawnctl spawnctl-doc spawnctl-preload libspawnctl0 libspawnctl-dev"

# typed COMMAND...: runs a command as an administrator would. The test's output has it and its
# own output, without dpkg's progress.
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

install() {
	typed apt-get install -y -q --no-install-recommends "$@"
}

purge() {
	typed apt-get purge -y -q "$@"
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

# The newest kernel that DKMS can build for
newest() {
	cd /lib/modules && find . -maxdepth 2 -name build | sort -V | sed -n '$s|./\(.*\)/build|\1|p'
}

# dpkg and apt find no broken or half-installed package
sound() {
	[ -z "$(dpkg --audit)" ] && apt-get check
}

# All files, except the records of dpkg, apt, dkms and others, and what tests use
files() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \
		-o -path /tmp -o -path /mnt -o -path /run -o -path /etc/shadow- \
		-o -path '/var/lib/dkms/mok.*' \) -prune -o -print
}

left() {
	files | grep '/[^/]*spawnctl[^/]*$'
	cat /lib/modules/*/modules.dep | grep spawnctl
}

nothing_left() {
	left
	[ -z "$(left)" ]
}
