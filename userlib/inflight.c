// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock of inflight.h is advisory. At worst, a fork that continues without it copies a
 * descriptor that spawnctl_descriptor_in_fork() does not close in the child. So a thread does not
 * wait for ever, as the holder may never release the lock:
 * - A child of vfork(2) may have been killed while it held the lock in its parent's memory.
 * - A fork may hold the lock while other handlers of pthread_atfork(3) wait for a lock that this
 *   thread has.
 * - The holder may be in another process, if this process is a child for which no handler of
 *   pthread_atfork(3) has run.
 *
 * A thread counts its waits, and does not measure the time. If the process is stopped, frozen or
 * out of its share of the CPU, each wait that was under way has ended when the process continues,
 * but the holder has not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>

#include "inflight.h"
#include "kernel.h"

#define WAIT_NS		20000000L
/* How many waits until a thread gives up. A large process takes a second to fork */
#define WAITS_FOR_OPEN	100
#define WAITS_FOR_FORK	50

enum { FREE, HELD, AWAITED };

static int state;		/* a futex */
static unsigned long owner;	/* the thread that holds it, or 0; atomic */
static bool held_by_fork;	/* atomic */
static unsigned int turns;	/* how often a thread has taken the lock; atomic */
static pid_t home;		/* the process whose threads use the lock */

/* Each is a descriptor plus 1, or 0 for a free slot; atomic */
static int in_flight[INFLIGHT_MAX];

/* A child of vfork(2) has the identity of its parent's thread, which does not run meanwhile */
static unsigned long self(void)
{
	return (unsigned long)pthread_self();
}

static void await_holder(void)
{
	unsigned int waits = 0, turn = __atomic_load_n(&turns, __ATOMIC_RELAXED);
	const struct timespec wait = { 0, WAIT_NS };
	struct futex_time end;
	long ret = 0;

	while (__atomic_exchange_n(&state, AWAITED, __ATOMIC_ACQUIRE) != FREE) {
		unsigned int now;

		/* Interrupted by a signal, the wait goes on to the same end */
		if (ret != -EINTR)
			end = spawnctl_time_after(&wait);
		ret = raw_syscall(SYS_futex, &state, FUTEX_WAIT_BITSET_PRIVATE, AWAITED, &end,
				  NULL, FUTEX_BITSET_MATCH_ANY);
		if (!ret || ret == -EAGAIN || ret == -EINTR)
			continue;
		/* Another holder */
		now = __atomic_load_n(&turns, __ATOMIC_RELAXED);
		if (now != turn)
			waits = 0;
		turn = now;
		if (++waits >= (__atomic_load_n(&held_by_fork, __ATOMIC_RELAXED) ?
				WAITS_FOR_FORK : WAITS_FOR_OPEN))
			break;
	}
}

bool spawnctl_inflight_at_home(void)
{
	return raw_syscall(SYS_getpid) == home;
}

bool spawnctl_inflight_held(void)
{
	return __atomic_load_n(&owner, __ATOMIC_RELAXED) == self();
}

bool spawnctl_inflight_lock(bool for_fork)
{
	int expected = FREE;

	if (spawnctl_inflight_held())
		return false;
	if (!__atomic_compare_exchange_n(&state, &expected, HELD, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		if (!spawnctl_inflight_at_home())
			return false;
		await_holder();
	}
	__atomic_store_n(&owner, self(), __ATOMIC_RELAXED);
	__atomic_store_n(&held_by_fork, for_fork, __ATOMIC_RELAXED);
	__atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
	return true;
}

void spawnctl_inflight_unlock(void)
{
	unsigned long expected = self();

	/* Not if a thread that has given up has the lock now */
	if (!__atomic_compare_exchange_n(&owner, &expected, 0, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&held_by_fork, false, __ATOMIC_RELAXED);
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

int spawnctl_inflight_get(int slot)
{
	return __atomic_load_n(&in_flight[slot], __ATOMIC_RELAXED) - 1;
}

int spawnctl_inflight_take(int slot)
{
	return __atomic_exchange_n(&in_flight[slot], 0, __ATOMIC_ACQUIRE) - 1;
}

void spawnctl_inflight_reset(void)
{
	home = raw_syscall(SYS_getpid);
	owner = 0;
	held_by_fork = false;
	state = FREE;
}
