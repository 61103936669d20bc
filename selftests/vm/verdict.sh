# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# From what came out of a guest to results: one line a test, "pass|fail|skip
# TEST TEXT", on stdout. Whatever is not clearly a pass is a fail.

# tap TEST PREFIX: results of one TAP stream on stdin whose lines begin with PREFIX.
tap() {
	awk -v test="$1" -v prefix="$2" '
		function result(kind, text) { print kind, test, text; n++ }
		index($0, prefix) != 1 { next }
		{ line = substr($0, length(prefix) + 1); sub(/\r$/, "", line) }
		line ~ /^1\.\.[0-9]+/ {
			split(line, w, /[. ]+/); plan = w[2]
			if (line ~ /# *SKIP/) { result("skip", line); plan = 1 }
			next
		}
		line ~ /^not ok / { sub(/^not ok [0-9]* *-? */, "", line); result("fail", line) }
		line ~ /^ok / {
			kind = line ~ /# *(SKIP|XFAIL|TODO)/ ? "skip" : "pass"
			sub(/^ok [0-9]* *-? */, "", line); result(kind, line)
		}
		END {
			if (plan == "")
				result("fail", "(no plan: it printed nothing, or died first)")
			else if (plan != n)
				result("fail", "(" plan " results planned, " n " seen)")
			else if (n == 0)
				result("fail", "(a plan of no tests)")
		}'
}

# guest_result DIR TOKEN TEST: how a guest came to its end, as a result of TEST.
guest_result() {
	local dir=$1 token=$2 test=$3 log=$1/channel.log

	if ! grep -q "^@$token done" "$log"; then
		echo "fail $test (no verdict: the guest panicked, hung or was killed)"
	elif grep -q "^@$token unloadable" "$log"; then
		echo "fail $test (modprobe spawnctl failed)"
	elif ! grep -q "^@$token unloaded" "$log"; then
		echo "fail $test (the module cannot be unloaded at the end)"
	else
		echo "pass $test the module is loaded with modprobe, and unloaded at the end"
	fi
	# Once more over the whole console: what came between tests, or too late.
	awk -f "$VM/debug/races.awk" "$dir/console.log" >"$dir/console.judged"
	if grep -aqE "$BAD_LOG" "$dir/console.judged"; then
		echo "fail $test (console) $(grep -aEm 1 "$BAD_LOG" "$dir/console.judged")"
	fi
	rm -f "$dir/console.judged"
	sed -n "s/^@$token leak \(.*\)/fail $test (leak \1)/p" "$log"
}

# results DIR TOKEN EXPECTED: of a guest that ran kselftests; EXPECTED is the
# number of test programs that there are.
results() {
	local dir=$1 token=$2 expected=$3 t rc from to n=0 log=$1/channel.log

	while read -r t rc from to; do
		n=$((n + 1))
		sed -n "/^@$token begin ${t//\//\\/}\$/,/^@$token end ${t//\//\\/} /p" "$log" >"$dir/one"
		# The runner indents what the test says, and adds its own verdict.
		tap "$t" "# " <"$dir/one" >"$dir/one.results"
		cat "$dir/one.results"
		if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
			echo "fail $t (hangs: the guest's init killed it)"
		elif grep -q "^not ok .* # TIMEOUT" "$dir/one"; then
			echo "fail $t (time-out)"
		elif [ "$rc" != 0 ]; then
			echo "fail $t (the runner's status is $rc)"
		elif ! grep -q '^fail' "$dir/one.results" && ! grep -q '^ok 1 ' "$dir/one"; then
			echo "fail $t ($(grep '^not ok 1 ' "$dir/one" || echo 'no verdict of the runner'))"
		fi
		sed -n "s/^@$token klog [^ ]* \(.*\)/fail ${t//\//\\/} (kernel log) \1/p;
			s/^@$token stuck [^ ]* \(.*\)/fail ${t//\//\\/} (kill -9 does not end it) \1/p" "$dir/one"
		echo "time $t $(echo "$from $to" | awk '{ printf "%.1f", $2 - $1 }')"
	done < <(sed -n "s/^@$token end //p" "$log")
	rm -f "$dir/one" "$dir/one.results"

	sed -n "s/^@$token begin //p" "$log" | while read -r t; do
		grep -q "^@$token end ${t//\//\\/} " "$log" ||
			echo "fail $t (the guest ended in the middle of it)"
	done
	if grep -qx "@$token collection $expected" "$log"; then
		echo "pass guest run_kselftest.sh -c names all test programs"
	else
		echo "fail guest run_kselftest.sh -c does not name all test programs"
	fi
	[ "$n" = "$expected" ] ||
		echo "fail guest ($expected test programs, $n of them ran)"
	guest_result "$dir" "$token" guest
}

# expected_skips KERNEL: on stdin results; a skip that the list has not is a fail.
expected_skips() {
	local kind test text
	while read -r kind test text; do
		if [ "$kind" = skip ] && ! grep -v '^#' "$VM/expected-skips" |
				grep -qF "$1 $test ${text%% *}"; then
			echo "fail $test unexpected skip: $text"
		else
			echo "$kind $test $text"
		fi
	done
}

count() {
	grep -c "^$1 " "$2" || true
}
