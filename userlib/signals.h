/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals that are blocked in the caller for the time of a call, and libc's own signals.
 */
#ifndef SPAWNCTL_SIGNALS_H
#define SPAWNCTL_SIGNALS_H

#include <stdbool.h>

#include "arch.h"

/*
 * The signals that the library blocks in a thread while it makes system calls that the function of
 * libc would not make: all except the synchronous ones. If the kernel forces a signal (force_sig())
 * that the thread blocks, the signal kills the process even if it has a handler. So if SIGSYS were
 * blocked, a program that emulates system calls through SECCOMP_RET_TRAP and a SIGSYS handler would
 * be killed.
 */
#define SPAWNCTL_SIGBIT(sig)	(1ULL << ((sig) - 1))
#define SPAWNCTL_SIGSET_HELD	(SPAWNCTL_SIGSET_ALL & \
	~(SPAWNCTL_SIGBIT(SIGSYS) | SPAWNCTL_SIGBIT(SIGSEGV) | SPAWNCTL_SIGBIT(SIGBUS) | \
	  SPAWNCTL_SIGBIT(SIGFPE) | SPAWNCTL_SIGBIT(SIGILL) | SPAWNCTL_SIGBIT(SIGTRAP)))

/*
 * Set the calling thread's mask of all 64 kernel signals, including those that libc reserves. Only
 * signals.c calls this in the caller. All other calls are in a child.
 */
static inline void set_sigmask(const unsigned long long *mask)
{
	raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(*mask));
}

/*
 * If all signals are blocked: the mask to set for system calls that the program may emulate. These
 * calls force no other signal than SIGSYS.
 */
#define SPAWNCTL_SIGSET_BUT_SIGSYS	(SPAWNCTL_SIGSET_ALL & ~SPAWNCTL_SIGBIT(SIGSYS))

#pragma GCC visibility push(hidden)

/**
 * struct caller_signals - what is blocked in the caller, and its mask
 * @hold: the argument of SPAWN, which blocks signals and stores the mask to restore in @hold.mask.
 *	If the child clears @hold.wanted before it executes its program, SPAWN itself restores the
 *	mask. If @hold.wanted is true after the call, these signals are still blocked, except those
 *	that spawnctl_signals_narrow() has unblocked since. With clone3
 *	and clone the library sets @hold.wanted, no child clears it, and @hold.mask is unused: the
 *	library itself has blocked the signals (@held)
 * @held: the library has set a mask itself (spawnctl_signals_hold(), spawnctl_signals_narrow()),
 *	and it is still set
 * @mask: the caller's mask, if @held
 */
struct caller_signals {
	struct spawnctl_hold hold;
	bool held;
	unsigned long long mask;
};

/**
 * spawnctl_signals_hold() - block signals in the caller until spawnctl_signals_release()
 * @signals: all 0 before the first call
 * @set: the signals to block, in addition to those that are blocked
 */
void spawnctl_signals_hold(struct caller_signals *signals, unsigned long long set);

/**
 * spawnctl_signals_narrow() - of what is blocked, keep only @set blocked
 *
 * @signals->hold.wanted stays as it is. spawnctl_signals_release() still has to be called.
 */
void spawnctl_signals_narrow(struct caller_signals *signals, unsigned long long set);

/**
 * spawnctl_signals_release() - unblock what spawnctl_signals_hold() or SPAWN has blocked
 *
 * Makes no system call if nothing is blocked.
 */
void spawnctl_signals_release(struct caller_signals *signals);

#define MAX_LIBC_SIGNALS	8

/* The kernel's struct sigaction, copied as opaque bytes */
struct libc_handlers {
	struct {
		char bytes[64];
	} actions[MAX_LIBC_SIGNALS];
};

/** spawnctl_libc_signals() - the signals that libc reserves for itself, as a mask */
unsigned long long spawnctl_libc_signals(void);

/** spawnctl_libc_handlers_get() - read libc's handlers, before a fork that resets them */
void spawnctl_libc_handlers_get(struct libc_handlers *handlers);

/** spawnctl_libc_handlers_set() - in the child: install them again, and unblock all signals */
void spawnctl_libc_handlers_set(const struct libc_handlers *handlers);

/*
 * What the program does with each signal, as the kernel stores it: the handler, its flags, the
 * restorer and the mask. On 32-bit architectures these are five words
 */
struct signal_actions {
	unsigned long words[64][5];
};

/**
 * spawnctl_signal_actions_get() - read the actions of all signals, before a fork that resets them
 *
 * The caller blocks signals, because a handler could change an action that has been read.
 */
void spawnctl_signal_actions_get(struct signal_actions *actions);

/** spawnctl_signal_actions_set() - in the child, which blocks all signals: install them again */
void spawnctl_signal_actions_set(const struct signal_actions *actions);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SIGNALS_H */
