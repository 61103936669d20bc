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
		[SPAWNCTL_STEP_SETSID] = "setsid",
		[SPAWNCTL_STEP_SETPGROUP] = "setpgroup",
		[SPAWNCTL_STEP_RESETIDS] = "resetids",
		[SPAWNCTL_STEP_NO_NEW_PRIVS] = "no_new_privs",
		[SPAWNCTL_STEP_ACTION] = "action",
		[SPAWNCTL_STEP_CLOEXEC_DEFAULT] = "cloexec_default",
		[SPAWNCTL_STEP_EXEC] = "exec",
	};

	return (unsigned int)step <= SPAWNCTL_STEP_EXEC ? names[step] : "unknown";
}
