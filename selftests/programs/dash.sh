#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dash, which starts simple commands by vfork(): pipelines, traps, job control.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

cat >"$WORK/pipes" <<'END'
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

# Stopped and continued, in the foreground and behind: a terminal is needed
cat >"$WORK/jobs" <<'END'
set -m
/bin/sh -c 'kill -STOP $$; echo continued'
jobs | sed 's/ *[0-9]* Stopped/ Stopped/'
fg
/bin/sh -c 'kill -TSTP $$; echo continued behind' &
sleep 1
jobs | sed 's/ *[0-9]* Stopped/ Stopped/'
kill -CONT %1
wait
/bin/sh -c 'read p c s pp g sid t tg r </proc/$$/stat; [ $g = $$ ] && [ $tg = $$ ] && echo owns the terminal'
/bin/true | /bin/sh -c 'cat; kill -STOP $$; echo piped'
fg
echo done
END

same "pipelines" dash "$WORK/pipes"
# When a job's end is told is a matter of time
SAME_FILTER='s/\r//; / Done /d'
same "job control" script -qec "dash $WORK/jobs" /dev/null
claim "it has got to its end" grep -qx "done" "$WORK/with"
spawns "dash, simple commands" all dash -c '/bin/true; /bin/true; /bin/true'
spawns "dash, a pipeline" none dash -c '/bin/true | /bin/true'
finish
