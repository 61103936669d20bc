// SPDX-License-Identifier: GPL-2.0
/*
 * The open file: what it grants, and to which tasks.
 *
 * The descriptor is the permission to make children. LIMIT narrows the open file
 * behind it permanently, for all tasks that share it. To a task under a seccomp filter
 * the open file grants only INFO, unless a task without a filter has allowed more by
 * LIMIT, or allow_filtered is set.
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/user_worker.h"
#include "flags.h"
#include "spawnctl.h"

static bool allow_filtered;
module_param(allow_filtered, bool, 0644);
MODULE_PARM_DESC(allow_filtered,
		 "Let tasks under a seccomp filter open the device and call SPAWN, FORK and LIMIT");

#define ALL_COMMANDS	(BIT(SPAWNCTL_CMD_INFO) | BIT(SPAWNCTL_CMD_SPAWN) | \
			 BIT(SPAWNCTL_CMD_FORK) | BIT(SPAWNCTL_CMD_LIMIT))
#define IN_FORCE	(SPAWNCTL_LIMIT_NO_NEW_PRIVS | SPAWNCTL_LIMIT_RESET | \
			 SPAWNCTL_LIMIT_FILTERED | SPAWNCTL_LIMIT_KILL)
#define ALL_LIMITS	(SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_FLAGS | \
			 SPAWNCTL_LIMIT_CHILDREN | SPAWNCTL_LIMIT_LIVE | IN_FORCE)

/*
 * LIMIT without SPAWNCTL_LIMIT_COMMANDS leaves at most FIRST_COMMANDS allowed; without
 * SPAWNCTL_LIMIT_FLAGS, at most FIRST_FLAGS. These are the commands and flags of ABI 1, except
 * SPAWNCTL_NO_WAIT: with it, a task whose seccomp filter denies threads could run at the same
 * time as a child in its memory. Never add to these sets. A program that narrows a
 * descriptor names only what it knows, and must not leave a command or flag of a later version
 * allowed.
 */
#define FIRST_COMMANDS	(BIT(SPAWNCTL_CMD_INFO) | BIT(SPAWNCTL_CMD_SPAWN) | \
			 BIT(SPAWNCTL_CMD_FORK) | BIT(SPAWNCTL_CMD_LIMIT))
#define FIRST_FLAGS	(SPAWNCTL_HOLD | (SPAWNCTL_HOLD - 1))

/**
 * struct spawnctl_grant - what one open file of the device still grants
 * @lock: held to write the other members, except to decrement @job's count. Not held while a
 *	child is made: the child may make an ioctl on the same file while its parent waits for
 *	the child
 * @commands: allowed commands, as bits (1 << SPAWNCTL_CMD_*)
 * @flags: allowed flags of SPAWN and FORK
 * @in_force: the flags SPAWNCTL_LIMIT_* that take no value and are set
 * @children: how many more children may be made, including those of calls in progress
 * @most_live: how many children of @job may be alive at a time
 * @job: the children of calls that reserved a child while @most_live was limited or
 *	SPAWNCTL_LIMIT_KILL was in force
 * @id: number of this open file, as in INFO and events
 * @under_way: reservations: calls in progress, each of which may still use up one of
 *	@children. A child is subtracted from @children when the call has ended and
 *	not when it begins, so that a call that fails costs nothing
 */
struct spawnctl_grant {
	spinlock_t lock;	/* see above */
	u32 commands;
	u32 flags;
	u32 in_force;
	u64 children;
	u64 most_live;
	struct spawnctl_job job;
	u64 under_way;
	u64 id;
};

static struct spawnctl_grant *grant_of(struct file *file)
{
	return file->private_data;
}

static bool caller_is_worker(void)
{
	return current->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER);
}

/**
 * spawnctl_caller_is_filtered() - whether the caller is under a seccomp filter
 *
 * A worker thread (io_uring) has the filters that its creator had when the worker was
 * created, and may lack those that were installed later. So every worker counts as
 * filtered: otherwise a filtered task could have an older worker act for it.
 */
