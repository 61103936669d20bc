// SPDX-License-Identifier: GPL-2.0
/*
 * A spawn that does not wait: how long it holds its caller, how long it takes until the program is
 * executed, and how many programs a second one thread starts. And how often a program that was
 * just written cannot be executed, because another child has it open for writing (ETXTBSY).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawnctl/spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define REPEAT		200
#define IN_FLIGHT	8
#define RATE_ROUNDS	6
#define RATE_NS		500000000ULL
#define WRITERS		8
#define STARTS		1500	/* by each */

extern char **environ;

static struct way {
	const char *name;
	enum spawnctl_backend backend;
	spawnctl_attr_t *attr;	/* NULL: not on this system */
	struct sample returned, done;
	double rate[RATE_ROUNDS];
} ways[] = {
	{ .name = "device", .backend = SPAWNCTL_BACKEND_DEVICE },
	{ .name = "clone3", .backend = SPAWNCTL_BACKEND_CLONE3 },
	{ .name = "clone", .backend = SPAWNCTL_BACKEND_CLONE },
};

static spawnctl_attr_t *attr_of(enum spawnctl_backend backend)
{
	enum spawnctl_backend found;
	spawnctl_attr_t *attr;

	if (spawnctl_attr_init(&attr) || spawnctl_attr_setbackend(attr, backend))
		die("no memory");
	if (!spawnctl_get_backend(attr, &found))
		return attr;
	spawnctl_attr_destroy(attr);
	return NULL;
}

static spawnctl_start_t *start(const spawnctl_attr_t *attr, const char *path)
{
	char *argv[] = { (char *)path, NULL };
	spawnctl_start_t *under_way;
	int error = spawnctl_spawn_start(&under_way, path, NULL, attr, argv, environ);

	if (error)
		die("no child: %s", strerror(error));
	return under_way;
}

/* Waits until the program has ended, too */
static void finish(spawnctl_start_t *under_way)
{
	struct spawnctl_result result = { .size = sizeof(result) };
	int status;

	if (spawnctl_start_wait(under_way, NULL, &result) || result.error)
		die("the start has failed: %s", strerror(result.error));
	spawnctl_start_free(under_way);
	if (waitpid(result.pid, &status, 0) != result.pid || status)
		die("the child's status is %#x", status);
}

static void prepare_ways(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		ways[i].attr = attr_of(ways[i].backend);
}

static void hold_caller(const spawnctl_attr_t *attr, const char *path, struct sample *returned,
			struct sample *done)
{
	struct spawnctl_result result = { .size = sizeof(result) };
	uint64_t begin = now();
	spawnctl_start_t *under_way = start(attr, path);

	returned->value[returned->count++] = now() - begin;
	if (spawnctl_start_wait(under_way, NULL, &result))
		die("no result");
	done->value[done->count++] = now() - begin;
	finish(under_way);
}

void run_start(void)
{
	const struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	const struct contender *vfork = find_or_die("vfork", &job);
	static struct sample bare;
	unsigned int i, round;

	prepare_ways();
	for (round = 0; round < WARM_UP + REPEAT; round++) {
		if (round == WARM_UP)
			bare.count = 0;
		bare.value[bare.count++] = measure(vfork, &job);
		for (i = 0; i < ARRAY_SIZE(ways); i++) {
			if (!ways[i].attr)
				continue;
			if (round == WARM_UP) {
				ways[i].returned.count = 0;
				ways[i].done.count = 0;
			}
			hold_caller(ways[i].attr, noop[0], &ways[i].returned, &ways[i].done);
		}
	}
	record_sample("start-return", "vfork", "call_to_return", &bare);
	record_sample("start-done", "vfork", "call_to_return", &bare);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!ways[i].attr)
			continue;
		record_sample("start-return", ways[i].name, "call_to_return", &ways[i].returned);
		record_sample("start-done", ways[i].name, "call_to_exec", &ways[i].done);
	}
}

/* Programs a second that one thread starts, with up to IN_FLIGHT that have not ended */
static double rate_of(const spawnctl_attr_t *attr)
{
	spawnctl_start_t *flight[IN_FLIGHT] = { NULL };
	uint64_t begin = now();
	unsigned int n, i;

	for (n = 0; n % IN_FLIGHT || now() - begin < RATE_NS; n++) {
		spawnctl_start_t **slot = &flight[n % IN_FLIGHT];

		if (*slot)
			finish(*slot);
		*slot = start(attr, noop[0]);
	}
	for (i = 0; i < IN_FLIGHT; i++)
		if (flight[i])
			finish(flight[i]);
	return n * 1e9 / (now() - begin);
}

