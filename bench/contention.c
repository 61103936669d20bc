// SPDX-License-Identifier: GPL-2.0
/*
 * Contention between threads: threads that spawn at the same time, and threads that
 * fault memory in while another one spawns. By the wall clock; contenders take turns.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS		24
#define ROUND_NS	100000000ULL	/* for one contender */
#define FAULT_ROUNDS	6
#define MOST_THREADS	64

static struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };

static const struct contender *who;
static bool stop;	/* atomic; who changes between rounds only */
static pthread_barrier_t barrier;

static void wait_ns(uint64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (nanosleep(&ts, &ts))
		;
}

/* Spawns until told to stop, and counts */
static void *spawn_many(void *arg)
{
	unsigned long *count = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		measure(who, &job);
		++*count;
	}
	return NULL;
}

/* Spawns per second by @threads threads, over one round */
static double spawn_round(unsigned int threads)
{
	pthread_t thread[MOST_THREADS];
	unsigned long count[MOST_THREADS] = { 0 }, sum = 0;
	uint64_t start = now();
	unsigned int i;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, spawn_many, &count[i]))
			die("no thread");
	wait_ns(ROUND_NS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < threads; i++)
		sum += count[i];
	return sum * 1e9 / (now() - start);
}

/* The time of a spawn in those of vfork(), of the same round: median and quartiles */
static void record_pairs(unsigned int threads, const char *name, const double *rate,
			 const double *of_vfork)
{
	static const char * const what[] = { "low-", "", "high-" };
	double ratio[ROUNDS];
	unsigned int i;
	char text[32];

	for (i = 0; i < ROUNDS; i++)
		ratio[i] = of_vfork[i] / rate[i];
	median_of(ratio, ROUNDS);	/* sorts them */
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		snprintf(text, sizeof(text), "pairs-%s%u", what[i], threads);
		record(text, name, "time_by_vforks",
		       (ratio[(i + 1) * ROUNDS / 4 - 1] + ratio[(i + 1) * ROUNDS / 4]) / 2, "1",
		       ROUNDS);
	}
}

static void run_threads_of(unsigned int threads)
{
	static double rate[8][ROUNDS];
	const double *vfork = NULL;
	unsigned int i, round;
	char name[32];

	snprintf(name, sizeof(name), "threads-%u", threads);
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < contender_count; i++) {
			who = &contenders[i];
			rate[i][round] = who->prepare(&job) ? spawn_round(threads) : 0;
			if (!strcmp(who->name, "vfork"))
				vfork = rate[i];
		}
	for (i = 0; vfork && i < contender_count; i++)
		if (rate[i][0] && rate[i] != vfork)
			record_pairs(threads, contenders[i].name, rate[i], vfork);
	/* Sorts the rates */
	for (i = 0; i < contender_count; i++)
		if (rate[i][0])
			record(name, contenders[i].name, "spawns_per_second",
			       median_of(rate[i], ROUNDS), "1/s", ROUNDS);
}

void run_threads(void)
{
	run_threads_of(1);
	run_threads_of(4);
	run_threads_of(16);
}

#define FAULTERS	64
#define FAULT_PAGES	64
#define FAULT_PAUSE	5000000		/* ns; keeps faults from waiting for a processor */
#define FAULTER_MIB	256		/* what fork() has to copy */

static struct sample longest[FAULTERS];	/* the longest fault, by thread and round */

static uint64_t fault(volatile char *page)
{
	uint64_t start = now();

	*page = 1;
	return now() - start;
}

static void *fault_pages(void *arg)
{
	struct sample *sample = arg;
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, FAULT_PAGES * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t took, most = 0;
	unsigned int i = 0;

	if (memory == MAP_FAILED)
		die("no memory");
	pthread_barrier_wait(&barrier);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		wait_ns(FAULT_PAUSE);
		if (i == FAULT_PAGES) {
			madvise(memory, FAULT_PAGES * page, MADV_DONTNEED);
			i = 0;
		}
		took = fault(memory + i++ * page);
		if (took > most)
			most = took;
	}
	sample->value[sample->count++] = most;
	munmap(memory, FAULT_PAGES * page);
	return NULL;
}

/* One round, in which this thread spawns through the contender in @who, or not at all */
static void fault_round(void)
{
	pthread_t thread[FAULTERS];
	uint64_t end;
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, FAULTERS + 1);
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < FAULTERS; i++)
		if (pthread_create(&thread[i], NULL, fault_pages, &longest[i]))
			die("no thread");
	pthread_barrier_wait(&barrier);
	end = now() + ROUND_NS;
	while (now() < end) {
		if (who)
			measure(who, &job);
		else
			wait_ns(1000000);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < FAULTERS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&barrier);
}

/* Records, over all threads and rounds, the longest fault of a thread in a round */
static void run_faults_of(const char *name)
{
	static struct sample all;
	unsigned int i, round;

	for (i = 0; i < FAULTERS; i++)
		longest[i].count = 0;
	for (round = 0; round < FAULT_ROUNDS; round++)
		fault_round();
	all.count = 0;
	for (i = 0; i < FAULTERS; i++)
		for (round = 0; round < FAULT_ROUNDS; round++)
			all.value[all.count++] = longest[i].value[round];
	record_sample("faults", name, "longest_fault", &all);
}

void run_faults(void)
{
	size_t size = FAULTER_MIB * 1048576UL;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	unsigned int i;

	if (memory == MAP_FAILED)
		die("no memory");
	who = NULL;
	run_faults_of("none");
	for (i = 0; i < contender_count; i++) {
		who = &contenders[i];
		if (who->prepare(&job))
			run_faults_of(who->name);
	}
}
