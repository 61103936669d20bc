// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Make a child through the device, else clone3(2), else clone(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "request.h"
#include "kernel.h"

#define CLONE3_SIZE_VER0	64

/*
 * When the device was found to be absent, in milliseconds, shifted left by ERRNO_BITS; below that
 * the errno. Atomic.
 */
static unsigned long long absence;
#define ERRNO_BITS	12
#define ABSENCE_MS	1000

/* struct clone_args of <linux/sched.h>; older headers lack the last member */
struct clone3_args {
	__aligned_u64 flags;
	__aligned_u64 pidfd;
	__aligned_u64 child_tid;
	__aligned_u64 parent_tid;
	__aligned_u64 exit_signal;
	__aligned_u64 stack;
	__aligned_u64 stack_size;
	__aligned_u64 tls;
	__aligned_u64 set_tid;
	__aligned_u64 set_tid_size;
	__aligned_u64 cgroup;
};

static void set_device_clone(const struct request *request, struct spawnctl_clone *clone)
{
	clone->flags |= SPAWNCTL_PARENT_SETTID | SPAWNCTL_HOLD;
	clone->parent_tid = (unsigned long)&request->tid;
	clone->hold = (unsigned long)&request->signals.hold;
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
static long by_device(struct request *request)
{
	struct spawnctl_clone *clone = &request->clone;
	const __u32 asked = clone->flags;
	long pid;

	set_device_clone(request, clone);
	request->tid = 0;
	request->signals.hold.wanted = request->hold_all;
	pid = spawnctl_arch_clone(SYS_ioctl, request->descriptor.fd, SPAWNCTL_IOC_SPAWN,
				  (long)clone, spawnctl_request_start, request);
	/* A child that was killed before its first instruction is recognized by its stored id */
	if (request->started || (pid > 0 && request->tid == pid)) {
		spawnctl_descriptor_put(&request->descriptor);
		return pid;
	}
	clone->flags = asked;
	/* Without a child, the kernel has restored the mask */
	request->signals.hold.wanted = false;
	return pid < 0 ? pid : -ENOTTY;
}

static unsigned long long clone_flags(const struct spawnctl_clone *clone)
{
	unsigned long long flags = CLONE_VM | CLONE_VFORK;

	if (clone->flags & SPAWNCTL_SHARE_FILES)
		flags |= CLONE_FILES;
	if (clone->flags & SPAWNCTL_PIDFD)
		flags |= CLONE_PIDFD;
	return flags;
}

static long by_clone3(struct request *request)
{
	const struct spawnctl_clone *clone = &request->clone;
	struct clone3_args args = {
		.flags = clone_flags(clone) | CLONE_CLEAR_SIGHAND,
		.pidfd = clone->pidfd,
		.exit_signal = clone->exit_signal,
		.stack = clone->stack,
		.stack_size = clone->stack_size,
	};
	long pid;

	if (clone->flags & SPAWNCTL_AUTOREAP)
		args.flags |= CLONE_AUTOREAP;
	if (clone->flags & SPAWNCTL_CGROUP) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = clone->cgroup;
	}
	pid = spawnctl_arch_clone(SYS_clone3, (long)&args, sizeof(args), 0,
				  spawnctl_request_start, request);
	if (pid == -EINVAL && (clone->flags & SPAWNCTL_AUTOREAP))
		pid = -EOPNOTSUPP;
	return pid;
}

static long by_clone(struct request *request)
{
	const struct spawnctl_clone *clone = &request->clone;

	if (clone->flags & (SPAWNCTL_CGROUP | SPAWNCTL_AUTOREAP))
		return -EOPNOTSUPP;
	/* valgrind does not support these flags and would end the program */
	if ((clone->flags & (SPAWNCTL_PIDFD | SPAWNCTL_SHARE_FILES)) && spawnctl_arch_emulated())
		return -EOPNOTSUPP;
	return spawnctl_arch_clone(SYS_clone, clone_flags(clone) | clone->exit_signal,
				   clone->stack + clone->stack_size, clone->pidfd,
				   spawnctl_request_start, request);
}

/*
 * Make the child by clone3(2) or clone(2). Signals are blocked in the caller until
 * spawnctl_signals_release(), and the child inherits that mask.
 */