static double rate_of_vfork(const struct contender *who, const struct job *job)
{
	uint64_t begin = now();
	unsigned int n;

	for (n = 0; now() - begin < RATE_NS; n++)
		measure(who, job);
	return n * 1e9 / (now() - begin);
}

static void record_rate(const char *who, double *rate)
{
	record("start-rate", who, "spawns_per_second", median_of(rate, RATE_ROUNDS), "1/s",
	       RATE_ROUNDS);
}

void run_start_rate(void)
{
	const struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	const struct contender *vfork = find_or_die("vfork", &job);
	double bare[RATE_ROUNDS];
	unsigned int i, round;

	prepare_ways();
	for (round = 0; round < RATE_ROUNDS; round++) {
		bare[round] = rate_of_vfork(vfork, &job);
		for (i = 0; i < ARRAY_SIZE(ways); i++)
			if (ways[i].attr)
				ways[i].rate[round] = rate_of(ways[i].attr);
	}
	record_rate("vfork", bare);
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].attr)
			record_rate(ways[i].name, ways[i].rate);
}

/* A program that no page of is cached, as after drop_caches. The file system must be on a disk */
void run_start_cold(void)
{
	static struct sample returned[2], done[2];
	spawnctl_attr_t *attr = attr_of(SPAWNCTL_BACKEND_ANY);
	unsigned int round, again;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.cold", noop[0]);
	for (round = 0; round < 50; round++) {
		char command[9000];

		snprintf(command, sizeof(command), "cp %s %s && sync %s", noop[0], path, path);
		if (system(command))
			die("%s", command);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
			die("%s: %s", path, strerror(errno));
		close(fd);
		for (again = 0; again < 2; again++)
			hold_caller(attr, path, &returned[again], &done[again]);
	}
	unlink(path);
	record_sample("start-cached", "library", "call_to_return", &returned[1]);
	record_sample("start-uncached", "library", "call_to_return", &returned[0]);
	record_sample("start-uncached-done", "library", "call_to_exec", &done[0]);
}

struct writer {
	pthread_t thread;
	const struct contender *who;
	unsigned int n, busy;
	char *image;
	size_t size;
};

/* Writes a program and starts it, over and over */
static void *write_and_start(void *arg)
{
	struct writer *writer = arg;
	char path[64], *argv[] = { path, NULL };
	const struct job job = { .shape = SHAPE_PLAIN, .argv = argv, .device = -1 };
	unsigned int i;

	snprintf(path, sizeof(path), "/tmp/bench-%d-%u", getpid(), writer->n);
	for (i = 0; i < STARTS; i++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
		pid_t pid;

		if (fd < 0 || write(fd, writer->image, writer->size) != (ssize_t)writer->size)
			die("%s: %s", path, strerror(errno));
		close(fd);
		pid = writer->who->spawn(&job);
		if (pid == -ETXTBSY)
			writer->busy++;
		else if (pid < 0)
			die("%s: %s", writer->who->name, strerror(-pid));
		else
			waitpid(pid, NULL, 0);
		unlink(path);
	}
	return NULL;
}

void run_text_busy(void)
{
	static const char * const whose[] = { "device", "clone3", "clone", "glibc", "fork" };
	const struct job plain = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	struct job closing = { .shape = SHAPE_CLOSEFROM, .argv = noop, .device = -1 };
	static char image[65536];
	int fd = open(noop[0], O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, image, sizeof(image));
	unsigned int i, k;

	if (size <= 0)
		die("%s: %s", noop[0], strerror(errno));
	close(fd);
	for (i = 0; i < 2 * ARRAY_SIZE(whose); i++) {
		const struct job *job = i % 2 ? &closing : &plain;
		const struct contender *who = find(whose[i / 2], job);
		struct writer writers[WRITERS] = { 0 };
		unsigned int busy = 0;

		if (!who || !(who->shapes & job->shape))
			continue;
		for (k = 0; k < WRITERS; k++) {
			writers[k] = (struct writer){
				.who = who, .n = k, .image = image, .size = size,
			};
			if (pthread_create(&writers[k].thread, NULL, write_and_start, &writers[k]))
				die("no thread");
		}
		for (k = 0; k < WRITERS; k++) {
			pthread_join(writers[k].thread, NULL);
			busy += writers[k].busy;
		}
		record(i % 2 ? "text-busy-closefrom" : "text-busy", who->name, "etxtbsy", busy, "1",
		       WRITERS * STARTS);
	}
}
