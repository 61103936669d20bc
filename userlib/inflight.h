/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transient descriptors of the device that are open, and a lock that keeps fork(3) from
 * copying one that is not listed yet.
 */
#ifndef SPAWNCTL_INFLIGHT_H
#define SPAWNCTL_INFLIGHT_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* At most this many threads can spawn through transient descriptors at a time */
#define INFLIGHT_MAX	256

/**
 * spawnctl_inflight_lock() - exclude forks
 * @for_fork: the caller is a fork, which holds the lock for longer
 *
 * A spawning thread holds the lock, with signals blocked, from before open(2) until
 * spawnctl_inflight_add() and from before close(2) until spawnctl_inflight_remove(). A fork also
 * holds it: fork copies the descriptor table before the memory, and without the lock could copy a
 * descriptor that is not in the copied list. If the thread already holds the lock, because it runs
 * a handler of a synchronous signal, this function does not take the lock again. Nor does it if
 * any thread has it, and spawnctl_inflight_at_home() is false.
 *
 * Return: whether the caller must unlock it.
 */
bool spawnctl_inflight_lock(bool for_fork);

void spawnctl_inflight_unlock(void);

/**
 * spawnctl_inflight_at_home() - whether this process is the one whose memory this is
 *
 * False in a child of vfork(2), and in a child of a fork that has run no atfork handler.
 */
bool spawnctl_inflight_at_home(void);

/** spawnctl_inflight_held() - whether this thread has the lock */
bool spawnctl_inflight_held(void);

/** spawnctl_inflight_add() - add a descriptor; returns its slot, or -1 if the table is full */
int spawnctl_inflight_add(int fd);

/** spawnctl_inflight_remove() - remove a descriptor that has been closed */
void spawnctl_inflight_remove(int slot);

/** spawnctl_inflight_get() - the descriptor of a slot, or -1 */
int spawnctl_inflight_get(int slot);

/** spawnctl_inflight_take() - empty a slot; returns the descriptor that it had, or -1 */
int spawnctl_inflight_take(int slot);

/** spawnctl_inflight_reset() - make the lock free, at program start and in the child of a fork */
void spawnctl_inflight_reset(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_INFLIGHT_H */
