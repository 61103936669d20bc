// SPDX-License-Identifier: GPL-2.0
/*
 * Three probes on the scheduler's tracepoints prepare a child:
 *
 *   fork  runs in the parent, after the child is complete and before it is woken;
 *         sets the child's signal dispositions and mask
 *   exec  runs in the child, after the new image is in place; sets the exec mask
 *   exit  runs in the child; drops the exec mask of a child that ends without an exec, and
 *         removes a child that ends from its job
 *
 * A birth is the record of how one child is to be prepared. spawnctl_birth_add() adds
 * it to the table under the parent's key, and the fork probe removes it. If the birth has
 * an exec mask or a job, the fork probe adds it again under the child's key. It then belongs
 * to the child. Its exec mask is dropped by the exec or exit probe, and its job by the exit
 * probe or at the last close of the open file; when it has neither, it is out of use. A birth
 * with an exec mask holds a reference to the module. One with a job does not need it: its
 * open file holds the module. A caller that dies in the kernel (an oops) leaves its birth in
 * the table. So a birth is never on the caller's stack, which is then freed.
 *
 * The probes run for every fork, exec and exit on the machine. So each begins with one
 * cheap test for pending births. They run with preemption disabled on most kernels,
 * including PREEMPT_RT. So they do not allocate and do not call kfree(). The only locks that
 * they take are raw spinlocks and, without PREEMPT_RT, the child's siglock. A spare is a birth
 * that is out of use and kept for reuse, so that usually a spawn does not allocate.
 */
#include <linux/binfmts.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat/exit_probe.h"
#include "compat/restore_sigmask.h"
#include "spawnctl.h"
#include "trace.h"

#define TABLE_BITS	6
#define CHAIN_BITS	6
#define MOST_SPARE	4	/* maximum number of spares of a bucket */

/*
 * A part of the table: one lock and many chains. A probe searches one chain with preemption
 * disabled, so the chains must stay short even with thousands of births in the table
 */
struct bucket {
	raw_spinlock_t lock;
	struct hlist_head births[1 << CHAIN_BITS];	/* lock protects the fields from here on */
	struct hlist_head spare;
	unsigned int spares;
} ____cacheline_aligned_in_smp;

static struct bucket table[1 << TABLE_BITS];

static atomic_t fork_pending = ATOMIC_INIT(0);	/* births that wait for the fork probe */
static atomic_t exec_pending = ATOMIC_INIT(0);	/* births whose exec mask is pending */
static atomic_t in_jobs = ATOMIC_INIT(0);	/* births of children that belong to a job */

/**
 * struct spawnctl_birth - how the probes are to prepare one child
 * @node: entry in a chain of a bucket or, out of use, in the list of spares of @home
 * @key: the address of the parent's task_struct until the child exists, then
 *	child_key() of the child, which stays the same when a thread that is not
 *	the leader calls execve(2)
 * @home: the bucket of the parent, to whose list of spares the birth goes after use
 * @start_time: start_time of the task that @key stands for. It detects a stale
 *	birth, which stays in the table if its caller dies in the kernel or its exit
 *	probe is skipped: the address in @key can then be reused
 * @signals: signal state for the child
 * @command: SPAWN or FORK
 * @flags: flags of the call
 * @job: the job to which the child is to belong, or belongs; NULL: none. Once the birth is
 *	under the child's key, the lock of the bucket protects this member, and @job is valid
 *	as long as it is not NULL
 * @kill: the child is killed if it is alive when @job ends
 * @pid: the child's process id in the initial pid namespace, once the child exists
 * @born: on the caller's stack; the fork probe fills it in
 * @rcu: for kfree_rcu(), as a probe must not call kfree()
 */
struct spawnctl_birth {
	struct hlist_node node;
	const void *key;
	struct bucket *home;
	u64 start_time;
	struct spawnctl_signals signals;
	unsigned int command;
	u32 flags;
	pid_t pid;
	bool kill;
	struct spawnctl_job *job;
	struct spawnctl_born *born;
	struct rcu_head rcu;
};

static struct bucket *bucket_of(const void *key)
{
	return &table[hash_ptr(key, TABLE_BITS)];
}

static struct hlist_head *chain_of(struct bucket *bucket, const void *key)
{
	u32 hash = hash_ptr(key, TABLE_BITS + CHAIN_BITS);

