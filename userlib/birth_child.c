// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What runs in the child of a birth before and after its own function. The device
 * has done all of it before its child runs. Compiled with CHILD_CFLAGS of the
 * Makefile, see there.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "birth.h"
#include "vfork.h"

#define NSIGNALS	64
#define SIGSET_SIZE	8

/* As the kernel has it: the handler first, all the rest 0 */
struct kernel_sigaction {
	unsigned long handler;
	unsigned long rest[7];
};

static void set_handler(int sig, void (*handler)(int))
{
	struct kernel_sigaction action;
	int i;

	/* Without an initialiser, which clang -O0 makes a call of memset() */
	action.handler = (unsigned long)handler;
	for (i = 0; i < 7; i++)
		action.rest[i] = 0;
	raw_syscall(SYS_rt_sigaction, sig, &action, NULL, SIGSET_SIZE);
}

static bool has_handler(int sig)
{
	struct kernel_sigaction action;

	return !raw_syscall(SYS_rt_sigaction, sig, NULL, &action, SIGSET_SIZE) &&
	       action.handler != (unsigned long)SIG_DFL &&
	       action.handler != (unsigned long)SIG_IGN;
}

/* @all: those that are caught; @to_default and @ignore: whatever they are */
static void set_handlers(bool all, unsigned long long to_default, unsigned long long ignore)
{
	int sig;

	if (!all && !to_default && !ignore)
		return;
	for (sig = 1; sig <= NSIGNALS; sig++) {
		unsigned long long bit = 1ULL << (sig - 1);

		if (ignore & bit)
			set_handler(sig, SIG_IGN);
		else if ((to_default & bit) || (all && has_handler(sig)))
			set_handler(sig, SIG_DFL);
	}
}

int spawnctl_birth_start(void *arg)
{
	struct birth *birth = arg;

	birth->started = true;
	if (birth->backend != SPAWNCTL_BACKEND_DEVICE) {
		/* Nothing is unblocked yet */
		set_handlers(birth->backend == SPAWNCTL_BACKEND_CLONE,
			     birth->clone.sig_default, birth->clone.sig_ignore);
		if (birth->open_window)
			spawnctl_birth_before_exec(birth);
	}
	return birth->fn(birth->arg);
}

void spawnctl_birth_before_exec(const struct birth *birth)
{
	if (birth->backend != SPAWNCTL_BACKEND_DEVICE)
		set_sigmask(&birth->clone.exec_mask);
}

int spawnctl_birth_end(void *arg)
{
	(void)arg;
	return 0;
}

/* Where the kernel has not reset the handlers: on the caller's stack */
void spawnctl_vfork_child(unsigned long long mask)
{
	set_handlers(true, 0, 0);
	set_sigmask(&mask);
}
