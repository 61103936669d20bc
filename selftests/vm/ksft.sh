# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# kselftest's harness, makefiles and runner: cut out of Debian's linux-source
# package, as nothing smaller has them. Cached as the roots are.

KSFT_SUITE=trixie
KSFT_FILES=(scripts/subarch.include
	scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch}
	tools/testing/selftests/{Makefile,lib.mk,run_kselftest.sh}
	'tools/testing/selftests/kselftest*')

ksft_dir() {
	echo "$CACHE/ksft-$({ declare -f make_ksft; declare -p KSFT_FILES KSFT_SUITE; } | hash_of)"
}

# make_ksft DIR: with an apt of its own, so that the machine's stays as it is.
make_ksft() {
	local dir=$1 apt=$1/apt opt pkg

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
	mkdir "$dir/tree"
	for opt in "${!KSFT_FILES[@]}"; do
		set -- "$@" "$pkg/${KSFT_FILES[opt]}"
	done
	shift
	dpkg-deb --fsys-tarfile "$apt"/*.deb | tar -xO --wildcards './usr/src/*.tar.xz' |
		xz -dc -T0 | tar -x -C "$dir/tree" --strip-components=1 --wildcards "$@" ||
		return 1
	rm -rf "$apt"
	[ -s "$dir/tree/tools/testing/selftests/kselftest_harness.h" ]
}

# need_ksft: sets KSFT.
need_ksft() {
	KSFT=$(ksft_dir)
	mkdir -p "$CACHE"
	exec 7>"$CACHE/ksft.lock"
	flock 7
	if [ ! -e "$KSFT/.complete" ]; then
		say "fetching kselftest from $KSFT_SUITE's linux-source (about 40 s)"
		rm -rf "$CACHE"/ksft-????????????????
		retry logged "$BUILD/log/ksft" make_ksft "$CACHE/tmp-ksft" ||
			die "cannot get kselftest"
		touch "$CACHE/tmp-ksft/.complete"
		mv "$CACHE/tmp-ksft" "$KSFT"
	fi
	flock -u 7
	KSFT=$KSFT/tree
}