static __attribute__((__noinline__)) long by_lower(struct request *request)
{
	struct spawnctl_clone *clone = &request->clone;

	if (clone->sig_default & clone->sig_ignore)
		return -EINVAL;
	/* The child of clone(2) starts with the caller's handlers: block synchronous signals too */
	if (request->backend == SPAWNCTL_BACKEND_CLONE)
		spawnctl_signals_hold(&request->signals, SPAWNCTL_SIGSET_ALL);
	else if (!request->signals.held)
		spawnctl_signals_hold(&request->signals, SPAWNCTL_SIGSET_HELD);
	request->signals.hold.wanted = true;
	if (!(clone->flags & SPAWNCTL_EXEC_MASK))
		clone->exec_mask = request->signals.mask;
	return request->backend == SPAWNCTL_BACKEND_CLONE3 ? by_clone3(request) : by_clone(request);
}

/* Fill in @request->descriptor with a descriptor: 0 or a negative errno */
static long take_device(struct request *request)
{
	struct descriptor *descriptor = &request->descriptor;

	if (request->fd >= 0) {
		descriptor->fd = request->fd;
		descriptor->from = DESCRIPTOR_CALLERS;
		return 0;
	}
	if (spawnctl_descriptor_inherited(descriptor))
		return 0;
	if (!request->transient) {
		int ret = spawnctl_descriptor_kept(descriptor);

		if (ret <= 0)
			return ret;
	}
	spawnctl_signals_hold(&request->signals, SPAWNCTL_SIGSET_HELD);
	return spawnctl_descriptor_open(descriptor);
}

/*
 * Whether @error means that the backend is unavailable to this caller regardless of the request.
 * The errors that mean this, and their causes:
 *
 *	device		any error, if the device could not be opened or is another file
 *			EACCES, if the device returns it regardless of the request: a seccomp
 *			filter, or Landlock. Any other EACCES refers to the cgroup
 *		only with a descriptor that the library has opened:
 *			EPERM, ENOSYS: a filter, an LSM, an emulator
 *			EMFILE: this descriptor has taken the last number, and none is left for
 *			the pidfd
 *		With a descriptor from the program or the environment, EPERM and EDQUOT mean
 *		that LIMIT has taken something away. No other backend is tried then: a program
 *		that has been given such a descriptor may be under a filter that kills it for
 *		clone(2).
 *	clone3		ENOSYS: a filter, an emulator, before Linux 5.3
 *			without a cgroup, to which these errors can refer:
 *			EINVAL: no CLONE_CLEAR_SIGHAND, before 5.5
 *			EPERM, EACCES, EOPNOTSUPP: a filter
 *	clone		none, because no backend comes after it
 */
static bool is_absence(const struct request *request, long error)
{
	switch (request->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		if (request->descriptor.fd < 0 || (error == -EACCES && request->refusal == EACCES))
			return true;
		return descriptor_is_ours(&request->descriptor) &&
		       (error == -EPERM || error == -ENOSYS || error == -EMFILE);
	case SPAWNCTL_BACKEND_CLONE3:
		if (error == -ENOSYS)
			return true;
		return !(request->clone.flags & SPAWNCTL_CGROUP) &&
		       (error == -EINVAL || error == -EPERM || error == -EACCES ||
			error == -EOPNOTSUPP);
	default:
		return false;
	}
}

/* Uses the vDSO, so makes no system call */
static unsigned long long now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/*
 * Whether the device was absent a moment ago: 0, or the negative errno that was noted. The library
 * notes that the device is absent, so that a program on a system without the device does not look
 * for it at each spawn. The note expires, so that a module that is loaded later is found.
 */
static int noted_absence(void)
{
	unsigned long long noted = __atomic_load_n(&absence, __ATOMIC_RELAXED);

	if (!noted || now_ms() - (noted >> ERRNO_BITS) >= ABSENCE_MS)
		return 0;
	return -(int)(noted & ((1 << ERRNO_BITS) - 1));
}

/* Note a negative errno; 0 deletes the note */
static void note_absence(int error)
{
	unsigned long long noted = error ? now_ms() << ERRNO_BITS | -error : 0;

	__atomic_store_n(&absence, noted, __ATOMIC_RELAXED);
}

/*
 * Whether the device is likely to stay absent, so that note_absence() is called. A
 * shortage of descriptors or memory may pass, and another thread may have closed the descriptor.
 */
