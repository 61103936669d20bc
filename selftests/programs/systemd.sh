#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A service under systemd's RestrictNamespaces=, whose filter makes clone3(2) fail with
# ENOSYS, and the descriptors that systemd passes to services. systemd runs as process 1
# of a pid namespace.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
me=$(realpath "$0")
here=$(dirname "$me")
units=/run/systemd/system
allow=/sys/module/spawnctl/parameters/allow_filtered

# systemd.sh [ROLE FILE]: without ROLE, makes the namespaces; as "manager", executes systemd, with
# one unit, which runs this script as "claims"
case ${1-} in
'')
	out=$(mktemp)
	mkdir /sys/fs/cgroup/manager
	sh -c 'echo $PPID' >/sys/fs/cgroup/manager/cgroup.procs
	timeout 400 unshare --pid --mount --cgroup --fork "$me" manager "$out" >"$out.log" 2>&1
	echo 0 >$allow
	cat "$out"
	# Without a plan the claims have not ended: print the log
	grep -q '^1\.\.' "$out" || { sed 's/^/# /' "$out.log"; exit 1; }
	! grep -q '^not ok' "$out"
	exit
	;;
manager)
	mount -t proc proc /proc
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t tmpfs tmpfs /run
	mkdir -p $units
	cat >$units/claims.service <<-END
		[Unit]
		DefaultDependencies=no
		SuccessAction=exit-force
		FailureAction=exit-force
		[Service]
		Type=oneshot
		ExecStart=$me claims
		StandardOutput=file:$2
		StandardError=file:$2
	END
	export container=other
	exec /lib/systemd/systemd --unit=claims.service --log-target=console
	;;
esac
. "$here/lib.sh"
chmod 755 "$work"
for f in inside spawner; do
	claim "$f.c compiles" gcc -o "$work/$f" "$here/$f.c" -lspawnctl -pthread
done
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

# service "PROPERTY=VALUE..." COMMAND...: runs COMMAND as a service; its output and status
service() {
	count=$((${count-0} + 1))
	unit=try-$count.service
	{
		printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n'
		# shellcheck disable=SC2086 # words
		printf '%s\n' $1
		shift
		echo "ExecStart=$*"
		echo "StandardOutput=file:$work/said-$count"
		echo "StandardError=file:$work/said-$count"
		[ -z "${PRE-}" ] || echo "ExecStartPre=+$PRE"
	} >"$units/$unit"
	systemctl start "$unit"
	cat "$work/said-$count" || return 99
	return "$(systemctl show -P ExecMainStatus "$unit")"
}

# by HOW SERVICE...: each of three spawns under the preload library is made by HOW
by() {
	by_how=$1
	shift
	service "$1 Environment=LD_PRELOAD=$PRELOAD Environment=SPAWNCTL_DEBUG=1 ${2-}" \
		"$work/spawner" posix_spawn 3 true >"$work/by" 2>&1
	by_status=$?
	cat "$work/by"
	[ "$by_status" = 0 ] && [ "$(grep -cE "^spawnctl: .*: $by_how" "$work/by")" = 3 ] &&
		[ "$(grep -cx 'true: status 0' "$work/by")" = 3 ]
}

S="RestrictNamespaces=yes"
inside=$work/inside
# 38 is ENOSYS, 22 EINVAL, 1 EPERM
claim "RestrictNamespaces=: clone3 fails with ENOSYS" gives 38 service "$S" "$inside" act clone3
claim "control: without RestrictNamespaces= clone3 without a struct fails with EINVAL" \
	gives 22 service "" "$inside" act clone3
claim "RestrictNamespaces=: clone with CLONE_NEWUTS fails with EPERM" \
	gives 1 service "$S" "$inside" act newuts
claim "control: without RestrictNamespaces= clone with CLONE_NEWUTS succeeds" \
	gives 0 service "" "$inside" act newuts

claim "RestrictNamespaces=: a spawn by the device fails with EACCES" \
	gives 113 service "$S" "$inside" spawn plain true
claim "RestrictNamespaces=: open /dev/spawnctl: EACCES" \
	service "$S" "$inside" answers /dev/spawnctl 13
claim "RestrictNamespaces=: the preload library uses clone(2), and logs the reason" \
	by "clone [(]device: errno 13[)]" "$S"
claim "RestrictNamespaces=: the preload library fails if the device is demanded" \
	gives 1 by "device" "$S" "Environment=SPAWNCTL_BACKEND=device"
claim "RestrictNamespaces=: its error is EACCES" grep -q "failed, errno 13" "$work/by"
claim "control: without RestrictNamespaces= the preload library uses the device" by "device" ""

