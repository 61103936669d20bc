# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What every script of the bench shares: where things are, which kernels there
# are, how to report. Sourced, never run.

set -euo pipefail
umask 022

VM=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
TOP=$(realpath "$VM/../..")
BUILD=$TOP/build/vm
CACHE=${SPAWNCTL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spawnctl}
DIVISOR=${SPAWNCTL_DIVISOR:-20}
CACHE_DAYS=${SPAWNCTL_CACHE_DAYS:-30}
export LC_ALL=C

meta() {
	sed -n "s/^$1:[[:space:]]*//p" "$TOP/META"
}

VERSION=$(meta Version)
read -r -a KERNELS <<<"$(meta Linux-Tested)"
# Suites are named, not versions: the n-th kernel of META is the one that the
# n-th suite has. The last moves, whatever number META gives it.
SUITES=(bullseye bookworm trixie trixie-backports)
# Beside Debian's: see debug.sh
DEBUG_KERNELS=(debug race)
DEBUG_SUITE=trixie

# What a kernel log must not have; the guest and the host look for the same.
BAD_LOG='WARNING:|BUG:|Oops|INFO: task .* blocked|Call Trace|KASAN|UBSAN|general protection fault[:,]|rcu: .*detected stall'

# say [KERNEL:] TEXT: a line of progress, with the seconds since the start.
say() {
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

die() {
	say "error: $*"
	exit 1
}

# The name in META for what the user typed; "newest" is the last.
kernel_name() {
	local k
	[ "$1" = newest ] && { echo "${KERNELS[-1]}"; return; }
	for k in "${KERNELS[@]}" "${DEBUG_KERNELS[@]}"; do
		[ "$k" = "$1" ] && { echo "$k"; return; }
	done
	die "no kernel '$1' (there are: ${KERNELS[*]} newest ${DEBUG_KERNELS[*]})"
}

is_debug() {
	[[ " ${DEBUG_KERNELS[*]} " = *" $1 "* ]]
}

# How many times longer than on a stock kernel all may take.
patience() {
	if is_debug "$1"; then echo 10; else echo 1; fi
}

kernel_suite() {
	local i
	is_debug "$1" && { echo "$DEBUG_SUITE"; return; }
	for i in "${!KERNELS[@]}"; do
		[ "${KERNELS[i]}" = "$1" ] && { echo "${SUITES[i]}"; return; }
	done
	die "no suite has kernel '$1'"
}

suite_kernel() {
	local i
	for i in "${!SUITES[@]}"; do
		[ "${SUITES[i]}" = "$1" ] && { echo "${KERNELS[i]}"; return; }
	done
	die "no suite '$1' (there are: ${SUITES[*]})"
}

# A mirror has bad moments; three in a row are a failure, never a skip.
retry() {
	local i
	for i in 1 2 3; do
		"$@" && return
		say "attempt $i of 3 failed: ${*:1:3}"
		sleep $((i * 2))
	done
	return 1
}

# logged FILE COMMAND...: output goes to FILE, of which a failure shows the end.
logged() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		say "failed: ${*:1:4} (all of it: ${log#"$TOP/"})"
		tail -n 40 "$log" | sed 's/^/  | /' >&2
		return 1
	fi
}

hash_of() {
	sha256sum | cut -c1-16
}

# What is half-made has another name; a directory is marked besides.
is_there() {
	[ -e "$1" ] && { [ ! -d "$1" ] || [ -e "$1/.complete" ]; }
}

is_fresh() {
	local mark=$1
	[ -d "$1" ] && mark=$1/.complete
	is_there "$1" && [ -z "$(find "$mark" -mtime "+$CACHE_DAYS")" ]
}

# make_cached NAME PATH WHAT MAKE...: makes PATH; the exclusive lock must be held
make_cached() {
	local name=$1 path=$2 what=$3 tmp=$CACHE/tmp-${2##*/} from=$SECONDS old
	shift 3

	is_fresh "$path" && return
	say "making $what"
	# Remove old parts that no process uses. Younger ones can be of another checkout,
	# which has another recipe.
	find "$CACHE" -maxdepth 1 ! -path "$path" -mtime "+$CACHE_DAYS" -regextype posix-extended \
		-regex ".*/(tmp-)?$name-[0-9a-f]{16}(\.[a-z0-9]+)*" -print |
		while read -r old; do
			flock -n "$CACHE/lock-$(basename "${old/\/tmp-/\/}")" \
				rm -rf --one-file-system "$old" || true
		done
	"$@" "$tmp" || die "cannot make ${what%% (*}"
	[ ! -d "$tmp" ] || touch "$tmp/.complete" || die "cannot mark $tmp"
	[ ! -d "$path" ] || rm -f "$path/.complete"
	rm -rf --one-file-system "$path"
	mv -T "$tmp" "$path" || die "cannot put $path there"
	say "made ${what%% (*} in $((SECONDS - from)) s"
}

# need_cached NAME PATH WHAT MAKE...: the cache has PATH, which is NAME with a hash of its
# recipe. "MAKE... FILE" makes it if it is not there, or old; WHAT tells a person what it
# is. An open lock file keeps others from replacing it while this process lives. A process
# that makes the part is waited for. One that uses it never is: an old part will do then.
need_cached() {
	local lock

	mkdir -p "$CACHE"
	exec {lock}>"$CACHE/lock-${2##*/}"
	while :; do
		flock -n -s "$lock" || { say "waiting for the process that makes ${3%% (*}"; flock -s "$lock"; } ||
			die "cannot lock $2"
		is_fresh "$2" && return
		flock -u "$lock"
		# Do not block here: a user of a part that was just made holds its lock for long
		if flock -n -x "$lock"; then
			make_cached "$@"
		elif is_there "$2"; then
			break
		fi
	done
	flock -s "$lock"
	is_there "$2" || die "there is no ${3%% (*}"
}
