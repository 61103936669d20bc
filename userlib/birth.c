// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A child by the device, else by clone3(2), else by clone(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "birth.h"
#include "kernel.h"

#define NSIGNALS	64
#define SIGSET_SIZE	8

/* struct clone_args of <linux/sched.h>, in which some lack the last member */
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

/* As the kernel has it: the handler first, all the rest 0 */
struct kernel_sigaction {
	unsigned long handler;
	unsigned long rest[7];
};

static void set_handler(int sig, void (*handler)(int))
{
	struct kernel_sigaction action;
	int i;

	/* One by one: else a compiler may call memset() */
	action.handler = (unsigned long)handler;
	for (i = 0; i < 7; i++)
		*(volatile unsigned long *)&action.rest[i] = 0;
	raw_syscall(SYS_rt_sigaction, sig, &action, NULL, SIGSET_SIZE);
}

static bool has_handler(int sig)
{
	struct kernel_sigaction action;

	return !raw_syscall(SYS_rt_sigaction, sig, NULL, &action, SIGSET_SIZE) &&
	       action.handler != (unsigned long)SIG_DFL &&
	       action.handler != (unsigned long)SIG_IGN;
}

/* What the device has done before its child runs. Nothing is unblocked yet. */
void spawnctl_birth_set_handlers(const struct birth *birth)
{
	bool all = birth->backend == SPAWNCTL_BACKEND_CLONE;
	int sig;

	if (!all && !birth->clone.sig_default && !birth->clone.sig_ignore)
		return;
	for (sig = 1; sig <= NSIGNALS; sig++) {
		unsigned long long bit = 1ULL << (sig - 1);

		if (birth->clone.sig_ignore & bit)
			set_handler(sig, SIG_IGN);
		else if ((birth->clone.sig_default & bit) || (all && has_handler(sig)))
			set_handler(sig, SIG_DFL);
	}
}

static int start(void *arg)
{
	struct birth *birth = arg;

	birth->started = true;
	if (birth->backend != SPAWNCTL_BACKEND_DEVICE) {
		spawnctl_birth_set_handlers(birth);
		if (birth->open_window)
			spawnctl_birth_before_exec(birth);
	}
	return birth->fn(birth->arg);
}

void spawnctl_birth_before_exec(const struct birth *birth)
{
	if (birth->backend != SPAWNCTL_BACKEND_DEVICE)
		set_sigmask(&birth->clone.exec_mask);
}

/*
 * @gone: it is not the device, whatever it answered. Asked after, so that a spawn
 * that is well costs nothing more; a file that is not the device has had an ioctl
 * then that it does not know.
 */
static long by_descriptor(struct birth *birth, int fd, bool *gone)
{
	long pid, error;

	birth->backend = SPAWNCTL_BACKEND_DEVICE;
	birth->tid = 0;
	pid = spawnctl_arch_clone(SYS_ioctl, fd, SPAWNCTL_IOC_SPAWN, (long)&birth->clone,
				  start, birth);
	/* Or it was killed before its first instruction: it is told by its id */
	if (birth->started || (pid > 0 && birth->tid == pid))
		return pid;
	error = spawnctl_device_check(fd, NULL);
	*gone = error;
	if (error)
		return error;
	return pid < 0 ? pid : -ENOTTY;
}

static void set_device_clone(const struct birth *birth, struct spawnctl_clone *clone)
{
	clone->flags |= SPAWNCTL_PARENT_SETTID | SPAWNCTL_HOLD;
	clone->parent_tid = (unsigned long)&birth->tid;
	clone->hold = (unsigned long)&birth->hold;
	if (birth->open_window)
		return;
	clone->window_mask = SPAWNCTL_SIGSET_ALL;
	if (!(clone->flags & SPAWNCTL_EXEC_MASK))
		clone->flags |= SPAWNCTL_EXEC_KEEP_MASK;
	clone->flags |= SPAWNCTL_WINDOW_MASK;
}

/*
 * Whether another way may be tried. EPERM of a descriptor that was given is what
 * LIMIT has taken away, and not to be had by clone(2), which may end the program
 * where such a descriptor is given; of one opened here it is a filter's or an LSM's.
 */
static bool is_absence(const struct device *device, int error)
{
	return error == EACCES || (error == EPERM && device_is_ours(device));
}

/* 0 or a negative errno */
static int get_device(struct birth *birth)
{
	if (birth->fd < 0)
		return spawnctl_device_get(&birth->device, birth->transient);
	birth->device = (struct device){ .fd = birth->fd, .from = DEVICE_CALLERS };
	return 0;
}

/*
 * @call: sets @gone if the descriptor is none of the device, whatever it answered.
 * That given by the environment and the kept one can both be gone.
 */
static inline __attribute__((__always_inline__)) long
on_descriptor(struct birth *birth, long (*call)(struct birth *birth, int fd, bool *gone),
	      bool *gone)
{
	struct device *device = &birth->device;
	long ret = 0;
	int tries;

	*gone = true;
	for (tries = 0; tries < 3; tries++) {
		ret = get_device(birth);
		if (ret)
			break;
		*gone = false;
		ret = call(birth, device->fd, gone);
		if (!*gone)
			break;
		spawnctl_device_lost(device, ret);
		if (device->from == DEVICE_CALLERS || device->from == DEVICE_TRANSIENT)
			break;
	}
	return ret;
}

