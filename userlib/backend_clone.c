// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Make a child by clone3(2) or clone(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "backend_clone.h"
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

static unsigned long long clone_flags(const struct spawnctl_clone *clone)
{
	unsigned long long flags = CLONE_VM;

	if (!(clone->flags & SPAWNCTL_NO_WAIT))
		flags |= CLONE_VFORK;
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

	if (clone->flags & SPAWNCTL_NO_WAIT) {
		args.flags |= CLONE_CHILD_CLEARTID;
		args.child_tid = clone->child_tid;
	}
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

long spawnctl_clone_make_child(struct request *request)
{
	struct spawnctl_clone *clone = &request->clone;

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

long spawnctl_clone3_probe(void)
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
