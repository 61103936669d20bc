/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A parked call waits in the kernel for the missing page that holds its struct
 * (userfaultfd). It has passed all checks that precede the copy of the struct. So
 * what the test does meanwhile happens at a known point of the call.
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
	void *page;		/* the missing page, where the call looks for its struct */
	void *argument;		/* the struct, if @page is for something else */
	void *source;		/* what @page will contain */
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

/* Maps the missing page and allocates its future contents: 0 or -1 */
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

/* Starts the call in a thread of its own: 0 once it waits for the page, or -1 */
static inline int park(struct parked *parked)
{
	struct uffd_msg message;

	if (pthread_create(&parked->thread, NULL, parked_call, parked))
		return -1;
	return read(parked->faults, &message, sizeof(message)) == sizeof(message) ? 0 : -1;
}

/*
 * Fills the page with the bytes at @source, and waits until the call has returned. The
 * result of the call is in @ret of @parked. Returns 0 or -1.
 */
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
 * For a signal that is sent while the call is parked: how often its handler has run,
 * and how often the child already existed when it ran.
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
 * Parks the call that @parked describes, sends it SIGUSR1, and lets it continue. The
 * handler must run before the child is made, and the kernel must then restart the call.
 * If the call itself blocks SIGUSR1 (@blocked), the handler must run when the child
 * already exists. Returns 0 if that is so, or -1.
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
