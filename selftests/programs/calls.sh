#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The system calls of one spawn, the caller's and the child's up to execve(2), by
# strace: of 11 spawns less those of one, without the program's exit and the wait.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

printf '\t.globl _start\n_start:\tmov $60, %%eax\n\txor %%edi, %%edi\n\tsyscall\n' >"$WORK/nothing.s"
claim "a program that does nothing is built" \
	gcc -nostdlib -static -o "$WORK/nothing" "$WORK/nothing.s"
claim "calls is built" gcc -o "$WORK/calls" "$here/calls.c" -lspawnctl

# counted WHO WHAT COUNT: lines "CALL NUMBER"
counted() {
	strace -f -c -o "$WORK/counts" "$WORK/calls" "$1" "$2" "$3" "$WORK/nothing" &&
		awk '$1 ~ /^[0-9.]+$/ && $NF != "total" { print $NF, $4 }' "$WORK/counts" >"$WORK/$3"
}

# one_spawn WHO WHAT: "CALL NUMBER, ..." and the total, in $WORK/one
one_spawn() {
	counted "$1" "$2" 1 && counted "$1" "$2" 11 &&
		awk 'NR == FNR { before[$1] = $2; next }
		     $1 !~ /^(wait4|exit|exit_group)$/ && $2 > before[$1] {
			n = ($2 - before[$1]) / 10; total += n
			text = text sprintf("%s%s %g", text ? ", " : "", $1, n)
		     }
		     END { print total; print text }' "$WORK/1" "$WORK/11" >"$WORK/one"
}

for what in plain actions; do
	for who in libc spawnctl; do
		claim "$who, $what: counted" one_spawn $who $what
		read -r total <"$WORK/one"
		echo "@calls $who|$what|$total|$(tail -n 1 "$WORK/one")"
		case $who,$what in
		spawnctl,plain) claim "spawnctl, plain: 2 of them" [ "$total" = 2 ] ;;
		spawnctl,actions) claim "spawnctl, 5 actions: 7 of them" [ "$total" = 7 ] ;;
		esac
	done
done
finish
