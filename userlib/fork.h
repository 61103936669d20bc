/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a copy of the memory has to be told, as fork(3) of libc would.
 */
#ifndef SPAWNCTL_FORK_H
#define SPAWNCTL_FORK_H

struct robust_list_head;

#pragma GCC visibility push(hidden)

/** spawnctl_libc_signals() - those that libc keeps for itself, as a mask */
unsigned long long spawnctl_libc_signals(void);

/** spawnctl_robust_list() - this thread's list of robust mutexes, or NULL */
struct robust_list_head *spawnctl_robust_list(void);

/** spawnctl_new_robust_list() - in the child: it begins with none of them */
void spawnctl_new_robust_list(struct robust_list_head *robust);

#pragma GCC visibility pop

#endif /* SPAWNCTL_FORK_H */
