/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interface between the common code and the directory of one architecture under arch/. Nothing
 * outside that directory refers to a register.
 */
#ifndef SPAWNCTL_ARCH_H
#define SPAWNCTL_ARCH_H

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "spawnctl.h"
#include "syscall.h"	/* of the architecture */

#define spawnctl_syscall_pick(nr, a, b, c, d, e, f, ...) \
	spawnctl_syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* raw_syscall() - a system call with up to six arguments; returns the result or a negative errno */
#define raw_syscall(...) spawnctl_syscall_pick(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#pragma GCC visibility push(hidden)

/**
 * spawnctl_arch_clone() - a system call whose child calls fn(arg) on a new stack
 * @nr: SYS_ioctl, SYS_clone3 or SYS_clone
 * @a: first argument of the system call
 * @b: second argument
 * @c: third argument
 * @fn: called by the child on the new stack; its result is the child's exit status
 * @arg: argument of @fn
 *
 * The child is recognized by its stack pointer, not by a result of 0: an ioctl of another file
 * may return 0 in the caller.
 *
 * Return: in the caller, the result of the system call; 0 if the call returned 0 without making
 * a child.
 */
long spawnctl_arch_clone(long nr, long a, long b, long c, int (*fn)(void *arg), void *arg);

/* spawnctl_vfork() is entirely in arch/. It uses spawnctl_vfork_clone and spawnctl_error(). */

/** spawnctl_vfork_clone - the argument of SPAWN in spawnctl_vfork() */
extern const struct spawnctl_clone spawnctl_vfork_clone;

/**
 * spawnctl_error() - set errno for a failed function of the library
 * @error: negative errno
 *
 * Return: -1.
 */
pid_t spawnctl_error(long error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_ARCH_H */
