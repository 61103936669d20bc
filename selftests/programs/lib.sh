# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # the case sets here
# Real programs, unmodified, run without and with the preload library. A case
# sources this, makes its claims, and ends with finish (claim.sh). Of inside.c, the exit
# status 159 means that SIGSYS killed it, and 100 plus an errno that a spawn failed.

# shellcheck source=../claim.sh
. "$here/../claim.sh"
PRELOAD=$(find /usr/lib -name libspawnctl-preload.so)
export LC_ALL=C HOME=/root TERM=dumb

# serve RULE...: (re)starts spawnctl serve at the well-known path, with this policy
serve() {
	[ -z "${service-}" ] || stop_serving
	mkdir -p /run/spawnctl
	printf '%s\n' "$@" >"$work/policy"
	spawnctl serve --socket /run/spawnctl/socket "$work/policy" 2>"$work/serve.log" &
	service=$!
	i=0
	until [ -S /run/spawnctl/socket ]; do
		[ $((i += 1)) -le 50 ] || { cat "$work/serve.log"; return 1; }
		sleep 0.2
	done
}

stop_serving() {
	kill "$service" && wait "$service"
	service=
}

# with COMMAND...: under the preload library, with the device as the only backend
with() {
	(
		export "LD_PRELOAD=${ASAN:+$ASAN }$PRELOAD" SPAWNCTL_BACKEND=device
		"$@"
	)
}

# says TEXT COMMAND...: checks that a line of the output is TEXT
says() {
	says_text=$1
	shift
	"$@" >"$work/says" 2>&1
	cat "$work/says"
	grep -qxF "$says_text" "$work/says"
}

# output FILE COMMAND...: writes the output of COMMAND and its exit status into FILE
output() {
	output_file=$1
	shift
	"$@" >"$output_file" 2>&1 </dev/null
	echo "status $?" >>"$output_file"
	# Remove what differs between two runs, and the two signals reserved by glibc, which
	# its posix_spawn() before 2.38 leaves ignored
	sed -i -e "${SAME_FILTER:-}" -e 's/\(SigIgn:[^0]*\)0000000180000000/\10000000000000000/g' \
		"$output_file"
}

# ended FILE: checks the exit status in FILE; prints FILE if it is another one
ended() {
	grep -qx "status ${SAME_STATUS:-0}" "$1" || { cat "$1"; return 1; }
}

# same NAME COMMAND...: the same output and status with and without the preload library
same() {
	same_name=$1
	shift
	output "$work/without" "$@"
	output "$work/with" with "$@"
	claim "$same_name: same output and status with and without the preload library" \
		diff "$work/without" "$work/with"
	claim "$same_name: exits with status ${SAME_STATUS:-0}" ended "$work/with"
}

# by_clone LOG: counts in a log of strace the processes made by clone(2) and its relatives
by_clone() {
	grep -E '(clone|clone3|fork|vfork)\(' "$1" | grep -vc CLONE_THREAD
}

# by_device LOG: counts the processes made by SPAWN and FORK. Calls that fail do not count: with one of
# them the library probes the descriptor. If another call came in between, the end of a call is
# on a line of its own.
by_device() {
	awk '/ioctl\(.*0xea, 0x[12], 0\)/ { n += /= [1-9][0-9]*$/; under_way[$1] = /<unfinished/ }
	     /<\.\.\. ioctl resumed>/ { n += under_way[$1] && /= [1-9][0-9]*$/; under_way[$1] = 0 }
	     END { print n + 0 }' "$1"
}

trace() {
	trace_log=$1
	shift
	strace -f -qqq -o "$trace_log" -e trace=clone,clone3,fork,vfork,ioctl "$@" \
		>"$work/said" 2>&1 </dev/null || { echo "status $?"; cat "$work/said"; return 1; }
}

# spawns NAME KIND COMMAND...: KIND is "all" for a program whose children are all
# made by posix_spawn(), vfork() or fork(), "some" or "none". Prints its line of the table.
spawns() {
	spawns_name=$1 kind=$2
	shift 2
	claim "$spawns_name: runs under strace without the preload library" trace "$work/plain.log" "$@"
	claim "$spawns_name: runs under strace with the preload library" trace "$work/device.log" \
		-E "LD_PRELOAD=$PRELOAD" -E SPAWNCTL_BACKEND=device "$@"
	plain=$(by_clone "$work/plain.log")
	rest=$(by_clone "$work/device.log")
	device=$(by_device "$work/device.log")
	echo "@table $spawns_name|$plain|$rest|$device"
	case $kind in
	all) claim "$spawns_name: $device of $plain children are made by the device" \
		[ "$plain" -gt 0 -a "$device" = "$plain" -a "$rest" = 0 ] ;;
	some) claim "$spawns_name: $device of $plain children are made by the device" \
		[ "$device" -gt 0 -a $((device + rest)) = "$plain" ] ;;
	none) claim "$spawns_name: none of $plain children is made by the device" \
		[ "$plain" -gt 0 -a "$device" = 0 -a "$rest" = "$plain" ] ;;
	esac
}