bool spawnctl_caller_is_filtered(void)
{
	return caller_is_worker() || seccomp_mode(&current->seccomp) != SECCOMP_MODE_DISABLED;
}

/*
 * Checked at each call and not only at open(2). Otherwise a library that opened the
 * device before the filter was installed would leave the process a way to fork that
 * the author of the filter does not know about.
 */
static int caller_refusal(bool filtered_allowed)
{
	if (caller_is_worker())
		return -EPERM;
	if (spawnctl_caller_is_filtered() && !filtered_allowed && !READ_ONCE(allow_filtered))
		return -EACCES;
	return 0;
}

/**
 * spawnctl_grant_open() - set up an open file without limits
 * @file: the file that is being opened
 *
 * Refused under a seccomp filter, unless allow_filtered is set: a process whose filter
 * denies fork but allows open(2) must not regain fork by opening the device.
 *
 * Return: 0, -EACCES, -EPERM or -ENOMEM.
 */
int spawnctl_grant_open(struct file *file)
{
	static atomic64_t last_id = ATOMIC64_INIT(0);
	struct spawnctl_grant *grant;
	int ret = caller_refusal(false);

	if (ret)
		return ret;
	grant = kmalloc(sizeof(*grant), GFP_KERNEL_ACCOUNT);
	if (!grant)
		return -ENOMEM;
	*grant = (struct spawnctl_grant) {
		.commands	= ALL_COMMANDS,
		.flags		= ALL_FLAGS,
		.children	= SPAWNCTL_NO_LIMIT,
		.most_live	= SPAWNCTL_NO_LIMIT,
		.id		= atomic64_inc_return(&last_id),
	};
	spin_lock_init(&grant->lock);
	file->private_data = grant;
	return 0;
}

/* No call is in progress: each has a reference to the file, its own or the descriptor table's */
int spawnctl_grant_release(struct inode *inode, struct file *file)
{
	struct spawnctl_grant *grant = grant_of(file);

	spawnctl_job_end(&grant->job);
	kfree(grant);
	return 0;
}

/** spawnctl_is_device() - whether this is an open file of the device */
bool spawnctl_is_device(struct file *file)
{
	return file->f_op->release == spawnctl_grant_release;
}

static int refusal(u32 commands, u32 in_force, unsigned int command)
{
	int ret = caller_refusal(in_force & SPAWNCTL_LIMIT_FILTERED);

	if (ret)
		return ret;
	return commands & BIT(command) ? 0 : -EPERM;
}

/**
 * spawnctl_grant_refusal() - the error for this caller, regardless of the struct
 * @file: the open file of the call
 * @command: the command, any but INFO
 *
 * Lockless precheck; repeated under the lock. A caller that sees
 * SPAWNCTL_LIMIT_FILTERED also sees which commands the same LIMIT has taken away.
 *
 * Return: 0, -EACCES or -EPERM.
 */
int spawnctl_grant_refusal(struct file *file, unsigned int command)
{
	const struct spawnctl_grant *grant = grant_of(file);
	/* Pairs with smp_store_release() in spawnctl_ioctl_limit() */
	u32 in_force = smp_load_acquire(&grant->in_force);

	return refusal(READ_ONCE(grant->commands), in_force, command);
}

static struct spawnctl_membership membership(struct spawnctl_grant *grant)
{
	bool kill = grant->in_force & SPAWNCTL_LIMIT_KILL;

	return (struct spawnctl_membership){
		.job	= kill || grant->most_live != SPAWNCTL_NO_LIMIT ? &grant->job : NULL,
		.kill	= kill,
	};
}

/*
 * Whether SPAWN must be refused to a filtered caller, because its parent waits for it. If the
 * caller were killed during SPAWN, its parent and its child would run at the same time in the same
 * memory. A task whose filter denies threads must not be able to achieve this. An open file that
 * allows SPAWNCTL_NO_WAIT permits it anyway.
 *
 * While the parent waits, vfork_done is set, also if the memory is not shared (clone(2) with
 * CLONE_VFORK alone).
 */