	return &bucket->births[hash & (ARRAY_SIZE(bucket->births) - 1)];
}

/*
 * The address of the signal_struct, plus 1 so that the key never equals the address of a
 * task_struct. Otherwise a stale birth, whose key is the address of a dead parent's
 * task_struct, could match a signal_struct that has reused this address.
 */
static const void *child_key(const struct task_struct *task)
{
	return (const char *)task->signal + 1;
}

static void table_add(struct bucket *bucket, struct spawnctl_birth *birth, const void *key)
{
	lockdep_assert_held(&bucket->lock);
	birth->key = key;
	hlist_add_head(&birth->node, chain_of(bucket, key));
}

static struct spawnctl_birth *table_find(struct bucket *bucket, const void *key)
{
	struct spawnctl_birth *birth;

	lockdep_assert_held(&bucket->lock);
	hlist_for_each_entry(birth, chain_of(bucket, key), node)
		if (birth->key == key)
			return birth;
	return NULL;
}

/* Keeps a birth that is no longer in the table as a spare, or frees it */
static void put_birth(struct spawnctl_birth *birth)
{
	struct bucket *home = birth->home;
	bool kept;

	raw_spin_lock(&home->lock);
	kept = home->spares < MOST_SPARE;
	if (kept) {
		hlist_add_head(&birth->node, &home->spare);
		home->spares++;
	}
	raw_spin_unlock(&home->lock);
	if (!kept)
		kfree_rcu(birth, rcu);
}

/* Returns NULL if there is no spare */
static struct spawnctl_birth *take_spare(struct bucket *bucket)
{
	struct spawnctl_birth *birth;

	lockdep_assert_held(&bucket->lock);
	if (!bucket->spares)
		return NULL;
	birth = hlist_entry(bucket->spare.first, typeof(*birth), node);
	hlist_del(&birth->node);
	bucket->spares--;
	return birth;
}

/**
 * spawnctl_birth_add() - have the fork probe prepare the caller's next child
 * @signals: signal state for the child
 * @command: SPAWN or FORK, for the tracepoint
 * @flags: flags of the call, for the tracepoint
 * @member: the job to which the child is to belong; the caller has counted the child in it
 * @born: filled in by the fork probe; unchanged if that does not run
 *
 * spawnctl_birth_cancel() must be called after the call that makes the child.
 *
 * Return: 0 or -ENOMEM.
 */
int spawnctl_birth_add(const struct spawnctl_signals *signals, unsigned int command,
		       u32 flags, const struct spawnctl_membership *member,
		       struct spawnctl_born *born)
{
	struct bucket *bucket = bucket_of(current);
	struct spawnctl_birth *birth;

	raw_spin_lock(&bucket->lock);
	birth = take_spare(bucket);
	if (unlikely(!birth)) {
		raw_spin_unlock(&bucket->lock);
		/* Recycled across tasks, so not charged to a memory cgroup */
		birth = kmalloc(sizeof(*birth), GFP_KERNEL);
		if (!birth)
			return -ENOMEM;
		raw_spin_lock(&bucket->lock);
	}
	birth->home = bucket;
	birth->start_time = current->start_time;
	birth->signals = *signals;
	birth->command = command;
	birth->flags = flags;
	birth->job = member->job;
	birth->kill = member->kill;
	birth->born = born;
	table_add(bucket, birth, current);
	raw_spin_unlock(&bucket->lock);
	if (signals->has_exec_mask)
		__module_get(THIS_MODULE);
	atomic_inc(&fork_pending);
	return 0;
}

static void drop_birth(struct spawnctl_birth *birth)
{
	if (birth->signals.has_exec_mask)
		module_put(THIS_MODULE);
	put_birth(birth);
}

static struct spawnctl_birth *take_birth(struct task_struct *parent)
{
	struct bucket *bucket = bucket_of(parent);
	struct spawnctl_birth *birth;

	raw_spin_lock(&bucket->lock);
	birth = table_find(bucket, parent);
	if (birth)
		hlist_del(&birth->node);
	raw_spin_unlock(&bucket->lock);
	if (!birth)
		return NULL;
	atomic_dec(&fork_pending);
	if (likely(birth->start_time == parent->start_time))
		return birth;
	/* Stale: the task_struct address has been reused */
	drop_birth(birth);
	return NULL;
}

