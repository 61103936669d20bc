// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Run a function in a child that shares the memory, as rfork_thread(3) of FreeBSD.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch.h"

/*
 * Map a stack above a guard page, so that an overrun faults and does not corrupt other memory
 */
static void *map_stack(size_t guard)
{
	char *map = mmap(NULL, guard + SPAWNCTL_STACK_SIZE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map + guard, SPAWNCTL_STACK_SIZE, PROT_READ | PROT_WRITE)) {
		munmap(map, guard + SPAWNCTL_STACK_SIZE);
		return NULL;
	}
	return map;
}

/*
 * Copy the request to the struct of this library. The caller's may be longer, if the bytes that
 * this library does not know are 0. Return: 0 or a negative errno.
 */
static long copy_clone(struct spawnctl_clone *own, const struct spawnctl_clone *clone)
{
	const char *bytes = (const char *)clone;
	size_t i;

	if (clone->size < SPAWNCTL_CLONE_SIZE_VER0)
		return -EINVAL;
	if (clone->size > (unsigned long)sysconf(_SC_PAGESIZE))
		return -E2BIG;
	for (i = sizeof(*own); i < clone->size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(own, clone, clone->size < sizeof(*own) ? clone->size : sizeof(*own));
	own->size = sizeof(*own);
	return 0;
}

/* All signals are blocked until exec, which sets the caller's mask */
static void default_clone(struct spawnctl_clone *own)
{
	own->size = sizeof(*own);
	own->flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK;
	own->window_mask = SPAWNCTL_SIGSET_ALL;
	own->exit_signal = SIGCHLD;
	/* Not sigprocmask(): libc's sigset_t has a different size */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &own->exec_mask,
		sizeof(own->exec_mask));
}

pid_t spawnctl_thread(int fd, const struct spawnctl_clone *clone,
		      int (*fn)(void *arg), void *arg)
{
	struct spawnctl_clone own = { 0 };
	int cancel = PTHREAD_CANCEL_ENABLE, saved = errno;
	size_t guard = 0;
	char *map = NULL;
	long pid;

	if (spawnctl_arch_emulated())
		return spawnctl_error(-ENOSYS);
	if (clone) {
		long error = copy_clone(&own, clone);

		if (error)
			return spawnctl_error(error);
	} else {
		default_clone(&own);
	}

	if (!own.stack && !own.stack_size) {
		/* This function could not unmap the stack: the child uses it after the return */
		if (own.flags & SPAWNCTL_NO_WAIT)
			return spawnctl_error(-EINVAL);
		guard = sysconf(_SC_PAGESIZE);
		map = map_stack(guard);
		if (!map)
			return spawnctl_error(-ENOMEM);
		own.stack = (unsigned long)(map + guard);
		own.stack_size = SPAWNCTL_STACK_SIZE;
	}

	/*
	 * The child shares this thread's control block: at a cancellation point it would act on a
	 * pthread_cancel() that is meant for this thread.
	 */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pid = spawnctl_arch_clone(SYS_ioctl, fd, SPAWNCTL_IOC_SPAWN, (long)&own, fn, arg);
	if (!pid)
		pid = -ENOTTY;
	pthread_setcancelstate(cancel, NULL);

	/* The child no longer uses this memory, or was never made */
	if (map)
		munmap(map, guard + SPAWNCTL_STACK_SIZE);
	if (pid < 0)
		return spawnctl_error(pid);
	/* Undo what the child did to errno, which it shares with this thread */
	errno = saved;
	return pid;
}
