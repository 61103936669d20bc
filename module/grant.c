// SPDX-License-Identifier: GPL-2.0
/*
 * The open file: what it grants, and to whom.
 *
 * The permission to make children is the descriptor. LIMIT narrows the open
 * file behind it for ever, and for all who share it. Under a seccomp filter it
 * grants nothing, unless a task without one has said that it shall.
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/user_worker.h"
#include "spawnctl.h"

static bool allow_filtered;
module_param(allow_filtered, bool, 0644);
MODULE_PARM_DESC(allow_filtered,
		 "Tasks under a seccomp filter may open and use the device, as any other may");

#define ALL_COMMANDS	(BIT(SPAWNCTL_CMD_INFO) | BIT(SPAWNCTL_CMD_SPAWN) | \
			 BIT(SPAWNCTL_CMD_FORK) | BIT(SPAWNCTL_CMD_LIMIT))
#define IN_FORCE	(SPAWNCTL_LIMIT_NO_NEW_PRIVS | SPAWNCTL_LIMIT_RESET | \
			 SPAWNCTL_LIMIT_FILTERED)
#define ALL_LIMITS	(SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_FLAGS | \
			 SPAWNCTL_LIMIT_CHILDREN | IN_FORCE)

/*
 * What a LIMIT that names no commands or no flags leaves allowed, at most: the
 * ones of ABI 1. Never add to these. A program narrows a descriptor by what it
 * knows, and must not leave open what a later version brings.
 */
#define FIRST_COMMANDS	(BIT(SPAWNCTL_CMD_INFO) | BIT(SPAWNCTL_CMD_SPAWN) | \
			 BIT(SPAWNCTL_CMD_FORK) | BIT(SPAWNCTL_CMD_LIMIT))
#define FIRST_FLAGS	(SPAWNCTL_HOLD | (SPAWNCTL_HOLD - 1))

/**
 * struct spawnctl_grant - what one open file of the device still grants
 * @lock: protects the rest, which is written with it held. Not held over a
 *	birth: the child may call on the same file while its parent waits for it
 * @commands: as bits (1 << SPAWNCTL_CMD_*)
 * @flags: of SPAWN and FORK
 * @in_force: of enum spawnctl_limit_flags, those that are a yes or a no
 * @children: how many more may be made, those under way among them
 * @id: this open file's number, as INFO and events tell it
 * @under_way: calls that may yet make one of these. A child is taken off
 *	@children when it exists, not when it is asked for, so that what is
 *	asked in vain costs nothing
 */
struct spawnctl_grant {
	spinlock_t lock;	/* see above */
	u32 commands;
	u32 flags;
	u32 in_force;
	u64 children;
	u64 under_way;
	u64 id;
};

static struct spawnctl_grant *grant_of(struct file *file)
{
	return file->private_data;
}

/** spawnctl_caller_is_filtered() - whether the caller is under a seccomp filter */
bool spawnctl_caller_is_filtered(void)
{
	return seccomp_mode(&current->seccomp) != SECCOMP_MODE_DISABLED;
}

/*
 * Checked at each call, not only at open: else a library that opened the device
 * before the filter was installed would leave the process a fork that the
 * filter's author never heard of.
 */
