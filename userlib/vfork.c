// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What of spawnctl_vfork() can be C: not the call itself, as the child would
 * return through this frame and leave the parent what it made of it.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "arch.h"

const struct spawnctl_clone spawnctl_vfork_clone = {
	.size = sizeof(spawnctl_vfork_clone),
	.exit_signal = SIGCHLD,
};

/* arch/ cannot include a header with structs in it, and says 0xEA01 */
static_assert(SPAWNCTL_IOC_SPAWN == 0xEA01, "the number in arch/");

pid_t spawnctl_error(long error)
{
	errno = -error;
	return -1;
}
