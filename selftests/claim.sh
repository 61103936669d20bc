# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by tests that are scripts: their results are claims. $work is a directory for
# their files. The last command of such a test is finish.

work=$(mktemp -d)
n=0 failed=0

# claim NAME COMMAND...: prints one result; the output of COMMAND explains a failure. If
# ONLY is set, only the claim of that name is made.
claim() {
	claim_name=$1
	shift
	n=$((n + 1))
	[ "${ONLY:-$claim_name}" = "$claim_name" ] || return 0
	if "$@" >"$work/claim" 2>&1; then
		echo "ok $n $claim_name"
	else
		failed=1
		sed 's/^/# /' "$work/claim"
		echo "not ok $n $claim_name"
	fi
}

# gives STATUS COMMAND...: checks the exit status. COMMAND does not call gives.
gives() {
	gives_status=$1
	shift
	"$@" && gives_got=0 || gives_got=$?
	echo "status $gives_got, not $gives_status: $*"
	[ "$gives_got" = "$gives_status" ]
}

finish() {
	echo "1..$n"
	rm -rf "$work"
	exit $failed
}