static int caller_refusal(bool filtered)
{
	if (current->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return -EPERM;
	if (spawnctl_caller_is_filtered() && !filtered && !READ_ONCE(allow_filtered))
		return -EACCES;
	return 0;
}

/**
 * spawnctl_grant_open() - give a file that is being opened all there is
 * @file: the file
 *
 * A process that has given up fork by a filter must not get it back by a file
 * name that its filter lets through.
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
		.flags		= SPAWNCTL_ALL_FLAGS,
		.children	= SPAWNCTL_NO_LIMIT,
		.id		= atomic64_inc_return(&last_id),
	};
	spin_lock_init(&grant->lock);
	file->private_data = grant;
	return 0;
}

void spawnctl_grant_release(struct file *file)
{
	kfree(grant_of(file));
}

static int refusal(u32 commands, u32 in_force, unsigned int nr)
{
	int ret = caller_refusal(in_force & SPAWNCTL_LIMIT_FILTERED);

	if (ret)
		return ret;
	return commands & BIT(nr) ? 0 : -EPERM;
}

/**
 * spawnctl_grant_refusal() - what the caller is answered whatever he asks
 * @file: the open file he asks on
 * @nr: a command but INFO
 *
 * Without the lock: whoever is not refused is asked once more with it held. Who
 * sees the mark for filtered callers sees what was taken away with it.
 */
int spawnctl_grant_refusal(struct file *file, unsigned int nr)
{
	const struct spawnctl_grant *grant = grant_of(file);
	/* Pairs with the release of spawnctl_limit() */
	u32 in_force = smp_load_acquire(&grant->in_force);

	return refusal(READ_ONCE(grant->commands), in_force, nr);
}

/**
 * spawnctl_grant_take() - one child, if it may be as it is asked for
 * @file: the open file it is asked on
 * @nr: the command
 * @clone: what is asked; what the file forces is added
 *
 * Asks once more who asks: between the command and its struct a caller can wait as
 * long as he likes, for a page that he serves himself, and be put under a filter
 * meanwhile, or the command be taken away.
 *
 * Return: 0, and spawnctl_grant_settle() has to be called; or a negative errno.
 */
int spawnctl_grant_take(struct file *file, unsigned int nr, struct spawnctl_clone *clone)
{
	struct spawnctl_grant *grant = grant_of(file);
	int ret;

	spin_lock(&grant->lock);
	ret = refusal(grant->commands, grant->in_force, nr);
	if (ret)
		goto out;
	if (clone->flags & ~grant->flags)
		ret = -EPERM;
	else if (clone->sig_ignore && (grant->in_force & SPAWNCTL_LIMIT_RESET))
		ret = -EPERM;
	else if (grant->under_way >= grant->children)
		ret = -EDQUOT;
	else
		grant->under_way++;
	if (grant->in_force & SPAWNCTL_LIMIT_NO_NEW_PRIVS)
		clone->flags |= SPAWNCTL_NO_NEW_PRIVS;
	if (grant->in_force & SPAWNCTL_LIMIT_RESET)
		clone->sig_default = ~0ULL;
out:
	spin_unlock(&grant->lock);
	return ret;
}

/**
 * spawnctl_grant_settle() - what was taken has been used, or not
 * @file: the open file
 * @born: whether there is, or was, a child
 */
void spawnctl_grant_settle(struct file *file, bool born)
{
	struct spawnctl_grant *grant = grant_of(file);

	spin_lock(&grant->lock);
	grant->under_way--;
	/* 0 already if LIMIT came in between, for the calls under way then */
	if (born && grant->children && grant->children != SPAWNCTL_NO_LIMIT)
		grant->children--;
	spin_unlock(&grant->lock);
}

/**
 * spawnctl_grant_info() - the part of INFO that is about the open file
 * @file: the open file
 * @info: has what is the same for all open files; what this one does not allow
 *	is taken out
 *
 * A filtered caller is told nothing of other open files: the number of this one
 * is a count of all opens.
 */
void spawnctl_grant_info(struct file *file, struct spawnctl_info *info)
{
	struct spawnctl_grant *grant = grant_of(file);

	spin_lock(&grant->lock);
	info->commands = grant->commands;
	info->spawn_flags &= grant->flags;
	info->fork_flags &= grant->flags;
	info->limits = grant->in_force;
	info->children = grant->children;
	if (info->children != SPAWNCTL_NO_LIMIT)
		info->children -= min(grant->under_way, grant->children);
	spin_unlock(&grant->lock);

	info->limit_flags = ALL_LIMITS;
	if (!spawnctl_caller_is_filtered())
		info->id = grant->id;

	info->refusal = -caller_refusal(info->limits & SPAWNCTL_LIMIT_FILTERED);
	if (!info->refusal &&
	    !(info->commands & (BIT(SPAWNCTL_CMD_SPAWN) | BIT(SPAWNCTL_CMD_FORK))))
		info->refusal = EPERM;
	if (!info->refusal && !info->children)
		info->refusal = EDQUOT;
}

u64 spawnctl_grant_id(struct file *file)
{
	return grant_of(file)->id;
}

/**
 * spawnctl_grant_statistics() - whether the descriptor gives the caller the statistics
 * @file: an open file of the device
 *
 * They are of the whole system, so a filtered caller does not get them, even by
 * a descriptor that is marked for it.
 *
 * Return: 0, -EACCES or -EPERM.
 */
int spawnctl_grant_statistics(struct file *file)
{
	if (spawnctl_caller_is_filtered())
		return -EACCES;
	return caller_refusal(READ_ONCE(grant_of(file)->in_force) & SPAWNCTL_LIMIT_FILTERED);
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
	    (limit->children && !(limit->flags & SPAWNCTL_LIMIT_CHILDREN)))
		return -EINVAL;
	if ((limit->commands & ~ALL_COMMANDS) || (limit->clone_flags & ~SPAWNCTL_ALL_FLAGS))
		return -EINVAL;
	/* A filtered task must not open the door that its filter closes */
	if ((limit->flags & SPAWNCTL_LIMIT_FILTERED) && spawnctl_caller_is_filtered())
		return -EACCES;
	return 0;
}

long spawnctl_limit(struct file *file, void *arg)
{
	struct spawnctl_grant *grant = grant_of(file);
	const struct spawnctl_limit *limit = arg;
	u32 commands = FIRST_COMMANDS, flags = FIRST_FLAGS;
	int ret = check_limit(limit);

	if (ret)
		return ret;
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
	/* After the commands: see spawnctl_grant_refusal() */
	smp_store_release(&grant->in_force, grant->in_force | (limit->flags & IN_FORCE));
out:
	spin_unlock(&grant->lock);
	return ret;
}
