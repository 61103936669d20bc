// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What of a vfork() can be C: not the call itself, as the child would return
 * through this frame and leave the parent what it made of it.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "kernel.h"
#include "vfork.h"

const struct spawnctl_clone spawnctl_vfork_clone = {
	.size = sizeof(spawnctl_vfork_clone),
	.exit_signal = SIGCHLD,
};

/* struct clone_args, in its first version: flags, and exit_signal */
static const unsigned long long clone3_args[8] = {
	[0] = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
	[4] = SIGCHLD,
};

/* arch/ cannot include a header with structs in it, and says 0xEA01 */
static_assert(SPAWNCTL_IOC_SPAWN == 0xEA01, "the number in arch/");

pid_t spawnctl_error(long error)
{
	errno = -error;
	return -1;
}

long spawnctl_vfork_prepare(struct vfork_call *call, struct birth *birth)
{
	long ret = spawnctl_birth_probe(birth);

	if (ret)
		return ret;
	*call = (struct vfork_call){ .close_fd = -1 };
	switch (birth->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		call->nr = SYS_ioctl;
		call->args[0] = birth->device.fd;
		call->args[1] = SPAWNCTL_IOC_SPAWN;
		call->args[2] = (long)&spawnctl_vfork_clone;
		if (birth->device.from == DEVICE_TRANSIENT)
			call->close_fd = birth->device.fd;
		break;
	case SPAWNCTL_BACKEND_CLONE3:
		call->nr = SYS_clone3;
		call->args[0] = (long)clone3_args;
		call->args[1] = sizeof(clone3_args);
		break;
	default:
		block_all_signals(&call->mask);
		call->nr = SYS_clone;
		call->args[0] = CLONE_VM | CLONE_VFORK | SIGCHLD;
		call->args[2] = 1;
	}
	return VFORK_CALL;
}

/* Where the kernel has not reset the handlers: on the caller's stack, in the child */
void spawnctl_vfork_child(unsigned long long mask)
{
	const struct birth birth = { .backend = SPAWNCTL_BACKEND_CLONE };

	spawnctl_birth_set_handlers(&birth);
	set_sigmask(&mask);
}
