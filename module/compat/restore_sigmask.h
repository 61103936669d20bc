/* SPDX-License-Identifier: GPL-2.0 */
/*
 * set_restore_sigmask() sets TIF_RESTORE_SIGMASK or, on an architecture without it, a field of
 * struct task_struct. The kernel can clear and test these for any task, but sets them for current
 * only.
 *
 * TIF_NOTIFY_SIGNAL makes a task reach restore_saved_sigmask() without a pending signal. Linux 5.11
 * ("entry: Add support for TIF_NOTIFY_SIGNAL") and 5.10.162 added it.
 */
#ifndef SPAWNCTL_COMPAT_RESTORE_SIGMASK_H
#define SPAWNCTL_COMPAT_RESTORE_SIGMASK_H

#include <linux/sched/signal.h>

#if defined(CONFIG_PREEMPT_RT) && !defined(TIF_NOTIFY_SIGNAL)
#error "with PREEMPT_RT the module needs TIF_NOTIFY_SIGNAL (Linux 5.10.162 or later)"
#endif

/*
 * Have @child, which has not run yet, replace its mask by its saved_sigmask, under its siglock and
 * before its first instruction in user space.
 */
static inline void set_child_restore_sigmask(struct task_struct *child)
{
#ifdef TIF_RESTORE_SIGMASK
	set_tsk_thread_flag(child, TIF_RESTORE_SIGMASK);
#else
	child->restore_sigmask = true;
#endif
#ifdef TIF_NOTIFY_SIGNAL
	set_tsk_thread_flag(child, TIF_NOTIFY_SIGNAL);
#endif
}

#endif
