// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading, and the device node.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/stop_machine.h>

#include "spawnctl.h"

#if defined(CONFIG_PREEMPTION) && !defined(CONFIG_TASKS_RCU)
#error "unloading needs CONFIG_TASKS_RCU on a preemptible kernel; see wait_for_callers()"
#endif

static int spawnctl_open(struct inode *inode, struct file *file)
{
	int ret = spawnctl_grant_open(file);

	if (ret) {
		spawnctl_open_refused();
		return ret;
	}
	return nonseekable_open(inode, file);
}

static int spawnctl_release(struct inode *inode, struct file *file)
{
	spawnctl_grant_release(file);
	return 0;
}

static const struct file_operations spawnctl_fops = {
	.owner		= THIS_MODULE,
	.open		= spawnctl_open,
	.release	= spawnctl_release,
	.unlocked_ioctl	= spawnctl_ioctl,
};

bool spawnctl_is_device(struct file *file)
{
	return file->f_op == &spawnctl_fops;
}

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

	ret = spawnctl_child_init();
	if (ret)
		goto err_stats;

	ret = spawnctl_netlink_init();
	if (ret)
		goto err_child;

	ret = misc_register(&spawnctl_misc);
	if (ret) {
		pr_err("cannot register the device (error %d)\n", ret);
		goto err_netlink;
	}
	spawnctl_netlink_ready();
	return 0;

err_netlink:
	spawnctl_netlink_exit();
err_child:
	spawnctl_child_exit();
err_stats:
	spawnctl_stats_exit();
	return ret;
}

static int nothing(void *unused)
{
	return 0;
}

/*
 * Waits for callers that have yet to return through module text, although the module's
 * refcount is 0. make_child() drops its reference to the open file by fput(), and the
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
	spawnctl_netlink_exit();
	spawnctl_child_exit();
	spawnctl_stats_exit();
}

module_init(spawnctl_init);
module_exit(spawnctl_exit);

MODULE_DESCRIPTION("Start processes safely: /dev/spawnctl");
MODULE_AUTHOR("The spawnctl authors");
MODULE_VERSION(SPAWNCTL_VERSION);
MODULE_LICENSE("GPL");
