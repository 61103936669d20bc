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

/* child.c: the probes */
int spawnctl_child_init(void);
void spawnctl_child_exit(void);
int spawnctl_child_expect(const struct spawnctl_signals *signals);
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
long spawnctl_limit(struct file *file, void *arg);

/* ioctl.c: the commands' dispatch */
long spawnctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* SPAWNCTL_MODULE_H */
