#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# elf.sh PREFIX: checks the library that is installed under PREFIX: the markings of
# its assembly; that it exports what its map, its headers and its Debian package
# list; and that each header compiles alone. PREFIX can also be a build directory.
#
# Prints TAP to stdout. Exit status 1 if a check fails. READELF, OBJDUMP, NM, AR, CC
# and CXX may name other tools.

: "${READELF:=readelf}" "${OBJDUMP:=objdump}" "${NM:=nm}" "${AR:=ar}" "${CC:=cc}" "${CXX:=c++}"

if [ $# -ne 1 ]; then
	echo "usage: ${0##*/} PREFIX-OR-BUILD-DIRECTORY" >&2
	exit 2
fi
here=$(dirname "$(realpath "$0")")
top=$here/..
# shellcheck source=library_checks.sh
. "$here/library_checks.sh"

# Installed under a prefix, or in a build directory
for lib in "$1" "$1"/lib "$1"/lib/*; do
	[ -e "$lib/libspawnctl.so" ] && break
done
so=$lib/libspawnctl.so
archive=$lib/libspawnctl.a
if [ ! -e "$so" ] || [ ! -e "$archive" ]; then
	echo "${0##*/}: no libspawnctl.so and .a in $1" >&2
	exit 2
fi
if [ -e "$1/include/spawnctl.h" ]; then
	include="-I$1/include"
else
	include="-I$top/uapi -I$top/userlib/include"
fi
preload=$lib/libspawnctl-preload.so
asm="spawnctl_arch_clone spawnctl_vfork rfork"

# Of an architecture: the landing pad, the DWARF number of the return address, and the note of
# the processor features that an object supports
machine=$($READELF -h "$so" | sed -n 's/^ *Machine: *//p')
case $machine in
*X86-64*)	pad=endbr64 ra=r16 features="IBT SHSTK" note='x86 feature:.*IBT.*SHSTK' ;;
*80386)		pad=endbr32 ra=r8 features="IBT SHSTK" note='x86 feature:.*IBT.*SHSTK' ;;
AArch64)	pad="bti|paciasp" ra=r30 features="BTI PAC" note='AArch64 feature:.*BTI.*PAC' ;;
ARM)		pad='' ra=r14 features='' ;;
RISC-V)		pad="lpad|auipc|\.word" ra=r1 features='' ;;
*)		echo "${0##*/}: machine $machine is not known" >&2; exit 2 ;;
esac

# With musl, the preload library is not built
if $READELF -dW "$so" | grep -qE '\(NEEDED\).*\[libc\.so\.6\]'; then
	libc='libc\.so\.6' preloads=$preload
else
	libc='libc(\.musl-.*)?\.so(\.1)?' preloads=
fi

system=$(system_headers)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT

address()
{
	$NM "$1" | awk -v name="$2" '$3 == name { print $1 }'
}

# The first instruction of a function in a file.
first_instruction()
{
	start=$(address "$1" "$2")
	[ "$start" ] && $OBJDUMP -d --no-show-raw-insn "--start-address=0x$start" "$1" |
		awk '/>:$/ { getline; print $2; exit }'
}

# Every function that the assembly files define begins with a landing pad.
landing_pads()
{
	for name in ${2:-$asm}; do
		first_instruction "$1" "$name" | grep -qxE "$pad" || return 1
	done
}

stack_is_not_executable()
{
	[ "$($READELF -lW "$1" | awk '$1 == "GNU_STACK" { print $7 }')" = RW ]
}

# Each object of an archive needs the note, or a program that links it gets an
# executable stack.
objects_have_stack_note()
{
	$READELF -SW "$1" >"$dir/sections" || return 1
	[ "$(grep -c '^File:' "$dir/sections")" -gt 2 ] &&
		[ "$(grep -c '\.note\.GNU-stack' "$dir/sections")" = \
		  "$(grep -c '^File:' "$dir/sections")" ] &&
		! grep -q '\.note\.GNU-stack.*X' "$dir/sections"
}

