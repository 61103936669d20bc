#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Counts the system calls of one spawn with strace: the caller's, and the child's up to
# execve(2). The count is that of 11 spawns less that of one, divided by 10, without the
# program's exit and the wait.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

printf '\t.globl _start\n_start:\tmov $60, %%eax\n\txor %%edi, %%edi\n\tsyscall\n' >"$work/nothing.s"
claim "a program that only exits is assembled" \
	gcc -nostdlib -static -o "$work/nothing" "$work/nothing.s"
claim "calls.c compiles" gcc -o "$work/calls" "$here/calls.c" -lspawnctl

# counted LIBRARY KIND COUNT: writes lines "CALL NUMBER" into $work/COUNT
counted() {
	strace -f -c -o "$work/counts" "$work/calls" "$1" "$2" "$3" "$work/nothing" &&
		awk '$1 ~ /^[0-9.]+$/ && $NF != "total" { print $NF, $4 }' "$work/counts" >"$work/$3"
}

# one_spawn LIBRARY KIND: writes the total and "CALL NUMBER, ..." into $work/one
one_spawn() {
	counted "$1" "$2" 1 && counted "$1" "$2" 11 &&
		awk 'NR == FNR { before[$1] = $2; next }
		     $1 !~ /^(wait4|exit|exit_group)$/ && $2 > before[$1] {
			n = ($2 - before[$1]) / 10; total += n
			text = text sprintf("%s%s %g", text ? ", " : "", $1, n)
		     }
		     END { print total; print text }' "$work/1" "$work/11" >"$work/one"
}

for kind in plain actions; do
	for library in libc spawnctl; do
		claim "$library, $kind: strace counts the system calls" one_spawn $library $kind
		read -r total <"$work/one"
		echo "@calls $library|$kind|$total|$(tail -n 1 "$work/one")"
		case $library,$kind in
		spawnctl,plain) claim "spawnctl, plain: 2 system calls" [ "$total" = 2 ] ;;
		spawnctl,actions) claim "spawnctl, 5 file actions: 7 system calls" [ "$total" = 7 ] ;;
		esac
	done
done
finish
