/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the child of a fork has to adjust in its copy of the memory, as libc's fork(3) does.
 */
#ifndef SPAWNCTL_FORK_H
#define SPAWNCTL_FORK_H

struct robust_list_head;

#pragma GCC visibility push(hidden)

/** spawnctl_robust_list() - this thread's list of robust mutexes, or NULL */
struct robust_list_head *spawnctl_robust_list(void);

/** spawnctl_new_robust_list() - in the child: register an empty list */
void spawnctl_new_robust_list(struct robust_list_head *robust);

#pragma GCC visibility pop

#endif /* SPAWNCTL_FORK_H */