# If one object lacks the property, the whole library lacks it.
has_features()
{
	$READELF -nW "$1" | grep -q "$note"
}

objects_have_features()
{
	$READELF -nW "$1" >"$dir/notes" 2>/dev/null
	[ "$(grep -c "$note" "$dir/notes")" = "$(grep -c '^File:' "$dir/notes")" ]
}

# Compilers mark C objects for GCS since GCC 15: trampoline.o and rfork.o are checked.
asm_has_gcs()
{
	# Older versions of readelf do not know its name
	[ "$($READELF -nW "$1" 2>/dev/null | grep -c 'AArch64 feature:.*\(GCS\|<unknown: 4>\)')" -ge 2 ]
}

# The frame description of a function: its lines in the table of unwind rows.
frames()
{
	start=$(address "$1" "$2")
	[ "$start" ] || return 1
	$READELF "--debug-dump=${3:-frames-interp}" "$1" 2>/dev/null |
		awk -v from="pc=$start" 'index($0, from) { on = 1 } on && !NF { exit } on'
}

# In the caller the trampoline is unwound like any other function. In the child of
# spawnctl_thread() its return address is undefined ("u"), which ends the backtrace.
child_ends_backtrace()
{
	# Reads CFI instructions and not rows: binutils 2.35 shows "u" from the first row on
	frames "$1" spawnctl_arch_clone frames >"$dir/frames"
	awk '/DW_CFA_advance_loc/ { child = 1 }
	     index($0, "DW_CFA_undefined: " ra) && child { ends = 1 }
	     END { exit !ends }' "ra=$ra" "$dir/frames"
}

# While the return address is in a register, the unwind rows name it: r8 on x86-64. On i386 it is in
# one that unwinders do not know (a number above 16 would make libgcc abort), so it is undefined. On
# the others it is in its usual register, and spawnctl_vfork() never stores it.
vfork_unwinds()
{
	frames "$1" "$2" >"$dir/frames"
	case $ra-$2 in
	r16-*)			grep -q ' c-8 *$' "$dir/frames" && grep -q ' r8 ' "$dir/frames" ;;
	r8-*)			grep -q ' c-4 *$' "$dir/frames" && grep -q ' u *$' "$dir/frames" &&
					! grep -q xmm "$dir/frames" ;;
	*-spawnctl_vfork)	grep -qE '(sp|r2|r13)\+(48|32)' "$dir/frames" ;;
	*)			grep -q ' c-8 *$' "$dir/frames" && grep -qE '(sp|r2|r13)\+272 .*u *$' "$dir/frames" ;;
	esac
}