/**
 * spawnctl_birth_cancel() - drop the birth that the caller has added, if it is unused
 *
 * Return: true if it was unused: no child was made, or the fork probe did not run, so the
 * child is not prepared.
 */
bool spawnctl_birth_cancel(void)
{
	struct spawnctl_birth *birth;

	/* Fast path: no birth is pending */
	if (!atomic_read(&fork_pending))
		return false;
	birth = take_birth(current);
	if (!birth)
		return false;
	drop_birth(birth);
	return true;
}

/** spawnctl_probes_exec_pending() - number of children with a pending exec mask */
unsigned int spawnctl_probes_exec_pending(void)
{
	return atomic_read(&exec_pending);
}

/*
 * The sighand is not shared with another task, and the child does not run yet, so no other task
 * writes the actions. On PREEMPT_RT a concurrent sender reads them by plain loads, hence
 * __no_kcsan.
 */
static __no_kcsan void set_actions(struct task_struct *child, u64 signals, __sighandler_t handler)
{
	struct sighand_struct *sighand = rcu_dereference_protected(child->sighand, true);

	while (signals) {
		int i = __ffs64(signals);

		WRITE_ONCE(sighand->action[i].sa.sa_handler, handler);
		signals &= signals - 1;
	}
}

/*
 * @task is current or a child that has not run yet, so no other task writes its mask. probe_exec(),
 * and set_signals() on PREEMPT_RT, call this without the siglock: a concurrent sender sees the old
 * mask or the new one. Without the siglock, set_signals() only adds signals. A sender that races
 * with probe_exec() and still sees the old mask can queue a signal that the new mask does not
 * block, without waking @task. As probe_exec() sets TIF_SIGPENDING, @task finds that signal before
 * it returns to user space. The data race is harmless, so KCSAN must not report it.
 */
static __no_kcsan void set_blocked(struct task_struct *task, u64 mask)
{
	BUILD_BUG_ON(sizeof(task->blocked) != sizeof(mask));
	WRITE_ONCE(task->blocked.sig[0], mask);
}

/*
 * A sender reads the mask, then the action, under the child's siglock. If it saw the narrowed
 * mask and an old action, it would kill the child with a signal that the child is to ignore, or
 * drop one that the child is to reset. So actions and mask change under the siglock. No order
 * of the stores would suffice: on weakly ordered architectures the sender's loads can be
 * reordered (docs/litmus/).
 *
 * On PREEMPT_RT the siglock can sleep, so it is not taken. There the actions are set, and signals
 * are only added to the mask. If the mask must be narrowed, the child does that itself, under
 * the siglock and before its first instruction in user space: TIF_NOTIFY_SIGNAL makes it reach
 * restore_saved_sigmask(). No handler runs before that, because CLONE_CLEAR_SIGHAND has reset all
 * handlers. Until then the child has the mask @wide.
 */
static void set_signals(struct task_struct *child, const struct spawnctl_signals *signals)
{
	spinlock_t *siglock = &rcu_dereference_protected(child->sighand, true)->siglock;
	unsigned long flags;
	u64 wide;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		set_actions(child, signals->sig_default, SIG_DFL);
		set_actions(child, signals->sig_ignore, SIG_IGN);
		wide = child->blocked.sig[0] | signals->mask;
		set_blocked(child, wide);
		if (wide != signals->mask) {
			child->saved_sigmask.sig[0] = signals->mask;
			set_child_restore_sigmask(child);
		}
		return;
	}
	spin_lock_irqsave(siglock, flags);
	set_actions(child, signals->sig_default, SIG_DFL);
	set_actions(child, signals->sig_ignore, SIG_IGN);
	set_blocked(child, signals->mask);
	spin_unlock_irqrestore(siglock, flags);
}

