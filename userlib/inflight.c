// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock is advisory: a fork that goes on without it can copy a descriptor that
 * its child's handler does not close, and no more. So no thread waits for long. A
 * holder may have been killed, as the child of a vfork(2) can be in the memory of its
 * parent; it may be a fork whose other handlers wait for a lock of this thread's; or
 * it may be in another process, if this one is a child for which no handler of
 * pthread_atfork(3) has run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#include "arch.h"
#include "inflight.h"

#define PATIENCE_NS	20000000	/* for which a holder is waited for */

enum { FREE, HELD, AWAITED };

static int state;		/* a futex */
static unsigned long owner;	/* a thread; atomic */
static pid_t home;		/* the process in which it is taken */

/* One more than the descriptor, as 0 is none; atomic */
static int in_flight[INFLIGHT_MAX];

/* That of a vfork(2) child is its parent's, which does not run meanwhile */
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
