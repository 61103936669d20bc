// SPDX-License-Identifier: GPL-2.0
/*
 * A program that is linked with the library, for valgrind and the sanitizers: makes a child
 * in every way, and makes and frees every object.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawnctl/rfork.h>
#include <spawnctl/spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define CHECK(condition)							\
	do {									\
		if (!(condition)) {						\
			printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno);	\
			exit(1);						\
		}								\
	} while (0)

static int code(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void spawn(enum spawnctl_backend backend)
{
	char *argv[] = { "sh", "-c", "[ ! -e /proc/self/fd/7 ] && exit 5", NULL };
	spawnctl_file_actions_t *actions;
	struct spawnctl_result result = { .size = sizeof(result) };
	enum spawnctl_backend used;
	spawnctl_start_t *start;
	spawnctl_attr_t *attr;
	sigset_t set;
	pid_t pid;
	int i;

	CHECK(spawnctl_attr_init(&attr) == 0);
	CHECK(spawnctl_file_actions_init(&actions) == 0);
	CHECK(spawnctl_attr_setbackend(attr, backend) == 0);
	CHECK(spawnctl_get_backend(attr, &used) == 0);
	sigfillset(&set);
	CHECK(spawnctl_attr_setsigdefault(attr, &set) == 0);
	sigemptyset(&set);
	CHECK(spawnctl_attr_setsigmask(attr, &set) == 0);
	CHECK(spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGMASK) == 0);
	for (i = 0; i < 40; i++)
		CHECK(spawnctl_file_actions_adddup2(actions, 0, 7) == 0);
	CHECK(spawnctl_file_actions_addopen(actions, 8, "/dev/null", O_RDONLY, 0) == 0);
	CHECK(spawnctl_file_actions_addchdir(actions, "/tmp") == 0);
	CHECK(spawnctl_file_actions_addclosefrom(actions, 3) == 0);
	for (i = 0; i < 5; i++) {
		CHECK(spawnctl_spawnp(&pid, "sh", actions, attr, argv, environ) == 0);
		CHECK(code(pid) == 5);
		CHECK(spawnctl_spawnp_start(&start, "sh", actions, attr, argv, environ) == 0);
		CHECK(spawnctl_start_wait(start, NULL, &result) == 0 && result.error == 0);
		CHECK(code(result.pid) == 5);
		spawnctl_start_free(start);
	}
	/* Under valgrind the child has a copy of the memory and cannot report its failure */
	if (!getenv("VALGRIND")) {
		CHECK(spawnctl_spawn_result(&result, "/none", actions, attr, argv, environ) == ENOENT);
		CHECK(result.step == SPAWNCTL_STEP_EXEC);
	}
	spawnctl_file_actions_destroy(actions);
	spawnctl_attr_destroy(attr);
}

static void *thread(void *arg)
{
	int i;

	for (i = 0; i < 5; i++)
		spawn(SPAWNCTL_BACKEND_ANY);
	return arg;
}

static int in_child(void *arg)
{
	return *(int *)arg + 1;
}

static __attribute__((noinline)) pid_t by_rfork(void)
{
	pid_t pid = rfork((int)RFSPAWN);

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 6", NULL);
		_exit(127);
	}
	return pid;
}

int main(void)
{
	/* valgrind warns of every ioctl that it does not know */
	int fd = getenv("VALGRIND") ? -1 : spawnctl_open(), five = 5;
	pthread_t threads[4];
	unsigned int i;

	spawn(SPAWNCTL_BACKEND_ANY);
	if (!getenv("VALGRIND")) {
		CHECK(fd >= 0);
		spawn(SPAWNCTL_BACKEND_DEVICE);
		spawn(SPAWNCTL_BACKEND_CLONE3);
		CHECK(code(spawnctl_thread(fd, NULL, in_child, &five)) == 6);
	} else {
		CHECK(spawnctl_thread(fd, NULL, in_child, &five) == -1 && errno == ENOSYS);
	}
	spawn(SPAWNCTL_BACKEND_CLONE);
	CHECK(code(by_rfork()) == 6);
	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
	for (i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	if (fd >= 0)
		close(fd);
	puts("passed");
	return 0;
}
