#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dkms.sh VERSION RELEASE: checks that DKMS has spawnctl/VERSION installed for kernel
# RELEASE, and that it refuses kernels that cannot support it, with the reason.

version=$1 release=$2
options="MODULES KPROBES TRACEPOINTS 64BIT"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0

# tap STATUS NAME
tap() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		failed=1
		echo "not ok $n $2"
		sed 's/^/# /' "$tmp/log"
	fi
}

# build RELEASE [OPTION]: builds for a kernel of that release without that option. The
# kernel's makefile builds nothing: refused() checks why the build has failed.
build() {
	mkdir -p "$tmp/$1"
	for option in $options; do
		[ "$option" = "$2" ] || echo "CONFIG_$option=y"
	done >"$tmp/$1/.config"
	echo 'all modules:' >"$tmp/$1/Makefile"
	dkms build "spawnctl/$version" -k "$1" --kernelsourcedir "$tmp/$1" >"$tmp/log" 2>&1
}

# refused RELEASE REASON: whether the last build was refused for this reason
refused() {
	grep -q "spawnctl: not for kernel $1: $2" "$tmp/log" &&
		! dkms status "spawnctl/$version" | grep -q "$1"
}

echo 1..6
dkms status "spawnctl/$version" -k "$release" >"$tmp/log" 2>&1
grep -q installed "$tmp/log"
tap $? "installed for $release"

! build 5.9.16-test && refused 5.9.16-test "it is older than 5.10"
tap $? "5.9 is refused as too old"

for without in $options; do
	! build 6.1.0-test "$without" &&
		refused 6.1.0-test "it is built without CONFIG_$without"
	tap $? "a kernel without CONFIG_$without is refused"
done
exit $failed
