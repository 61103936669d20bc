/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A signal storm: a process sends signals to a process or a process group that it is
 * not a member of, as fast as it can or at a given rate, until it is stopped.
 */
#ifndef SPAWNCTL_STORM_H
#define SPAWNCTL_STORM_H

#include "test_util.h"

struct storm {
	pid_t sender;
	unsigned long sent;
	int stop;
};

/*
 * Starts a process that sends each of @signals in turn to @target (as for kill(2)),
 * @gap_us microseconds apart. Returns after the first was sent, so that a short test does
 * not end before the sender runs. Returns NULL on failure.
 */
static inline struct storm *storm_start(pid_t target, __u64 signals, unsigned int gap_us)
{
	struct storm *storm = shared_alloc(sizeof(*storm));
	pid_t pid;
	int sig;

	if (!storm)
		return NULL;
	pid = fork();
	if (pid < 0)
		return NULL;
	if (pid > 0) {
		storm->sender = pid;
		while (!READ_ONCE(storm->sent))
			raw_sleep_us(100);
		return storm;
	}

	if (own_group())
		_exit(1);
	while (!READ_ONCE(storm->stop)) {
		for (sig = 1; sig <= NSIGNALS && !READ_ONCE(storm->stop); sig++) {
			if (!(signals & SIGBIT(sig)))
				continue;
			if (kill(target, sig))
				_exit(2);
			WRITE_ONCE(storm->sent, storm->sent + 1);
			if (gap_us)
				raw_sleep_us(gap_us);
		}
	}
	_exit(0);
}

/* Returns how many signals were sent, or -1 if the sender has failed */
static inline long storm_stop(struct storm *storm)
{
	long sent;
	int status;

	WRITE_ONCE(storm->stop, 1);
	status = wait_status(storm->sender);
	if (status)
		fprintf(stderr, "# the sender of signals ended with status %#x\n", status);
	sent = status ? -1 : (long)storm->sent;
	munmap(storm, sizeof(*storm));
	return sent;
}

/*
 * Sets @handler for each of @signals, by raw system calls, as libc refuses the signals
 * that it reserves for itself.
 */
static inline int set_handlers(__u64 signals, void (*handler)(int sig), int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };
	struct kernel_sigaction raw, old;
	int sig, ret;

	/* Take sa_restorer from an action that libc has set */
	ret = raw_sigaction(SIGUSR1, NULL, &old);
	ret |= sigaction(SIGUSR1, &act, NULL);
	ret |= raw_sigaction(SIGUSR1, NULL, &raw);
	ret |= raw_sigaction(SIGUSR1, &old, NULL);
	for (sig = 1; sig <= NSIGNALS; sig++)
		if (signals & SIGBIT(sig))
			ret |= raw_sigaction(sig, &raw, NULL);
	return ret;
}

#endif /* SPAWNCTL_STORM_H */
