// SPDX-License-Identifier: GPL-2.0
/*
 * The C library's own posix_spawn().
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "bench.h"

extern char **environ;

/* Since glibc 2.34 */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from)
	__attribute__((__weak__));

static posix_spawn_file_actions_t actions, *used_actions;
static posix_spawnattr_t attr, *used_attr;

const char *libc_name(void)
{
#ifdef __GLIBC__
	static char name[32];

	snprintf(name, sizeof(name), "glibc %s", gnu_get_libc_version());
	return name;
#else
	return "musl " MUSL_VERSION;
#endif
}

static void typical(const struct job *job)
{
	sigset_t set;

	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, job->pipe[1], 1);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawn_file_actions_addclose(&actions, job->pipe[0]);
	posix_spawn_file_actions_addclose(&actions, job->pipe[1]);
	posix_spawnattr_init(&attr);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETPGROUP);
	used_attr = &attr;
}

bool libc_prepare(const struct job *job)
{
	if (used_actions)
		posix_spawn_file_actions_destroy(&actions);
	if (used_attr)
		posix_spawnattr_destroy(&attr);
	used_actions = NULL;
	used_attr = NULL;
	if (job->shape == SHAPE_PLAIN)
		return true;
	posix_spawn_file_actions_init(&actions);
	used_actions = &actions;
	if (job->shape == SHAPE_TYPICAL) {
		typical(job);
		return true;
	}
	return posix_spawn_file_actions_addclosefrom_np &&
	       !posix_spawn_file_actions_addclosefrom_np(&actions, 3);
}

pid_t libc_spawn(const struct job *job)
{
	pid_t pid;
	int error = posix_spawn(&pid, job->argv[0], used_actions, used_attr, job->argv, environ);

	return error ? -error : pid;
}
