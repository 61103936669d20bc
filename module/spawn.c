// SPDX-License-Identifier: GPL-2.0
/*
 * One birth: what is asked for is checked and put into kernel_clone()'s terms,
 * the child is made, and all is put back on every way out.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "compat/clone_flags.h"
#include "compat/no_new_privs.h"
#include "spawnctl.h"

/* What no mask ever holds: kill -9, cgroup.kill and the OOM killer must work */
#define UNBLOCKABLE	(sigmask(SIGKILL) | sigmask(SIGSTOP))

#define STACK_ALIGN	16UL

#define COMMON_FLAGS	(SPAWNCTL_WINDOW_MASK | SPAWNCTL_PIDFD | SPAWNCTL_CGROUP | \
			 SPAWNCTL_SHARE_FILES | SPAWNCTL_NO_NEW_PRIVS | SPAWNCTL_AUTOREAP | \
			 SPAWNCTL_PARENT_SETTID)
#define SPAWN_FLAGS	(COMMON_FLAGS | SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | \
			 SPAWNCTL_HOLD)
#define FORK_FLAGS	(COMMON_FLAGS | SPAWNCTL_SET_TID)

/* Those of @flags that this kernel has something for */
static u32 served(u32 flags)
{
	if (!CLONE_AUTOREAP)
		flags &= ~SPAWNCTL_AUTOREAP;
	/* Without cgroups the kernel takes the descriptor, and does nothing */
	if (!IS_ENABLED(CONFIG_CGROUPS))
		flags &= ~SPAWNCTL_CGROUP;
	return flags;
}

u32 spawnctl_spawn_flags(void)
{
	return served(SPAWN_FLAGS);
}

u32 spawnctl_fork_flags(void)
{
	return served(FORK_FLAGS);
}

static bool given(const struct spawnctl_clone *arg, u32 flag)
{
	return arg->flags & flag;
}

/*
 * kernel_clone() trusts its caller: what clone3() checks before calling it has
 * to be checked here, and only flags named here ever reach it.
 */
static int check_arg(const struct spawnctl_clone *arg, u32 known_flags)
{
	if (arg->flags & ~known_flags)
		return -EINVAL;
	if ((arg->window_mask && !given(arg, SPAWNCTL_WINDOW_MASK)) ||
	    (arg->exec_mask && !given(arg, SPAWNCTL_EXEC_MASK)) ||
	    (arg->pidfd && !given(arg, SPAWNCTL_PIDFD)) ||
	    (arg->cgroup && !given(arg, SPAWNCTL_CGROUP)) ||
	    (arg->parent_tid && !given(arg, SPAWNCTL_PARENT_SETTID)) ||
	    (arg->hold && !given(arg, SPAWNCTL_HOLD)))
		return -EINVAL;
	if (given(arg, SPAWNCTL_EXEC_MASK) && given(arg, SPAWNCTL_EXEC_KEEP_MASK))
		return -EINVAL;
	if (arg->sig_ignore & UNBLOCKABLE)
		return -EINVAL;
	if (arg->sig_ignore & arg->sig_default)
		return -EINVAL;
	if (!valid_signal(arg->exit_signal))
		return -EINVAL;
	if (given(arg, SPAWNCTL_AUTOREAP) && arg->exit_signal)
		return -EINVAL;
	if (arg->flags & ~served(known_flags))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * Stores the child's stack pointer, 0 for the caller's. The checks are those of
 * clone3(): access_ok() accepts a tagged address where the architecture has
 * them, which need not be positive as a long.
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
	*top = round_down(arg->stack + arg->stack_size, STACK_ALIGN);
	return *top > arg->stack ? 0 : -EINVAL;
}

/*
 * A hold that cannot be served is refused while there is no child: afterwards
 * the caller's handlers would run before the caller expects them. Nothing is
 * changed. The caller may wait here for a page of its own, so permission is
 * checked after this.
 */
static int check_hold(const struct spawnctl_clone *arg)
{
	struct spawnctl_hold __user *user = u64_to_user_ptr(arg->hold);
	struct spawnctl_hold hold;

	if (!given(arg, SPAWNCTL_HOLD))
		return 0;
	if (!arg->hold || copy_from_user(&hold, user, sizeof(hold)) ||
	    put_user(hold.mask, &user->mask))
		return -EFAULT;
	return 0;
}

