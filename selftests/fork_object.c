// SPDX-License-Identifier: GPL-2.0
/*
 * fork_object.so: a shared object for preload_fork_test. It registers handlers of pthread_atfork(3)
 * in its constructor. With FORK_OBJECT=fork in the environment, the constructor forks, too, and
 * the child uses the dynamic linker.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void (*fork_object_log)(char letter);
int fork_object_status = -1;

static void prepare(void)
{
	if (fork_object_log)
		fork_object_log('X');
}

static void parent(void)
{
	if (fork_object_log)
		fork_object_log('Y');
}

static void child(void)
{
	if (fork_object_log)
		fork_object_log('Z');
}

static void __attribute__((constructor)) begin(void)
{
	const char *what = getenv("FORK_OBJECT");
	pid_t pid;

	pthread_atfork(prepare, parent, child);
	if (!what || strcmp(what, "fork"))
		return;
	pid = fork();
	if (!pid) {
		alarm(10);
		if (dlsym(RTLD_DEFAULT, "no_such_symbol") || dlopen("/no/such/object", RTLD_NOW))
			_exit(1);
		_exit(dlopen("libm.so.6", RTLD_NOW) ? 17 : 2);
	}
	if (pid > 0)
		waitpid(pid, &fork_object_status, 0);
}