/* @absent: it is not there for this caller, whatever is asked of it */
static long by_device(struct birth *birth, bool *absent)
{
	const __u32 asked = birth->clone.flags;
	bool gone;
	long pid;

	*absent = true;
	if (spawnctl_arch_emulated())
		return -ENOSYS;
	set_device_clone(birth, &birth->clone);
	birth->hold.wanted = birth->hold_all;
	pid = on_descriptor(birth, by_descriptor, &gone);
	if (!gone)
		spawnctl_device_put(&birth->device);
	*absent = gone || is_absence(&birth->device, -pid);
	birth->clone.flags = asked;
	if (pid < 0) {
		birth->device.fd = -1;
		/* The kernel has put the mask back */
		birth->hold.wanted = false;
	}
	return pid;
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
	birth->backend = SPAWNCTL_BACKEND_CLONE3;
	pid = spawnctl_arch_clone(SYS_clone3, (long)&args, sizeof(args), 0, start, birth);
	if (pid == -EINVAL && (clone->flags & SPAWNCTL_AUTOREAP))
		pid = -EOPNOTSUPP;
	return pid;
}

static long by_clone(struct birth *birth)
{
	const struct spawnctl_clone *clone = &birth->clone;

	if (clone->flags & (SPAWNCTL_CGROUP | SPAWNCTL_AUTOREAP))
		return -EOPNOTSUPP;
	/* It would end the program */
	if ((clone->flags & (SPAWNCTL_PIDFD | SPAWNCTL_SHARE_FILES)) && spawnctl_arch_emulated())
		return -EOPNOTSUPP;
	birth->backend = SPAWNCTL_BACKEND_CLONE;
	return spawnctl_arch_clone(SYS_clone, clone_flags(clone) | clone->exit_signal,
				   clone->stack + clone->stack_size, clone->pidfd, start, birth);
}

/* With everything blocked in the caller, and so in the child, until the release */
static __attribute__((__noinline__)) long
by_lower(struct birth *birth, enum spawnctl_backend wanted)
{
	struct spawnctl_clone *clone = &birth->clone;
	long pid = -ENOSYS;

	if (clone->sig_default & clone->sig_ignore)
		return -EINVAL;
	block_all_signals(&birth->hold.mask);
	birth->hold.wanted = true;
	if (!(clone->flags & SPAWNCTL_EXEC_MASK))
		clone->exec_mask = birth->hold.mask;
	if (wanted != SPAWNCTL_BACKEND_CLONE)
		pid = by_clone3(birth);
	/* A filter, or no such call, or not with that flag */
	if (wanted == SPAWNCTL_BACKEND_CLONE ||
	    (wanted == SPAWNCTL_BACKEND_ANY &&
	     (pid == -ENOSYS || (!(clone->flags & SPAWNCTL_CGROUP) &&
				 (pid == -EINVAL || pid == -EPERM)))))
		pid = by_clone(birth);
	return pid;
}

void spawnctl_birth_release(struct birth *birth)
{
	if (!birth->hold.wanted)
		return;
	birth->hold.wanted = false;
	set_sigmask(&birth->hold.mask);
}

long spawnctl_birth(struct birth *birth)
{
	enum spawnctl_backend wanted = birth->backend;
	bool absent = true;

	birth->device.fd = -1;
	birth->started = false;
	birth->passed_over = 0;
	birth->hold.wanted = false;
	if (birth->fd >= 0)
		wanted = SPAWNCTL_BACKEND_DEVICE;
	if (wanted == SPAWNCTL_BACKEND_ANY || wanted == SPAWNCTL_BACKEND_DEVICE) {
		long pid = by_device(birth, &absent);

		if (wanted == SPAWNCTL_BACKEND_DEVICE || !absent)
			return pid;
		birth->passed_over = pid;
	}
	return by_lower(birth, wanted);
}

/* Refused for its empty size, where a filter does not refuse it before */
static int clone3_refused(void)
{
	long ret = raw_syscall(SYS_clone3, NULL, 0);

	return ret == -EINVAL ? 0 : ret;
}

static long ask_descriptor(struct birth *birth, int fd, bool *gone)
{
	int refusal = 0;
	long ret = spawnctl_device_check(fd, &refusal);

	(void)birth;
	*gone = ret;
	return ret ? ret : -refusal;
}

/* @absent: as of by_device() */
static int probe_device(struct birth *birth, bool *absent)
{
	bool gone;
	int ret;

	*absent = true;
	if (spawnctl_arch_emulated())
		return -ENOSYS;
	ret = on_descriptor(birth, ask_descriptor, &gone);
	if (ret && !gone)
		spawnctl_device_put(&birth->device);
	*absent = gone || is_absence(&birth->device, -ret);
	return ret;
}

int spawnctl_birth_probe(struct birth *birth)
{
	enum spawnctl_backend wanted = birth->backend;
	bool absent;
	long ret;

	birth->passed_over = 0;
	if (birth->fd >= 0)
		wanted = SPAWNCTL_BACKEND_DEVICE;
	if (wanted == SPAWNCTL_BACKEND_ANY || wanted == SPAWNCTL_BACKEND_DEVICE) {
		ret = probe_device(birth, &absent);
		birth->backend = SPAWNCTL_BACKEND_DEVICE;
		if (!absent || wanted == SPAWNCTL_BACKEND_DEVICE)
			return ret;
		birth->passed_over = ret;
	}
	birth->device = (struct device){ .fd = -1 };
	if (wanted != SPAWNCTL_BACKEND_CLONE) {
		ret = clone3_refused();
		birth->backend = SPAWNCTL_BACKEND_CLONE3;
		if (!ret || wanted == SPAWNCTL_BACKEND_CLONE3)
			return ret;
	}
	birth->backend = SPAWNCTL_BACKEND_CLONE;
	return 0;
}

int spawnctl_birth_backend(struct birth *birth)
{
	int ret = spawnctl_birth_probe(birth);

	if (!ret && birth->backend == SPAWNCTL_BACKEND_DEVICE)
		spawnctl_device_put(&birth->device);
	return ret;
}
