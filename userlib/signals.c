// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The caller's signal mask, and libc's own signals. No other file blocks signals in the caller.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signals.h"

void spawnctl_signals_hold(struct caller_signals *signals, unsigned long long set)
{
	unsigned long long mask;

	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &mask, sizeof(set));
	if (!signals->held)
		signals->mask = mask;
	signals->held = true;
}

void spawnctl_signals_narrow(struct caller_signals *signals, unsigned long long set)
{
	unsigned long long mask;

	if (!signals->held)
		signals->mask = signals->hold.mask;
	mask = signals->mask | set;
	set_sigmask(&mask);
	signals->held = true;
}

void spawnctl_signals_release(struct caller_signals *signals)
{
	if (signals->held)
		set_sigmask(&signals->mask);
	else if (signals->hold.wanted)
		set_sigmask(&signals->hold.mask);
	signals->held = false;
	signals->hold.wanted = false;
}

/*
 * libc has signals of its own, for pthread_cancel(3) and for setuid(2) in all threads. It
 * installs their handlers only once, and its sigaction() refuses these signals. FORK resets the
 * handlers, so the child installs them again, and has the signals blocked until then.
 *
 * Return: how many they are. They start at 32.
 */
static int count_libc_signals(void)
{
	int n = SIGRTMIN - 32;

	return n < MAX_LIBC_SIGNALS ? n : MAX_LIBC_SIGNALS;
}

unsigned long long spawnctl_libc_signals(void)
{
	return ((1ULL << count_libc_signals()) - 1) << 31;
}

void spawnctl_libc_handlers_get(struct libc_handlers *handlers)
{
	int i;

	for (i = 0; i < count_libc_signals(); i++)
		syscall(SYS_rt_sigaction, 32 + i, NULL, &handlers->actions[i], 8);
}

void spawnctl_libc_handlers_set(const struct libc_handlers *handlers)
{
	const unsigned long long none = 0;
	int i;

	for (i = 0; i < count_libc_signals(); i++)
		syscall(SYS_rt_sigaction, 32 + i, &handlers->actions[i], NULL, 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

void spawnctl_signal_actions_get(struct signal_actions *actions)
{
	int sig;

	memset(actions, 0, sizeof(*actions));
	for (sig = 1; sig <= 64; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			raw_syscall(SYS_rt_sigaction, sig, NULL, actions->words[sig - 1], 8);
}

/*
 * Not only handlers: FORK resets the flags of each signal, among them SA_NOCLDWAIT of a SIGCHLD at
 * SIG_DFL, and LIMIT may have made it reset the ignored ones (SPAWNCTL_LIMIT_RESET)
 */
void spawnctl_signal_actions_set(const struct signal_actions *actions)
{
	static const unsigned long reset[5];
	int sig;

	for (sig = 1; sig <= 64; sig++)
		if (memcmp(actions->words[sig - 1], reset, sizeof(reset)))
			raw_syscall(SYS_rt_sigaction, sig, actions->words[sig - 1], NULL, 8);
}
