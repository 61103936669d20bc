// SPDX-License-Identifier: GPL-2.0
/*
 * Counters, tracepoints and events: each SPAWN and FORK reports its end here.
 */
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "netlink.h"
#include "spawnctl.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

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

/** spawnctl_call_begins() - the caller is about to make a child */
void spawnctl_call_begins(void)
{
	this_cpu_inc(counts->in_flight);
}

/* noinline: a call without listeners needs no stack for the event */
static noinline void tell_child(struct file *file, unsigned int command, u32 flags,
				pid_t child, u64 wait)
{
	spawnctl_event_send(&(struct spawnctl_event) {
		.command	= command,
		.flags		= flags,
		.has_flags	= true,
		.child		= child,
		.wait		= wait,
		.descriptor	= spawnctl_grant_id(file),
	});
}

/**
 * spawnctl_call_ends() - the counterpart of spawnctl_call_begins()
 * @file: the open file of the call
 * @command: SPAWN or FORK
 * @flags: flags of the call
 * @ret: result of kernel_clone(). If it is an error, spawnctl_ioctl() calls
 *	spawnctl_call_failed() later
 * @born: the child
 */
void spawnctl_call_ends(struct file *file, unsigned int command, u32 flags, long ret,
			const struct spawnctl_born *born)
{
	u64 wait = 0;

	this_cpu_dec(counts->in_flight);
	if (ret <= 0)
		return;
	if (command == SPAWNCTL_CMD_SPAWN) {
		if (likely(born->start_time))
			wait = ktime_get_ns() - born->start_time;
		this_cpu_inc(counts->spawns);
		this_cpu_add(counts->wait_sum, wait);
		this_cpu_inc(counts->waits[min(__fls(wait | 1), SPAWNCTL_WAIT_BUCKETS - 1UL)]);
		trace_spawnctl_release(born->pid, wait);
	} else {
		this_cpu_inc(counts->forks);
	}
	if (unlikely(spawnctl_event_wanted()))
		tell_child(file, command, flags, born->pid, wait);
}

/**
 * spawnctl_call_failed() - SPAWN or FORK has made no child
 * @file: the open file of the call
 * @command: SPAWN or FORK
 * @clone: the request; NULL if it was not or could not be copied
 * @error: result of the call, a negative errno
 */
void spawnctl_call_failed(struct file *file, unsigned int command,
			  const struct spawnctl_clone *clone, long error)
{
	u32 flags = clone ? clone->flags : 0;

	/*
	 * Neither counts as a failure. A call that returns -ERESTARTNOINTR is restarted
	 * by the kernel. A caller provokes -E2BIG to find out what this kernel knows, or
	 * whether the device refuses the caller, as libspawnctl does once for each
	 * descriptor.
	 */
	if (error == -ERESTARTNOINTR || error == -E2BIG)
		return;
	error = -error;
	this_cpu_inc(counts->failures[error <= SPAWNCTL_LAST_ERRNO ? error : 0]);
	trace_spawnctl_refused(command, flags, error);
	if (unlikely(spawnctl_event_wanted()))
		spawnctl_event_send(&(struct spawnctl_event) {
			.command	= command,
			.flags		= flags,
			.has_flags	= clone,
			.error		= error,
			.descriptor	= spawnctl_grant_id(file),
		});
}

/** spawnctl_open_refused() - count a refused open(2) of the device */
void spawnctl_open_refused(void)
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