static bool is_child_in_window(const struct spawnctl_grant *grant)
{
	/* A parent that is being killed clears it, and does not continue */
	bool parent_waits = data_race(current->vfork_done);

	return !(grant->flags & SPAWNCTL_NO_WAIT) && spawnctl_caller_is_filtered() &&
	       parent_waits;
}

/**
 * spawnctl_grant_reserve() - reserve one child, if @clone is allowed
 * @file: the open file of the call
 * @command: the command
 * @clone: the caller's struct; what LIMIT forces is added to it
 * @member: set to what applies to the child
 *
 * Rechecks the caller: copying the struct may have waited for a long time in a page fault
 * (userfaultfd), while a filter was installed or LIMIT took the command away.
 *
 * Return: 0, and spawnctl_grant_settle() must be called; or -EACCES, -EPERM, -EDQUOT or
 * -EAGAIN.
 */
int spawnctl_grant_reserve(struct file *file, unsigned int command, struct spawnctl_clone *clone,
			   struct spawnctl_membership *member)
{
	struct spawnctl_grant *grant = grant_of(file);
	int ret;

	spin_lock(&grant->lock);
	ret = refusal(grant->commands, grant->in_force, command);
	if (ret)
		goto out;
	if (clone->flags & ~grant->flags)
		ret = -EPERM;
	else if (clone->sig_ignore && (grant->in_force & SPAWNCTL_LIMIT_RESET))
		ret = -EPERM;
	else if (command == SPAWNCTL_CMD_SPAWN && is_child_in_window(grant))
		ret = -EPERM;
	else if (grant->under_way >= grant->children)
		ret = -EDQUOT;
	else if (atomic_read(&grant->job.live) >= grant->most_live)
		ret = -EAGAIN;
	if (ret)
		goto out;
	grant->under_way++;
	*member = membership(grant);
	if (member->job)
		atomic_inc(&member->job->live);
	if (grant->in_force & SPAWNCTL_LIMIT_NO_NEW_PRIVS)
		clone->flags |= SPAWNCTL_NO_NEW_PRIVS;
	if (grant->in_force & SPAWNCTL_LIMIT_RESET)
		clone->sig_default = ~0ULL;
out:
	spin_unlock(&grant->lock);
	return ret;
}

/**
 * spawnctl_grant_settle() - end a reservation of spawnctl_grant_reserve()
 * @file: the open file
 * @member: as set by spawnctl_grant_reserve()
 * @made: whether a child was made, even if it has ended
 */
void spawnctl_grant_settle(struct file *file, const struct spawnctl_membership *member, bool made)
{
	struct spawnctl_grant *grant = grant_of(file);

	if (member->job && !made)
		atomic_dec(&member->job->live);
	spin_lock(&grant->lock);
	grant->under_way--;
	/* @children can be 0: LIMIT may set it below the number of calls in progress */
	if (made && grant->children && grant->children != SPAWNCTL_NO_LIMIT)
		grant->children--;
	spin_unlock(&grant->lock);
}

/**
 * spawnctl_grant_info() - fill in the members of INFO that depend on the open file
 * @file: the open file
 * @info: on entry has the members that are the same for all open files; flags that this
 *	one does not allow are removed
 *
 * A filtered caller must not learn about other open files. So it does not get the id,
 * which counts all opens.
 */
