# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# kselftest's harness, makefiles and runner, and a C project for programs.sh to
# build (objtool): cut out of Debian's linux-source package, as nothing smaller
# has them. Cached as the roots are.

KSFT_SUITE=trixie
KSFT_FILES=(scripts/subarch.include
	scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch}
	tools/testing/selftests/{Makefile,lib.mk,run_kselftest.sh}
	'tools/testing/selftests/kselftest*')
OBJTOOL_FILES=(tools/{objtool,build,scripts,include,lib,arch/x86})

ksft_dir() {
	echo "$CACHE/ksft-$({ declare -f make_ksft; declare -p KSFT_FILES OBJTOOL_FILES KSFT_SUITE; } | hash_of)"
}

# make_ksft DIR: with an apt of its own, so that the machine's stays as it is.
make_ksft() {
	local dir=$1 apt=$1/apt file pkg

	rm -rf "$dir"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	echo "deb $(mirror) $KSFT_SUITE main" >"$apt/sources.list"
	apt_conf >"$apt/apt.conf"
	cat >>"$apt/apt.conf" <<-END
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::TrustedParts "/usr/share/keyrings";
		Dir::State::Lists "$apt/lists";
		Dir::State::Status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG=$apt/apt.conf
	apt-get update || return 1
	pkg=$(apt-cache depends linux-source | sed -n 's/^ *Depends: //p')
	[ -n "$pkg" ] || return 1
	(cd "$apt" && apt-get download "$pkg") || return 1
	mkdir -p "$dir/tree" "$dir/linux/tools/arch"
	shift
	for file in "${KSFT_FILES[@]}" "${OBJTOOL_FILES[@]}"; do
		set -- "$@" "$pkg/$file"
	done
	dpkg-deb --fsys-tarfile "$apt"/*.deb | tar -xO --wildcards './usr/src/*.tar.xz' |
		xz -dc -T0 | tar -x -C "$dir/tree" --strip-components=1 --wildcards "$@" ||
		return 1
	rm -rf "$apt"
	for file in "${OBJTOOL_FILES[@]}"; do
		mv "$dir/tree/$file" "$dir/linux/$file" || return 1
	done
	[ -s "$dir/tree/tools/testing/selftests/kselftest_harness.h" ]
}

# need_ksft: sets KSFT, and OBJTOOL, a tree with nothing but that project.
need_ksft() {
	KSFT=$(ksft_dir)
	need_cached ksft "$KSFT" "kselftest of $KSFT_SUITE's linux-source (about 40 s)" \
		retry logged "$BUILD/log/ksft" make_ksft
	OBJTOOL=$KSFT/linux
	KSFT=$KSFT/tree
}
