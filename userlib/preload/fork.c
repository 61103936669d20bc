// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fork(3) and _Fork(3) by the device, if the device is demanded.
 *
 * FORK resets the handlers of the signals that the program catches. The child has every signal
 * blocked from its first instruction on, installs the handlers again, and then sets the caller's
 * mask. So a signal to the child is neither lost nor meets the default action.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "atfork.h"
#include "backend.h"
#include "fork.h"
#include "preload.h"

typedef pid_t fork_fn(void);

static fork_fn *next_fork, *next_bare_fork;

/*
 * An ioctl of another driver may return 0 in the caller, which would then take itself for the
 * child. So the descriptor is checked before each FORK.
 */
static long make_child(struct request *request)
{
	long ret = spawnctl_backend_begin(request);

	while (!ret) {
		ret = spawnctl_descriptor_check_again(request->descriptor.fd);
		if (!ret)
			ret = raw_syscall(SYS_ioctl, request->descriptor.fd, SPAWNCTL_IOC_FORK,
					  &request->clone);
		if (ret >= 0)
			break;
		ret = spawnctl_backend_next(request, ret);
	}
	return ret;
}

/*
 * @robust: this thread's list of robust mutexes. Return: the child's process id, 0 in the child, or
 * a negative errno
 */
static long fork_by_device(struct robust_list_head *robust)
{
	struct request request = {
		.fd = -1,
		.transient = true,
		.backend = SPAWNCTL_BACKEND_DEVICE,
		.clone = {
			.size = sizeof(request.clone),
			.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_SET_TID,
			.window_mask = SPAWNCTL_SIGSET_ALL,
			.exit_signal = SIGCHLD,
		},
	};
	struct signal_actions actions;
	long ret;

	spawnctl_signals_hold(&request.signals, SPAWNCTL_SIGSET_HELD);
	spawnctl_signal_actions_get(&actions);
	spawnctl_descriptor_before_fork();
	ret = make_child(&request);
	if (!ret) {
		spawnctl_descriptor_in_fork(false);
		spawnctl_new_robust_list(robust);
		spawnctl_signal_actions_set(&actions);
	} else {
		if (ret > 0)
			spawnctl_descriptor_put(&request.descriptor);
		spawnctl_descriptor_after_fork();
	}
	spawnctl_signals_release(&request.signals);
	if (ret)
		preload_say("fork", NULL, CHOICE_DEVICE, 0, ret < 0 ? -ret : 0);
	return ret;
}

/*
 * As libc's fork(), for a process with one thread only: libc's locks cannot be taken from outside.
 */
static pid_t fork_alone(struct robust_list_head *robust)
{
	const unsigned long last = preload_atfork_prepare();
	const int saved = errno;
	const long ret = fork_by_device(robust);

	errno = saved;
	preload_atfork_done(last, !ret);
	return ret < 0 ? spawnctl_error(ret) : ret;
}

/*
 * Whether to use the device: then this thread's list of robust mutexes, else NULL. A child of
 * vfork(2) has none, and no address for the thread id is registered for it either, so
 * SPAWNCTL_SET_TID could not store the id: there libc's fork is called.
 */
static struct robust_list_head *by_device(void)
{
	return preload_vfork_choice() == CHOICE_DEVICE ? spawnctl_robust_list() : NULL;
}

/*
 * Once, because dlsym(3) waits for a thread that is in dlopen(3), and for ever if that thread
 * waits for this one.
 */
static void __attribute__((__constructor__)) find_next(void)
{
	next_fork = (fork_fn *)preload_next("fork");
	/* A dlsym() that finds nothing allocates memory */
	if (preload_libc_is("2.34"))
		next_bare_fork = (fork_fn *)preload_next("_Fork");
	preload_atfork_find();
}

pid_t fork(void)
{
	struct robust_list_head *robust = preload_alone() ? by_device() : NULL;

	if (robust)
		return fork_alone(robust);
	/* The constructor of another library may fork before ours has run */
	if (!next_fork)
		find_next();
	return next_fork ? next_fork() : spawnctl_error(-ENOSYS);
}

pid_t __fork(void) __attribute__((__alias__("fork"), __nothrow__));

/* In glibc since 2.34. No handlers of pthread_atfork(3) run, and no lock of libc is taken */
pid_t _Fork(void)
{
	struct robust_list_head *robust = by_device();
	const int saved = errno;
	long ret;

	if (!robust && !next_fork)
		find_next();
	if (!robust)
		return next_bare_fork ? next_bare_fork() : spawnctl_error(-ENOSYS);
	ret = fork_by_device(robust);
	if (ret < 0)
		return spawnctl_error(ret);
	errno = saved;
	return ret;
}
