/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared within the module.
 *
 * Terms: docs/internals.md, Vocabulary
 */
#ifndef SPAWNCTL_MODULE_H
#define SPAWNCTL_MODULE_H

#ifndef CONFIG_64BIT
#error "a 64-bit kernel is needed: signal sets are handled as one word"
#endif

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/static_call.h>
#include <linux/sched/task.h>
#include <linux/spawnctl.h>
#include <linux/spawnctl_netlink.h>

/* MIPS has 128 signals, but a mask of the interface holds 64 */
static_assert(_NSIG == 64);

/* kclone.c: direct call of kernel_clone() */
DECLARE_STATIC_CALL(spawnctl_kernel_clone, kernel_clone);
int spawnctl_kclone_init(void);

/**
 * struct spawnctl_signals - requested signal state of a child
 * @mask: mask at the child's first instruction
 * @exec_mask: mask from exec on, if @has_exec_mask
 * @sig_default: signals to set to SIG_DFL
 * @sig_ignore: signals to set to SIG_IGN
 * @has_exec_mask: whether @exec_mask was requested
 */
struct spawnctl_signals {
	u64 mask;
	u64 exec_mask;
	u64 sig_default;
	u64 sig_ignore;
	bool has_exec_mask;
};

/**
 * struct spawnctl_born - what the fork probe reports about a child
 * @start_time: the child's task_struct.start_time
 * @pid: process id in the initial pid namespace
 *
 * Both stay 0 if no child was made, or if the fork probe was skipped (see
 * spawnctl_clone_call()). In the second case the tracepoint spawnctl_clone is not hit, the caller's
 * wait is reported as 0, and the child's id is 0 in the tracepoint spawnctl_release and missing
 * from the event.
 */
struct spawnctl_born {
	u64 start_time;
	pid_t pid;
};

/**
 * struct spawnctl_job - the children of one open file that LIMIT counts, and may kill
 * @live: children that have not ended, and calls in progress that may make one. Grows only
 *	under the lock of the grant, and shrinks without it
 *
 * A child whose fork or exit probe is skipped can stay counted.
 */
struct spawnctl_job {
	atomic_t live;
};

/**
 * struct spawnctl_membership - how LIMIT, at the time of the reservation, applies to a child
 * @job: the job to which the child is to belong, or NULL
 * @kill: the child is killed if it is alive when the job ends. Set only if the child has
 *	no_new_privs from its creation on
 */
struct spawnctl_membership {
	struct spawnctl_job *job;
	bool kill;
};

/* probes.c: tracepoint probes that prepare a child */
int spawnctl_probes_init(void);
void spawnctl_probes_exit(void);
int spawnctl_birth_add(const struct spawnctl_signals *signals, unsigned int command, u32 flags,
		       const struct spawnctl_membership *member, struct spawnctl_born *born);
bool spawnctl_birth_cancel(void);
void spawnctl_job_end(struct spawnctl_job *job);
unsigned int spawnctl_probes_exec_pending(void);

/* grant.c: what an open file grants, and to which tasks */
int spawnctl_grant_open(struct file *file);
int spawnctl_grant_release(struct inode *inode, struct file *file);
bool spawnctl_is_device(struct file *file);
int spawnctl_grant_refusal(struct file *file, unsigned int command);
int spawnctl_grant_reserve(struct file *file, unsigned int command, struct spawnctl_clone *clone,
			   struct spawnctl_membership *member);
void spawnctl_grant_settle(struct file *file, const struct spawnctl_membership *member, bool made);
void spawnctl_grant_info(struct file *file, struct spawnctl_info *info);
u64 spawnctl_grant_id(struct file *file);
bool spawnctl_caller_is_filtered(void);
bool spawnctl_grant_allow_filtered(void);
long spawnctl_ioctl_limit(struct file *file, void *arg);

/* Failures are counted by errno up to this one; larger ones are counted as 0 */
#define SPAWNCTL_LAST_ERRNO	EHWPOISON

/**
 * struct spawnctl_stats - counters
 * @in_flight: calls in progress that are making a child
 * @spawns: children made by SPAWN
 * @forks: children made by FORK
 * @opens_refused: calls of open(2) on the device that the module has refused
 * @wait_sum: total time that SPAWN's callers waited, in nanoseconds
 * @waits: number of these waits, by log2 of their length in nanoseconds
 * @failures: calls that made no child, by errno, except those that failed with E2BIG or
 *	are restarted
 */
struct spawnctl_stats {
	u64 in_flight;
	u64 spawns;
	u64 forks;
	u64 opens_refused;
	u64 wait_sum;
	u64 waits[SPAWNCTL_WAIT_BUCKETS];
	u64 failures[SPAWNCTL_LAST_ERRNO + 1];
};

/* stats.c: counters */
int spawnctl_stats_init(void);
void spawnctl_stats_exit(void);
void spawnctl_stats_call_begins(void);
void spawnctl_stats_call_ends(unsigned int command, bool made);
void spawnctl_stats_waited(u64 wait);
void spawnctl_stats_failed(int error);
void spawnctl_stats_open_refused(void);
void spawnctl_stats_get(struct spawnctl_stats *stats);

/**
 * struct spawnctl_event - what listeners receive about one call
 * @command: SPAWN or FORK
 * @flags: if @has_flags, flags of the call; with those that LIMIT forces, unless the call
 *	failed before they were added
 * @has_flags: false if the call failed before its struct was copied
 * @error: the errno, 0 if a child was made
 * @child: process id in the initial pid namespace, 0 if not known
 * @wait: time from the child's creation until SPAWN's caller resumed, in nanoseconds
 * @file_id: number of the open file, from spawnctl_grant_id()
 */
struct spawnctl_event {
	unsigned int command;
	u32 flags;
	bool has_flags;
	int error;
	pid_t child;
	u64 wait;
	u64 file_id;
};

/* netlink.c: the generic netlink family */
int spawnctl_netlink_init(void);
void spawnctl_netlink_ready(void);
void spawnctl_netlink_exit(void);

/* event.c: queues and sends the events */
int spawnctl_event_init(void);
void spawnctl_event_exit(void);
void spawnctl_event_queue(const struct spawnctl_event *event);

/* spawn.c: SPAWN and FORK */
long spawnctl_ioctl_spawn(struct file *file, void *arg);
long spawnctl_ioctl_fork(struct file *file, void *arg);
void spawnctl_spawn_failed(struct file *file, unsigned int command,
			   const struct spawnctl_clone *clone, long error);

/* current->sighand changes only in execve(2) and at exit, so it is stable during an ioctl */
static inline spinlock_t *siglock_of_current(void)
{
	return &rcu_dereference_protected(current->sighand, true)->siglock;
}

#endif /* SPAWNCTL_MODULE_H */
