/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test program that is run again under the preload library, as one of its modes.
 */
#ifndef PRELOAD_SELF_H
#define PRELOAD_SELF_H

#include <stdlib.h>

#include "spawnctl_test.h"

#define PRELOAD	"libspawnctl-preload.so"

/* In the mode, which has no harness: a line on stderr, and status 1 */
#define CHECK(condition)							\
	do {									\
		if (!(condition)) {						\
			fprintf(stderr, "# line %d: %s\n", __LINE__, #condition);	\
			exit(1);						\
		}								\
	} while (0)

/* What that run has written to its stderr */
static char said[65536];

/*
 * This program under the preload library, with three descriptors and @prepare's. What it
 * has in argv[1] is @mode. Returns its exit status, or 200 and the signal.
 */
static inline int run_self(const char *backend, const char *mode, void (*prepare)(void))
{
	ssize_t n, used = 0;
	int out[2], status;
	pid_t pid;

	if (pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(out[1], 2);
		syscall(436 /* close_range */, 3, ~0U, 0);
		if (prepare)
			prepare();
		setenv("LD_PRELOAD", PRELOAD, 1);
		/* A line is a system call more */
		setenv("SPAWNCTL_DEBUG", strncmp(mode, "--calls", 7) ? "1" : "0", 1);
		if (backend)
			setenv("SPAWNCTL_BACKEND", backend, 1);
		execl("/proc/self/exe", "self", mode, NULL);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], said + used, sizeof(said) - 1 - used)) > 0) {
		used += n;
		/* The end is what matters */
		if (used == sizeof(said) - 1)
			used = 0;
	}
	close(out[0]);
	said[used] = '\0';
	status = wait_status(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

#endif /* PRELOAD_SELF_H */
