/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's files know of each other.
 */
#ifndef SPAWNCTL_MODULE_H
#define SPAWNCTL_MODULE_H

#ifndef CONFIG_64BIT
#error "a 64-bit kernel is needed: signal sets are handled as one word"
#endif

#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/signal.h>
#include <linux/static_call.h>
#include <linux/sched/task.h>
#include <linux/spawnctl.h>
#include <linux/spawnctl_netlink.h>

/* MIPS has 128: a mask of the interface has room for 64 */
static_assert(_NSIG == 64);

/* kclone.c: kernel_clone(), called directly */
DECLARE_STATIC_CALL(spawnctl_kernel_clone, kernel_clone);
int spawnctl_kclone_init(void);

/**
 * struct spawnctl_signals - the signal state that a child is to have
 * @mask: its mask at its first instruction
 * @exec_mask: its mask from exec on, if @has_exec_mask
 * @sig_default: signals to set to SIG_DFL
 * @sig_ignore: signals to set to SIG_IGN
 * @has_exec_mask: whether there is one
 */
struct spawnctl_signals {
	u64 mask;
	u64 exec_mask;
	u64 sig_default;
	u64 sig_ignore;
	bool has_exec_mask;
};

/**
 * struct spawnctl_born - what the fork probe tells of a child
 * @start_time: as its task has it; 0 if the probe was skipped
 * @pid: in the initial pid namespace
 */
struct spawnctl_born {
	u64 start_time;
	pid_t pid;
};

/* child.c: the probes */
int spawnctl_child_init(void);
void spawnctl_child_exit(void);
int spawnctl_child_expect(const struct spawnctl_signals *signals, unsigned int command,
			  u32 flags, struct spawnctl_born *born);
bool spawnctl_child_forget(void);
unsigned int spawnctl_child_exec_pending(void);

/* spawn.c: one birth */
/* What the flags of the two commands come to, whatever the kernel serves */
#define SPAWNCTL_ALL_FLAGS	(SPAWNCTL_HOLD | (SPAWNCTL_HOLD - 1))
u32 spawnctl_spawn_flags(void);
u32 spawnctl_fork_flags(void);
long spawnctl_spawn(struct file *file, void *arg);
long spawnctl_fork(struct file *file, void *arg);

/* grant.c: what an open file grants, and to whom */
int spawnctl_grant_open(struct file *file);
void spawnctl_grant_release(struct file *file);
int spawnctl_grant_refusal(struct file *file, unsigned int nr);
int spawnctl_grant_take(struct file *file, unsigned int nr, struct spawnctl_clone *clone);
void spawnctl_grant_settle(struct file *file, bool born);
void spawnctl_grant_info(struct file *file, struct spawnctl_info *info);
u64 spawnctl_grant_id(struct file *file);
int spawnctl_grant_statistics(struct file *file);
bool spawnctl_caller_is_filtered(void);
bool spawnctl_grant_allow_filtered(void);
long spawnctl_limit(struct file *file, void *arg);

/* What is counted by an errno of its own; all above share the place of 0 */
#define SPAWNCTL_LAST_ERRNO	EHWPOISON

/**
 * struct spawnctl_stats - what is counted
 * @in_flight: calls that are making a child
 * @spawns: children made by SPAWN
 * @forks: children made by FORK
 * @opens_refused: of the device, by the module
 * @wait_sum: nanoseconds of all waits of SPAWN's callers
 * @waits: how many of these there were, by their length's log2
 * @failures: calls that made no child, by errno
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

/* stats.c: what is counted, and told */
int spawnctl_stats_init(void);
void spawnctl_stats_exit(void);
void spawnctl_call_begins(void);
void spawnctl_call_ends(struct file *file, unsigned int command, u32 flags, long ret,
			const struct spawnctl_born *born);
void spawnctl_call_failed(struct file *file, unsigned int command,
			  const struct spawnctl_clone *clone, long error);
void spawnctl_open_refused(void);
void spawnctl_stats_get(struct spawnctl_stats *stats);

/**
 * struct spawnctl_event - what a listener is told of one call
 * @command: SPAWN or FORK
 * @flags: as asked, if @has_flags
 * @has_flags: whether that is known
 * @error: the errno, 0 if a child was made
 * @child: its process id in the initial pid namespace, 0 if that is not known
 * @wait: how long the child had its caller's memory, in nanoseconds
 * @descriptor: spawnctl_grant_id()
 */
struct spawnctl_event {
	unsigned int command;
	u32 flags;
	bool has_flags;
	int error;
	pid_t child;
	u64 wait;
	u64 descriptor;
};

/* netlink.c: the family */
int spawnctl_netlink_init(void);
void spawnctl_netlink_ready(void);
void spawnctl_netlink_exit(void);
void spawnctl_event_send(const struct spawnctl_event *event);

/* main.c: the device */
bool spawnctl_is_device(struct file *file);

/* ioctl.c: the commands' dispatch */
long spawnctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* SPAWNCTL_MODULE_H */