/*
 * The child has been visible to kill(2) since before copy_process() returned. Until now
 * it has had SIG_DFL for caught signals, and the mask that block() in spawn.c widened in
 * the parent. So no signal that the child is to block, reset or ignore has had an effect
 * on it, except those that block() leaves out.
 *
 * The signals of the caller's wide mask that the child is not to block are removed from the
 * child's mask, by set_signals() or, on PREEMPT_RT, by the child. If one of them is pending,
 * calculate_sigpending() or, on PREEMPT_RT, restore_saved_sigmask() finds it under the siglock
 * before the child's first instruction, and its new action applies: SIG_DFL or SIG_IGN.
 * Setting the mask adds only the signals that block() left out. If such a signal was sent
 * earlier, it has been dropped, because the child ignores it. (In a child of an init
 * process, the default action of a signal at SIG_DFL has occurred.)
 *
 * A signal of @sig_ignore that was sent during the copy is not flushed. If the
 * child's mask does not block it, the child drops it before its first instruction.
 * If the mask blocks it, it stays pending, as it would if it were sent a moment
 * later: a blocked signal is never dropped for being ignored.
 */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct spawnctl_birth *birth;
	struct bucket *bucket;

	if (likely(!atomic_read(&fork_pending)))
		return;
	birth = take_birth(parent);
	if (!birth)
		return;

	set_signals(child, &birth->signals);
	trace_spawnctl_clone(child->pid, birth->command, birth->flags);
	birth->born->start_time = child->start_time;
	birth->born->pid = child->pid;

	if (!birth->signals.has_exec_mask && !birth->job) {
		put_birth(birth);
		return;
	}
	bucket = bucket_of(child_key(child));
	birth->start_time = child->start_time;
	birth->pid = child->pid;
	raw_spin_lock(&bucket->lock);
	table_add(bucket, birth, child_key(child));
	raw_spin_unlock(&bucket->lock);
	/*
	 * The counters may follow table_add(): the child does not run yet, so its exec and exit
	 * probes do not miss the birth, and the caller holds the open file, so that
	 * spawnctl_job_end() does not run
	 */
	if (birth->signals.has_exec_mask)
		atomic_inc(&exec_pending);
	if (birth->job)
		atomic_inc(&in_jobs);
}

/*
 * Takes @birth out of its job. The lock keeps the job allocated: the last close of its open file
 * takes the lock of each bucket that has a birth of the job, before it frees the job.
 * The count must be decremented last: once it is 0, the last close takes no more locks.
 */
static void leave_job(struct bucket *bucket, struct spawnctl_birth *birth)
{
	struct spawnctl_job *job = birth->job;

	lockdep_assert_held(&bucket->lock);
	if (!job)
		return;
	birth->job = NULL;
	atomic_dec(&in_jobs);
	atomic_dec(&job->live);
}

static void drop_exec_mask(void)
{
	atomic_dec(&exec_pending);
	/* Module text still runs after this, but unloading waits for running probes */
	module_put(THIS_MODULE);
}

static void probe_exec(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	struct spawnctl_birth *birth;
	struct bucket *bucket;
	u64 mask, start_time;
	bool in_job;

	if (likely(!atomic_read(&exec_pending)))
		return;
	bucket = bucket_of(child_key(task));
	raw_spin_lock(&bucket->lock);
	birth = table_find(bucket, child_key(task));
	if (!birth || !birth->signals.has_exec_mask) {
		raw_spin_unlock(&bucket->lock);
		return;
	}
	birth->signals.has_exec_mask = false;
	mask = birth->signals.exec_mask;
	start_time = birth->start_time;
	in_job = birth->job;
	if (!in_job)
		hlist_del(&birth->node);
	raw_spin_unlock(&bucket->lock);

	/*
	 * If the program gains privileges, an LSM may just have cleared the mask
	 * (SELinux does so unless the policy grants siginh): block no additional
	 * signal. If the policy grants noatsecure, secureexec is not set, and a
	 * cleared mask cannot be detected.
	 */
	if (bprm->secureexec)
		mask &= task->blocked.sig[0];
	/*
	 * If the start times differ, the birth is stale. If a thread that was not
	 * the leader has called execve(2), they are equal, because by now it has
	 * taken over the leader's start_time.
	 */
	if (start_time == task->start_time) {
		/*
		 * exec has reset caught signals to SIG_DFL. A sender that sees the new mask, but
		 * still the old handler, queues its signal: it neither drops the signal nor kills
		 * the process. Pending signals are rechecked before the program's first
		 * instruction.
		 */
		set_blocked(task, mask);
		set_tsk_thread_flag(task, TIF_SIGPENDING);
	}

	if (!in_job)
		put_birth(birth);
	drop_exec_mask();
}

