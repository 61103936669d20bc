// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWN and FORK: check the struct, translate it for kernel_clone(), make the child,
 * restore the caller's state on every return path, and report the result.
 */
#include <linux/file.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "flags.h"
#include "netlink.h"
#include "no_new_privs.h"
#include "spawnctl.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

/* Never in a mask: kill -9, cgroup.kill and the OOM killer must work */
#define UNBLOCKABLE	(sigmask(SIGKILL) | sigmask(SIGSTOP))

#define CHILD_STACK_ALIGN	16UL

static bool has(const struct spawnctl_clone *arg, u32 flag)
{
	return arg->flags & flag;
}

/*
 * kernel_clone() trusts its caller. Whatever clone3(2) checks before it calls
 * kernel_clone() must be checked here. Only clone flags that this file names are passed
 * to kernel_clone().
 */
static int check_arg(const struct spawnctl_clone *arg, u32 known_flags)
{
	if (arg->flags & ~known_flags)
		return -EINVAL;
	if ((arg->window_mask && !has(arg, SPAWNCTL_WINDOW_MASK)) ||
	    (arg->exec_mask && !has(arg, SPAWNCTL_EXEC_MASK)) ||
	    (arg->pidfd && !has(arg, SPAWNCTL_PIDFD)) ||
	    (arg->cgroup && !has(arg, SPAWNCTL_CGROUP)) ||
	    (arg->parent_tid && !has(arg, SPAWNCTL_PARENT_SETTID)) ||
	    (arg->hold && !has(arg, SPAWNCTL_HOLD)) ||
	    (arg->child_tid && !has(arg, SPAWNCTL_NO_WAIT)))
		return -EINVAL;
	/*
	 * SPAWNCTL_NO_WAIT needs a stack, or the child would overwrite frames that the caller
	 * uses. It needs @child_tid, or the caller would not know when the stack is free again. A
	 * futex at an address that is not aligned would wake no task. SPAWNCTL_HOLD applies to the
	 * end of the wait. SPAWNCTL_CGROUP would expose the parent to the OOM killer of the
	 * child's cgroup. That killer skips a child of vfork(2), but not this one: it would count
	 * the parent's memory as the child's, and kill all processes that share it, in any cgroup.
	 */
	if (has(arg, SPAWNCTL_NO_WAIT) &&
	    (!arg->stack || !arg->child_tid || arg->child_tid % sizeof(__s32) ||
	     has(arg, SPAWNCTL_HOLD) || has(arg, SPAWNCTL_CGROUP)))
		return -EINVAL;
	if (has(arg, SPAWNCTL_EXEC_MASK) && has(arg, SPAWNCTL_EXEC_KEEP_MASK))
		return -EINVAL;
	if (arg->sig_ignore & UNBLOCKABLE)
		return -EINVAL;
	if (arg->sig_ignore & arg->sig_default)
		return -EINVAL;
	if (!valid_signal(arg->exit_signal))
		return -EINVAL;
	if (has(arg, SPAWNCTL_AUTOREAP) && arg->exit_signal)
		return -EINVAL;
	if (arg->flags & ~supported_flags(known_flags))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * Stores the child's stack pointer in @top, or 0 for the caller's. The checks are those of
 * clone3(2), and that the top is still above @stack after it is rounded down. The return
 * value is an errno only and not also the address: on an architecture with tagged
 * addresses, access_ok() accepts an address that is negative as a long, and it would be
 * taken for an errno.
 */
static int get_stack_top(const struct spawnctl_clone *arg, unsigned long *top)
{
	*top = 0;
	if (!arg->stack && !arg->stack_size)
		return 0;
	if (!arg->stack || !arg->stack_size)
		return -EINVAL;
	if (!access_ok(u64_to_user_ptr(arg->stack), arg->stack_size))
		return -EINVAL;
	*top = round_down(arg->stack + arg->stack_size, CHILD_STACK_ALIGN);
	return *top > arg->stack ? 0 : -EINVAL;
}

/*
 * Refuses an inaccessible struct spawnctl_hold before there is a child. Later it could only
 * be ignored, and the caller's handlers would run earlier than the caller expects. The write
 * stores the value that was read. Both accesses can wait for a long time in a page fault
 * (userfaultfd), so the permission of the caller is checked after check_hold().
 */
static int check_hold(const struct spawnctl_clone *arg)
{
	struct spawnctl_hold __user *user = u64_to_user_ptr(arg->hold);
	struct spawnctl_hold hold;

	if (!has(arg, SPAWNCTL_HOLD))
		return 0;
	if (!arg->hold || copy_from_user(&hold, user, sizeof(hold)) ||
	    put_user(hold.mask, &user->mask))
		return -EFAULT;
	return 0;
}

static void set_signals(struct spawnctl_signals *signals, const struct spawnctl_clone *arg)
{
	u64 mask = has(arg, SPAWNCTL_WINDOW_MASK) ? arg->window_mask
						   : current->blocked.sig[0];

	signals->mask = mask & ~UNBLOCKABLE;
	signals->sig_default = arg->sig_default & ~UNBLOCKABLE;
	signals->sig_ignore = arg->sig_ignore;
	signals->has_exec_mask = arg->flags & (SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK);
	signals->exec_mask = has(arg, SPAWNCTL_EXEC_KEEP_MASK) ? current->blocked.sig[0]
							       : arg->exec_mask & ~UNBLOCKABLE;
}

static void set_kargs(struct kernel_clone_args *kargs, const struct spawnctl_clone *arg)
{
	kargs->flags |= CLONE_CLEAR_SIGHAND;
	kargs->exit_signal = arg->exit_signal;

	if (has(arg, SPAWNCTL_NO_WAIT)) {
		kargs->flags &= ~CLONE_VFORK;
		kargs->flags |= CLONE_CHILD_CLEARTID;
		kargs->child_tid = u64_to_user_ptr(arg->child_tid);
		/* Determines the size of the child's shadow stack, if it gets one */
		kargs->stack_size = arg->stack_size;
	}

	if (has(arg, SPAWNCTL_SHARE_FILES))
		kargs->flags |= CLONE_FILES;
	if (has(arg, SPAWNCTL_AUTOREAP))
		kargs->flags |= CLONE_AUTOREAP;
	if (has(arg, SPAWNCTL_NO_NEW_PRIVS))
		kargs->flags |= CLONE_NNP;
	if (has(arg, SPAWNCTL_PIDFD)) {
		kargs->flags |= CLONE_PIDFD;
		kargs->pidfd = u64_to_user_ptr(arg->pidfd);
	}
	if (has(arg, SPAWNCTL_CGROUP)) {
		kargs->flags |= CLONE_INTO_CGROUP;
		kargs->cgroup = arg->cgroup;
	}
	if (has(arg, SPAWNCTL_PARENT_SETTID)) {
		kargs->flags |= CLONE_PARENT_SETTID;
		kargs->parent_tid = u64_to_user_ptr(arg->parent_tid);
	}
	if (has(arg, SPAWNCTL_SET_TID) && current->clear_child_tid) {
		kargs->flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		kargs->child_tid = current->clear_child_tid;
	}
}

/* The signals that the child is to block, reset or ignore */
static u64 deferred_signals(const struct spawnctl_signals *signals)
{
	return signals->mask | signals->sig_default | signals->sig_ignore;
}

/*
 * Returns those signals of @set that both the caller's process and the child ignore, so
 * that the kernel drops them. There are two kinds: signals at SIG_IGN that are not in
 * @reset, and signals at SIG_IGN or SIG_DFL whose default action is to be ignored.
 *
 * In the init process of a pid namespace, the kernel also drops each signal at SIG_DFL
 * that is not blocked. If the caller blocked SIGTERM at SIG_DFL, complete_signal() could
 * find another thread of init that does not block it, and would then kill all threads of
 * init (it does not check SIGNAL_UNKILLABLE), which ends the namespace. So signals at
 * SIG_DFL are returned too, although the child does not ignore them. Until probe_fork() has
 * set the child's mask, such a signal can kill the child. That does less harm: only one
 * process ends.
 */
static u64 dropped_unless_blocked(u64 set, u64 reset)
{
	const struct k_sigaction *action =
		rcu_dereference_protected(current->sighand, true)->action;
	u64 by_default = current->signal->flags & SIGNAL_UNKILLABLE ? ~0ULL :
								       SIG_KERNEL_IGNORE_MASK;
	u64 dropped = 0;

	lockdep_assert_held(siglock_of_current());
	while (set) {
		u64 bit = set & -set;
		__sighandler_t handler = action[__ffs64(set)].sa.sa_handler;

		if (handler == SIG_IGN && (bit & (~reset | SIG_KERNEL_IGNORE_MASK)))
			dropped |= bit;
		if (handler == SIG_DFL)
			dropped |= bit & by_default;
		set &= ~bit;
	}
	return dropped;
}

/*
 * Blocks in the caller the signals that the child is to block, reset or ignore. Returns
 * the caller's previous mask.
 *
 * The kernel does not drop a blocked signal, even if it is ignored. The signal is queued
 * and wakes another thread, whose epoll_wait(2) then fails with EINTR although the program
 * has no handler. So if the caller has other threads, block() leaves out signals that both
 * the caller and the child ignore. They have no effect on a child that is being made.
 * (For a child of an init process, see dropped_unless_blocked().) probe_fork() adds to the
 * child's mask those that the child is to block.
 */
static u64 block(const struct spawnctl_signals *signals)
{
	u64 more = deferred_signals(signals);
	u64 old = current->blocked.sig[0];
	sigset_t wide;
	bool flagged;

	spin_lock_irq(siglock_of_current());
	if (!thread_group_empty(current))
		more &= ~dropped_unless_blocked(more & ~old, signals->sig_default);
	wide.sig[0] = old | more;
	flagged = signal_pending(current);
	if (!flagged)
		current->blocked = wide;
	spin_unlock_irq(siglock_of_current());
	/* Slow path: retargets pending signals that this thread now blocks */
	if (flagged)
		sigprocmask(SIG_SETMASK, &wide, NULL);
	return old;
}

/*
 * Blocks no additional signal, so no pending signal has to be retargeted to another
 * thread. Never clears TIF_SIGPENDING: on the return to user space, the kernel restarts a
 * call that returns -ERESTARTNOINTR only with TIF_SIGPENDING or TIF_NOTIFY_SIGNAL.
 */
static void unblock_to(u64 mask)
{
	u64 pending;

	spin_lock_irq(siglock_of_current());
	current->blocked.sig[0] = mask;
	pending = current->pending.signal.sig[0] | current->signal->shared_pending.signal.sig[0];
	if (pending & ~mask)
		set_tsk_thread_flag(current, TIF_SIGPENDING);
	spin_unlock_irq(siglock_of_current());
}

/*
 * Returns whether signals stay blocked in the caller: @hold->wanted is not 0, and @hold is
 * accessible. If so, stores @mask for the caller to restore, and blocks the signals that
 * block() left out because they were ignored: another thread may have installed a handler
 * for them during the call.
 */
static bool keep_blocked(struct spawnctl_hold __user *hold, u64 mask,
			 const struct spawnctl_signals *signals)
{
	sigset_t all = { .sig = { deferred_signals(signals) } };
	u64 wanted;

	if (!hold || get_user(wanted, &hold->wanted) || !wanted || put_user(mask, &hold->mask))
		return false;
	if (all.sig[0] & ~current->blocked.sig[0])
		sigprocmask(SIG_BLOCK, &all, NULL);
	return true;
}

/*
 * From a point within copy_process() on, the child is visible to kill(2). Until the fork
 * probe sets the child's mask and actions, the child has the mask that it has copied from
 * the caller. Without precaution, a fatal signal in that time would kill the child, and a
 * signal that the caller ignores but the child is to reset would be dropped. The mask that
 * the probe sets later cannot undo either. So the caller itself first blocks all signals
 * that the child is to block, reset or ignore, except those that block() leaves out. The
 * child starts with this wider mask, and the probe narrows it.
 *
 * The caller's mask is never narrowed before the call. A pending signal that the caller
 * blocks would become deliverable, and copy_process() would return -ERESTARTNOINTR. As the
 * caller's mask would then be restored, the signal would stay pending, and each restart of
 * the call would fail in the same way.
 *
 * Before this function is called, spawnctl_birth_add() has added a birth. When this
 * function returns, the fork probe has used the birth, or the birth has been dropped.
 */
static noinline pid_t spawnctl_clone_call(const struct spawnctl_signals *signals,
					  struct kernel_clone_args *kargs,
					  struct spawnctl_hold __user *hold)
{
	u64 old = block(signals);
	u64 wide = current->blocked.sig[0];
	bool missed;
	pid_t child;

	child = static_call(spawnctl_kernel_clone)(kargs);

	/*
	 * A tracepoint skips its probes if cpu_online() is false for the current
	 * CPU. It skips them wrongly if the task is preempted between reading its
	 * CPU number and this check, and is moved because that CPU goes offline.
	 * The child then keeps the widened mask, has neither @sig_default nor
	 * @sig_ignore applied, and gets no exec mask.
	 */
	missed = spawnctl_birth_cancel();
	if (missed && child > 0)
		pr_warn_once("child %d: probe skipped, signal mask/actions may be wrong\n", child);

	/*
	 * Keep a mask that a tracer has set during the call. (A tracer that reads
	 * the mask during the call gets the widened one.)
	 */
	if (current->blocked.sig[0] != wide)
		old = current->blocked.sig[0];
	if (child <= 0 || !keep_blocked(hold, old, signals))
		unblock_to(old);
	return child;
}

/* noinline: a call without listeners needs no stack for the event */
static noinline void send_born(struct file *file, unsigned int command, u32 flags, pid_t child,
			       u64 wait)
{
	spawnctl_event_queue(&(struct spawnctl_event) {
		.command	= command,
		.flags		= flags,
		.has_flags	= true,
		.child		= child,
		.wait		= wait,
		.file_id	= spawnctl_grant_id(file),
	});
}

/* If @made is false, spawnctl_spawn_failed() reports the error later */
static void call_ends(struct file *file, unsigned int command, u32 flags, bool made,
		      const struct spawnctl_born *born)
{
	u64 wait = 0;

	spawnctl_stats_call_ends(command, made);
	if (made && command == SPAWNCTL_CMD_SPAWN && !(flags & SPAWNCTL_NO_WAIT)) {
		if (likely(born->start_time))
			wait = ktime_get_ns() - born->start_time;
		trace_spawnctl_release(born->pid, wait);
		spawnctl_stats_waited(wait);
	}
	if (made && unlikely(spawnctl_event_wanted()))
		send_born(file, command, flags, born->pid, wait);
}

/*
 * Kills a child that the fork probe has not added to its job, so that it cannot outlive the job.
 * If another thread has already reaped the child, its id is usually unused, and nothing is
 * killed. If the id is in use again, this kills at most another child of the caller's process,
 * and only one with no_new_privs.
 */
static void kill_missed(pid_t child)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = find_vpid(child);
	task = pid_task(pid, PIDTYPE_TGID);
	if (task && task_no_new_privs(task) &&
	    same_thread_group(rcu_dereference(task->real_parent), current))
		kill_pid(pid, SIGKILL, 1);
	rcu_read_unlock();
}

