#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# uninstall.sh: checks that "make uninstall" removes what all install targets of the Makefile have
# installed, with the same variables, and nothing else.
#
# Prints TAP to stdout. Exit status 1 if a check fails.

here=$(dirname "$(realpath "$0")")
top=$here/..
# shellcheck source=library_checks.sh
. "$here/library_checks.sh"

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
root=$dir/root conf=/etc/modules-load.d/spawnctl.conf

run()
{
	make -s -C "$top" DESTDIR="$root" PREFIX=/opt/spawnctl "$@" >"$dir/log" 2>&1
}

# The command is not built: it needs libraries
install_all()
{
	rm -rf "$root"
	: >"$dir/spawnctl"
	# shellcheck disable=SC2046 # words
	run "$@" -o tools TOOL="$dir/spawnctl" $(sed -n 's/^\(install[a-z-]*\):.*/\1/p' "$top/Makefile")
}

# left [FILE...]: all that is left
left()
{
	(cd "$root" && find . ! -type d | sort) >"$dir/log"
	printf '%s\n' "$@" | sed '/^$/d; s/^/./' | sort | cmp -s - "$dir/log"
}

echo "TAP version 13"
install_all && ! left
result "control: after the installation there are files"
run uninstall && left
result "all files are removed"
[ -z "$(find "$root" -type d -name spawnctl ! -path '*/opt/spawnctl')" ]
result "the directory of the headers is removed"

(umask 077 && install_all) && find "$root" -type f ! -path '*/src/*' ! -perm -004 >"$dir/log"
[ ! -s "$dir/log" ]
result "the umask does not keep other users from reading what is installed"

install_all LIBDIR=/opt/lib64 ZSHDIR=/opt/zsh UNITDIR=/opt/units MODULESLOADDIR=/opt/load
run uninstall && ! left
result "control: files in other directories are left"
run uninstall LIBDIR=/opt/lib64 ZSHDIR=/opt/zsh UNITDIR=/opt/units MODULESLOADDIR=/opt/load && left
result "with the variables of the installation, all files are removed"

install_all
echo spawnctl >>"$root$conf"
header=/opt/spawnctl/include/spawnctl/other.h
: >"$root$header"
run uninstall && grep -q "^$root$conf is left" "$dir/log" && left $conf $header
result "an edited file in modules-load.d is left, and a file of others"
run uninstall && left $conf $header
result "a second time, nothing is left to remove"
echo "1..$number"
exit $failed
