// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A function in a child that shares the memory, as rfork_thread(3) of FreeBSD.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch.h"

/* A stack above a guard page, so that an overrun ends the child, not the heap */
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

pid_t spawnctl_thread(int fd, const struct spawnctl_clone *clone,
		      int (*fn)(void *arg), void *arg)
{
	struct spawnctl_clone own = { .exit_signal = SIGCHLD };
	int saved = errno;
	size_t guard = 0;
	char *map = NULL;
	long pid;

	if (clone) {
		if (clone->size < SPAWNCTL_CLONE_SIZE_VER0)
			return spawnctl_error(-EINVAL);
		if (clone->size > sizeof(own))
			return spawnctl_error(-E2BIG);
		memcpy(&own, clone, clone->size);
	}
	own.size = sizeof(own);

	if (!own.stack && !own.stack_size) {
		guard = sysconf(_SC_PAGESIZE);
		map = map_stack(guard);
		if (!map)
			return spawnctl_error(-ENOMEM);
		own.stack = (unsigned long)(map + guard);
		own.stack_size = SPAWNCTL_STACK_SIZE;
	}

	pid = spawnctl_arch_thread(fd, &own, fn, arg);

	/* The child has left this memory, or was never there */
	if (map)
		munmap(map, guard + SPAWNCTL_STACK_SIZE);
	if (pid < 0)
		return spawnctl_error(pid);
	/* What the child made of errno, which it shares with this thread */
	errno = saved;
	return pid;
}
