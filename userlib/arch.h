/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a folder of arch/ gives the rest, and what it is given. Nothing outside
 * that folder knows a register.
 */
#ifndef SPAWNCTL_ARCH_H
#define SPAWNCTL_ARCH_H

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "spawnctl.h"
#include "syscall.h"	/* arch/ */

#define spawnctl_syscall_pick(nr, a, b, c, d, e, f, ...) \
	spawnctl_syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* raw_syscall() - system call with up to six arguments; the result, or -errno */
#define raw_syscall(...) spawnctl_syscall_pick(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* Of this thread, libc's own signals too: all the 64 that the kernel has */
static inline void set_sigmask(const unsigned long long *mask)
{
	raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(*mask));
}

/*
 * What a thread holds back while it makes system calls that libc would not make here:
 * all but the synchronous signals. The kernel ends a process that has blocked one
 * which it forces (force_sig()), whatever its handler: a program that emulates calls
 * under SECCOMP_RET_TRAP by a handler of SIGSYS would die of them.
 */
#define SPAWNCTL_SIGBIT(sig)	(1ULL << ((sig) - 1))
#define SPAWNCTL_SIGSET_HELD	(SPAWNCTL_SIGSET_ALL & \
	~(SPAWNCTL_SIGBIT(SIGSYS) | SPAWNCTL_SIGBIT(SIGSEGV) | SPAWNCTL_SIGBIT(SIGBUS) | \
	  SPAWNCTL_SIGBIT(SIGFPE) | SPAWNCTL_SIGBIT(SIGILL) | SPAWNCTL_SIGBIT(SIGTRAP)))

static inline void hold_signals(unsigned long long signals, unsigned long long *mask)
{
	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &signals, mask, sizeof(signals));
}

#pragma GCC visibility push(hidden)

/**
 * spawnctl_arch_clone() - a system call whose child, on a new stack, calls fn(arg)
 * @nr: SYS_ioctl, SYS_clone3 or SYS_clone
 * @a: its first argument
 * @b: its second argument
 * @c: its third argument
 * @fn: runs on that stack; its result is the child's exit status
 * @arg: argument of @fn
 *
 * A child is known by its stack, not by the 0 that it is answered: so may another
 * file answer an ioctl, in the caller.
 *
 * Return: in the caller what the system call returns; 0 if that made no child.
 */
long spawnctl_arch_clone(long nr, long a, long b, long c, int (*fn)(void *arg), void *arg);

/* spawnctl_vfork() is all of it in arch/, and works with these two. */

/** spawnctl_vfork_clone - what it asks for */
extern const struct spawnctl_clone spawnctl_vfork_clone;

/**
 * spawnctl_error() - fail as a function of the library does
 * @error: negative errno
 *
 * Return: -1, with errno set.
 */
pid_t spawnctl_error(long error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_ARCH_H */
