// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Make a child through the device.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "backend_device.h"

long spawnctl_device_take(struct request *request)
{
	struct descriptor *descriptor = &request->descriptor;
	const bool keep = !request->transient;
	int ret;

	if (request->fd >= 0) {
		descriptor->fd = request->fd;
		descriptor->from = DESCRIPTOR_CALLERS;
		return 0;
	}
	if (spawnctl_descriptor_inherited(descriptor))
		return 0;
	/* A descriptor from the service is kept in any case: asking takes longer than a spawn */
	if (keep || spawnctl_descriptor_served()) {
		ret = spawnctl_descriptor_kept(descriptor, keep);
		if (!ret)
			return 0;
		if (ret < 0 && keep)
			return descriptor_shortage(ret) ? ret :
				spawnctl_descriptor_ask(descriptor, ret);
	}
	spawnctl_signals_hold(&request->signals, SPAWNCTL_SIGSET_HELD);
	ret = spawnctl_descriptor_open(descriptor);
	if (!ret || descriptor_shortage(ret))
		return ret;
	return spawnctl_descriptor_ask(descriptor, ret);
}

static void set_clone(const struct request *request, struct spawnctl_clone *clone)
{
	clone->flags |= SPAWNCTL_PARENT_SETTID;
	clone->parent_tid = (unsigned long)&request->tid;
	if (!request_no_wait(request)) {
		clone->flags |= SPAWNCTL_HOLD;
		clone->hold = (unsigned long)&request->signals.hold;
	}
	if (!request->open_window) {
		clone->flags |= SPAWNCTL_WINDOW_MASK;
		clone->window_mask = SPAWNCTL_SIGSET_ALL;
		if (clone->flags & SPAWNCTL_EXEC_MASK)
			return;
		if (request->signals.held) {
			clone->flags |= SPAWNCTL_EXEC_MASK;
			clone->exec_mask = request->signals.mask;
		} else {
			clone->flags |= SPAWNCTL_EXEC_KEEP_MASK;
		}
	} else if (request->signals.held) {
		clone->flags |= SPAWNCTL_WINDOW_MASK;
		clone->window_mask = request->signals.mask;
	}
}

/*
 * Whether the descriptor is the device is checked only after a failure, so that success pays
 * nothing. By then a file that is not the device has received an ioctl that it does not know.
 */
long spawnctl_device_make_child(struct request *request)
{
	struct spawnctl_clone *clone = &request->clone;
	const __u32 asked = clone->flags;
	long pid;

	set_clone(request, clone);
	request->tid = 0;
	request->signals.hold.wanted = request->hold_all;
	pid = spawnctl_arch_clone(SYS_ioctl, request->descriptor.fd, SPAWNCTL_IOC_SPAWN,
				  (long)clone, spawnctl_request_start, request);
	/* A child that was killed before its first instruction is recognized by its stored id */
	if (request->started || (pid > 0 && request->tid == pid)) {
		/* The program may emulate fstat(2) and close(2) */
		if (request->signals.hold.wanted && descriptor_is_transient(&request->descriptor))
			spawnctl_signals_narrow(&request->signals, SPAWNCTL_SIGSET_BUT_SIGSYS);
		spawnctl_descriptor_put(&request->descriptor);
		return pid;
	}
	clone->flags = asked;
	/* Without a child, the kernel has restored the mask */
	request->signals.hold.wanted = false;
	return pid < 0 ? pid : -ENOTTY;
}

long spawnctl_device_failed(struct request *request, long error)
{
	struct descriptor *descriptor = &request->descriptor;

	while (descriptor->fd >= 0) {
		int gone = spawnctl_descriptor_check(descriptor->fd, &request->refusal);
		bool last = descriptor->from == DESCRIPTOR_CALLERS ||
			    descriptor->from == DESCRIPTOR_TRANSIENT;

		if (!gone)
			break;
		error = gone;
		spawnctl_descriptor_lost(descriptor, gone);
		/*
		 * Three can be lost: the inherited descriptor, the kept one, and the kept one
		 * opened again. The limit ends the loop if another thread closes each new one.
		 */
		if (last || ++request->tries == 3)
			break;
		error = spawnctl_device_take(request);
		if (!error)
			return 0;
	}
	return error;
}
