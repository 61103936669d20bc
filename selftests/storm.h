/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A signal storm: a process outside of the group that it sends signals to, as
 * fast as it can or at a given pace, until it is stopped.
 */
#ifndef SPAWNCTL_STORM_H
#define SPAWNCTL_STORM_H

#include "spawnctl_test.h"

struct storm {
	pid_t sender;
	unsigned long sent;
	int stop;
};

/*
 * Sends each of @signals in turn to @target, as kill(2) takes it, @gap_us
 * microseconds apart; the first has been sent on return, so that a short test is
 * not over before the sender runs. NULL on failure.
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

/* How many were sent, or -1 if the sender had failed. */
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
 * Gives every signal of @signals @handler; raw, for those that libc keeps to
 * itself too.
 */
static inline int set_handlers(__u64 signals, void (*handler)(int sig), int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };
	struct kernel_sigaction raw, old;
	int sig, ret;

	/* The way back from a handler is libc's own, learnt from one that it has set. */
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
