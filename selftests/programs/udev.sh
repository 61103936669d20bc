#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# udev's rule gives the device to its group. A real udevd runs.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
# udevadm does nothing if process 1 has another root directory: become process 1
[ $$ = 1 ] || exec unshare --pid --fork --mount-proc "$0"
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
top=$(realpath "$here/../..")

# node OWNER MODE: checks the device node, after udevd has handled all events
node() {
	udevadm settle
	stat -c '%U:%G %a' /dev/spawnctl
	[ "$(stat -c '%U:%G %a' /dev/spawnctl)" = "$1 $2" ]
}

loaded_anew() {
	modprobe -r spawnctl && modprobe spawnctl
}

as_member() {
	setpriv --reuid 1000 --regid 1000 --groups "$1" sh -c 'exec 3<>/dev/spawnctl'
}

refused() {
	! "$@"
}

claim "the module is reloaded before udevd runs" loaded_anew
claim "udevd starts" /lib/systemd/systemd-udevd --daemon
claim "without the rule the device is root:root 0600" node root:root 600
claim "make install-udev succeeds" make -s -C "$top" install-udev PREFIX=/usr/local DESTDIR=
claim "systemd-sysusers creates the group" systemd-sysusers
claim "the group has no member" grep -qE '^spawnctl:[^:]*:[0-9]+:$' /etc/group
claim "udevd reads the rule" udevadm control --reload
claim "udevadm trigger, as in docs/install.md, succeeds" udevadm trigger --sysname-match=spawnctl
claim "with the rule the device is root:spawnctl 0660" node root:spawnctl 660
claim "the module is reloaded with the rule" loaded_anew
claim "after the reload the device is root:spawnctl 0660" node root:spawnctl 660
claim "a member of the group can open the device" as_member spawnctl
claim "a user outside the group cannot open the device" refused as_member games
rm /usr/local/lib/udev/rules.d/60-spawnctl.rules
claim "udevd reads its rules after the rule is removed" udevadm control --reload
claim "the module is reloaded after the rule is removed" loaded_anew
claim "after the rule is removed the device is root:root 0600" node root:root 600
claim "udevd exits" udevadm control --exit
finish
