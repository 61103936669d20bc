#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dash, which starts simple commands by vfork() and all else by fork(): pipelines, traps, job control.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

cat >"$work/pipes" <<'END'
i=0
while [ $i -lt 30 ]; do
	seq 100 | sed 's/1/one/' | sort | head -n 3 | cat
	/bin/echo $(/bin/echo $(/bin/echo nested $i))
	i=$((i + 1))
done
/bin/cat <<TEXT
here
TEXT
no-such-program
echo $?
(exit 4)
echo $?
/bin/false || echo false
trap 'echo usr1' USR1
/bin/sh -c 'kill -USR1 $PPID'
/bin/true
trap 'echo bye' EXIT
/bin/sleep 5 &
kill $!
wait $!
echo $?
END

# Jobs that stop and continue, in the foreground and in the background, which needs a
# terminal. dash reports a change of a job before the next command that it reads, so where
# the line stands would depend on when the job changes. In each pair of braces, which are
# one command, it waits until it has seen the change. Its wait does not wait for a job that
# it believes to be stopped; bg marks the job as running first.
cat >"$work/jobs" <<'END'
set -m
stopped() {
	line=
	while case $line in *Stopped*) false ;; esac; do
		jobs >"$0.list"
		read -r line <"$0.list"
	done
}
/bin/sh -c 'kill -STOP $$; echo continued'
jobs | sed 's/ *[0-9]* Stopped/ Stopped/'
fg
{ /bin/sh -c 'kill -TSTP $$; echo continued behind' & stopped; }
sed 's/ *[0-9]* Stopped/ Stopped/' "$0.list"
{ bg %1; wait; }
/bin/sh -c 'read p c s pp g sid t tg r </proc/$$/stat; [ $g = $$ ] && [ $tg = $$ ] && echo owns the terminal'
/bin/true | /bin/sh -c 'cat; kill -STOP $$; echo piped'
fg
echo done
END

same "pipelines" dash "$work/pipes"
SAME_FILTER='s/\r//'
same "job control" script -qec "dash $work/jobs" /dev/null
claim "job control: the script runs to its end" grep -qx "done" "$work/with"
spawns "dash, simple commands" all dash -c '/bin/true; /bin/true; /bin/true'
spawns "dash, a pipeline" all dash -c '/bin/true | /bin/true'
finish
