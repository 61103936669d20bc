// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parts of vfork() that can be written in C. The system call itself cannot: the child would
 * return through the C frame and overwrite it, while the parent still needs it.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "backend.h"
#include "kernel.h"
#include "vfork.h"

const struct spawnctl_clone spawnctl_vfork_clone = {
	.size = sizeof(spawnctl_vfork_clone),
	.exit_signal = SIGCHLD,
};

/* struct clone_args in its first version: [0] is flags, [4] is exit_signal */
static const unsigned long long clone3_args[8] = {
	[0] = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
	[4] = SIGCHLD,
};

/* arch/ cannot include a header with structs in it, and has the number 0xEA01 instead */
static_assert(SPAWNCTL_IOC_SPAWN == 0xEA01, "the number in arch/");

/* arch/ has room for 264 bytes. The lower bound fails if a frame smaller by 32 would do */
static_assert(sizeof(struct vfork_call) <= 264 &&
	      (sizeof(long) == 4 || sizeof(struct vfork_call) > 248 - 16), "the frame in arch/");
static_assert(offsetof(struct vfork_call, tid) == 48, "the offsets in arch/");

static void set_device_call(struct vfork_call *call)
{
	struct request *request = &call->request;
	struct spawnctl_clone *clone = &request->clone;

	*clone = spawnctl_vfork_clone;
	clone->flags = SPAWNCTL_PARENT_SETTID;
	clone->parent_tid = (unsigned long)&call->tid;
	call->tid = 0;
	if (request->signals.held) {
		clone->flags |= SPAWNCTL_WINDOW_MASK;
		clone->window_mask = request->signals.mask;
	}
	call->nr = SYS_ioctl;
	call->args[0] = request->descriptor.fd;
	call->args[1] = SPAWNCTL_IOC_SPAWN;
	call->args[2] = (long)clone;
	if (request->descriptor.from == DESCRIPTOR_TRANSIENT)
		call->after = VFORK_CLOSE | (long)request->descriptor.slot << VFORK_SLOT_SHIFT;
}

static long set_call(struct vfork_call *call, long error)
{
	struct request *request = &call->request;

	if (error) {
		spawnctl_signals_release(&request->signals);
		return error;
	}
	call->after = 0;
	call->tid = -1;
	switch (request->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		set_device_call(call);
		break;
	case SPAWNCTL_BACKEND_CLONE3:
		/* The kernel resets the handlers, so the child can have the caller's mask */
		spawnctl_signals_release(&request->signals);
		call->nr = SYS_clone3;
		call->args[0] = (long)clone3_args;
		call->args[1] = sizeof(clone3_args);
		break;
	default:
		/* The system call that libc would make: a filter may allow no other */
		if (!request->signals.held)
			spawnctl_signals_hold(&request->signals, SPAWNCTL_SIGSET_HELD);
#ifdef SYS_vfork
		call->nr = SYS_vfork;
#else
		call->nr = SYS_clone;
		call->args[0] = CLONE_VM | CLONE_VFORK | SIGCHLD;
		call->args[1] = 0;
		call->args[2] = 0;
#endif
		call->after = VFORK_HANDLERS;
	}
	if (request->signals.held)
		call->after |= VFORK_MASK;
	call->mask = request->signals.mask;
	return VFORK_CALL;
}

long spawnctl_vfork_prepare(struct vfork_call *call)
{
	return set_call(call, spawnctl_backend_begin(&call->request));
}

long spawnctl_vfork_next(struct vfork_call *call, long error)
{
	return set_call(call, spawnctl_backend_next(&call->request, error ? error : -ENOTTY));
}

void spawnctl_vfork_parent(long after, unsigned long long mask, int fd)
{
	struct caller_signals signals = { .held = after & VFORK_MASK, .mask = mask };

	if (after & VFORK_CLOSE)
		spawnctl_descriptor_close(fd, after >> VFORK_SLOT_SHIFT);
	spawnctl_signals_release(&signals);
}