static long make_child(struct file *file, unsigned int command, struct spawnctl_clone *arg,
		       u32 known_flags, u64 clone_flags)
{
	struct kernel_clone_args kargs = { .flags = clone_flags };
	struct lent_no_new_privs lent = {};
	struct spawnctl_signals signals;
	struct spawnctl_born born = {};
	struct spawnctl_membership member;
	unsigned long top;
	long ret;

	ret = check_arg(arg, known_flags);
	if (ret)
		return ret;
	ret = get_stack_top(arg, &top);
	if (ret)
		return ret;
	ret = check_hold(arg);
	if (ret)
		return ret;
	/*
	 * Keep a reference to the file during the call. fdget() takes none if
	 * the descriptor table has one user, but a child that shares the table
	 * can close the descriptor. So can the caller itself: at a ptrace event in
	 * kernel_clone() it runs its task work, for example for io_uring.
	 */
	get_file(file);
	ret = spawnctl_grant_reserve(file, command, arg, &member);
	if (ret)
		goto out;
	set_signals(&signals, arg);
	ret = spawnctl_birth_add(&signals, command, arg->flags, &member, &born);
	if (ret) {
		spawnctl_grant_settle(file, &member, false);
		goto out;
	}
	kargs.stack = top;
	set_kargs(&kargs, arg);
	spawnctl_stats_call_begins();
	if (has(arg, SPAWNCTL_NO_NEW_PRIVS))
		lend_no_new_privs(&lent);
	ret = spawnctl_clone_call(&signals, &kargs, u64_to_user_ptr(arg->hold));
	give_back_no_new_privs(&lent);
	call_ends(file, command, arg->flags, ret > 0, &born);
	spawnctl_grant_settle(file, &member, ret > 0);
	if (unlikely(ret > 0 && member.kill && !born.start_time))
		kill_missed(ret);
	/*
	 * copy_process() can fail after it has stored the pidfd's number, which
	 * may by now be that of another file. So store -1 there. put_user()
	 * fails only if copy_process() could not store the number either, or
	 * another thread has unmapped or protected the memory since: there is
	 * nothing to do about it. With -ERESTARTNOINTR, which comes before the
	 * number is stored, store nothing: the restarted call reads the struct
	 * again, and the __s32 for the pidfd may be part of it.
	 */
	if (ret < 0 && ret != -ERESTARTNOINTR && has(arg, SPAWNCTL_PIDFD))
		(void)put_user(-1, kargs.pidfd);
out:
	fput(file);
	return ret;
}

