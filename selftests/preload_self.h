/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For a test program that executes itself under the preload library, in one of its modes.
 */
#ifndef PRELOAD_SELF_H
#define PRELOAD_SELF_H

#include <stdlib.h>

#include "spawnctl_test.h"

#define PRELOAD	"libspawnctl-preload.so"

/* For a mode, which runs without the harness: on failure a line on stderr, and status 1 */
#define CHECK(condition)							\
	do {									\
		if (!(condition)) {						\
			fprintf(stderr, "# line %d: %s\n", __LINE__, #condition);	\
			exit(1);						\
		}								\
	} while (0)

/* What the last run_self() has written to its stderr */
static char said[65536];

/*
 * Runs this program under the preload library, with @mode in argv[1]. Only descriptors
 * 0 to 2 and those that @prepare opens are open. Returns the exit status, or 200 plus the
 * number of the signal that ended it.
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
		/* Not for --calls: each line of debug output is a system call */
		setenv("SPAWNCTL_DEBUG", strncmp(mode, "--calls", 7) ? "1" : "0", 1);
		if (backend)
			setenv("SPAWNCTL_BACKEND", backend, 1);
		execl("/proc/self/exe", "self", mode, NULL);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], said + used, sizeof(said) - 1 - used)) > 0) {
		used += n;
		/* Start over if the buffer is full: the end of the output matters */
		if (used == sizeof(said) - 1)
			used = 0;
	}
	close(out[0]);
	said[used] = '\0';
	status = wait_status(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

#endif /* PRELOAD_SELF_H */
