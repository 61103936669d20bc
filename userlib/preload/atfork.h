/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handlers of pthread_atfork(3), for the fork(3) of this library.
 */
#ifndef SPAWNCTL_PRELOAD_ATFORK_H
#define SPAWNCTL_PRELOAD_ATFORK_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/** preload_atfork_find() - at program start: find libc's functions */
void preload_atfork_find(void);

/**
 * preload_alone() - whether the process has never had a second thread that libc knows
 *
 * Only then the list of handlers is complete, and no lock of libc can be held by a thread that the
 * child does not have. Not known with glibc before 2.32, and then false.
 */
bool preload_alone(void);

/**
 * preload_atfork_prepare() - run the prepare handlers, the last one first
 *
 * Return: what preload_atfork_done() needs to leave out the handlers that are registered during the
 * fork.
 */
unsigned long preload_atfork_prepare(void);

/**
 * preload_atfork_done() - run the child's or the parent's handlers, in the order of registration
 * @last: what preload_atfork_prepare() has returned
 * @in_child: this is the child
 */
void preload_atfork_done(unsigned long last, bool in_child);

#pragma GCC visibility pop

#endif /* SPAWNCTL_PRELOAD_ATFORK_H */
