// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to a child, and when: three probes on the scheduler's
 * tracepoints.
 *
 *   fork  in the parent, after the child is complete and before it is woken:
 *         the child's signal dispositions and mask become what was asked for
 *   exec  in the child, after the new image is in place: the exec mask
 *   exit  in the child: what is left of the birth is dropped
 *
 * A birth is in the table from spawnctl_child_expect() until the fork probe
 * takes it out; if the child is to have an exec mask it goes back in there under
 * the child's name, is the child's from then on, and holds the module until the
 * exec or exit probe drops it. It is no part of the caller's stack: a task that
 * dies in the kernel never takes it out.
 *
 * The probes run for every fork, exec and exit on the machine, so the first
 * line of each is one test that nothing of ours is in flight. They run with
 * preemption off on most kernels, PREEMPT_RT's included: raw spinlocks only, no
 * allocation, no kfree(), and none of the signal code's own locks. What is
 * dropped is kept for the next birth, so that a spawn allocates nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

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
#include "spawnctl.h"
#include "trace.h"

#define TABLE_BITS	6
#define MOST_SPARE	4	/* in a bucket */

struct bucket {
	raw_spinlock_t lock;
	struct hlist_head births;	/* these are protected by lock */
	struct hlist_head spare;
	unsigned int spares;
} ____cacheline_aligned_in_smp;

static struct bucket table[1 << TABLE_BITS];

static atomic_t born_next = ATOMIC_INIT(0);	/* in the table, for the fork probe */
static atomic_t exec_next = ATOMIC_INIT(0);	/* in the table, for exec and exit */

/**
 * struct spawnctl_birth - what the probes are to do to one child
 * @node: place in the table, under the lock of @key's bucket, or among the spare
 *	ones of @home
 * @key: whose birth this is: the parent's task_struct until the child exists;
 *	from then on exec_key(), the child's signal_struct, which stays the same
 *	when a thread that is not the leader calls execve(2)
 * @home: the parent's bucket, where it is kept for the next birth
 * @start_time: @key's task's, to know it by: should the exit of one ever go
 *	unseen, the address will be another's
 * @signals: what is to be done
 * @command: by which it is made
 * @flags: as asked
 * @born: where the caller wants to be told, on its stack
 * @rcu: for freeing in a probe, where kfree() may not be called
 */
struct spawnctl_birth {
	struct hlist_node node;
	const void *key;
	struct bucket *home;
	u64 start_time;
	struct spawnctl_signals signals;
	unsigned int command;
	u32 flags;
	struct spawnctl_born *born;
	struct rcu_head rcu;
};

static struct bucket *bucket_of(const void *key)
{
	return &table[hash_ptr(key, TABLE_BITS)];
}

/* Told from the address of a task_struct, should one have been there before */
static const void *exec_key(const struct task_struct *task)
{
	return (const char *)task->signal + 1;
}

/* With @bucket locked */
static void table_add(struct bucket *bucket, struct spawnctl_birth *birth, const void *key)
{
	birth->key = key;
	hlist_add_head(&birth->node, &bucket->births);
}

static struct spawnctl_birth *table_take(const void *key)
{
	struct bucket *bucket = bucket_of(key);
	struct spawnctl_birth *birth, *found = NULL;

	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(birth, &bucket->births, node) {
		if (birth->key == key) {
			hlist_del(&birth->node);
			found = birth;
			break;
		}
	}
	raw_spin_unlock(&bucket->lock);
	return found;
}

/* It is over: kept, or freed */
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

/* With @bucket locked: NULL if it has none */
static struct spawnctl_birth *spare_birth(struct bucket *bucket)
{
	struct spawnctl_birth *birth;

	if (!bucket->spares)
		return NULL;
	birth = hlist_entry(bucket->spare.first, typeof(*birth), node);
	hlist_del(&birth->node);
	bucket->spares--;
	return birth;
}

/**
 * spawnctl_child_expect() - have the caller's next child prepared
 * @signals: how; spawnctl_child_forget() comes after the call that makes it
 * @command: SPAWN or FORK, for who traces it
 * @flags: as asked, for him too
 * @born: filled in when it is prepared
 *
 * Return: 0 or -ENOMEM.
 */
