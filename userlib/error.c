// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Errors, and the names of the steps that cause them.
 */
#include <errno.h>

#include "arch.h"
#include "spawnctl/spawn.h"

pid_t spawnctl_error(long error)
{
	errno = -error;
	return -1;
}

const char *spawnctl_step_name(enum spawnctl_step step)
{
	static const char * const names[] = {
		[SPAWNCTL_STEP_NONE] = "none",
		[SPAWNCTL_STEP_CLONE] = "clone",
		[SPAWNCTL_STEP_SCHED] = "sched",
		[SPAWNCTL_STEP_PRIORITY] = "priority",
		[SPAWNCTL_STEP_AFFINITY] = "affinity",
		[SPAWNCTL_STEP_IOPRIO] = "ioprio",
		[SPAWNCTL_STEP_OOM_SCORE_ADJ] = "oom_score_adj",
		[SPAWNCTL_STEP_RLIMIT] = "rlimit",
		[SPAWNCTL_STEP_SETSID] = "setsid",
		[SPAWNCTL_STEP_SETPGROUP] = "setpgroup",
		[SPAWNCTL_STEP_SETNS] = "setns",
		[SPAWNCTL_STEP_UNSHARE] = "unshare",
		[SPAWNCTL_STEP_CHROOT] = "chroot",
		[SPAWNCTL_STEP_UMASK] = "umask",
		[SPAWNCTL_STEP_SECUREBITS] = "securebits",
		[SPAWNCTL_STEP_GROUPS] = "groups",
		[SPAWNCTL_STEP_GID] = "gid",
		[SPAWNCTL_STEP_UID] = "uid",
		[SPAWNCTL_STEP_RESETIDS] = "resetids",
		[SPAWNCTL_STEP_AMBIENT] = "ambient",
		[SPAWNCTL_STEP_PDEATHSIG] = "pdeathsig",
		[SPAWNCTL_STEP_NO_NEW_PRIVS] = "no_new_privs",
		[SPAWNCTL_STEP_ACTION] = "action",
		[SPAWNCTL_STEP_CLOEXEC_DEFAULT] = "cloexec_default",
		[SPAWNCTL_STEP_LANDLOCK] = "landlock",
		[SPAWNCTL_STEP_TRACEME] = "traceme",
		[SPAWNCTL_STEP_STOP] = "stop",
		[SPAWNCTL_STEP_SECCOMP] = "seccomp",
		[SPAWNCTL_STEP_EXEC] = "exec",
	};

	return (unsigned int)step <= SPAWNCTL_STEP_EXEC ? names[step] : "unknown";
}
