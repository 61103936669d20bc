// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Make a child through the device, else clone3(2), else clone(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "birth.h"
#include "kernel.h"

#define CLONE3_SIZE_VER0	64

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

void spawnctl_birth_hold_back(struct birth *birth, unsigned long long signals)
{
	unsigned long long mask;

	hold_signals(signals, &mask);
	if (!birth->held)
		birth->mask = mask;
	birth->held = true;
}

static void set_device_clone(const struct birth *birth, struct spawnctl_clone *clone)
{
	clone->flags |= SPAWNCTL_PARENT_SETTID | SPAWNCTL_HOLD;
	clone->parent_tid = (unsigned long)&birth->tid;
	clone->hold = (unsigned long)&birth->hold;
	if (!birth->open_window) {
		clone->flags |= SPAWNCTL_WINDOW_MASK;
		clone->window_mask = SPAWNCTL_SIGSET_ALL;
		if (clone->flags & SPAWNCTL_EXEC_MASK)
			return;
		if (birth->held) {
			clone->flags |= SPAWNCTL_EXEC_MASK;
			clone->exec_mask = birth->mask;
		} else {
			clone->flags |= SPAWNCTL_EXEC_KEEP_MASK;
		}
	} else if (birth->held) {
		clone->flags |= SPAWNCTL_WINDOW_MASK;
		clone->window_mask = birth->mask;
	}
}

/*
 * Whether the descriptor is the device is checked only after a failure, so that success pays
 * nothing. By then a file that is not the device has received an ioctl that it does not know.
 */
static long by_device(struct birth *birth)
{
	struct spawnctl_clone *clone = &birth->clone;
	const __u32 asked = clone->flags;
	long pid;

	set_device_clone(birth, clone);
	birth->tid = 0;
	birth->hold.wanted = birth->hold_all;
	pid = spawnctl_arch_clone(SYS_ioctl, birth->device.fd, SPAWNCTL_IOC_SPAWN, (long)clone,
				  spawnctl_birth_start, birth);
	/* A child that was killed before its first instruction is recognized by its stored id */
	if (birth->started || (pid > 0 && birth->tid == pid)) {
		spawnctl_device_put(&birth->device);
		return pid;
	}
	clone->flags = asked;
	/* Without a child, the kernel has restored the mask */
	birth->hold.wanted = false;
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

static long by_clone3(struct birth *birth)
{
	const struct spawnctl_clone *clone = &birth->clone;
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
				  spawnctl_birth_start, birth);
	if (pid == -EINVAL && (clone->flags & SPAWNCTL_AUTOREAP))
		pid = -EOPNOTSUPP;
	return pid;
}

static long by_clone(struct birth *birth)
{
	const struct spawnctl_clone *clone = &birth->clone;

	if (clone->flags & (SPAWNCTL_CGROUP | SPAWNCTL_AUTOREAP))
		return -EOPNOTSUPP;
	/* valgrind does not support these flags and would end the program */
	if ((clone->flags & (SPAWNCTL_PIDFD | SPAWNCTL_SHARE_FILES)) && spawnctl_arch_emulated())
		return -EOPNOTSUPP;
	return spawnctl_arch_clone(SYS_clone, clone_flags(clone) | clone->exit_signal,
				   clone->stack + clone->stack_size, clone->pidfd,
				   spawnctl_birth_start, birth);
}

/*
 * Make the child by clone3(2) or clone(2). Signals are blocked in the caller until
 * spawnctl_birth_release(), and the child inherits that mask.
 */
static __attribute__((__noinline__)) long by_lower(struct birth *birth)
{
	struct spawnctl_clone *clone = &birth->clone;

	if (clone->sig_default & clone->sig_ignore)
		return -EINVAL;
	/* The child of clone(2) starts with the caller's handlers: block synchronous signals too */
	if (birth->backend == SPAWNCTL_BACKEND_CLONE)
		spawnctl_birth_hold_back(birth, SPAWNCTL_SIGSET_ALL);
	else if (!birth->held)
		spawnctl_birth_hold_back(birth, SPAWNCTL_SIGSET_HELD);
	birth->hold.wanted = true;
	if (!(clone->flags & SPAWNCTL_EXEC_MASK))
		clone->exec_mask = birth->mask;
	return birth->backend == SPAWNCTL_BACKEND_CLONE3 ? by_clone3(birth) : by_clone(birth);
}

void spawnctl_birth_release(struct birth *birth)
{
	if (birth->held)
		set_sigmask(&birth->mask);
	else if (birth->hold.wanted)
		set_sigmask(&birth->hold.mask);
	birth->held = false;
	birth->hold.wanted = false;
}

