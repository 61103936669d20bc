#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# callsite.sh KO...: checks how the built module calls kernel_clone().
#
# A call through a pointer would be a #CP panic on a CPU with IBT, and no test
# that runs under QEMU would show it. So the disassembly is checked: the function
# that makes the call must contain exactly one direct call to the static call's
# trampoline, which is patched to the target when the module is loaded, and no
# call or jump through a register or memory.
#
# Prints TAP to stdout. Exit status 1 if a module fails the check, or if the check
# does not find the wrong calls in its controls, which come first. OBJDUMP and CC
# may name another objdump and compiler. A module may be compressed.

FUNCTION=spawnctl_clone_call
TRAMPOLINE=__SCT__spawnctl_kernel_clone

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

unpack()
{
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# The function's disassembly, with relocations. A compiler may have cloned the function.
body()
{
	${OBJDUMP:-objdump} -dr --no-show-raw-insn "$1" |
		sed -n "/^[0-9a-f]* <$FUNCTION\(\.[a-z]*\.[0-9]*\)*>:/,/^\$/p"
}

# Prints what is wrong with the module's call, or nothing
complaint()
{
	text=$(body "$1")
	if [ -z "$text" ]; then
		echo "has no $FUNCTION()"
		return
	fi
	direct=$(printf '%s\n' "$text" | grep -A1 -E '[[:space:]]call' |
		grep -c -E "R_X86_64_(PLT32|PC32)[[:space:]]+$TRAMPOLINE(-0x4)?\$")
	if [ "$direct" -ne 1 ]; then
		echo "calls $TRAMPOLINE() directly $direct times"
		return
	fi
	# Except calls that a kernel with paravirtualization patches, for example spin_unlock_irq()
	indirect=$(printf '%s\n' "$text" |
		awk '/R_X86_64_/ { print line " " $0; line = ""; next } { print line; line = $0 }
			END { print line }' |
		grep -vE 'R_X86_64_[0-9A-Z]+[[:space:]]+pv_ops' |
		grep -E '(call|jmp)q?[[:space:]]+\*|__x86_indirect_(thunk|call|jump)')
	if [ -n "$indirect" ]; then
		echo "has an indirect branch: $indirect"
		return
	fi
	if ! ${OBJDUMP:-objdump} -h "$1" | grep -q '\.static_call_sites'; then
		echo "has no list of call sites to be patched"
	fi
}

number=0 failed=0
result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
	fi
}

# control WANTED NAME INSTRUCTION...: checks a function that is right or wrong (WANTED)
control()
{
	wanted=$1 name=$2
	shift 2
	{
		printf '\t.text\n%s:\n' $FUNCTION
		printf '\t%s\n' "$@"
		printf '\tret\n\t.section .static_call_sites, "a"\n\t.long 0, 0\n'
	} >"$dir/control.s"
	${CC:-cc} -c -o "$dir/control.o" "$dir/control.s" || exit 2
	seen=right
	[ -z "$(complaint "$dir/control.o")" ] || seen=wrong
	[ $seen = "$wanted" ]
	result $? "control: $name"
}

if [ $# -eq 0 ]; then
	echo "usage: ${0##*/} MODULE.ko..." >&2
	exit 2
fi
echo "TAP version 13"
echo "1..$(($# + 8))"
control right "a direct call is accepted" "call $TRAMPOLINE"
control wrong "a call through a register is detected" "call *%rax"
control wrong "a call through memory is detected" "call *pointer(%rip)"
control wrong "a call through a thunk beside the direct call is detected" \
	"call $TRAMPOLINE" "call __x86_indirect_thunk_rax"
control right "a call that paravirtualization patches is accepted" \
	"call $TRAMPOLINE" "call *pv_ops+8"
control wrong "a jump through a register at the end is detected" "call $TRAMPOLINE" "jmp *%rax"
control wrong "a second direct call is detected" "call $TRAMPOLINE" "call $TRAMPOLINE"
control wrong "a jump in place of the call is detected" "jmp $TRAMPOLINE"
for ko; do
	unpack "$ko" >"$dir/module.ko" || exit 2
	wrong=$(complaint "$dir/module.ko")
	[ -z "$wrong" ]
	result $? "${ko##*/} calls kernel_clone() directly"
	[ -z "$wrong" ] || printf '%s\n' "$wrong" | sed 's/^/# /'
done
exit $failed
