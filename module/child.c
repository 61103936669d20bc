// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to a child, and when: three probes on the scheduler's
 * tracepoints.
 *
 *   fork  in the parent, after the child is complete and before it is woken:
 *         the child's signal dispositions and mask become what was asked for
 *   exec  in the child, after the new image is in place: the exec mask
 *   exit  in the child: what is left of its record is dropped
 *
 * A birth is in the table from spawnctl_child_expect() until the fork probe
 * takes it out. If the child is to have an exec mask, a record of that goes in
 * there under the child's name, is the child's from then on, and holds the
 * module until the exec or exit probe drops it.
 *
 * The probes run for every fork, exec and exit on the machine, so the first
 * line of each is one test that nothing of ours is in flight. They run with
 * preemption off on most kernels, PREEMPT_RT's included: raw spinlocks only, no
 * allocation, no kfree(), and none of the signal code's own locks. So a record
 * that is dropped is kept for the next birth.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/binfmts.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat/exit_probe.h"
#include "spawnctl.h"

#define TABLE_BITS	6
#define MOST_SPARE	16	/* in a bucket, before one is freed at each birth */

struct bucket {
	raw_spinlock_t lock;
	struct hlist_head entries;	/* these are protected by lock */
	struct hlist_head spare;
	unsigned int spare_count;
} ____cacheline_aligned_in_smp;

static struct bucket table[1 << TABLE_BITS];

static atomic_t born_next = ATOMIC_INIT(0);	/* births in the table */
static atomic_t exec_next = ATOMIC_INIT(0);	/* records in the table */

/**
 * struct spawnctl_record - what the exec probe is to do to one child
 * @entry: in the table under the child's signal_struct, as that is what stays
 *	the same when a thread that is not the leader calls execve(2); or among
 *	@home's spare ones
 * @home: the bucket of the parent, whose next birth may use it again
 * @start_time: the child's, to know it by: should its exit ever go unseen, its
 *	signal_struct's address will be another process's
 * @mask: its mask from exec on
 */
struct spawnctl_record {
	struct spawnctl_entry entry;
	struct bucket *home;
	u64 start_time;
	u64 mask;
};

static struct bucket *bucket_of(const void *key)
{
	return &table[hash_ptr(key, TABLE_BITS)];
}

/* With @bucket locked */
static void table_add(struct bucket *bucket, struct spawnctl_entry *entry, const void *key)
{
	entry->key = key;
	hlist_add_head(&entry->node, &bucket->entries);
}

static struct spawnctl_entry *table_take(const void *key)
{
	struct bucket *bucket = bucket_of(key);
	struct spawnctl_entry *entry, *found = NULL;

	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(entry, &bucket->entries, node) {
		if (entry->key == key) {
			hlist_del(&entry->node);
			found = entry;
			break;
		}
	}
	raw_spin_unlock(&bucket->lock);
	return found;
}

/* Its bucket has no more than there have been children without a program at once. */
static void spare_add(struct spawnctl_record *record)
{
	struct bucket *home = record->home;

	raw_spin_lock(&home->lock);
	hlist_add_head(&record->entry.node, &home->spare);
	home->spare_count++;
	raw_spin_unlock(&home->lock);
}

/* With @bucket locked: one of more than @keep, or NULL */
static struct spawnctl_record *spare_take(struct bucket *bucket, unsigned int keep)
{
	struct spawnctl_record *record;

	if (bucket->spare_count <= keep)
		return NULL;
	record = hlist_entry(bucket->spare.first, typeof(*record), entry.node);
	hlist_del(&record->entry.node);
	bucket->spare_count--;
	return record;
}

/**
 * spawnctl_child_expect() - have the caller's next child prepared
 * @birth: how; in the table until spawnctl_child_forget()
 * @exec_mask: what its mask is to be from exec on, or NULL
 *
 * Return: 0 or -ENOMEM.
 */
int spawnctl_child_expect(struct spawnctl_birth *birth, const u64 *exec_mask)
{
	struct spawnctl_record *record = NULL, *surplus = NULL;
	struct bucket *bucket = bucket_of(current);

	raw_spin_lock(&bucket->lock);
	if (exec_mask) {
		record = spare_take(bucket, 0);
		surplus = spare_take(bucket, MOST_SPARE);
		if (unlikely(!record)) {
			raw_spin_unlock(&bucket->lock);
			record = kmalloc(sizeof(*record), GFP_KERNEL);
			if (!record)
				return -ENOMEM;
			raw_spin_lock(&bucket->lock);
		}
		record->home = bucket;
		record->mask = *exec_mask;
		__module_get(THIS_MODULE);
	}
	birth->record = record;
	birth->missed = true;
	table_add(bucket, &birth->entry, current);
	raw_spin_unlock(&bucket->lock);
	atomic_inc(&born_next);
	if (unlikely(surplus))
		kfree(surplus);
	return 0;
}

