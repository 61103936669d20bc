// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Signal setup in the child, before it calls the function of struct request, and before exec. With
 * the device there is nothing to do: the kernel has set up the signals before the child runs.
 * Compiled with CHILD_CFLAGS, see the Makefile.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "request.h"

#define NSIGNALS	64
#define SIGSET_SIZE	8

/* The kernel's struct sigaction: the handler comes first, all other members are 0 here */
struct kernel_sigaction {
	unsigned long handler;
	unsigned long rest[7];
};

static void set_handler(int sig, void (*handler)(int))
{
	struct kernel_sigaction action;
	int i;

	/* No initializer: clang -O0 would compile it to a call of memset() */
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

/*
 * @all: reset every signal that is caught. @to_default, @ignore: set these signals regardless of
 * their present action.
 */
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

int spawnctl_request_start(void *arg)
{
	struct request *request = arg;

	request->started = true;
	if (request->backend != SPAWNCTL_BACKEND_DEVICE) {
		/* The signals that the library has blocked in the caller are blocked here too */
		set_handlers(request->backend == SPAWNCTL_BACKEND_CLONE,
			     request->clone.sig_default, request->clone.sig_ignore);
		if (request->open_window)
			spawnctl_request_before_exec(request);
	}
	return request->fn(request->arg);
}

void spawnctl_request_before_exec(const struct request *request)
{
	if (request->backend != SPAWNCTL_BACKEND_DEVICE)
		set_sigmask(&request->clone.exec_mask);
}

int spawnctl_request_end(void *arg)
{
	(void)arg;
	return 0;
}

void spawnctl_vfork_child(unsigned long long mask)
{
	set_handlers(true, 0, 0);
	set_sigmask(&mask);
}
