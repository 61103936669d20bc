/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's files know of each other.
 */
#ifndef SPAWNCTL_MODULE_H
#define SPAWNCTL_MODULE_H

#ifndef CONFIG_64BIT
#error "a 64-bit kernel is needed: signal sets are handled as one word"
#endif

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/signal.h>
#include <linux/static_call.h>
#include <linux/sched/task.h>
#include <linux/spawnctl.h>

/* kclone.c: kernel_clone(), called directly */
DECLARE_STATIC_CALL(spawnctl_kernel_clone, kernel_clone);
int spawnctl_kclone_init(void);

/**
 * struct spawnctl_entry - what the table holds
 * @node: place in the table, under the lock of @key's bucket
 * @key: whose it is
 */
struct spawnctl_entry {
	struct hlist_node node;
	const void *key;
};

/**
 * struct spawnctl_birth - what the fork probe is to do to the caller's next child;
 *	on the caller's stack
 * @entry: in the table under the caller's task_struct
 * @record: what becomes the child's if it is to have an exec mask, else NULL
 * @missed: the probe has not come yet; the caller's alone, as the probe runs in it
 * @mask: the child's mask at its first instruction
 * @sig_default: signals to set to SIG_DFL
 * @sig_ignore: signals to set to SIG_IGN
 */
struct spawnctl_birth {
	struct spawnctl_entry entry;
	struct spawnctl_record *record;
	bool missed;
	u64 mask;
	u64 sig_default;
	u64 sig_ignore;
};

/* child.c: the probes */
int spawnctl_child_init(void);
void spawnctl_child_exit(void);
int spawnctl_child_expect(struct spawnctl_birth *birth, const u64 *exec_mask);
bool spawnctl_child_forget(struct spawnctl_birth *birth);
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
long spawnctl_limit(struct file *file, void *arg);

/* ioctl.c: the commands' dispatch */
long spawnctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* SPAWNCTL_MODULE_H */
