/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rfork(2) and rfork_thread(3) of FreeBSD, with its names and values. What each
 * flag is on Linux is in rfork(3).
 */
#ifndef SPAWNCTL_RFORK_H
#define SPAWNCTL_RFORK_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RFFDG		(1 << 2)	/* copy the descriptor table */
#define RFPROC		(1 << 4)	/* make a process, else act on the caller */
#define RFMEM		(1 << 5)	/* share the memory */
#define RFNOWAIT	(1 << 6)	/* the child is not waited for */
#define RFCFDG		(1 << 12)	/* an empty descriptor table */
#define RFTHREAD	(1 << 13)	/* share the owner of record locks */
#define RFSIGSHARE	(1 << 14)	/* share the signal actions */
#define RFLINUXTHPN	(1 << 16)	/* SIGUSR1 at exit, in place of SIGCHLD */
#define RFTSIGZMB	(1 << 19)	/* the signal of RFTSIGFLAGS() at exit */
#define RFTSIGSHIFT	20
#define RFTSIGMASK	0xff
#define RFTSIGNUM(flags)	(((flags) >> RFTSIGSHIFT) & RFTSIGMASK)
#define RFTSIGFLAGS(signum)	(((signum) & RFTSIGMASK) << RFTSIGSHIFT)
#define RFSPAWN		(1U << 31)	/* vfork(2), no handler in the child; alone */

/**
 * rfork() - make a process that shares what the flags say, or change this one
 * @flags: RFSPAWN, or an or of the others
 *
 * RFSPAWN returns twice as vfork(2) does, with the same rules for the child, and for
 * a thread that others may cancel: see spawnctl_vfork(). Handlers of
 * pthread_atfork(3) do not run. Async-signal-safe.
 *
 * Return: 0 in the child, and without RFPROC; in the caller the child's process
 * id; or -1 with errno
 *	EINVAL		(flags that are unknown or exclude each other, RFMEM
 *			without RFPROC, a signal above 64),
 *	EOPNOTSUPP	(what this kernel cannot do; RFMEM, whose child would
 *			return on the caller's stack: rfork_thread() is for that),
 *	or as clone(2).
 */
pid_t rfork(int flags) __attribute__((__returns_twice__));

/**
 * rfork_thread() - the same, with a child that calls a function
 * @flags: as of rfork(); RFSPAWN or RFPROC must be one
 * @stack: top of the child's stack
 * @fn: what the child does; its result is the exit status
 * @arg: argument of @fn
 *
 * With RFMEM the child has the caller's thread-local storage, errno included, as
 * on FreeBSD, while the caller runs on: it must use raw system calls only. With
 * RFSPAWN the caller waits, and is not cancelled meanwhile.
 *
 * Return: the child's process id, or -1 with errno as rfork(); EINVAL: no stack
 */
pid_t rfork_thread(int flags, void *stack, int (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_RFORK_H */
