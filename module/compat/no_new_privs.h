/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A child with no_new_privs from its first moment on. Where the kernel has no
 * CLONE_NNP, the caller's own bit is set while it is copied: what can be
 * forgotten then, by a probe that is skipped say, is to take it away again, not
 * to give it.
 */
#ifndef SPAWNCTL_COMPAT_NO_NEW_PRIVS_H
#define SPAWNCTL_COMPAT_NO_NEW_PRIVS_H

#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "clone_flags.h"

/**
 * struct lent_no_new_privs - what the caller has been lent
 * @lent: whether it was
 * @filter: its seccomp filter then
 * @cred: its credentials then
 */
struct lent_no_new_privs {
	bool lent;
	const void *filter;
	const struct cred *cred;
};

static inline const void *seccomp_filter_of_current(void)
{
#ifdef CONFIG_SECCOMP
	return READ_ONCE(current->seccomp.filter);
#else
	return NULL;
#endif
}

/* The caller's own: stays what it is while the caller is in the kernel */
static inline spinlock_t *siglock_of_current(void)
{
	return &rcu_dereference_protected(current->sighand, true)->siglock;
}

/*
 * Another thread may put its filter on this one at any time
 * (SECCOMP_FILTER_FLAG_TSYNC), and with it its own no_new_privs, with this lock
 * held. So whether the bit is there, and under which filter, is one question.
 */
static inline void lend_no_new_privs(struct lent_no_new_privs *lent)
{
	if (CLONE_NNP)
		return;
	spin_lock_irq(siglock_of_current());
	if (!task_no_new_privs(current)) {
		lent->lent = true;
		lent->filter = seccomp_filter_of_current();
		lent->cred = get_current_cred();
		task_set_no_new_privs(current);
	}
	spin_unlock_irq(siglock_of_current());
}

/*
 * A bit that has come with a filter meanwhile cannot be told from the one that was
 * lent: it stays. A filter is never replaced by an equal one, as the old one is
 * kept under the new. A domain of Landlock's can come with one as well, from
 * another thread while this one is traced; that is seen by the credentials.
 */
static inline void give_back_no_new_privs(struct lent_no_new_privs *lent)
{
	if (!lent->lent)
		return;
	spin_lock_irq(siglock_of_current());
	if (seccomp_filter_of_current() == lent->filter && current_cred() == lent->cred)
		clear_bit(PFA_NO_NEW_PRIVS, &current->atomic_flags);
	spin_unlock_irq(siglock_of_current());
	put_cred(lent->cred);
}

#endif
