// SPDX-License-Identifier: GPL-2.0
/*
 * The device: the table of its commands, their dispatch, and loading and unloading.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/stop_machine.h>
#include <linux/uaccess.h>

#include "flags.h"
#include "spawnctl.h"

#if defined(CONFIG_PREEMPTION) && !defined(CONFIG_TASKS_RCU)
#error "unloading needs CONFIG_TASKS_RCU on a preemptible kernel; see wait_for_callers()"
#endif

static long spawnctl_ioctl_info(struct file *file, void *arg)
{
	struct spawnctl_info *info = arg;

	*info = (struct spawnctl_info) {
		.abi		= SPAWNCTL_ABI,
		.spawn_flags	= supported_flags(SPAWN_FLAGS),
		.fork_flags	= supported_flags(FORK_FLAGS),
	};
	/* System-wide, so hidden from a filtered caller */
	if (!spawnctl_caller_is_filtered())
		info->exec_pending = spawnctl_probes_exec_pending();
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
 * @size: size of the struct, as this module knows it
 * @min_size: size of the struct's first version
 * @out: the struct is copied back to the caller
 * @exempt: needs no permission other than the descriptor
 */
struct spawnctl_command {
	long (*run)(struct file *file, void *arg);
	u32 size;
	u32 min_size;
	bool out;
	bool exempt;
};

static const struct spawnctl_command commands[] = {
	[SPAWNCTL_CMD_INFO] = {
		.run		= spawnctl_ioctl_info,
		.size		= sizeof(struct spawnctl_info),
		.min_size	= SPAWNCTL_INFO_SIZE_VER0,
		.out		= true,
		.exempt		= true,
	},
	[SPAWNCTL_CMD_SPAWN] = {
		.run		= spawnctl_ioctl_spawn,
		.size		= sizeof(struct spawnctl_clone),
		.min_size	= SPAWNCTL_CLONE_SIZE_VER0,
	},
	[SPAWNCTL_CMD_FORK] = {
		.run		= spawnctl_ioctl_fork,
		.size		= sizeof(struct spawnctl_clone),
		.min_size	= SPAWNCTL_CLONE_SIZE_VER0,
	},
	[SPAWNCTL_CMD_LIMIT] = {
		.run		= spawnctl_ioctl_limit,
		.size		= sizeof(struct spawnctl_limit),
		.min_size	= SPAWNCTL_LIMIT_SIZE_VER0,
	},
};

static void check_abi(void)
{
	/* The VER0 sizes never change, and the structs have no holes */
	BUILD_BUG_ON(offsetofend(struct spawnctl_info, id) !=
		     SPAWNCTL_INFO_SIZE_VER0);
	BUILD_BUG_ON(offsetofend(struct spawnctl_info, most_live) !=
		     SPAWNCTL_INFO_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_info) != SPAWNCTL_INFO_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_info) != 8 * sizeof(u32) + 5 * sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct spawnctl_limit, children) !=
		     SPAWNCTL_LIMIT_SIZE_VER0);
	BUILD_BUG_ON(offsetofend(struct spawnctl_limit, live) !=
		     SPAWNCTL_LIMIT_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_limit) != SPAWNCTL_LIMIT_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_limit) != 4 * sizeof(u32) + 2 * sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct spawnctl_clone, hold) !=
		     SPAWNCTL_CLONE_SIZE_VER0);
	BUILD_BUG_ON(sizeof(struct spawnctl_hold) != 2 * sizeof(u64));
	BUILD_BUG_ON(offsetofend(struct spawnctl_clone, child_tid) !=
		     SPAWNCTL_CLONE_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_clone) != SPAWNCTL_CLONE_SIZE_VER1);
	BUILD_BUG_ON(sizeof(struct spawnctl_clone) != 4 * sizeof(u32) + 10 * sizeof(u64));
}

/* Sets @copied once @copy holds the struct */
static long run_command(struct file *file, unsigned int command, void __user *uarg,
			union spawnctl_arg *copy, bool *copied)
{
	const struct spawnctl_command *entry = &commands[command];
	u32 usize;
	long ret;

	/* Before the struct is read: a caller can test its permission with an invalid struct */
	if (!entry->exempt) {
		ret = spawnctl_grant_refusal(file, command);
		if (ret)
			return ret;
	}

