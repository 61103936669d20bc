#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# GNU make, the gcc driver and ninja, building a C project: objtool for x86, of
# Linux's own tools.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# Always the same directory: the output files contain its name
fresh() {
	rm -rf /root/build
	cp -r /usr/src/linux /root/build
	cd /root/build || exit
}

by_make() {
	fresh
	make -s -j2 -C tools/objtool ARCH=x86_64 OPTFLAGS=-O0 V=0 >/root/make.log 2>&1 || {
		cat /root/make.log
		return 1
	}
	sha256sum tools/objtool/objtool
	tools/objtool/objtool --help | head -n 5
}

# objtool's library, with a build.ninja written here, because objtool has none
by_ninja() {
	fresh
	cd tools/lib/subcmd || return
	{
		echo 'rule cc'
		echo '  command = gcc -O0 -I../../include -D_GNU_SOURCE -c -MMD -MF $out.d -o $out $in'
		echo '  depfile = $out.d'
		echo 'rule ar'
		echo '  command = rm -f $out && ar rcsD $out $in'
		objects=
		for f in *.c; do
			echo "build ${f%.c}.o: cc $f"
			objects="$objects ${f%.c}.o"
		done
		echo "build lib.a: ar $objects"
	} >build.ninja
	ninja -j2 >ninja.log 2>&1 || { cat ninja.log; return 1; }
	sha256sum lib.a ./*.o
	touch help.c
	ninja | tail -n 1
}

cat >"$work/small.mk" <<'END'
all: a b c
a b c: ; @/bin/true $@
END

same "make builds objtool" by_make
same "ninja builds libsubcmd" by_ninja
spawns "make" all make -f "$work/small.mk"
cd "$work" || exit
echo 'int main(void) { return 0; }' >one.c
spawns "gcc" all gcc one.c -o one
printf 'rule t\n  command = /bin/true $out\nbuild a: t\nbuild b: t\nbuild c: t\n' >build.ninja
spawns "ninja" some ninja
finish