/**
 * spawnctl_child_forget() - expect no child of the caller any more
 * @birth: what was expected
 *
 * Return: whether it was still expected.
 */
bool spawnctl_child_forget(struct spawnctl_birth *birth)
{
	if (!birth->missed)
		return false;
	table_take(current);
	atomic_dec(&born_next);
	if (birth->record) {
		spare_add(birth->record);
		module_put(THIS_MODULE);
	}
	return true;
}

/** spawnctl_child_exec_pending() - how many children hold an exec mask */
unsigned int spawnctl_child_exec_pending(void)
{
	return atomic_read(&exec_next);
}

static void set_handlers(struct task_struct *child, u64 signals, __sighandler_t handler)
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
 * held, and the caller sees to it that it looks.
 */
static void set_blocked(struct task_struct *task, u64 mask)
{
	BUILD_BUG_ON(sizeof(task->blocked.sig[0]) != sizeof(mask));

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
 * ignored has been acted on (see spawn.c). So the mask is only narrowed here,
 * and after the handlers are set. What has become deliverable is found by
 * schedule_tail(), in the child, under the siglock.
 *
 * A signal of @sig_ignore that came in between is not flushed. If the child's
 * mask does not block it, the child drops it before its first instruction;
 * if it does, it stays pending, as it does when it comes an instant later: a
 * signal that is blocked is never dropped for being ignored.
 */
static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct spawnctl_record *record;
	struct spawnctl_entry *entry;
	struct spawnctl_birth *birth;
	struct bucket *bucket;

	if (likely(!atomic_read(&born_next)))
		return;
	entry = table_take(parent);
	if (!entry)
		return;
	atomic_dec(&born_next);
	birth = container_of(entry, typeof(*birth), entry);
	birth->missed = false;

	set_handlers(child, birth->sig_default, SIG_DFL);
	set_handlers(child, birth->sig_ignore, SIG_IGN);
	set_blocked(child, birth->mask);

	record = birth->record;
	if (record) {
		bucket = bucket_of(child->signal);
		record->start_time = child->start_time;
		raw_spin_lock(&bucket->lock);
		table_add(bucket, &record->entry, child->signal);
		raw_spin_unlock(&bucket->lock);
		atomic_inc(&exec_next);
	}
}

/* The record of the process that @task is in is over */
static struct spawnctl_record *drop(struct task_struct *task)
{
	struct spawnctl_entry *entry = table_take(task->signal);

	if (!entry)
		return NULL;
	atomic_dec(&exec_next);
	return container_of(entry, struct spawnctl_record, entry);
}

static void probe_exec(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	struct spawnctl_record *record;
	u64 mask;

	if (likely(!atomic_read(&exec_next)))
		return;
	record = drop(task);
	if (!record)
		return;
	mask = record->mask;

	/*
	 * Where the program gains rights, an LSM may just have emptied the mask
	 * (SELinux does, without the permission siginh): block nothing anew.
	 * What a policy empties with noatsecure allowed cannot be told.
	 */
	if (bprm->secureexec)
		mask &= task->blocked.sig[0];
	/* A thread that executes a program takes its leader's start_time */
	if (record->start_time == task->start_time) {
		/* Looked at on the way to the program's first instruction */
		set_blocked(task, mask);
		set_tsk_thread_flag(task, TIF_SIGPENDING);
	}

	spare_add(record);
	module_put(THIS_MODULE);
}

static void probe_exit(EXIT_PROBE_ARGS)
{
	struct spawnctl_record *record;

	if (likely(!atomic_read(&exec_next)))
		return;
	/* The last thread: all that could have executed a program are gone */
	if (atomic_read(&task->signal->live))
		return;
	record = drop(task);
	if (!record)
		return;

	spare_add(record);
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
	struct spawnctl_record *record;
	int i;

	unhook(ARRAY_SIZE(hooks));
	/* No probe runs any more, and no caller is left */
	for (i = 0; i < ARRAY_SIZE(table); i++)
		while ((record = spare_take(&table[i], 0)))
			kfree(record);
}
