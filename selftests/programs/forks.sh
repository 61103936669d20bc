#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Programs that call fork(2). They have one thread, so the library makes each child by FORK.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

cat >"$work/bash" <<'END'
for i in {1..20}; do seq 50 | sort -r | head -n 2; done
coproc cat; echo to the coprocess >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
exec {COPROC[1]}>&-
diff <(echo a) <(echo b)
set -m
sleep 0.1 & wait $!; echo $?
trap 'echo child' CHLD; /bin/true; trap - CHLD
echo "$(ls /proc/self/fd | tr '\n' ' ')"
END

git_things() {
	rm -rf /root/repo /root/clone
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
	git -c init.defaultBranch=main init -q /root/repo && cd /root/repo || return
	printf '#!/bin/sh\necho hook\n' >.git/hooks/pre-commit
	chmod +x .git/hooks/pre-commit
	cp /etc/services /etc/passwd .
	git add . && git commit -qm one && git rm -q passwd && git commit -qm two
	git gc -q && git fsck && git log -p --stat | sha256sum
	git -c protocol.file.allow=always clone -q file:///root/repo /root/clone
	git -C /root/clone rev-parse HEAD
	git -c alias.x='!echo alias' x
	GIT_PAGER='sed s/two/2/' git -p log --oneline
}

same "bash" bash "$work/bash"
SAME_FILTER=
same "git" git_things
same "xargs" sh -c 'seq 200 | xargs -n 7 -P 1 echo; seq 9 | xargs -n 1 sh -c "exit 255" 2>/dev/null; echo $?'
spawns "bash" all bash -c '/bin/true | /bin/true; /bin/true & wait'
spawns "xargs" all sh -c 'echo 1 2 3 >/tmp/args; exec xargs -n 1 /bin/true </tmp/args'
cd /root/repo || exit
# git starts everything by fork(), also an alias that is a shell command
spawns "git" all git -c alias.x='!/bin/true' x
finish
