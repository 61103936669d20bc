/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flags of SPAWN and FORK that the module knows, and those that this kernel supports.
 */
#ifndef SPAWNCTL_FLAGS_H
#define SPAWNCTL_FLAGS_H

#include <linux/build_bug.h>
#include <linux/spawnctl.h>
#include <linux/types.h>

#include "compat/clone_flags.h"

#define COMMON_FLAGS	(SPAWNCTL_WINDOW_MASK | SPAWNCTL_PIDFD | SPAWNCTL_CGROUP | \
			 SPAWNCTL_SHARE_FILES | SPAWNCTL_NO_NEW_PRIVS | SPAWNCTL_AUTOREAP | \
			 SPAWNCTL_PARENT_SETTID)
#define SPAWN_FLAGS	(COMMON_FLAGS | SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | \
			 SPAWNCTL_HOLD | SPAWNCTL_NO_WAIT)
#define FORK_FLAGS	(COMMON_FLAGS | SPAWNCTL_SET_TID)
#define ALL_FLAGS	(SPAWNCTL_NO_WAIT | (SPAWNCTL_NO_WAIT - 1))

static_assert((SPAWN_FLAGS | FORK_FLAGS) == ALL_FLAGS);

/* Those of @flags that this kernel supports */
static inline u32 supported_flags(u32 flags)
{
	if (!CLONE_AUTOREAP)
		flags &= ~SPAWNCTL_AUTOREAP;
	/* Without CONFIG_CGROUPS, kernel_clone() ignores CLONE_INTO_CGROUP */
	if (!IS_ENABLED(CONFIG_CGROUPS))
		flags &= ~SPAWNCTL_CGROUP;
	return flags;
}

#endif
