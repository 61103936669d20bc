/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The types of <spawn.h> in glibc's layout. Objects that were made by libc's own functions, or by
 * memset(), can be used here, and objects that were made here can be used by libc.
 */
#ifndef SPAWNCTL_PRELOAD_LAYOUT_H
#define SPAWNCTL_PRELOAD_LAYOUT_H

#include <spawn.h>
#include <stddef.h>

#include "spawn_int.h"

struct glibc_attr {
	short flags;
	pid_t pgroup;
	sigset_t sigdefault;
	sigset_t sigmask;
	struct sched_param param;
	int policy;
	int cgroup;		/* since glibc 2.39; padding before */
	int pad[15];
};

_Static_assert(sizeof(struct glibc_attr) == sizeof(posix_spawnattr_t), "size");
_Static_assert(offsetof(struct glibc_attr, pgroup) == offsetof(posix_spawnattr_t, __pgrp), "");
_Static_assert(offsetof(struct glibc_attr, sigdefault) == offsetof(posix_spawnattr_t, __sd), "");
_Static_assert(offsetof(struct glibc_attr, sigmask) == offsetof(posix_spawnattr_t, __ss), "");
_Static_assert(offsetof(struct glibc_attr, policy) == offsetof(posix_spawnattr_t, __policy), "");
_Static_assert(offsetof(struct spawnctl_file_actions, used) ==
	       offsetof(posix_spawn_file_actions_t, __used), "");
_Static_assert(offsetof(struct spawnctl_file_actions, list) ==
	       offsetof(posix_spawn_file_actions_t, __actions), "");
_Static_assert(sizeof(struct action) == 3 * sizeof(long) + 8 &&
	       offsetof(struct action, open.path) == 2 * sizeof(long), "");

static inline struct glibc_attr *layout_attr(const posix_spawnattr_t *attr)
{
	return (struct glibc_attr *)attr;
}

static inline struct spawnctl_file_actions *
layout_actions(const posix_spawn_file_actions_t *actions)
{
	return (struct spawnctl_file_actions *)actions;
}

#endif /* SPAWNCTL_PRELOAD_LAYOUT_H */
