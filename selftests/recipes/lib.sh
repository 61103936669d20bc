# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # the case sets here
# The recipes of examples/, each with the device and without it, and what the preload library does
# for programs that use the language's own functions. They were compiled before (vmtest/chroot/recipes).

# shellcheck source=../programs/lib.sh
. "$here/../programs/lib.sh"
# shellcheck disable=SC2034 # for the case
built=$(realpath "$here/../../build/recipes")
chmod 755 "$work"

# nobody COMMAND...: as a user that may not open the device
nobody() {
	setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

# shows PATTERN: a line of the recipe's output matches
shows() {
	cat "$work/shown"
	grep -qxE -- "$1" "$work/shown"
}

show() {
	"$@" >"$work/shown" 2>&1
}

# runs COMMAND...: as show, and prints the output of a failure
runs() {
	show "$@" || { echo "status $?"; cat "$work/shown"; return 1; }
}

# recipe NAME END COMMAND...: runs the demo of a recipe. END is how it shows a child that a time-out
# has killed.
recipe() {
	recipe_name=$1 recipe_end=$2
	shift 2
	recipe_way "device" "device" "$@"
	recipe_way "no permission for the device" "clone3" nobody "$@"
	claim "$recipe_name, device demanded, no permission: fails" gives 1 show nobody "$@" device
	claim "$recipe_name, device demanded, no permission: says why" \
		shows '.*(Permission denied|EACCES|errno 13|permission denied).*'
	echo "@table $recipe_name|demanded, no permission|fails, EACCES"
}

# recipe_way WAY BACKEND COMMAND...
recipe_way() {
	way=$1 backend=$2
	shift 2
	claim "$recipe_name, $way: runs to its end" runs "$@"
	claim "$recipe_name, $way: the child is made by $backend" shows "backend: $backend"
	claim "$recipe_name, $way: a pipe to the program and one from it" shows 'output: HELLO'
	claim "$recipe_name, $way: directory, environment, and no other descriptor" shows '.*descriptors: /usr b .*4 *'
	claim "$recipe_name, $way: exit status" shows 'status: 3'
	claim "$recipe_name, $way: a program that does not exist: exec, ENOENT" shows 'no program: exec, (2|ENOENT).*'
	claim "$recipe_name, $way: a directory that does not exist: chdir, ENOENT" shows 'no directory: chdir, (2|ENOENT).*'
	claim "$recipe_name, $way: a null byte in an argument is refused" shows 'null.*: .*([Nn]ull?|NUL|argument).*'
	claim "$recipe_name, $way: a time-out ends the wait" shows "after a time-out: $recipe_end"
	claim "$recipe_name, $way: no descriptor is left open" shows 'descriptors left open: 0'
	echo "@table $recipe_name|$way|$(sed -n 's/^backend: //p' "$work/shown")"
}

# standard NAME PATTERN COMMAND...: what the preload library does for the standard functions of a language. A
# line that it prints matches PATTERN; none: it is not reached, and prints nothing.
standard() {
	std_name=$1 std_pattern=$2
	shift 2
	claim "$std_name: runs under the preload library" runs \
		env SPAWNCTL_DEBUG=1 LD_PRELOAD="$PRELOAD" "$@"
	sed -n 's/^spawnctl: \([a-z_]*\)[^:]*: /\1: /p' "$work/shown" | sort | uniq -c |
		sed 's/^ *\([0-9]*\) \(.*\)/\2 (\1)/' | paste -s -d ';' | sed 's/;/; /g' >"$work/made"
	if [ "$std_pattern" = none ]; then
		claim "$std_name: the preload library is not reached" gives 1 grep -q . "$work/made"
		echo "not reached" >"$work/made"
	else
		claim "$std_name: the preload library makes the child by the device" \
			grep -qxE "$std_pattern" "$work/made"
	fi
	echo "@table $std_name|unmodified, preload library|$(cat "$work/made")"
}
