/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors of the device that are open for one spawn, and a lock that keeps
 * fork(3) from copying one whose number is not known yet.
 */
#ifndef SPAWNCTL_INFLIGHT_H
#define SPAWNCTL_INFLIGHT_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* More threads than this cannot spawn through descriptors of their own at a time */
#define INFLIGHT_MAX	256

/**
 * spawnctl_inflight_lock() - keep forks out
 *
 * Held from before open(2) until spawnctl_inflight_add(), from before close(2) until
 * spawnctl_inflight_remove(), with signals held back, and by a fork: it copies the table
 * first and the memory later, and must not find the one with the descriptor and the
 * other without the note. A thread that holds it already, in a handler of a synchronous signal,
 * goes on without it.
 *
 * Return: whether it is to be unlocked.
 */
bool spawnctl_inflight_lock(void);

void spawnctl_inflight_unlock(void);

/** spawnctl_inflight_add() - note a descriptor; its slot, or -1 if all are taken */
int spawnctl_inflight_add(int fd);

/** spawnctl_inflight_remove() - it has been closed */
void spawnctl_inflight_remove(int slot);

/** spawnctl_inflight_take() - empty a slot; the descriptor it had, or -1 */
int spawnctl_inflight_take(int slot);

/** spawnctl_inflight_reset() - at the start, and in the child of a fork: it is free */
void spawnctl_inflight_reset(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_INFLIGHT_H */
