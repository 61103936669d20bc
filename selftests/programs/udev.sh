#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The device's group, by a udevd that runs.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
# For udevadm, whose process 1 has another root: then it would do nothing
[ $$ = 1 ] || exec unshare --pid --fork --mount-proc "$0"
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
top=$(realpath "$here/../..")

# node OWNER MODE: of the device, once all that udevd has to do is done
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

claim "without a rule: root's, after modprobe" loaded_anew
claim "udevd starts" /lib/systemd/systemd-udevd --daemon
claim "without a rule: root's, 0600" node root:root 600
claim "make install-udev" make -s -C "$top" install-udev PREFIX=/usr/local DESTDIR=
claim "systemd-sysusers makes the group" systemd-sysusers
claim "it has no member" grep -qE '^spawnctl:[^:]*:[0-9]+:$' /etc/group
claim "the rule is read" udevadm control --reload
claim "what README says to do" udevadm trigger --sysname-match=spawnctl
claim "the device is the group's now" node root:spawnctl 660
claim "the module is loaded anew" loaded_anew
claim "the device is the group's again" node root:spawnctl 660
claim "who is in the group opens it" as_member spawnctl
claim "who is not does not" refused as_member games
rm /usr/local/lib/udev/rules.d/60-spawnctl.rules
claim "the rule is gone" udevadm control --reload
claim "the module is loaded once more" loaded_anew
claim "the device is root's, 0600" node root:root 600
claim "udevd ends" udevadm control --exit
finish
