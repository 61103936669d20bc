// SPDX-License-Identifier: GPL-2.0
/*
 * Dispatch of the commands: copies the argument struct once, and calls the command's
 * handler.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "spawnctl.h"

static long spawnctl_info(struct file *file, void *arg)
{
	struct spawnctl_info *info = arg;

	*info = (struct spawnctl_info) {
		.abi		= SPAWNCTL_ABI,
		.spawn_flags	= spawnctl_spawn_flags(),
		.fork_flags	= spawnctl_fork_flags(),
	};
	/* System-wide, so hidden from a filtered caller */
	if (!spawnctl_caller_is_filtered())
		info->exec_pending = spawnctl_child_exec_pending();
	spawnctl_grant_info(file, info);
	return 0;
}

union spawnctl_arg {
	struct spawnctl_info info;
	struct spawnctl_clone clone;
	struct spawnctl_limit limit;
};

/**
 * struct spawnctl_command - entry of the dispatch table
 * @run: handler; @arg is the kernel's copy of the struct
 * @size: size of the struct, as this kernel knows it
 * @min_size: size of the struct's first version
 * @out: the struct is copied back to the caller
 * @free: needs no permission other than the descriptor
 */
struct spawnctl_command {
	long (*run)(struct file *file, void *arg);
	u32 size;
	u32 min_size;
	bool out;
	bool free;
};

static const struct spawnctl_command spawnctl_commands[] = {
	[SPAWNCTL_CMD_INFO] = {
		.run		= spawnctl_info,
		.size		= sizeof(struct spawnctl_info),
		.min_size	= SPAWNCTL_INFO_SIZE_VER0,
		.out		= true,
		.free		= true,
	},
	[SPAWNCTL_CMD_SPAWN] = {
		.run		= spawnctl_spawn,
		.size		= sizeof(struct spawnctl_clone),
		.min_size	= SPAWNCTL_CLONE_SIZE_VER0,
	},
	[SPAWNCTL_CMD_FORK] = {
		.run		= spawnctl_fork,
		.size		= sizeof(struct spawnctl_clone),
		.min_size	= SPAWNCTL_CLONE_SIZE_VER0,
	},
	[SPAWNCTL_CMD_LIMIT] = {
		.run		= spawnctl_limit,
		.size		= sizeof(struct spawnctl_limit),
		.min_size	= SPAWNCTL_LIMIT_SIZE_VER0,
	},
};

/* Fast path: copying word by word avoids most of the cost of a general copy */
static long copy_clone(struct spawnctl_clone *clone, const void __user *uarg)
{
	const u64 __user *from = uarg;
	u64 *to = (u64 *)clone;
	int i;

	if (!user_read_access_begin(from, sizeof(*clone)))
		return -EFAULT;
#pragma GCC unroll 11
	for (i = 0; i < sizeof(*clone) / sizeof(*to); i++)
		unsafe_get_user(to[i], &from[i], fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static long copy_arg(union spawnctl_arg *copy, u32 ksize, const void __user *uarg, u32 usize)
{
	if (likely(usize == sizeof(copy->clone) && ksize == sizeof(copy->clone)))
		return copy_clone(&copy->clone, uarg);
	return copy_struct_from_user(copy, ksize, uarg, usize);
}

static void spawnctl_abi_check(void)
{
	/* The VER0 sizes never change, and the structs have no holes */
	BUILD_BUG_ON(offsetofend(struct spawnctl_info, id) !=
		     SPAWNCTL_INFO_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_info) != SPAWNCTL_INFO_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_info) != 8 * sizeof(u32) + 3 * sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct spawnctl_limit, children) !=
		     SPAWNCTL_LIMIT_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_limit) != SPAWNCTL_LIMIT_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_limit) != 4 * sizeof(u32) + sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct spawnctl_clone, hold) !=
		     SPAWNCTL_CLONE_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_hold) != 2 * sizeof(u64));
	BUILD_BUG_ON(sizeof(struct spawnctl_clone) != SPAWNCTL_CLONE_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_clone) != 4 * sizeof(u32) + 9 * sizeof(u64));
}

/* Sets @copied once @copy holds the request */
static long run_command(struct file *file, const struct spawnctl_command *command,
			unsigned int nr, void __user *uarg, union spawnctl_arg *copy,
			bool *copied)
{
	u32 usize;
	long ret;

	/* Checked before the struct is read: a caller can test this with an invalid struct */
	if (!command->free) {
		ret = spawnctl_grant_refusal(file, nr);
		if (ret)
			return ret;
	}

	/* Read once: if another thread changes the size, the new value is never used */
	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < command->min_size)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	ret = copy_arg(copy, command->size, uarg, usize);
	if (ret)
		return ret;
	*copied = true;

	ret = command->run(file, copy);
	if (ret || !command->out)
		return ret;
	/* Keep the caller's size, so that the struct can be used for another call */
	if (copy_to_user(uarg + sizeof(usize), (void *)copy + sizeof(usize),
			 min(usize, command->size) - sizeof(usize)))
		return -EFAULT;
	return 0;
}

long spawnctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);
	union spawnctl_arg copy;
	bool copied = false;
	long ret;

	spawnctl_abi_check();

	if (nr >= ARRAY_SIZE(spawnctl_commands) || cmd != _IO(SPAWNCTL_MAGIC, nr))
		return -ENOIOCTLCMD;
	nr = array_index_nospec(nr, ARRAY_SIZE(spawnctl_commands));

	ret = run_command(file, &spawnctl_commands[nr], nr, (void __user *)arg, &copy, &copied);
	if (ret < 0 && (nr == SPAWNCTL_CMD_SPAWN || nr == SPAWNCTL_CMD_FORK))
		spawnctl_call_failed(file, nr, copied ? &copy.clone : NULL, ret);
	return ret;
}
