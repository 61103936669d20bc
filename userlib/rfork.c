// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * FreeBSD's rfork(2) and rfork_thread(3), except rfork(RFSPAWN), which is in arch/.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "backend.h"
#include "fork.h"
#include "kernel.h"
#include "spawn_int.h"
#include "spawnctl/rfork.h"
#include "vfork.h"

#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS	40
#endif

#define ALL_FLAGS	(RFFDG | RFPROC | RFMEM | RFNOWAIT | RFCFDG | RFTHREAD | RFSIGSHARE | \
			 RFLINUXTHPN | RFTSIGZMB | RFTSIGFLAGS(RFTSIGMASK))
#define MAX_SIGNAL	64

__attribute__((__visibility__("hidden"))) pid_t spawnctl_rfork(int flags);
__attribute__((__visibility__("hidden"))) long spawnctl_rfspawn_prepare(struct vfork_call *call);

long spawnctl_rfspawn_prepare(struct vfork_call *call)
{
	call->request = (struct request){ .fd = -1 };
	return spawnctl_vfork_prepare(call);
}

static int check(int flags)
{
	if (flags & ~ALL_FLAGS)
		return -EINVAL;
	if ((flags & RFFDG) && (flags & RFCFDG))
		return -EINVAL;
	if ((flags & RFTSIGFLAGS(RFTSIGMASK)) && !(flags & RFTSIGZMB))
		return -EINVAL;
	if (RFTSIGNUM(flags) > MAX_SIGNAL)
		return -EINVAL;
	if ((flags & RFMEM) && !(flags & RFPROC))
		return -EINVAL;
	return 0;
}

static long change_caller(int flags)
{
	long ret = 0;

	if (flags & (RFFDG | RFCFDG))
		ret = raw_syscall(SYS_unshare, CLONE_FILES);
	if (!ret && (flags & RFCFDG))
		ret = spawnctl_close_span(0, ~0U);
	return ret;
}

/* Translate @flags to struct clone_args: [0] is flags, [2] child_tid, [4] exit_signal */
static void set_args(unsigned long long *args, int flags)
{
	if (flags & RFMEM)
		args[0] |= CLONE_VM;
	if (flags & RFSIGSHARE)
		args[0] |= CLONE_SIGHAND;
	if (!(flags & (RFFDG | RFCFDG)))
		args[0] |= CLONE_FILES;
	args[4] = SIGCHLD;
	if (flags & RFTSIGZMB)
		args[4] = RFTSIGNUM(flags);
	else if (flags & RFLINUXTHPN)
		args[4] = SIGUSR1;
	if (flags & RFNOWAIT) {
		args[0] |= CLONE_AUTOREAP;
		args[4] = 0;
	}
#ifdef __GLIBC__
	/* As fork(3) does: libc in the child reads its thread id at this address */
	if (!(flags & RFMEM) && !raw_syscall(SYS_prctl, PR_GET_TID_ADDRESS, &args[2]) && args[2])
		args[0] |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#endif
}

static void before_child(int flags)
{
	if (!(flags & (RFFDG | RFCFDG)))
		spawnctl_descriptor_others_in_table();
	if (!(flags & RFMEM))
		spawnctl_descriptor_before_fork();
}

/*
 * Set up what the kernel does not set up for these flags. A child with RFCFDG exits with status 127
 * if it cannot close the caller's descriptors, because neither close_range(2) nor /proc is
 * available.
 */
static void set_up_child(int flags, struct robust_list_head *robust)
{
	if (!(flags & RFMEM)) {
		spawnctl_new_robust_list(robust);
		spawnctl_descriptor_in_fork(!(flags & (RFFDG | RFCFDG)));
	} else if (flags & RFFDG) {
		spawnctl_descriptor_leave_table();
	}
	if ((flags & RFCFDG) && spawnctl_close_span(0, ~0U))
		raw_syscall(SYS_exit_group, 127);
}