/* Fill in @birth->device with a descriptor: 0 or a negative errno */
static long take_device(struct birth *birth)
{
	struct device *device = &birth->device;

	if (birth->fd >= 0) {
		device->fd = birth->fd;
		device->from = DEVICE_CALLERS;
		return 0;
	}
	if (spawnctl_device_given(device))
		return 0;
	if (!birth->transient) {
		int ret = spawnctl_device_kept(device);

		if (ret <= 0)
			return ret;
	}
	spawnctl_birth_hold_back(birth, SPAWNCTL_SIGSET_HELD);
	return spawnctl_device_open(device);
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
static bool is_absence(const struct birth *birth, long error)
{
	switch (birth->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		if (birth->device.fd < 0 || (error == -EACCES && birth->refusal == EACCES))
			return true;
		return device_is_ours(&birth->device) &&
		       (error == -EPERM || error == -ENOSYS || error == -EMFILE);
	case SPAWNCTL_BACKEND_CLONE3:
		if (error == -ENOSYS)
			return true;
		return !(birth->clone.flags & SPAWNCTL_CGROUP) &&
		       (error == -EINVAL || error == -EPERM || error == -EACCES ||
			error == -EOPNOTSUPP);
	default:
		return false;
	}
}

/*
 * Whether the device is likely to stay absent, so that spawnctl_device_note_absence() is called. A
 * shortage of descriptors or memory may pass, and another thread may have closed the descriptor.
 */
static bool is_lasting(const struct birth *birth, long error)
{
	if (device_is_ours(&birth->device) && birth->refusal == EACCES)
		return true;
	return birth->device.fd < 0 && error != -EMFILE && error != -ENFILE && error != -ENOMEM &&
	       error != -EBADF && error != -EINTR;
}

/*
 * To be called after a call on @birth->device, or the search for a descriptor, has failed. The
 * descriptor that the environment names and the kept one may both have been closed or replaced.
 * Return: 0 if there is another descriptor to try, else a negative errno.
 */
static long device_failed(struct birth *birth, long error)
{
	struct device *device = &birth->device;

	while (device->fd >= 0) {
		int gone = spawnctl_device_check(device->fd, &birth->refusal);
		bool last = device->from == DEVICE_CALLERS || device->from == DEVICE_TRANSIENT;

		if (!gone)
			break;
		error = gone;
		spawnctl_device_lost(device, gone);
		if (last || ++birth->tries == 3)
			break;
		error = take_device(birth);
		if (!error)
			return 0;
	}
	return error;
}

long spawnctl_birth_next(struct birth *birth, long error)
{
	bool absent;

	if (birth->backend == SPAWNCTL_BACKEND_DEVICE) {
		error = device_failed(birth, error);
		if (!error)
			return 0;
	}
	absent = is_absence(birth, error);
	if (birth->backend == SPAWNCTL_BACKEND_DEVICE) {
		if (birth->device.fd >= 0)
			spawnctl_device_give_up(&birth->device, error == -EMFILE);
		if (absent && birth->fd < 0 && is_lasting(birth, error))
			spawnctl_device_note_absence(error);
		birth->device.fd = -1;
	}
	if (!absent || birth->demanded)
		return error;
	if (birth->backend == SPAWNCTL_BACKEND_DEVICE) {
		birth->passed_over = error;
		birth->backend = SPAWNCTL_BACKEND_CLONE3;
	} else {
		birth->backend = SPAWNCTL_BACKEND_CLONE;
	}
	return 0;
}

long spawnctl_birth_begin(struct birth *birth)
{
	long ret;

	birth->device = (struct device){ .fd = -1 };
	birth->tries = 0;
	birth->refusal = 0;
	birth->started = false;
	birth->held = false;
	birth->hold.wanted = false;
	birth->passed_over = 0;
	birth->demanded = birth->fd >= 0 || birth->backend != SPAWNCTL_BACKEND_ANY;
	if (birth->fd >= 0 || !birth->demanded)
		birth->backend = SPAWNCTL_BACKEND_DEVICE;
	if (birth->backend != SPAWNCTL_BACKEND_DEVICE)
		return 0;
	if (spawnctl_arch_emulated())
		return spawnctl_birth_next(birth, -ENOSYS);
	if (!birth->demanded) {
		birth->passed_over = spawnctl_device_absence();
		if (birth->passed_over) {
			birth->backend = SPAWNCTL_BACKEND_CLONE3;
			return 0;
		}
	}
	ret = take_device(birth);
	return ret ? spawnctl_birth_next(birth, ret) : 0;
}

long spawnctl_birth(struct birth *birth)
{
	long ret = spawnctl_birth_begin(birth);

	while (!ret) {
		ret = birth->backend == SPAWNCTL_BACKEND_DEVICE ? by_device(birth) :
								   by_lower(birth);
		if (ret >= 0)
			break;
		ret = spawnctl_birth_next(birth, ret);
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
				       spawnctl_birth_end, NULL);

	if (ret > 0)
		raw_syscall(SYS_wait4, ret, NULL, __WALL, NULL);
	return ret < 0 ? ret : 0;
}

/* A negative errno if the backend refuses this caller regardless of the request, else 0 */
static long ask(struct birth *birth)
{
	int refusal = 0;
	long ret;

	switch (birth->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		ret = spawnctl_device_check(birth->device.fd, &refusal);
		return ret ? ret : -refusal;
	case SPAWNCTL_BACKEND_CLONE3:
		ret = ask_clone3();
		return is_absence(birth, ret) ? ret : 0;
	default:
		return 0;
	}
}

int spawnctl_birth_backend(struct birth *birth)
{
	long ret;

	spawnctl_device_note_absence(0);
	ret = spawnctl_birth_begin(birth);
	while (!ret) {
		ret = ask(birth);
		if (!ret)
			break;
		ret = spawnctl_birth_next(birth, ret);
	}
	if (!ret && birth->backend == SPAWNCTL_BACKEND_DEVICE)
		spawnctl_device_put(&birth->device);
	spawnctl_birth_release(birth);
	return ret;
}
