# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The test bench's own tests: guests whose tests hang, crash, warn or report too few
# results, and the failure that the test bench must report for each.

BENCH_CASES=(good hang slow warn short mute skips fails crash never)

# reported NAME REGEX: checks that a result in $results matches
reported() {
	if grep -qE "$2" "$results"; then
		echo "pass bench:$1 $2"
	else
		echo "fail bench:$1 no result like '$2'"
	fi
}

# collection_results KERNEL EXPECTED: all tests in one run of kselftest's own runner, without
# the test bench between the tests, with the smallest counts.
collection_results() {
	local kernel=$1 expected=$2 dir=$BUILD/$1/collection token n

	rm -rf "$dir"
	mkdir -p "$dir"
	token=$(new_token)
	boot_conf "$dir" "$token" MODE=command 'COMMAND=run_kselftest.sh -c spawnctl' \
		TIMEOUT=1200 NOMODULE= SPAWNCTL_DIVISOR=1000
	boot "$kernel" "$dir" 1260 || true
	n=$(grep -c '^ok [0-9]* selftests: spawnctl: ' "$dir/channel.log" || true)
	if [ "$n" = "$expected" ] && ! grep -q '^not ok ' "$dir/channel.log"; then
		echo "pass collection run_kselftest.sh -c spawnctl runs all test programs in one go"
	else
		echo "fail collection run_kselftest.sh -c spawnctl: $n of $expected passed"
	fi
	rm -f "$dir/initrd" "$dir/boot.cpio"
}

bench_results() {
	local kernel=$1 dir=$BUILD/$1/bench token results t ksft
	ksft=$dir/boot/kselftest
	results=$dir/results

	rm -rf "$dir"
	mkdir -p "$ksft/bench"
	for t in "${BENCH_CASES[@]}"; do
		install -m 755 "$VM/bench-case" "$ksft/bench/$t"
		echo "bench:$t" >>"$ksft/kselftest-list.txt"
	done
	echo timeout=4 >"$ksft/bench/settings"
	token=$(new_token)
	boot_conf "$dir" "$token" MODE=tests TIMEOUT=12 OVERRIDE= COLLECTION=bench NOMODULE= SPAWNCTL_DIVISOR=1
	boot "$kernel" "$dir" 180 || true
	results "$dir" "$token" "${#BENCH_CASES[@]}" | expected_skips "$kernel" >"$results"

	if [ "$(grep -c '^pass bench:good ' "$results")" = 2 ] &&
	   ! grep -q '^fail bench:good ' "$results"; then
		echo "pass bench:good has two results that pass, and no other"
	else
		echo "fail bench:good has other results than two that pass"
	fi
	reported hang '^fail bench:hang \(hangs'
	reported slow '^fail bench:slow \(time-out'
	reported warn '^fail bench:warn \(kernel log\) .*WARNING: made up'
	reported short '^fail bench:short .*3 results planned, 1 seen'
	reported mute '^fail bench:mute .*no plan'
	reported skips '^fail bench:skips unexpected skip'
	reported fails '^fail bench:fails a result that fails'
	reported crash '^fail bench:crash .*ended in the middle'
	reported panic '^fail guest \(no verdict'
	reported never '^fail guest \(10 test programs, 8 of them ran'
	reported console '^fail guest \(console\) .*(WARNING|Call Trace)'

	# A guest that never ends, and prints nothing
	boot_conf "$dir" "$token" MODE=command 'COMMAND=sleep 1000' TIMEOUT=1000 NOMODULE=
	boot "$kernel" "$dir" 15 || true
	results "$dir" "$token" 1 >"$results"
	reported silence '^fail guest \(no verdict'
	rm -f "$dir/initrd" "$dir/boot.cpio"
}