static void set_signals(struct spawnctl_signals *signals, const struct spawnctl_clone *arg)
{
	u64 mask = given(arg, SPAWNCTL_WINDOW_MASK) ? arg->window_mask
						     : current->blocked.sig[0];

	signals->mask = mask & ~UNBLOCKABLE;
	signals->sig_default = arg->sig_default & ~UNBLOCKABLE;
	signals->sig_ignore = arg->sig_ignore;
	signals->has_exec_mask = arg->flags & (SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK);
	signals->exec_mask = given(arg, SPAWNCTL_EXEC_KEEP_MASK) ? current->blocked.sig[0]
								 : arg->exec_mask & ~UNBLOCKABLE;
}

static void set_kargs(struct kernel_clone_args *kargs, const struct spawnctl_clone *arg)
{
	kargs->flags |= CLONE_CLEAR_SIGHAND;
	kargs->exit_signal = arg->exit_signal;

	if (given(arg, SPAWNCTL_SHARE_FILES))
		kargs->flags |= CLONE_FILES;
	if (given(arg, SPAWNCTL_AUTOREAP))
		kargs->flags |= CLONE_AUTOREAP;
	if (given(arg, SPAWNCTL_NO_NEW_PRIVS))
		kargs->flags |= CLONE_NNP;
	if (given(arg, SPAWNCTL_PIDFD)) {
		kargs->flags |= CLONE_PIDFD;
		kargs->pidfd = u64_to_user_ptr(arg->pidfd);
	}
	if (given(arg, SPAWNCTL_CGROUP)) {
		kargs->flags |= CLONE_INTO_CGROUP;
		kargs->cgroup = arg->cgroup;
	}
	if (given(arg, SPAWNCTL_PARENT_SETTID)) {
		kargs->flags |= CLONE_PARENT_SETTID;
		kargs->parent_tid = u64_to_user_ptr(arg->parent_tid);
	}
	if (given(arg, SPAWNCTL_SET_TID) && current->clear_child_tid) {
		kargs->flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		kargs->child_tid = current->clear_child_tid;
	}
}

/* What the child is to block, reset or ignore */
static u64 concerned(const struct spawnctl_signals *signals)
{
	return signals->mask | signals->sig_default | signals->sig_ignore;
}

/*
 * Those of @set that the kernel drops when they are sent to the caller's process,
 * and that the child will ignore too: at SIG_IGN, unless the child has them
 * reset, or without an action by default, which a child ignores in any case. With
 * the siglock held.
 *
 * The init of a pid namespace drops all that is at SIG_DFL, unless it is blocked:
 * then it is handed to another thread, and a fatal one ends the namespace. Its
 * child does not ignore those, and can be killed by one until probe_fork() has set
 * its mask; that is the smaller evil.
 */
