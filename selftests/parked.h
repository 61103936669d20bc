/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call that waits in the kernel for its struct, as the page that holds it is
 * not there yet (userfaultfd). It has passed all that is checked before the copy,
 * so that what comes meanwhile comes at a known point of the call.
 */
#ifndef PARKED_H
#define PARKED_H

#include <pthread.h>

#include "spawnctl_test.h"

struct parked {
	pthread_t thread;
	int fd;
	unsigned long command;
	int faults;		/* the userfaultfd */
	size_t size;
	void *page;		/* where the call looks for its struct */
	void *argument;		/* the struct, if the page is for something else */
	void *source;		/* what it will find there */
	long ret;
};

static void *parked_call(void *arg)
{
	struct parked *parked = arg;
	void *at = parked->argument ? parked->argument : parked->page;

	parked->ret = parked->command == SPAWNCTL_IOC_LIMIT ?
		      raw_syscall(SYS_ioctl, parked->fd, SPAWNCTL_IOC_LIMIT, at) :
		      raw_spawn_exit(parked->fd, parked->command, at);
	return NULL;
}

/* Makes the place of the struct, which is not there yet: 0 or -1 */
static inline int park_place(struct parked *parked)
{
	parked->size = sysconf(_SC_PAGESIZE);
	parked->page = mmap(NULL, parked->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	parked->source = calloc(1, parked->size);
	if (parked->page == MAP_FAILED || !parked->source)
		return -1;
	parked->faults = own_page(parked->page, parked->size);
	return parked->faults < 0 ? -1 : 0;
}

/* Begins the call in a thread of its own: 0 when it waits, or -1 */
static inline int park(struct parked *parked)
{
	struct uffd_msg message;

	if (pthread_create(&parked->thread, NULL, parked_call, parked))
		return -1;
	return read(parked->faults, &message, sizeof(message)) == sizeof(message) ? 0 : -1;
}

/* Has the call go on, with the bytes at @source. Its result is @ret: 0 or -1 */
static inline int unpark(struct parked *parked)
{
	struct uffdio_copy copy = {
		.src = (uintptr_t)parked->source, .dst = (uintptr_t)parked->page,
		.len = parked->size,
	};
	int ret = ioctl(parked->faults, UFFDIO_COPY, &copy);

	if (ret)
		return ret;
	pthread_join(parked->thread, NULL);
	close(parked->faults);
	free(parked->source);
	return 0;
}

/*
 * For a signal that comes while the call is parked: how often the handler has run,
 * and how often there was a child already.
 */
static struct {
	int runs;
	int late;
} parked_signal;

static inline void parked_handler(int sig)
{
	siginfo_t info;

	parked_signal.runs++;
	parked_signal.late += !raw_syscall(SYS_waitid, P_ALL, 0, &info,
					   WEXITED | WNOWAIT | WNOHANG | __WALL, NULL);
}

/*
 * A call that @parked has the place and struct of is interrupted by a signal before
 * its child is made. The kernel makes it again after the handler; only if the call
 * itself blocks SIGUSR1 (@blocked), the handler comes when there is a child: 0 or -1
 */
static inline int interrupted_call(struct parked *parked, int blocked)
{
	parked_signal.runs = 0;
	parked_signal.late = 0;
	if (signal(SIGUSR1, parked_handler) == SIG_ERR || park(parked) ||
	    pthread_kill(parked->thread, SIGUSR1) || unpark(parked))
		return -1;
	return parked_signal.runs == 1 && parked_signal.late == blocked ? 0 : -1;
}

#endif /* PARKED_H */