exported()
{
	$NM -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

in_map()
{
	awk '/global:/ { on = 1; next } /local:/ { on = 0 } on { sub(/;/, ""); print $1 }' \
		"$top/userlib/libspawnctl.map" | sort
}

in_symbols()
{
	sed -n 's/^ \([a-z0-9_]*\)@SPAWNCTL_0 .*/\1/p' "$top/debian/libspawnctl0.symbols" | sort
}

# The functions that the headers declare, by the compiler and not by a pattern
declared()
{
	# shellcheck disable=SC2086 # several words
	printf '#include <spawnctl.h>\n#include <spawnctl/spawn.h>\n#include <spawnctl/rfork.h>\n' | $CC $include $system -aux-info "$dir/aux" -fsyntax-only -x c - &&
		sed -n 's/.*[ *]\(spawnctl_[a-z0-9_]*\|rfork\|rfork_thread\) (.*/\1/p' "$dir/aux" | sort -u
}

same()
{
	[ "$1" ] && [ "$1" = "$2" ]
}

# Compiles a file that includes only this header, with strict options.
stands_alone()
{
	compiler=$1 language=$2 standard=$3 header=$4
	# shellcheck disable=SC2086 # several words
	printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$header" "$header" |
		$compiler -x "$language" -std="$standard" -Wall -Wextra -pedantic -Werror \
			$include $system -fsyntax-only -
}

# The library needs libc only, and has no text relocations and no run path.
plain_dynamic()
{
	$READELF -dW "$1" >"$dir/dynamic"
	[ "$(grep '(NEEDED)' "$dir/dynamic" | grep -cvE "\[$libc\]")" -eq 0 ] &&
		! grep -q TEXTREL "$dir/dynamic" && ! grep -qE '(RPATH|RUNPATH)' "$dir/dynamic" &&
		grep -q 'SONAME.*\[libspawnctl\.so\.0\]' "$dir/dynamic"
}

# What the controls below must reject
printf '\t.text\n\t.globl spawnctl_vfork\nspawnctl_vfork:\n\tnop\n' >"$dir/bare.s"
$CC -c -o "$dir/bare.o" "$dir/bare.s" && $AR rcs "$dir/bare.a" "$dir/bare.o" "$dir/bare.o" &&
	$CC -shared -nostdlib -Wl,-z,execstack -o "$dir/bare.so" "$dir/bare.o" || exit 2

echo "TAP version 13"
stack_is_not_executable "$so"
result "the shared library does not request an executable stack"
objects_have_stack_note "$archive"
result "each object of the archive has the note for a non-executable stack"
if [ "$features" ]; then
	has_features "$so"
	result "the shared library is marked for $features"
	objects_have_features "$archive"
	result "each object of the archive is marked for $features"
	! has_features "$dir/bare.so"
	result "control: a library without $features is detected"
fi
if [ "$machine" = AArch64 ]; then
	asm_has_gcs "$archive"
	result "the assembly is marked for GCS"
fi
if [ "$pad" ]; then
	landing_pads "$so"
	result "a landing pad ($pad) is the first instruction of each assembly function"
	! landing_pads "$dir/bare.so"
	result "control: a function without a landing pad is detected"
fi
child_ends_backtrace "$so"
result "a backtrace ends in the child of spawnctl_thread()"
vfork_unwinds "$so" spawnctl_vfork && vfork_unwinds "$so" rfork
result "spawnctl_vfork() and rfork() can be unwound at any instruction"
if [ "$preloads" ]; then
	vfork_unwinds "$preload" vfork
	result "vfork() of the preload library can be unwound at any instruction"
	stack_is_not_executable "$preload" && { [ ! "$features" ] || has_features "$preload"; } &&
		{ [ ! "$pad" ] || landing_pads "$preload" vfork; }
	result "the preload library has the same markings"
else
	echo "# the preload library works with glibc only, and $so needs another libc"
fi
child_objects "$archive"
result "code that runs in the child calls no function of libc"
same "$(exported "$so")" "$(in_map)"
result "the exported symbols are those in the map"
same "$(in_map)" "$(declared)"
result "the symbols in the map are those that the headers declare"
same "$(in_map)" "$(in_symbols)"
result "the symbols in the map are those in the Debian package's symbols file"
plain_dynamic "$so"
result "the shared library needs libc only, and its soname is libspawnctl.so.0"
for header in linux/spawnctl.h spawnctl.h spawnctl/spawn.h spawnctl/rfork.h; do
	stands_alone "$CC" c c11 "$header"
	result "<$header> compiles alone as C11"
	stands_alone "$CXX" c++ c++17 "$header"
	result "<$header> compiles alone as C++17"
done

# Controls: each check gets an input that it must reject.
! stack_is_not_executable "$dir/bare.so"
result "control: an executable stack is detected"
! objects_have_stack_note "$dir/bare.a"
result "control: an object without the stack note is detected"
! child_ends_backtrace "$dir/bare.so"
result "control: a backtrace that continues after the child is detected"
! vfork_unwinds "$dir/bare.so" spawnctl_vfork
result "control: a function without unwind rows is detected"
! child_objects "$archive" vfork.o >/dev/null
result "control: an object that calls libc is detected"
! same "$(exported "$dir/bare.so")" "$(in_map)"
result "control: a difference in the exports is detected"
echo "1..$number"
exit $failed