static bool is_lasting(const struct request *request, long error)
{
	if (descriptor_is_ours(&request->descriptor) && request->refusal == EACCES)
		return true;
	return request->descriptor.fd < 0 && error != -EMFILE && error != -ENFILE &&
	       error != -ENOMEM && error != -EBADF && error != -EINTR;
}

/*
 * To be called after a call on @request->descriptor, or the search for a descriptor, has failed.
 * The inherited descriptor and the kept one may both have been closed or replaced.
 * Return: 0 if there is another descriptor to try, else a negative errno.
 */
static long device_failed(struct request *request, long error)
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
		if (last || ++request->tries == 3)
			break;
		error = take_device(request);
		if (!error)
			return 0;
	}
	return error;
}

long spawnctl_backend_next(struct request *request, long error)
{
	bool absent;

	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		error = device_failed(request, error);
		if (!error)
			return 0;
	}
	absent = is_absence(request, error);
	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		if (request->descriptor.fd >= 0)
			spawnctl_descriptor_give_up(&request->descriptor, error == -EMFILE);
		if (absent && request->fd < 0 && is_lasting(request, error))
			note_absence(error);
		request->descriptor.fd = -1;
	}
	if (!absent || request->demanded)
		return error;
	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		request->passed_over = error;
		request->backend = SPAWNCTL_BACKEND_CLONE3;
	} else {
		request->backend = SPAWNCTL_BACKEND_CLONE;
	}
	return 0;
}

long spawnctl_backend_begin(struct request *request)
{
	long ret;

	request->descriptor = (struct descriptor){ .fd = -1 };
	request->tries = 0;
	request->refusal = 0;
	request->started = false;
	request->passed_over = 0;
	request->demanded = request->fd >= 0 || request->backend != SPAWNCTL_BACKEND_ANY;
	if (request->fd >= 0 || !request->demanded)
		request->backend = SPAWNCTL_BACKEND_DEVICE;
	if (request->backend != SPAWNCTL_BACKEND_DEVICE)
		return 0;
	if (spawnctl_arch_emulated())
		return spawnctl_backend_next(request, -ENOSYS);
	if (!request->demanded) {
		request->passed_over = noted_absence();
		if (request->passed_over) {
			request->backend = SPAWNCTL_BACKEND_CLONE3;
			return 0;
		}
	}
	ret = take_device(request);
	return ret ? spawnctl_backend_next(request, ret) : 0;
}

long spawnctl_backend_make_child(struct request *request)
{
	long ret = spawnctl_backend_begin(request);

	while (!ret) {
		ret = request->backend == SPAWNCTL_BACKEND_DEVICE ? by_device(request) :
								   by_lower(request);
		if (ret >= 0)
			break;
		ret = spawnctl_backend_next(request, ret);
	}
	return ret;
}

/*
 * Find out whether clone3(2) can be used, without making a child: the address for the pidfd is not
 * writable, so the call fails with EFAULT after it has checked all flags. If an emulator makes a
 * child nevertheless, that child exits at once.
 */
static long ask_clone3(void)
{
	unsigned long long stack[64];
	const struct clone3_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD,
		.pidfd = 1,
		.stack = (unsigned long)stack,
		.stack_size = sizeof(stack),
	};
	long ret = spawnctl_arch_clone(SYS_clone3, (long)&args, CLONE3_SIZE_VER0, 0,
				       spawnctl_request_end, NULL);

	if (ret > 0)
		raw_syscall(SYS_wait4, ret, NULL, __WALL, NULL);
	return ret < 0 ? ret : 0;
}

/* A negative errno if the backend refuses this caller regardless of the request, else 0 */
static long ask(struct request *request)
{
	int refusal = 0;
	long ret;

	switch (request->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		ret = spawnctl_descriptor_check(request->descriptor.fd, &refusal);
		return ret ? ret : -refusal;
	case SPAWNCTL_BACKEND_CLONE3:
		ret = ask_clone3();
		return is_absence(request, ret) ? ret : 0;
	default:
		return 0;
	}
}

int spawnctl_backend_find(struct request *request)
{
	long ret;

	note_absence(0);
	ret = spawnctl_backend_begin(request);
	while (!ret) {
		ret = ask(request);
		if (!ret)
			break;
		ret = spawnctl_backend_next(request, ret);
	}
	if (!ret && request->backend == SPAWNCTL_BACKEND_DEVICE)
		spawnctl_descriptor_put(&request->descriptor);
	spawnctl_signals_release(&request->signals, 0);
	return ret;
}
