#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016,SC2317 # Markdown's quotes; functions that check runs
#
# manual.sh: checks that the manual pages are well-formed, that they document what the
# headers, the map and the command have, and that the examples in them, in README and in
# docs/ compile. Prints what is wrong.

: "${CC:=cc}" "${MANDOC:=mandoc}"
top=$(dirname "$(realpath "$0")")/..
cd "$top" || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
failed=0

# check WHAT COMMAND...: passes if COMMAND succeeds and prints nothing.
check() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		return
	fi
	printf 'failed: %s\n%s\n' "$what" "$out"
	failed=1
}

# control WHAT COMMAND...: COMMAND gets an input that it must reject.
control() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		printf 'control: not detected: %s\n' "$what"
		failed=1
	fi
}

# Messages about pages that are not installed, and about the machine's index, do not count.
well_formed() {
	$MANDOC -Tlint "$@" >"$dir/lint" 2>"$dir/said"
	[ $? -le 2 ] || echo "$MANDOC has failed"
	grep -v 'referenced manual not found' "$dir/lint"
	grep -v 'outdated mandoc\.db' "$dir/said"
	:
}

# The names that a page documents
names_of() {
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$@"
}

# Each reference to a page of this project names an existing page.
references() {
	local name section
	sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1 \2/p' "$@" | sort -u |
		grep -E '^(lib)?spawnctl|^rfork' | while read -r name section; do
		names_of man/*."$section" | grep -qxF -- "$name" || echo "no $name($section)"
	done
}

examples() {
	CC=$CC CFLAGS="-std=gnu11 -Wall -Wextra -Iuapi -Iuserlib/include -c" LDLIBS='' \
		selftests/examples.sh "$dir/examples" "$@"
}

# Each make command in README and docs/ names targets that exist.
made() {
	sed -n 's/^    \(make [^#&]*\).*/\1/p' "$@" | while read -r line; do
		# shellcheck disable=SC2086 # words
		make -n ${line#make} >"$dir/made" 2>&1 || cat "$dir/made"
	done
}

# Outside of the guests are run: what pages show of how to compile a program, to install packages
# and to install from source, and README's first commands.
in_packages() {
	grep -q 'make .* install install-tools' vmtest/chroot/build || echo "nothing is installed"
	grep -q 'gcc .* \$(pkg-config --cflags --libs spawnctl)' debian/tests/alone ||
		echo "no program is compiled"
	grep -q 'Sixty seconds' vmtest/suites.py || echo "README's first commands are not run"
	sed -n 's/^    apt install \([^#]*\).*/\1/p' "$@" | grep -oE '[a-z-]*spawnctl[a-z0-9-]*' |
		while read -r package; do
			grep -qxF "Package: $package" debian/control || echo "no package $package"
		done
}

in_map() {
	awk '/global:/ { on = 1; next } /local:/ { on = 0 } on { sub(/;/, ""); print $1 }' \
		userlib/libspawnctl.map
}

# Each function has one page, and no page names a function that does not exist.
functions() {
	diff <(in_map | sort) <(names_of "$@" | grep -vx libspawnctl | sort)
}

# The page has all members with their types, all flags, and all errors.
interface() {
	local page=$1 header=uapi/linux/spawnctl.h
	sed -n 's/^\t__\(aligned_\)\?\([us][0-9]*\) \([a-z_]*\);.*/.It Vt __\2 Fa \3/p
		s/^#define \(SPAWNCTL_[A-Z_]*\)\t*(1U << .*/.It Dv \1/p' "$header" |
		while read -r line; do
			grep -qxF -- "$line" "$page" || echo "$page: no '$line'"
		done
	sed -n 's/^ \*  - \(E[A-Z0-9, ]*\):.*/\1/p' "$header" | tr -d , | tr ' ' '\n' |
		while read -r line; do
			grep -qE "^\.It Bq Er (.* )?$line( |$)" "$page" || echo "$page: no $line"
		done
}

# The long options of all commands, without their first dash
long_options() {
	sed -n 's/^\t"  -[A-Za-z], -\(-[a-z-]*\).*/\1/p' tools/spawnctl/*.c
}

# The command's options, JSON members and metrics, and the module's tracepoints
in_command() {
	long_options
	sed -n 's/.*add_\(number\|text\|bool\)([a-z]*, "\([a-z_]*\)".*/\2/p
		s/.*json_object_object_add([a-z]*, "\([a-z_]*\)".*/\1/p
		s/.*\tmetric("\([a-z_]*\)".*/spawnctl_\1/p' tools/spawnctl/*.c
	sed -n 's/^TRACE_EVENT(\([a-z_]*\),/\1/p' module/trace.h
}

command_line() {
	in_command | sort -u | while read -r word; do
		grep -qE -- "(^|[^a-z_-])$word([^a-z_-]|\$)" "$1" || echo "$1: no $word"
	done
}

# Each option is in the completions of both shells.
completions() {
	local file
	for file in "$@"; do
		long_options | while read -r option; do
			grep -qE -- "-$option([^a-z-]|\$)" "$file" || echo "$file: no -$option"
		done
	done
}

# completed WORD...: the first of what bash proposes for the last word, or the word that begins another
# command line
completed() {
	bash -c 'compopt() { :; }
		_command_offset() { COMPREPLY=("word $1"); }
		. tools/spawnctl/completion/spawnctl.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_spawnctl
		echo "$COMPREPLY"' "$@"
}

# proposes WORD LINE...: whether bash proposes WORD at the end of each line
proposes() {
	local wanted=$1 line
	shift
	for line in "$@"; do
		# shellcheck disable=SC2086 # words
		[ "$(completed - $line)" = "$wanted" ] || echo "$line: $(completed - $line)"
	done
}

# Each option in the page is an option of the command.
options() {
	sed -n 's/^\.It Fl [A-Za-z] , \(-[a-z-]*\).*/\1/p' "$1" | sort -u |
		grep -vxE -- '-(help|version)' | while read -r option; do
		in_command | grep -qxF -- "$option" || echo "$1: -$option is none"
	done
}

check "pages are well-formed" well_formed man/*
check "references name existing pages" references man/*
check "examples compile" examples man/* README.md docs/{guide,coming-from,install,monitoring}.md
check "make targets in README and docs/ exist" made README.md docs/{install,monitoring}.md
check "examples of debian/tests" in_packages docs/install.md
check "each function in the map has a page" functions man/*.3
check "spawnctl(4) documents the ioctls" interface man/spawnctl.4
check "spawnctl(8) documents the command" command_line man/spawnctl.8
check "options in spawnctl(8) exist" options man/spawnctl.8
check "completions have all options" completions tools/spawnctl/completion/*
check "bash completes options" proposes --chdir= "spawnctl run --ch" "spawnctl run -C / -k --ch"
check "bash completes values" proposes userlib "spawnctl run -C userl" "spawnctl run --chdir = userl" \
	"spawnctl run -k --cgroup = userl"
check "bash completes commands" proposes "word 4" "spawnctl run -k -- gre" "spawnctl limit -N 2 gre" \
	"spawnctl limit -N 2 gre -"
check "bash completes commands after a long option" proposes "word 5" "spawnctl limit --live = 2 gre"

page() {
	printf '%s\n' '.Dd November 25, 2026' '.Dt BAD 3' .Os '.Sh NAME' '.Nm bad' '.Nd a control' "$@" \
		>"$dir/bad.3"
}

page '.Sh EXAMPLES' '.Bd -literal' '#include <spawnctl.h>' 'int main(void) { return x; }' '.Ed'
control "C that does not compile" examples "$dir/bad.3"
page '.Sh EXAMPLES' '.Bd -literal' '#include <spawnctl.h>' 'int f(void);' '.Ed'
control "C that no sample uses" examples "$dir/bad.3"
page '.Sh EXAMPLES' '.Bd -literal' 'if true; do' '.Ed'
control "an invalid shell script" examples "$dir/bad.3"
page '.Sh EXAMPLES' '.Bd -unfilled' text '.Ed'
control "EXAMPLES without an example" examples "$dir/bad.3"
page '.Sh EXAMPLES' '.Bd -literal' true '.Ed' '.Bd -literal -compact' true '.Ed'
control "an example in another display than .Bd -literal" examples "$dir/bad.3"
page '.Sh EXAMPLES' '.Bd -literal' 'printf a\\n' '.Ed'
control "an example with an escape of roff" examples "$dir/bad.3"
for text in 'So:\n    true' '```\ntrue\n```' '\ttrue' '#include <spawnctl.h>' '    if true; do' \
	'    #include <spawnctl.h>\n    int main(void) { return x; }'; do
	printf 'text\n\n%b\n' "$text" >"$dir/bad.md"
	control "in Markdown: $text" examples "$dir/bad.md"
done
echo '    make no_such_thing' >"$dir/bad.md"
control "a make target that does not exist" made "$dir/bad.md"
echo '    apt install ./spawnctl-nothing_*.deb' >"$dir/bad.md"
control "a package that does not exist" in_packages "$dir/bad.md"
page '.Sh DESCRIPTION' '.Xr spawnctl_nothing 3' '.It none'
control "a malformed page" well_formed "$dir/bad.3"
control "a reference to a page that does not exist" references "$dir/bad.3"
control "a function without a page" functions "$dir/bad.3"
control "an undocumented ioctl interface" interface "$dir/bad.3"
grep -vx '.It Dv SPAWNCTL_LIMIT_RESET' man/spawnctl.4 >"$dir/less.4"
control "an undocumented flag" interface "$dir/less.4"
control "an undocumented option" command_line "$dir/bad.3"
page '.Sh DESCRIPTION' '.It Fl z , -nothing'
control "an option that does not exist" options "$dir/bad.3"
control "a completion without an option" completions "$dir/bad.3"
exit $failed