# The manager opens the device for the service, which may not open it, and does not mark it
named="$S User=nobody OpenFile=/dev/spawnctl:spawnctl"
claim "allow_filtered=0: a spawn by the descriptor of OpenFile= fails with EACCES" \
	gives 113 service "$named" "$inside" spawn plain true
echo 1 >$allow
claim "allow_filtered=1: a spawn by the device succeeds" service "$S" "$inside" spawn plain true
claim "allow_filtered=1: clone3 still fails with ENOSYS" gives 38 service "$S" "$inside" act clone3
claim "allow_filtered=1: the preload library uses the device" by "device" "$S"
claim "allow_filtered=1: a spawn by another user, without OpenFile=, fails with EACCES" \
	gives 113 service "$S User=nobody" "$inside" spawn plain true
if [ "$version" -ge 253 ]; then
	claim "allow_filtered=1: a spawn by the descriptor of OpenFile= succeeds" \
		service "$named" "$inside" spawn plain true
	claim "allow_filtered=1: the preload library uses the descriptor of OpenFile=" by "device" "$named"
else
	claim "systemd $version has no OpenFile=: a spawn fails with EACCES" \
		gives 113 service "$named" "$inside" spawn plain true
fi
echo 0 >$allow

# A command of the service's unit, which runs under no filter, stores a marked descriptor
stored="$S User=nobody FileDescriptorStoreMax=1 NotifyAccess=all"
PRE="/usr/bin/python3 $here/store.py 5"
claim "allow_filtered=0: a stored, marked descriptor makes 5 children" \
	service "$stored" "$inside" budget 5
claim "allow_filtered=0: the preload library uses the stored descriptor" by "device" "$stored"
claim "allow_filtered=0: clone3 fails with ENOSYS in that service" \
	gives 38 service "$stored" "$inside" act clone3
PRE=

# The units of "spawnctl serve", and as its clients hardened services of other users
policy=/etc/spawnctl/policy
cp "$here"/../../systemd/spawnctl.s* $units
mkdir -p /etc/spawnctl $units/spawnctl.service.d $units/spawnctl.socket.d
for unit in service socket; do
	printf '[Unit]\nDefaultDependencies=no\n' >$units/spawnctl.$unit.d/alone.conf
done
hardened="$S SystemCallFilter=~clone3 NoNewPrivileges=yes"
unfiltered() {
	grep -x "Seccomp:$(printf '\t')0" "/proc/$(systemctl show -P MainPID spawnctl.service)/status"
}
has_user() {
	[ "$(stat -c %U "/proc/$(systemctl show -P MainPID spawnctl.service)")" = spawnctl ]
}
claim "the sysusers file creates the user of the service" \
	systemd-sysusers "$here/../../systemd/spawnctl-serve.sysusers"
chgrp spawnctl /dev/spawnctl
chmod 660 /dev/spawnctl
systemctl daemon-reload
systemctl start spawnctl.socket
claim "without a policy spawnctl.socket does not listen" [ ! -e /run/spawnctl/socket ]
echo "grant user=nobody children=8" >$policy
claim "with a policy spawnctl.socket listens" systemctl start spawnctl.socket
# 31 is SIGSYS
preloaded="Environment=LD_PRELOAD=$PRELOAD"
claim "control: without the socket, the filter kills a hardened service for clone3" gives 31 \
	service "$hardened User=nobody $preloaded Environment=SPAWNCTL_SOCKET=" "$work/spawner" posix_spawn 1 true
claim "allow_filtered=0: a hardened service uses the device, by the socket" \
	by "device" "$hardened User=nobody"
claim "spawnctl.service is under no filter" unfiltered
claim "spawnctl.service has its own user" has_user
claim "a service that the policy does not name is refused, and the filter kills it" gives 31 \
	service "$hardened User=daemon $preloaded" "$work/spawner" posix_spawn 1 true
claim "services share the limit of the rule: 5 of 8 children are left" \
	service "$hardened User=nobody" "$inside" budget 5
echo "grant user=nobody" >$policy
claim "systemctl reload takes the new policy" systemctl reload spawnctl.service
claim "after the reload there is no limit" by "device" "$hardened User=nobody"
echo "grant user=no-such-user" >$policy
claim "systemctl reload of an invalid policy fails" gives 1 systemctl reload spawnctl.service
claim "after the failed reload the old policy is in force" by "device" "$hardened User=nobody"
systemctl stop spawnctl.service
echo "grant user=daemon" >$policy
claim "a service that was stopped is started by the next client" by "device" "$hardened User=daemon"
systemctl stop spawnctl.socket spawnctl.service
rm -r /etc/spawnctl
finish