long spawnctl_ioctl_spawn(struct file *file, void *arg)
{
	return make_child(file, SPAWNCTL_CMD_SPAWN, arg, SPAWN_FLAGS, CLONE_VM | CLONE_VFORK);
}

long spawnctl_ioctl_fork(struct file *file, void *arg)
{
	return make_child(file, SPAWNCTL_CMD_FORK, arg, FORK_FLAGS, 0);
}

/**
 * spawnctl_spawn_failed() - SPAWN or FORK has made no child
 * @file: the open file of the call
 * @command: SPAWN or FORK
 * @clone: the caller's struct; NULL if it was not or could not be copied
 * @error: result of the call, a negative errno
 */
void spawnctl_spawn_failed(struct file *file, unsigned int command,
			   const struct spawnctl_clone *clone, long error)
{
	u32 flags = clone ? clone->flags : 0;

	/*
	 * -ERESTARTNOINTR and -E2BIG do not count as failures. A call that returns
	 * -ERESTARTNOINTR is restarted by the kernel. A caller provokes -E2BIG to find out
	 * what this module knows, or whether the device refuses the caller, as libspawnctl
	 * does.
	 */
	if (error == -ERESTARTNOINTR || error == -E2BIG)
		return;
	error = -error;
	spawnctl_stats_failed(error);
	trace_spawnctl_refused(command, flags, error);
	if (unlikely(spawnctl_event_wanted()))
		spawnctl_event_queue(&(struct spawnctl_event) {
			.command	= command,
			.flags		= flags,
			.has_flags	= clone,
			.error		= error,
			.file_id	= spawnctl_grant_id(file),
		});
}
