// SPDX-License-Identifier: GPL-2.0
/*
 * fork_object.so: a shared object for preload_fork_test. It registers handlers of pthread_atfork(3)
 * in its constructor. With FORK_OBJECT="OUT IN" in the environment, two descriptors, the
 * constructor writes a byte to OUT, and then waits for one from IN.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void (*fork_object_log)(char letter);

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
	const char *waits = getenv("FORK_OBJECT");
	char byte = 0;
	int out, in;

	pthread_atfork(prepare, parent, child);
	if (!waits || sscanf(waits, "%d %d", &out, &in) != 2)
		return;
	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
		abort();
}