static u64 dropped_unless_blocked(u64 set, u64 reset)
{
	const struct k_sigaction *action =
		rcu_dereference_protected(current->sighand, true)->action;
	u64 by_default = current->signal->flags & SIGNAL_UNKILLABLE ? ~0ULL :
								       SIG_KERNEL_IGNORE_MASK;
	u64 dropped = 0;

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
 * Blocks in the caller too what the child is to block, reset or ignore. Returns
 * the mask as it was.
 *
 * A blocked signal is never dropped for being ignored: it is queued, and another
 * thread is woken for it, whose epoll_wait(2) then fails with EINTR though the
 * program has no handler. So a caller with other threads does not block what it
 * ignores, if the child ignores it too: such a signal has no effect on a child
 * that is being made. probe_fork() blocks it in the child.
 */
static u64 block(const struct spawnctl_signals *signals)
{
	u64 more = concerned(signals);
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
	/* Hands signals that this thread was to take to another thread */
	if (flagged)
		sigprocmask(SIG_SETMASK, &wide, NULL);
	return old;
}

/*
 * Never blocks anything: there is nothing to hand to another thread. What is flagged
 * stays so, for a call that is to be restarted on the way to user space.
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
 * Whether the child wants the caller's signals held back. What is then for the
 * caller to put back is @mask. Another thread may have installed a handler for
 * what was ignored when the call began: that is held back as well.
 */
static bool held(struct spawnctl_hold __user *hold, u64 mask,
		 const struct spawnctl_signals *signals)
{
	sigset_t all = { .sig = { concerned(signals) } };
	u64 wanted;

	if (!hold || get_user(wanted, &hold->wanted) || !wanted || put_user(mask, &hold->mask))
		return false;
	if (all.sig[0] & ~current->blocked.sig[0])
		sigprocmask(SIG_BLOCK, &all, NULL);
	return true;
}

/*
 * Born blocked. kill(2) sees the child from inside copy_process() on, before
 * the fork probe has given it its mask and handlers, and under the mask that it
 * copied: a fatal signal in that stretch would kill it, one that the caller
 * ignores and the child has reset would be dropped, and setting the mask
 * afterwards would undo neither. So the caller itself blocks whatever the child
 * is to block, reset or ignore before it makes the call, but for block()'s
 * exception, and the probe takes away what is too much.
 *
 * The caller's mask is never narrowed: a signal that is pending, and blocked by
 * the caller, would become deliverable, copy_process() would answer
 * -ERESTARTNOINTR, and the call would be restarted for ever.
 *
 * A child with @signals is expected, and no more when this returns.
 */
static noinline pid_t spawnctl_clone_call(const struct spawnctl_signals *signals,
					  struct kernel_clone_args *kargs,
					  struct spawnctl_hold __user *hold)
{
	u64 old = block(signals);
	u64 wide = current->blocked.sig[0];
	bool missed;
	pid_t nr;

	nr = static_call(spawnctl_kernel_clone)(kargs);

	/*
	 * A tracepoint is skipped by a task that is moved off a CPU as that
	 * goes offline, if it is preempted at just the wrong instruction. Such
	 * a child keeps the wide mask and the signals that the caller ignores.
	 */
	missed = spawnctl_child_forget();
	if (missed && nr > 0)
		pr_warn_once("child %d was not prepared\n", nr);

	/*
	 * Unless a tracer has given the caller another mask meanwhile. (It read
	 * the wide one, if it read it.)
	 */
	if (current->blocked.sig[0] != wide)
		old = current->blocked.sig[0];
	if (nr <= 0 || !held(hold, old, signals))
		unblock_to(old);
	return nr;
}

static long make_child(struct file *file, unsigned int nr, struct spawnctl_clone *arg,
		       u32 known_flags, u64 clone_flags)
{
	struct kernel_clone_args kargs = { .flags = clone_flags };
	struct lent_no_new_privs lent = {};
	struct spawnctl_signals signals;
	struct spawnctl_born born = {};
	unsigned long top;
	long ret;

	BUILD_BUG_ON((SPAWN_FLAGS | FORK_FLAGS) != SPAWNCTL_ALL_FLAGS);

	ret = check_arg(arg, known_flags);
	if (ret)
		return ret;
	ret = get_stack_top(arg, &top);
	if (ret)
		return ret;
	ret = check_hold(arg);
	if (ret)
		return ret;
	ret = spawnctl_grant_take(file, nr, arg);
	if (ret)
		return ret;
	set_signals(&signals, arg);
	ret = spawnctl_child_expect(&signals, nr, arg->flags, &born);
	if (ret) {
		spawnctl_grant_settle(file, false);
		return ret;
	}
	kargs.stack = top;
	set_kargs(&kargs, arg);

	/*
	 * On the descriptor that this call came by the system call took no
	 * reference, if the table has one user. But a child that shares the
	 * table can close it, and so can the caller itself: at a tracer's event
	 * in kernel_clone() it does what it has been left to do, by io_uring say.
	 */
	get_file(file);
	spawnctl_call_begins();
	if (given(arg, SPAWNCTL_NO_NEW_PRIVS))
		lend_no_new_privs(&lent);
	ret = spawnctl_clone_call(&signals, &kargs, u64_to_user_ptr(arg->hold));
	give_back_no_new_privs(&lent);
	spawnctl_call_ends(file, nr, arg->flags, ret, &born);
	spawnctl_grant_settle(file, ret > 0);
	/*
	 * copy_process() can fail after it has stored the number, which is
	 * somebody else's by now. If that cannot be stored, it was not either.
	 * A restart is answered before, and must find the struct as it was, in
	 * which the place may be.
	 */
	if (ret < 0 && ret != -ERESTARTNOINTR && given(arg, SPAWNCTL_PIDFD))
		(void)put_user(-1, kargs.pidfd);
	fput(file);
	return ret;
}

long spawnctl_spawn(struct file *file, void *arg)
{
	return make_child(file, SPAWNCTL_CMD_SPAWN, arg, SPAWN_FLAGS, CLONE_VM | CLONE_VFORK);
}

long spawnctl_fork(struct file *file, void *arg)
{
	return make_child(file, SPAWNCTL_CMD_FORK, arg, FORK_FLAGS, 0);
}
