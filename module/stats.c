// SPDX-License-Identifier: GPL-2.0
/*
 * Counters.
 */
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/percpu.h>

#include "spawnctl.h"

/* Per CPU. in_flight can be negative on one: a call may end on another CPU */
static struct spawnctl_stats __percpu *counts;

#define N_COUNTS (sizeof(struct spawnctl_stats) / sizeof(u64))

/**
 * spawnctl_stats_get() - sum of the counters of all CPUs since the module was loaded
 * @stats: filled in
 *
 * Reads each counter once on each CPU, one CPU after another, while calls go on counting.
 * So the counters of @stats need not be those of one moment.
 */
void spawnctl_stats_get(struct spawnctl_stats *stats)
{
	u64 *sum = (u64 *)stats;
	int cpu, i;

	memset(stats, 0, sizeof(*stats));
	for_each_possible_cpu(cpu) {
		const u64 *count = (const u64 *)per_cpu_ptr(counts, cpu);

		for (i = 0; i < N_COUNTS; i++)
			sum[i] += READ_ONCE(count[i]);
	}
	/* A call may have begun on a CPU already read and ended on one read later */
	stats->in_flight = max_t(s64, stats->in_flight, 0);
}

/** spawnctl_stats_call_begins() - the caller is about to make a child */
void spawnctl_stats_call_begins(void)
{
	this_cpu_inc(counts->in_flight);
}

/**
 * spawnctl_stats_call_ends() - the counterpart of spawnctl_stats_call_begins()
 * @command: SPAWN or FORK
 * @made: whether a child was made
 */
void spawnctl_stats_call_ends(unsigned int command, bool made)
{
	this_cpu_dec(counts->in_flight);
	if (!made)
		return;
	if (command == SPAWNCTL_CMD_FORK)
		this_cpu_inc(counts->forks);
	else
		this_cpu_inc(counts->spawns);
}

/**
 * spawnctl_stats_waited() - count a wait of SPAWN's caller
 * @wait: its length in nanoseconds
 */
void spawnctl_stats_waited(u64 wait)
{
	this_cpu_add(counts->wait_sum, wait);
	this_cpu_inc(counts->waits[min(__fls(wait | 1), SPAWNCTL_WAIT_BUCKETS - 1UL)]);
}

/**
 * spawnctl_stats_failed() - count a call that made no child
 * @error: its errno
 */
void spawnctl_stats_failed(int error)
{
	this_cpu_inc(counts->failures[error <= SPAWNCTL_LAST_ERRNO ? error : 0]);
}

/** spawnctl_stats_open_refused() - count a refused open(2) of the device */
void spawnctl_stats_open_refused(void)
{
	this_cpu_inc(counts->opens_refused);
}

int __init spawnctl_stats_init(void)
{
	/* spawnctl_stats_get() adds up the members as an array of u64 */
	BUILD_BUG_ON(offsetofend(struct spawnctl_stats, failures) != N_COUNTS * sizeof(u64));

	counts = alloc_percpu(struct spawnctl_stats);
	return counts ? 0 : -ENOMEM;
}

void spawnctl_stats_exit(void)
{
	free_percpu(counts);
}
