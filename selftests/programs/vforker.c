// SPDX-License-Identifier: GPL-2.0
/*
 * vforker COUNT: vfork(), whose child closes a descriptor that another thread of the
 * parent writes to, and fills a buffer on its stack, before it executes a program. For
 * sanitizers, which record both.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd, done;

static void *writer(void *arg)
{
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
		if (write(fd, "", 1) != 1)
			abort();
	return arg;
}

/* Never returns, so that ASan's marks for its frame stay */
static __attribute__((__noinline__)) void child(char *const argv[])
{
	volatile char buffer[400];
	unsigned int i;

	for (i = 0; i < sizeof(buffer); i++)
		buffer[i] = i;
	close(fd);
	execvp(argv[buffer[0]], argv);
	_exit(127);
}

/* Writes to the same part of the stack through functions that a sanitizer intercepts */
static __attribute__((__noinline__)) int fill(int n)
{
	char buffer[2000];

	memset(buffer, n, sizeof(buffer));
	return buffer[n];
}

int main(int argc, char **argv)
{
	char *program[] = { "true", NULL };
	int i, status, sum = 0;
	pthread_t thread;
	pid_t pid;

	fd = open("/dev/null", O_WRONLY);
	if (fd < 0 || pthread_create(&thread, NULL, writer, NULL))
		return 2;
	for (i = 0; i < (argc > 1 ? atoi(argv[1]) : 1); i++) {
		pid = vfork();
		if (!pid)
			child(program);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
		sum += fill(0);
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("%d vforked, %d\n", i, sum);
	return 0;
}