static void probe_exit(EXIT_PROBE_ARGS)
{
	struct spawnctl_birth *birth;
	struct bucket *bucket;

	if (likely(!atomic_read(&exec_pending) && !atomic_read(&in_jobs)))
		return;
	/* Another thread of the process still runs, and can call execve(2) */
	if (atomic_read(&task->signal->live))
		return;
	bucket = bucket_of(child_key(task));
	raw_spin_lock(&bucket->lock);
	birth = table_find(bucket, child_key(task));
	if (birth) {
		hlist_del(&birth->node);
		leave_job(bucket, birth);
	}
	raw_spin_unlock(&bucket->lock);
	if (!birth)
		return;

	if (birth->signals.has_exec_mask)
		drop_exec_mask();
	put_birth(birth);
}

/*
 * Removes one birth from @job, and stores its child in @child, with the process id 0 if it is
 * not to be killed. Returns false if @chain has no birth of @job.
 */
static bool take_from_job(struct bucket *bucket, struct hlist_head *chain,
			  struct spawnctl_job *job, struct spawnctl_born *child)
{
	struct spawnctl_birth *birth;
	bool found, in_use = false;

	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(birth, chain, node)
		if (birth->job == job)
			break;
	found = birth;
	if (found) {
		child->start_time = birth->start_time;
		child->pid = birth->kill ? birth->pid : 0;
		leave_job(bucket, birth);
		/* The exec or exit probe drops the exec mask */
		in_use = birth->signals.has_exec_mask;
		if (!in_use)
			hlist_del(&birth->node);
	}
	raw_spin_unlock(&bucket->lock);
	if (found && !in_use)
		put_birth(birth);
	return found;
}

/* The start time tells the child from a later process with its id */
static void kill_child(const struct spawnctl_born *child)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = find_pid_ns(child->pid, &init_pid_ns);
	task = pid_task(pid, PIDTYPE_TGID);
	if (task && task->start_time == child->start_time)
		kill_pid(pid, SIGKILL, 1);
	rcu_read_unlock();
}

/**
 * spawnctl_job_end() - the open file of a job has been closed
 * @job: the job, to which no child is added any more
 *
 * Kills the children that are to be killed. When this function returns, no probe uses @job, so
 * that it can be freed.
 */
void spawnctl_job_end(struct spawnctl_job *job)
{
	struct spawnctl_born child;
	struct bucket *bucket;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(table) && atomic_read(&job->live); i++) {
		bucket = &table[i];
		for (j = 0; j < ARRAY_SIZE(bucket->births); j++) {
			while (take_from_job(bucket, &bucket->births[j], job, &child))
				if (child.pid)
					kill_child(&child);
			cond_resched();
		}
	}
}

static struct {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} hooks[] = {
	{ "sched_process_exit", probe_exit },
	{ "sched_process_exec", probe_exec },
	{ "sched_process_fork", probe_fork },
};

static void find_tracepoint(struct tracepoint *tp, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tp->name, hooks[i].name))
			hooks[i].tp = tp;
}

static void unhook(int n)
{
	while (n--)
		tracepoint_probe_unregister(hooks[n].tp, hooks[n].probe, NULL);
	tracepoint_synchronize_unregister();
}

int __init spawnctl_probes_init(void)
{
	int i, ret;

	check_trace_callback_type_sched_process_fork(probe_fork);
	check_trace_callback_type_sched_process_exec(probe_exec);
	check_trace_callback_type_sched_process_exit(probe_exit);

	for (i = 0; i < ARRAY_SIZE(table); i++)
		raw_spin_lock_init(&table[i].lock);

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		ret = -ENOENT;
		if (hooks[i].tp)
			ret = tracepoint_probe_register(hooks[i].tp, hooks[i].probe, NULL);
		if (ret) {
			pr_err("cannot hook tracepoint %s (error %d)\n", hooks[i].name, ret);
			unhook(i);
			return ret;
		}
	}
	return 0;
}

static void free_births(struct hlist_head *list)
{
	struct spawnctl_birth *birth;
	struct hlist_node *next;

	hlist_for_each_entry_safe(birth, next, list, node)
		kfree(birth);
}

void spawnctl_probes_exit(void)
{
	int i, j;

	unhook(ARRAY_SIZE(hooks));
	/* No lock is needed: no probe runs any more, and no caller is left */
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		free_births(&table[i].spare);
		/*
		 * Only a forced unload finds births here: their caller died in the kernel, or
		 * the exit probe was skipped, and so a reference to the module leaked
		 */
		for (j = 0; j < ARRAY_SIZE(table[i].births); j++)
			free_births(&table[i].births[j]);
	}
}
