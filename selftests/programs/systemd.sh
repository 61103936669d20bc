#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A service under systemd's RestrictNamespaces=, whose filter answers clone3(2) with
# ENOSYS, and the descriptors that systemd hands to services: by a systemd that is
# process 1 of a pid namespace.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
me=$(realpath "$0")
here=$(dirname "$me")
units=/run/systemd/system
allow=/sys/module/spawnctl/parameters/allow_filtered

# systemd ROLE FILE: outside; before systemd; and its one unit, which starts the rest
case ${1-} in
'')
	out=$(mktemp)
	mkdir /sys/fs/cgroup/manager
	sh -c 'echo $PPID' >/sys/fs/cgroup/manager/cgroup.procs
	timeout 400 unshare --pid --mount --cgroup --fork "$me" manager "$out" >"$out.log" 2>&1
	echo 0 >$allow
	cat "$out"
	# What it has to say if it did not get to the end
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
chmod 755 "$WORK"
for f in inside spawner; do
	claim "$f is built" gcc -o "$WORK/$f" "$here/$f.c" -lspawnctl -pthread
done
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')

# service "PROPERTY=VALUE..." COMMAND...: what it says, and its status
service() {
	count=$((${count-0} + 1))
	unit=try-$count.service
	{
		printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n'
		# shellcheck disable=SC2086 # words
		printf '%s\n' $1
		shift
		echo "ExecStart=$*"
		echo "StandardOutput=file:$WORK/said-$count"
		echo "StandardError=file:$WORK/said-$count"
		[ -z "${PRE-}" ] || echo "ExecStartPre=+$PRE"
	} >"$units/$unit"
	systemctl start "$unit"
	cat "$WORK/said-$count" || return 99
	return "$(systemctl show -P ExecMainStatus "$unit")"
}

# by HOW SERVICE...: each of three spawns under the preload library is made by HOW
by() {
	by_how=$1
	shift
	service "$1 Environment=LD_PRELOAD=$PRELOAD Environment=SPAWNCTL_DEBUG=1 ${2-}" \
		"$WORK/spawner" posix_spawn 3 true >"$WORK/by" 2>&1
	by_status=$?
	cat "$WORK/by"
	[ "$by_status" = 0 ] && [ "$(grep -cE "^spawnctl: .*: $by_how" "$WORK/by")" = 3 ] &&
		[ "$(grep -cx 'true: status 0' "$WORK/by")" = 3 ]
}

S="RestrictNamespaces=yes"
inside=$WORK/inside
# 38 is ENOSYS, 22 EINVAL, 1 EPERM
claim "clone3 is ENOSYS" gives 38 service "$S" "$inside" act clone3
claim "and not without RestrictNamespaces=" gives 22 service "" "$inside" act clone3
claim "clone of a namespace is EPERM" gives 1 service "$S" "$inside" act newuts
claim "and not without it" gives 0 service "" "$inside" act newuts

claim "the device is EACCES: demanded" gives 113 service "$S" "$inside" spawn plain true
claim "the device is EACCES: opened" service "$S" "$inside" answers /dev/spawnctl 13
claim "the preload library: clone(2), and why" by "clone [(]device: errno 13[)]" "$S"
claim "the preload library: not if the device is demanded" \
	gives 1 by "device" "$S" "Environment=SPAWNCTL_BACKEND=device"
claim "it is refused as EACCES" grep -q "failed, errno 13" "$WORK/by"
claim "the preload library, no filter: the device" by "device" ""

# Given by the manager, which marks nothing; the service may not open it
given="$S User=nobody OpenFile=/dev/spawnctl:spawnctl"
claim "OpenFile=, allow_filtered=0: EACCES" gives 113 service "$given" "$inside" spawn plain true
echo 1 >$allow
claim "allow_filtered=1: by the device" service "$S" "$inside" spawn plain true
claim "allow_filtered=1: clone3 is still ENOSYS" gives 38 service "$S" "$inside" act clone3
claim "allow_filtered=1: the preload library, by the device" by "device" "$S"
claim "allow_filtered=1: another user, with none given: EACCES" \
	gives 113 service "$S User=nobody" "$inside" spawn plain true
if [ "$version" -ge 253 ]; then
	claim "OpenFile=, allow_filtered=1: by the device" service "$given" "$inside" spawn plain true
	claim "OpenFile=, allow_filtered=1: the preload library too" by "device" "$given"
else
	claim "systemd $version has no OpenFile=: EACCES" \
		gives 113 service "$given" "$inside" spawn plain true
fi
echo 0 >$allow

# Given by a command of the service's own that is under no filter
stored="$S User=nobody FileDescriptorStoreMax=1 NotifyAccess=all"
PRE="/usr/bin/python3 $here/store.py 5"
claim "a marked one from the store, allow_filtered=0: 5 children" \
	service "$stored" "$inside" budget 5
claim "a marked one from the store: the preload library" by "device" "$stored"
claim "and clone3 is ENOSYS there" gives 38 service "$stored" "$inside" act clone3
finish