void spawnctl_grant_info(struct file *file, struct spawnctl_info *info)
{
	u32 usable = BIT(SPAWNCTL_CMD_SPAWN) | BIT(SPAWNCTL_CMD_FORK);
	struct spawnctl_grant *grant = grant_of(file);

	spin_lock(&grant->lock);
	info->commands = grant->commands;
	info->spawn_flags &= grant->flags;
	info->fork_flags &= grant->flags;
	info->limits = grant->in_force;
	info->live = atomic_read(&grant->job.live);
	info->most_live = grant->most_live;
	info->children = grant->children;
	if (info->children != SPAWNCTL_NO_LIMIT)
		info->children -= min(grant->under_way, grant->children);
	if (is_child_in_window(grant))
		usable &= ~BIT(SPAWNCTL_CMD_SPAWN);
	spin_unlock(&grant->lock);

	info->limit_flags = ALL_LIMITS;
	if (!spawnctl_caller_is_filtered())
		info->id = grant->id;

	info->refusal = -caller_refusal(info->limits & SPAWNCTL_LIMIT_FILTERED);
	if (!info->refusal && !(info->commands & usable))
		info->refusal = EPERM;
	if (!info->refusal && !info->children)
		info->refusal = EDQUOT;
	if (!info->refusal && info->live >= info->most_live)
		info->refusal = EAGAIN;
}

u64 spawnctl_grant_id(struct file *file)
{
	return grant_of(file)->id;
}

bool spawnctl_grant_allow_filtered(void)
{
	return READ_ONCE(allow_filtered);
}

static int check_limit(const struct spawnctl_limit *limit)
{
	if (limit->flags & ~ALL_LIMITS)
		return -EINVAL;
	if ((limit->commands && !(limit->flags & SPAWNCTL_LIMIT_COMMANDS)) ||
	    (limit->clone_flags && !(limit->flags & SPAWNCTL_LIMIT_FLAGS)) ||
	    (limit->children && !(limit->flags & SPAWNCTL_LIMIT_CHILDREN)) ||
	    (limit->live && !(limit->flags & SPAWNCTL_LIMIT_LIVE)))
		return -EINVAL;
	if ((limit->commands & ~ALL_COMMANDS) || (limit->clone_flags & ~ALL_FLAGS))
		return -EINVAL;
	/* A filtered task must not lift its own restriction */
	if ((limit->flags & SPAWNCTL_LIMIT_FILTERED) && spawnctl_caller_is_filtered())
		return -EACCES;
	return 0;
}

long spawnctl_ioctl_limit(struct file *file, void *arg)
{
	struct spawnctl_grant *grant = grant_of(file);
	const struct spawnctl_limit *limit = arg;
	u32 commands = FIRST_COMMANDS, flags = FIRST_FLAGS;
	u32 in_force = limit->flags & IN_FORCE;
	int ret = check_limit(limit);

	if (ret)
		return ret;
	/*
	 * Without no_new_privs, a program that has gained privileges could be killed by a task
	 * that may not send it a signal. For the same reason, a child is killed only if KILL was
	 * in force when its call reserved it, see membership().
	 */
	if (in_force & SPAWNCTL_LIMIT_KILL)
		in_force |= SPAWNCTL_LIMIT_NO_NEW_PRIVS;
	if (limit->flags & SPAWNCTL_LIMIT_COMMANDS)
		commands = limit->commands | BIT(SPAWNCTL_CMD_INFO);
	if (limit->flags & SPAWNCTL_LIMIT_FLAGS)
		flags = limit->clone_flags;

	spin_lock(&grant->lock);
	/* Recheck under the lock: another LIMIT may have taken LIMIT away */
	ret = refusal(grant->commands, grant->in_force, SPAWNCTL_CMD_LIMIT);
	if (ret)
		goto out;
	WRITE_ONCE(grant->commands, grant->commands & commands);
	grant->flags &= flags;
	if (limit->flags & SPAWNCTL_LIMIT_CHILDREN)
		grant->children = min_t(u64, grant->children, limit->children);
	if (limit->flags & SPAWNCTL_LIMIT_LIVE)
		grant->most_live = min_t(u64, grant->most_live, limit->live);
	/* After the commands; pairs with smp_load_acquire() in spawnctl_grant_refusal() */
	smp_store_release(&grant->in_force, grant->in_force | in_force);
out:
	spin_unlock(&grant->lock);
	return ret;
}
