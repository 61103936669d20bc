# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # failed is for who sources this
# Tests that are scripts make claims: $work is a folder for what they leave.

work=$(mktemp -d)
n=0 failed=0

# claim NAME COMMAND...: one result; what the command says explains a failure. If
# ONLY is set, it is the name of the one claim that is made.
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
