// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether this process can be dumped and traced by others (PR_SET_DUMPABLE). The kernel stores it
 * with the memory, and clears it when a process changes its ids. A child that shares the memory
 * thus clears it for its parent. While the child has other ids and the memory, that must be so:
 * otherwise any process with these ids could trace the child, and change its parent's memory. It is
 * restored when no such child is left.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>

#include "kernel.h"
#include "signals.h"
#include "spawn_int.h"

static bool locked;		/* atomic */
static unsigned int children;	/* that may have changed their ids, and still have the memory */
static bool was_dumpable;
static pid_t home;		/* the process that these belong to; atomic */

/* The lock is held for two system calls at most, with signals blocked */
static void lock(struct caller_signals *signals)
{
	const pid_t pid = raw_syscall(SYS_getpid);

	spawnctl_signals_hold(signals, SPAWNCTL_SIGSET_HELD);
	if (__atomic_exchange_n(&home, pid, __ATOMIC_RELAXED) != pid) {
		children = 0;
		__atomic_store_n(&locked, false, __ATOMIC_RELAXED);
	}
	while (__atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE))
		raw_syscall(SYS_sched_yield);
}

static void unlock(struct caller_signals *signals)
{
	__atomic_store_n(&locked, false, __ATOMIC_RELEASE);
	spawnctl_signals_release(signals);
}

void spawnctl_dumpable_hold(void)
{
	struct caller_signals signals = { 0 };

	lock(&signals);
	if (!children++)
		was_dumpable = raw_syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
	unlock(&signals);
}

void spawnctl_dumpable_release(void)
{
	struct caller_signals signals = { 0 };

	lock(&signals);
	if (!--children && was_dumpable)
		raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	unlock(&signals);
}
