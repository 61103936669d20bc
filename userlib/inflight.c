// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock of inflight.h is advisory. At worst, a fork that continues without it copies a
 * descriptor that spawnctl_descriptor_in_fork() does not close in the child. So a thread waits for
 * the lock for a short time only, as the holder may never release it:
 * - A child of vfork(2) may have been killed while it held the lock in its parent's memory.
 * - A fork may hold the lock while other handlers of pthread_atfork(3) wait for a lock that this
 *   thread has.
 * - The holder may be in another process, if this process is a child for which no handler of
 *   pthread_atfork(3) has run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#include "arch.h"
#include "inflight.h"

#define PATIENCE_NS	20000000	/* how long to wait for the holder */

enum { FREE, HELD, AWAITED };

static int state;		/* a futex */
static unsigned long owner;	/* the thread that holds it, or 0; atomic */
static pid_t home;		/* the process whose threads use the lock */

/* Each is a descriptor plus 1, or 0 for a free slot; atomic */
static int in_flight[INFLIGHT_MAX];

/* A child of vfork(2) has the identity of its parent's thread, which does not run meanwhile */
static unsigned long self(void)
{
	return (unsigned long)pthread_self();
}

bool spawnctl_inflight_lock(void)
{
	const struct timespec patience = { .tv_nsec = PATIENCE_NS };
	int expected = FREE;

	if (__atomic_load_n(&owner, __ATOMIC_RELAXED) == self())
		return false;
	if (!__atomic_compare_exchange_n(&state, &expected, HELD, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED) &&
	    raw_syscall(SYS_getpid) == home) {
		while (__atomic_exchange_n(&state, AWAITED, __ATOMIC_ACQUIRE) != FREE)
			if (raw_syscall(SYS_futex, &state, FUTEX_WAIT_PRIVATE, AWAITED,
					&patience) == -ETIMEDOUT)
				break;
	}
	__atomic_store_n(&owner, self(), __ATOMIC_RELAXED);
	return true;
}

void spawnctl_inflight_unlock(void)
{
	__atomic_store_n(&owner, 0, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&state, FREE, __ATOMIC_RELEASE) == AWAITED)
		raw_syscall(SYS_futex, &state, FUTEX_WAKE_PRIVATE, 1);
}

int spawnctl_inflight_add(int fd)
{
	int slot;

	for (slot = 0; slot < INFLIGHT_MAX; slot++) {
		int expected = 0;

		if (__atomic_compare_exchange_n(&in_flight[slot], &expected, fd + 1, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return slot;
	}
	return -1;
}

void spawnctl_inflight_remove(int slot)
{
	__atomic_store_n(&in_flight[slot], 0, __ATOMIC_RELEASE);
}

int spawnctl_inflight_take(int slot)
{
	return __atomic_exchange_n(&in_flight[slot], 0, __ATOMIC_ACQUIRE) - 1;
}

void spawnctl_inflight_reset(void)
{
	home = raw_syscall(SYS_getpid);
	owner = 0;
	state = FREE;
}
