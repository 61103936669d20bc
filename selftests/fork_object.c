// SPDX-License-Identifier: GPL-2.0
/*
 * fork_object.so: a shared object for preload_fork_test. It registers handlers of pthread_atfork(3)
 * in its constructor.
 */
#include <pthread.h>

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
	pthread_atfork(prepare, parent, child);
}
