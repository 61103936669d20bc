/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gives a child no_new_privs from its creation on. Where the kernel has no CLONE_NNP, the
 * bit is set in the caller during the call, and the child copies it. This fails closed: in
 * the worst case the caller keeps the bit. The fork probe (probes.c) could set the bit in
 * the child instead, but a skipped probe would leave the child without it.
 */
#ifndef SPAWNCTL_NO_NEW_PRIVS_H
#define SPAWNCTL_NO_NEW_PRIVS_H

#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>

#include "compat/clone_flags.h"
#include "spawnctl.h"

/**
 * struct lent_no_new_privs - state for give_back_no_new_privs()
 * @lent: whether lend_no_new_privs() has set the bit
 * @filter: the caller's seccomp filter at that time
 * @cred: the caller's credentials at that time, with a reference
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

/*
 * Another thread can install its filter on this thread at any time
 * (SECCOMP_FILTER_FLAG_TSYNC), and set no_new_privs with it. It does both under the
 * siglock. So read the bit and the filter together under the siglock.
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
 * If a filter was installed during the call, no_new_privs may have been set with it. That
 * bit cannot be told from the lent one, so it stays set. The filter's address is enough to
 * detect a new filter: the new one holds a reference to the old one, so the addresses differ.
 * Another thread can also restrict this one by Landlock (LANDLOCK_RESTRICT_SELF_TSYNC), and
 * set no_new_privs with it. Landlock does both in task work of this thread, which can run at
 * a ptrace event in kernel_clone(). Landlock changes the credentials.
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
