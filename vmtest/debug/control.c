// SPDX-License-Identifier: GPL-2.0
/*
 * The negative control of the debug kernels: faults that their detectors must
 * report, made when the module is loaded. There is none for DEBUG_LIST and
 * DEBUG_OBJECTS.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *fault = "";
module_param(fault, charp, 0444);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_RAW_SPINLOCK(spinlock);
static unsigned long shared;

static int count_up(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *one = kthread_run(count_up, NULL, "control/1");
	struct task_struct *two = kthread_run(count_up, NULL, "control/2");

	msleep(10000);
	if (!IS_ERR(one))
		kthread_stop(one);
	if (!IS_ERR(two))
		kthread_stop(two);
}

static noinline void use_freed(void)
{
	char *memory = kmalloc(64, GFP_KERNEL);

	kfree(memory);
	OPTIMIZER_HIDE_VAR(memory);
	WRITE_ONCE(memory[8], 1);
}

/* Not of the init text, which has no names any more when kmemleak prints it */
static noinline void lose_memory(void)
{
	int i;

	/* kmemleak misses a block whose address is still in a register or on a stack; hence 16 */
	for (i = 0; i < 16; i++) {
		char *memory = kmalloc(64, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(memory);
	}
}

static noinline void shift_too_far(void)
{
	int bits = BITS_PER_LONG;

	OPTIMIZER_HIDE_VAR(bits);
	WRITE_ONCE(shared, 1UL << bits);
}

static int __init control_init(void)
{
	if (!strcmp(fault, "freed"))
		use_freed();
	if (!strcmp(fault, "leak"))
		lose_memory();
	if (!strcmp(fault, "undefined"))
		shift_too_far();
	if (!strcmp(fault, "sleep")) {
		raw_spin_lock(&spinlock);
		might_sleep();
		raw_spin_unlock(&spinlock);
	}
	if (!strcmp(fault, "lock")) {
		mutex_lock(&first);
		mutex_lock(&second);
		mutex_unlock(&second);
		mutex_unlock(&first);
		mutex_lock(&second);
		mutex_lock(&first);
		mutex_unlock(&first);
		mutex_unlock(&second);
	}
	if (!strcmp(fault, "race"))
		race();
	return 0;
}

static void __exit control_exit(void)
{
}

module_init(control_init);
module_exit(control_exit);
MODULE_DESCRIPTION("what the debug kernels are to find");
MODULE_AUTHOR("the spawnctl authors");
MODULE_LICENSE("GPL");