int spawnctl_child_expect(const struct spawnctl_signals *signals, unsigned int command,
			  u32 flags, struct spawnctl_born *born)
{
	struct bucket *bucket = bucket_of(current);
	struct spawnctl_birth *birth;

	raw_spin_lock(&bucket->lock);
	birth = spare_birth(bucket);
	if (unlikely(!birth)) {
		raw_spin_unlock(&bucket->lock);
		/* Goes from hand to hand: nobody's account it is on */
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
	birth->born = born;
	table_add(bucket, birth, current);
	raw_spin_unlock(&bucket->lock);
	if (signals->has_exec_mask)
		__module_get(THIS_MODULE);
	atomic_inc(&born_next);
	return 0;
}

static void drop_expected(struct spawnctl_birth *birth)
{
	if (birth->signals.has_exec_mask)
		module_put(THIS_MODULE);
	put_birth(birth);
}

static struct spawnctl_birth *take_expected(struct task_struct *parent)
{
	struct spawnctl_birth *birth = table_take(parent);

	if (!birth)
		return NULL;
	atomic_dec(&born_next);
	if (likely(birth->start_time == parent->start_time))
		return birth;
	/* Of a task that died in the kernel, and that was where this one is */
	drop_expected(birth);
	return NULL;
}

/**
 * spawnctl_child_forget() - expect no child of the caller any more
 *
 * Return: whether one was still expected.
 */
bool spawnctl_child_forget(void)
{
	struct spawnctl_birth *birth;

	/* Nobody's is in the table; the caller's would be counted */
	if (!atomic_read(&born_next))
		return false;
	birth = take_expected(current);
	if (!birth)
		return false;
	drop_expected(birth);
	return true;
}

/** spawnctl_child_exec_pending() - how many children hold an exec mask */
unsigned int spawnctl_child_exec_pending(void)
{
	return atomic_read(&exec_next);
}

/* Whoever sends a signal just then reads without a mark: see set_blocked() */
static __no_kcsan void set_handlers(struct task_struct *child, u64 signals, __sighandler_t handler)
{
	/* The child's own, until it runs */
	struct sighand_struct *sighand = rcu_dereference_protected(child->sighand, true);

	while (signals) {
		int i = __ffs64(signals);

		WRITE_ONCE(sighand->action[i].sa.sa_handler, handler);
		signals &= signals - 1;
	}
}

/*
 * @task is current, or a child that has not run yet: nobody else writes its
 * mask. It is written without the siglock, which may sleep on PREEMPT_RT. Who
 * sends a signal at this moment sees the old mask or the new one; what he
 * queued under the old one is found when the task looks next, with the lock
 * held, and the caller sees to it that it looks. So the race is wanted, and KCSAN is
 * not to find it.
 */
static __no_kcsan void set_blocked(struct task_struct *task, u64 mask)
{
	BUILD_BUG_ON(sizeof(task->blocked) != sizeof(mask));

	/*
	 * The handlers that go with a mask are seen before it. (By who reads
	 * mask, then handler, in order, as x86 does. Elsewhere a sender can take
	 * them for each other's, for a signal sent at this very moment.)
	 */
	smp_store_release(&task->blocked.sig[0], mask);
}

/*
 * The child can be seen by kill(2) already, and has been since before it left
 * copy_process(): with caught signals at SIG_DFL, and under the mask that the
 * parent widened for it, so that nothing that is to be blocked, reset or
 * ignored has been acted on (see block() in spawn.c). The mask is set after the
 * handlers. It loses what is too much; what schedule_tail() then finds
 * deliverable, in the child and under the siglock, meets the new handlers. It
 * gains only signals that the child ignores: one that comes before is dropped.
 *
 * A signal of @sig_ignore that came in between is not flushed. If the child's
 * mask does not block it, the child drops it before its first instruction;
 * if it does, it stays pending, as it does when it comes an instant later: a
 * signal that is blocked is never dropped for being ignored.
 */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct spawnctl_birth *birth;
	struct bucket *bucket;

	if (likely(!atomic_read(&born_next)))
		return;
	birth = take_expected(parent);
	if (!birth)
		return;

	set_handlers(child, birth->signals.sig_default, SIG_DFL);
	set_handlers(child, birth->signals.sig_ignore, SIG_IGN);
	set_blocked(child, birth->signals.mask);
	trace_spawnctl_clone(child->pid, birth->command, birth->flags);
	birth->born->start_time = child->start_time;
	birth->born->pid = child->pid;

	if (!birth->signals.has_exec_mask) {
		put_birth(birth);
		return;
	}
	bucket = bucket_of(exec_key(child));
	birth->start_time = child->start_time;
	raw_spin_lock(&bucket->lock);
	table_add(bucket, birth, exec_key(child));
	raw_spin_unlock(&bucket->lock);
	atomic_inc(&exec_next);
}

/* The birth of the process that @task is in is over */
static struct spawnctl_birth *drop(struct task_struct *task)
{
	struct spawnctl_birth *birth = table_take(exec_key(task));

	if (birth)
		atomic_dec(&exec_next);
	return birth;
}

static void probe_exec(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	struct spawnctl_birth *birth;
	u64 mask;

	if (likely(!atomic_read(&exec_next)))
		return;
	birth = drop(task);
	if (!birth)
		return;
	mask = birth->signals.exec_mask;

	/*
	 * Where the program gains rights, an LSM may just have emptied the mask
	 * (SELinux does, without the permission siginh): block nothing anew.
	 * What a policy empties with noatsecure allowed cannot be told.
	 */
	if (bprm->secureexec)
		mask &= task->blocked.sig[0];
	/* A thread that executes a program takes its leader's start_time */
	if (birth->start_time == task->start_time) {
		/* Looked at on the way to the program's first instruction */
		set_blocked(task, mask);
		set_tsk_thread_flag(task, TIF_SIGPENDING);
	}

	put_birth(birth);
	module_put(THIS_MODULE);
}

static void probe_exit(EXIT_PROBE_ARGS)
{
	struct spawnctl_birth *birth;

	if (likely(!atomic_read(&exec_next)))
		return;
	/* The last thread: all that could have executed a program are gone */
	if (atomic_read(&task->signal->live))
		return;
	birth = drop(task);
	if (!birth)
		return;

	put_birth(birth);
	/* Not the last we do here, but unloading waits for running probes */
	module_put(THIS_MODULE);
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

int __init spawnctl_child_init(void)
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

void spawnctl_child_exit(void)
{
	struct spawnctl_birth *birth;
	int i;

	unhook(ARRAY_SIZE(hooks));
	/* No probe runs any more, and no caller is left */
	for (i = 0; i < ARRAY_SIZE(table); i++)
		while ((birth = spare_birth(&table[i])))
			kfree(birth);
}
