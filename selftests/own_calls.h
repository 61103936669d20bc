/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts the system calls that a function makes in the calling process.
 */
#ifndef OWN_CALLS_H
#define OWN_CALLS_H

#include <sys/ptrace.h>
#include <sys/wait.h>

#include "spawnctl_test.h"

/*
 * Traces a child that calls @fn twice, and counts the system calls of the second call,
 * so that those that a process makes only once are left out. Children that @fn makes
 * are not traced. Returns -1 on failure.
 */
static inline int own_calls_once(void (*fn)(void *arg), void *arg)
{
	int status, calls = 0, marks = 0, entered = 0;
	pid_t tracee = fork();

	if (!tracee) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		fn(arg);
		raise(SIGSTOP);
		raw_syscall(SYS_getuid);
		fn(arg);
		raw_syscall(SYS_getuid);
		_exit(0);
	}
	while (waitpid(tracee, &status, 0) == tracee && WIFSTOPPED(status)) {
		struct __ptrace_syscall_info info;

		/* Another signal, such as SIGCHLD, can stop the tracee before SIGSTOP does */
		if (WSTOPSIG(status) == SIGSTOP)
			ptrace(PTRACE_SETOPTIONS, tracee, NULL,
			       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			entered = !entered;
			ptrace(PTRACE_GET_SYSCALL_INFO, tracee, sizeof(info), &info);
			if (entered && info.entry.nr == SYS_getuid)
				marks++;
			else if (entered && marks == 1)
				calls++;
		}
		ptrace(PTRACE_SYSCALL, tracee, NULL, NULL);
	}
	return marks == 2 && status == 0 ? calls : -1;
}

/*
 * The number that two times in a row agree on, or of the third, or -1. The library notes for a
 * second that the device is missing. A note that expires between the two calls of @fn adds a call;
 * then the next time begins with a new note.
 */
static inline int own_calls(void (*fn)(void *arg), void *arg)
{
	int before, calls = own_calls_once(fn, arg), i;

	for (i = 0; i < 2; i++) {
		before = calls;
		calls = own_calls_once(fn, arg);
		if (calls == before)
			break;
	}
	return calls;
}

#endif /* OWN_CALLS_H */
