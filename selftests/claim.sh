# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # the sourcing script uses failed
# Sourced by tests that are scripts: their results are claims. $work is a directory for
# their files.

work=$(mktemp -d)
n=0 failed=0

# claim NAME COMMAND...: prints one result; the output of COMMAND explains a failure. If
# ONLY is set, only the claim of that name is made.
claim() {
	local name=$1
	shift
	n=$((n + 1))
	[ "${ONLY:-$name}" = "$name" ] || return 0
	if "$@" >"$work/claim" 2>&1; then
		echo "ok $n $name"
	else
		echo "not ok $n $name"
		sed 's/^/# /' "$work/claim"
		failed=1
	fi
}
