#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# examples.sh DIR FILE...: extracts the examples from manual pages and Markdown, compiles
# them and leaves them in DIR. The second example of man/rfork.3 is rfork_3_2 if it is C,
# otherwise rfork_3_2.sh; the second of docs/guide.md is guide_2. Prints what is wrong.
#
# In a manual page, an example is the text between .Bd -literal and .Ed. Any other display
# must be .Bd -unfilled. In Markdown, an example is text that is indented by four spaces.
# An example is C if it begins with #include or #define. If its first line is indented
# further, it is the output of a command, NAME.text; if it is a comment of C, it is C for
# another system, NAME.text too. Otherwise it is a shell script. C without a main() is compiled with samples.c, which has one for it.
#
# ONLY is a pattern: only examples whose names match are compiled. The sources of the
# others stay in DIR.

: "${CC:=cc}" "${CFLAGS:=-std=gnu11 -Wall -Wextra}" "${LDLIBS=-lspawnctl}" "${ONLY:=*}"
here=$(dirname "$(realpath "$0")")
dir=$1
shift
shopt -s extglob nullglob
rm -rf "$dir"
mkdir -p "$dir" || exit 2
failed=0

bad() {
	echo "$*"
	failed=1
}

# Reports text that looks like an example but is not extracted as one.
cut_page() {
	awk -v out="$dir/$2_" '
		function bad(what) { print FILENAME ":" FNR ": " what; failed = 1 }
		function leave() { if (examples && !found) bad("no example is here"); examples = 0 }
		on && /^\.Ed$/ { on = 0; close(file); next }
		on {
			line = $0
			gsub(/\\e/, "\001", line)
			gsub(/\\&/, "", line)
			if (line ~ /\\/ || line ~ /^[.'\'']/)
				bad("not literal: " $0)
			gsub(/\001/, "\\", line)
			print line >file
			next
		}
		/^\.Bd -literal$/ { on = found = 1; file = out (++n); printf "" >file; next }
		/^\.(Bd|D1|Dl)/ && !/^\.Bd -unfilled$/ { bad("neither -literal nor -unfilled") }
		/^ *# *(include|define)/ { bad("C that is not in .Bd -literal") }
		/^\.S[hs]/ { leave(); examples = /EXAMPLES/; found = 0 }
		END { if (on) bad("there is no .Ed"); leave(); exit failed }' "$1"
}

cut_markdown() {
	awk -v out="$dir/$2_" '
		function bad(what) { print FILENAME ":" FNR ": " what; failed = 1 }
		/^(    )/ {
			if (!on) {
				if (before != "")
					bad("indented, and part of the paragraph before")
				file = out (++n)
			}
			for (; on && blank; blank--)
				print "" >file
			print substr($0, 5) >file
			on = 1
			blank = 0
			next
		}
		{ before = $0 }
		/^$/ { blank++; next }
		on { close(file) }
		{ on = blank = 0 }
		/^ *(```|~~~)/ || /\t/ || /^ *# *(include|define)/ { bad("code that is not indented by four") }
		END { exit failed }' "$1"
}

compile() {
	local name=$1 source=("$dir/$1.c")

	grep -q '^int main(' "${source[0]}" ||
		source=("-D$name" -I "$dir" -include "${source[0]}" "$here/samples.c")
	# shellcheck disable=SC2086 # words
	$CC $CFLAGS -Werror -o "$dir/$name" "${source[@]}" $LDLIBS || bad "$name: it does not compile"
}

for file; do
	name=$(basename "${file%.md}" | tr .- __)
	if [[ $file = *.md ]]; then cut=cut_markdown; else cut=cut_page; fi
	$cut "$file" "$name" || failed=1
done
for example in "$dir"/*; do
	case $(head -n 1 "$example") in
	'#include'* | '#define'*)
		mv "$example" "$example.c"
		;;
	' '* | '/* '*' */')
		mv "$example" "$example.text"
		;;
	*)
		mv "$example" "$example.sh"
		sh -n "$example.sh" || bad "${example##*/}: it is not a valid shell script"
		;;
	esac
done
# After all are extracted, as one sample may include another
for example in "$dir"/*.c; do
	example=$(basename "$example" .c)
	# shellcheck disable=SC2053 # a pattern
	[[ $example = $ONLY ]] && compile "$example"
done
[ $failed = 0 ] || { rm -rf "$dir"; exit 1; }
