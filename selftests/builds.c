// SPDX-License-Identifier: GPL-2.0
/*
 * builds COUNT: makes COUNT successful and COUNT failing spawns through each backend that
 * needs no device. In an instrumented build, every function that is entered must also be
 * left, and no instrumented function may run in a child.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn_int.h"

extern char **environ;

static long self, inside, in_child;

#define NOT_ITSELF __attribute__((__no_instrument_function__, __no_sanitize__("all")))

NOT_ITSELF void __cyg_profile_func_enter(void *function, void *site)
{
	inside++;
	in_child += self && syscall(SYS_getpid) != self;
}

NOT_ITSELF void __cyg_profile_func_exit(void *function, void *site)
{
	inside--;
}

static int spawn(const spawnctl_attr_t *attr, const spawnctl_file_actions_t *actions,
		 const char *name)
{
	char *argv[] = { (char *)name, NULL };
	int status, error;
	pid_t pid;

	error = spawnctl_spawnp(&pid, name, actions, attr, argv, environ);
	if (error)
		return error;
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -1;
}

static int by_backend(enum spawnctl_backend backend, int count)
{
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	sigset_t set;
	int failed;

	sigfillset(&set);
	failed = spawnctl_attr_init(&attr) || spawnctl_file_actions_init(&actions) ||
		 spawnctl_attr_setbackend(attr, backend) ||
		 spawnctl_attr_setsigdefault(attr, &set) ||
		 spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETSIGDEF |
					SPAWNCTL_SPAWN_CLOEXEC_DEFAULT) ||
		 spawnctl_file_actions_addopen(actions, 0, "/dev/null", 0, 0) ||
		 spawnctl_file_actions_adddup2(actions, 0, 7) ||
		 spawnctl_file_actions_addclosefrom(actions, 5);
	while (!failed && count--)
		failed = spawn(attr, actions, "true") || spawn(attr, actions, "none.") != ENOENT;
	/* A bad descriptor, such as libc accepts unchecked and the preload library then finds */
	spawnctl_file_actions_destroy(actions);
	actions = NULL;
	failed = failed || spawnctl_file_actions_init(&actions) ||
		 spawnctl_actions_append(actions, &(struct action){
			.op = ACTION_FCHDIR, .fd = INT_MAX }) ||
		 spawn(attr, actions, "true") != EBADF;
	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
	return failed;
}

int main(int argc, char **argv)
{
	const int count = argc > 1 ? atoi(argv[1]) : 1;
	long before = inside;

	self = getpid();
	if (by_backend(SPAWNCTL_BACKEND_CLONE3, count) || by_backend(SPAWNCTL_BACKEND_CLONE, count))
		return 1;
	if (inside != before || in_child) {
		printf("%ld functions were entered but not left, %ld were entered in a child\n",
		       inside - before, in_child);
		return 1;
	}
	return 0;
}