pid_t spawnctl_rfork(int flags)
{
	unsigned long long args[8] = { 0 };
	struct robust_list_head *robust;
	long ret = check(flags);

	if (ret)
		return spawnctl_error(ret);
	if (!(flags & RFPROC)) {
		ret = change_caller(flags);
		return ret ? spawnctl_error(ret) : 0;
	}
	/* RFMEM: both processes would continue on the same stack. RFSIGSHARE requires RFMEM */
	if (flags & (RFMEM | RFSIGSHARE))
		return spawnctl_error(-EOPNOTSUPP);
	set_args(args, flags);
	/* valgrind would end the program */
	if ((args[0] & CLONE_FILES) && spawnctl_arch_emulated())
		return spawnctl_error(-EOPNOTSUPP);
	robust = spawnctl_robust_list();
	before_child(flags);
	if (flags & RFNOWAIT) {
		ret = raw_syscall(SYS_clone3, args, sizeof(args));
		if (ret == -EINVAL)
			ret = -EOPNOTSUPP;
	} else {
		/* The address is the fourth or the fifth argument; the other one is not used */
		ret = raw_syscall(SYS_clone, args[0] | args[4], 0, 0, args[2], args[2]);
	}
	if (!ret) {
		set_up_child(flags, robust);
		return 0;
	}
	spawnctl_descriptor_after_fork();
	return ret < 0 ? spawnctl_error(ret) : ret;
}

/* On the child's stack, because the caller does not wait and may reuse its own */
struct start {
	int (*fn)(void *arg);
	void *arg;
	int flags;
	struct robust_list_head *robust;
};

static int start_child(void *arg)
{
	const struct start *start = arg;

	set_up_child(start->flags, start->robust);
	return start->fn(start->arg);
}

static long spawn_thread(char *stack, int (*fn)(void *arg), void *arg)
{
	struct request request = {
		.clone = {
			.size = sizeof(request.clone),
			.stack = (unsigned long)stack - 16,
			.stack_size = 16,
			.exit_signal = SIGCHLD,
		},
		.open_window = true,
		.fd = -1,
		.fn = fn,
		.arg = arg,
	};
	int cancel = PTHREAD_CANCEL_ENABLE, saved = errno;
	long pid;

	/* The child shares this thread's control block, see spawnctl_thread() */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pid = spawnctl_backend_begin(&request);
	if (!pid)
		pid = spawnctl_backend_make_child(&request);
	pthread_setcancelstate(cancel, NULL);
	spawnctl_signals_release(&request.signals);
	errno = saved;
	return pid;
}

pid_t rfork_thread(int flags, void *stack, int (*fn)(void *arg), void *arg)
{
	char *top = (char *)((unsigned long)stack & ~15UL);
	unsigned long long args[8] = { 0 };
	struct start *start;
	long ret;

	if (!stack || !fn)
		return spawnctl_error(-EINVAL);
	if (flags == (int)RFSPAWN) {
		ret = spawn_thread(top, fn, arg);
		return ret < 0 ? spawnctl_error(ret) : ret;
	}
	ret = check(flags);
	if (!ret && !(flags & RFPROC))
		ret = -EINVAL;
	if (!ret && (flags & RFSIGSHARE) && !(flags & RFMEM))
		ret = -EOPNOTSUPP;
	/* valgrind would end the program */
	if (!ret && spawnctl_arch_emulated())
		ret = -ENOSYS;
	if (ret)
		return spawnctl_error(ret);

	top -= (sizeof(*start) + 15) & ~15UL;
	start = (struct start *)top;
	*start = (struct start){
		.fn = fn, .arg = arg, .flags = flags, .robust = spawnctl_robust_list(),
	};
	/*
	 * spawnctl_arch_clone() uses the register in which clone(2) takes the address for the
	 * thread id, so a child that needs the address is made by clone3(2)
	 */
	set_args(args, flags);
	/*
	 * clone3(2) takes the lowest address and the size, from which it also sizes the shadow
	 * stack. The size of @stack is not known: use SPAWNCTL_STACK_SIZE
	 */
	args[6] = (unsigned long)top > SPAWNCTL_STACK_SIZE ? SPAWNCTL_STACK_SIZE : 16;
	args[5] = (unsigned long)top - args[6];
	before_child(flags);
	if ((flags & RFNOWAIT) || args[2]) {
		ret = spawnctl_arch_clone(SYS_clone3, (long)args, sizeof(args), 0,
					  start_child, start);
		if (ret == -EINVAL && (flags & RFNOWAIT))
			ret = -EOPNOTSUPP;
	}
	/*
	 * clone(2) is also the fallback if a filter refuses clone3(2). The child's thread id is
	 * then not stored, and libc in the child has the parent's
	 */
	if (!(flags & RFNOWAIT) && (!args[2] || clone3_is_refused(ret)))
		ret = spawnctl_arch_clone(SYS_clone,
					  (args[0] & ~(CLONE_CHILD_SETTID |
						       CLONE_CHILD_CLEARTID)) | args[4],
					  (long)top, 0, start_child, start);
	if (!(flags & RFMEM))
		spawnctl_descriptor_after_fork();
	return ret < 0 ? spawnctl_error(ret) : ret;
}