	/* Read once: if another thread changes the size, the new value is never used */
	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < entry->min_size)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(copy, entry->size, uarg, usize);
	if (ret)
		return ret;
	*copied = true;

	ret = entry->run(file, copy);
	if (ret || !entry->out)
		return ret;
	/* Keep the caller's size, so that the struct can be used for another call */
	if (copy_to_user(uarg + sizeof(usize), (void *)copy + sizeof(usize),
			 min(usize, entry->size) - sizeof(usize)))
		return -EFAULT;
	return 0;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	unsigned int command = _IOC_NR(cmd);
	union spawnctl_arg copy;
	bool copied = false;
	long ret;

	check_abi();

	if (command >= ARRAY_SIZE(commands) || cmd != _IO(SPAWNCTL_MAGIC, command))
		return -ENOIOCTLCMD;
	command = array_index_nospec(command, ARRAY_SIZE(commands));

	ret = run_command(file, command, (void __user *)arg, &copy, &copied);
	if (ret < 0 && (command == SPAWNCTL_CMD_SPAWN || command == SPAWNCTL_CMD_FORK))
		spawnctl_spawn_failed(file, command, copied ? &copy.clone : NULL, ret);
	return ret;
}

static int device_open(struct inode *inode, struct file *file)
{
	int ret = spawnctl_grant_open(file);

	if (ret) {
		spawnctl_stats_open_refused();
		return ret;
	}
	return nonseekable_open(inode, file);
}

static const struct file_operations spawnctl_fops = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.release	= spawnctl_grant_release,
	.unlocked_ioctl	= device_ioctl,
	/* The structs have the same layout for 32-bit callers, and 64-bit addresses in them */
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice spawnctl_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "spawnctl",
	.fops	= &spawnctl_fops,
	.mode	= 0600,
};

static int __init spawnctl_init(void)
{
	int ret;

	ret = spawnctl_kclone_init();
	if (ret)
		return ret;

	ret = spawnctl_stats_init();
	if (ret)
		return ret;

	ret = spawnctl_probes_init();
	if (ret)
		goto err_stats;

	ret = spawnctl_netlink_init();
	if (ret)
		goto err_probes;

	ret = spawnctl_event_init();
	if (ret)
		goto err_netlink;

	ret = misc_register(&spawnctl_misc);
	if (ret) {
		pr_err("cannot register the device (error %d)\n", ret);
		goto err_event;
	}
	spawnctl_netlink_ready();
	return 0;

err_event:
	spawnctl_event_exit();
err_netlink:
	spawnctl_netlink_exit();
err_probes:
	spawnctl_probes_exit();
err_stats:
	spawnctl_stats_exit();
	return ret;
}

/* For stop_machine(), which is called only because it makes each CPU switch tasks */
static int nothing(void *unused)
{
	return 0;
}

/*
 * Waits for callers that have dropped their last reference to the module but still execute
 * module text. make_child() drops its reference to the open file by fput(), and the
 * caller can be preempted after that and before it returns from the module. Meanwhile a
 * child that shares the descriptor table can close the descriptor, which drops the last
 * reference to the open file and to the module. Such a caller does not sleep, so it has
 * left the module once every task has switched voluntarily or has been in user mode.
 * RCU-tasks waits for that.
 *
 * Without CONFIG_PREEMPTION the caller keeps its CPU until it has left the module, so it
 * is enough to make each CPU switch to another task. Plain RCU is not enough on these
 * kernels: with CONFIG_PREEMPT_COUNT, which debugging options select, a timer tick that
 * interrupts the caller before it has left the module counts as a quiescent state.
 */
static void wait_for_callers(void)
{
	if (IS_ENABLED(CONFIG_PREEMPTION))
		synchronize_rcu_tasks();
	else
		stop_machine(nothing, NULL, NULL);
}

static void __exit spawnctl_exit(void)
{
	misc_deregister(&spawnctl_misc);
	/* The device can no longer be opened, so there are no new callers */
	wait_for_callers();
	spawnctl_event_exit();
	spawnctl_netlink_exit();
	spawnctl_probes_exit();
	spawnctl_stats_exit();
}

module_init(spawnctl_init);
module_exit(spawnctl_exit);

MODULE_DESCRIPTION("Start processes safely: /dev/spawnctl");
MODULE_AUTHOR("The spawnctl authors");
MODULE_VERSION(SPAWNCTL_VERSION);
MODULE_LICENSE("GPL");
