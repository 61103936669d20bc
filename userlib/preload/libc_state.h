/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libc's own variables, in the child of a fork.
 */
#ifndef SPAWNCTL_PRELOAD_LIBC_STATE_H
#define SPAWNCTL_PRELOAD_LIBC_STATE_H

#include <sys/types.h>

struct robust_list_head;

#pragma GCC visibility push(hidden)

/**
 * preload_tid() - the thread id that libc has cached for the calling thread
 *
 * In a child of vfork(2), it is that of the parent's thread.
 */
pid_t preload_tid(void);

/** preload_find_libc_state() - at program start: find what preload_repair_libc() changes */
void preload_find_libc_state(void);

/**
 * preload_repair_libc() - in the child: what libc's fork(3) does to libc's variables
 * @tid: preload_tid() in the parent
 * @robust: spawnctl_robust_list() in the parent
 */
void preload_repair_libc(pid_t tid, struct robust_list_head *robust);

#pragma GCC visibility pop

#endif /* SPAWNCTL_PRELOAD_LIBC_STATE_H */
