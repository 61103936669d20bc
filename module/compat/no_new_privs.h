/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A child with no_new_privs from its first moment on. Where the kernel has no
 * CLONE_NNP, the caller's own bit is set while it is copied: what can be
 * forgotten then, by a probe that is skipped say, is to take it away again, not
 * to give it.
 */
#ifndef SPAWNCTL_COMPAT_NO_NEW_PRIVS_H
#define SPAWNCTL_COMPAT_NO_NEW_PRIVS_H

#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "clone_flags.h"

struct lent_no_new_privs {
	bool lent;
	const void *filter;
};

static inline const void *seccomp_filter_of_current(void)
{
#ifdef CONFIG_SECCOMP
	return READ_ONCE(current->seccomp.filter);
#else
	return NULL;
#endif
}

static inline void lend_no_new_privs(struct lent_no_new_privs *lent)
{
	if (CLONE_NNP || task_no_new_privs(current))
		return;
	lent->lent = true;
	lent->filter = seccomp_filter_of_current();
	task_set_no_new_privs(current);
}

static inline void give_back_no_new_privs(const struct lent_no_new_privs *lent)
{
	/* The caller's own, until it exits */
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);

	if (!lent->lent)
		return;
	/*
	 * Another thread may have put a filter on this one meanwhile
	 * (SECCOMP_FILTER_FLAG_TSYNC), and with it its own no_new_privs, which
	 * cannot be told from this one: then it stays. That is done with this
	 * lock held, and never replaces a filter by an equal one.
	 */
	spin_lock_irq(&sighand->siglock);
	if (seccomp_filter_of_current() == lent->filter)
		clear_bit(PFA_NO_NEW_PRIVS, &current->atomic_flags);
	spin_unlock_irq(&sighand->siglock);
}

#endif
