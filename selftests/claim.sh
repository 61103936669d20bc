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

# line STATUS PATTERN COMMAND...: checks the exit status, and that a line of the output, which stays
# in $work/line, matches. COMMAND does not call line.
line() {
	line_status=$1 line_pattern=$2
	shift 2
	"$@" >"$work/line" 2>&1 && line_got=0 || line_got=$?
	cat "$work/line"
	echo "status $line_got, not $line_status, or no line '$line_pattern': $*"
	[ "$line_got" = "$line_status" ] && grep -qxE -- "$line_pattern" "$work/line"
}

# until_so COMMAND...: repeats COMMAND until it succeeds; its error messages are discarded
until_so() {
	for _ in $(seq 600); do
		"$@" && return
		sleep 0.1
	done 2>/dev/null
	echo "never: $*"
	return 1
}

finish() {
	echo "1..$n"
	rm -rf "$work"
	exit $failed
}
