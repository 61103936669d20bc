/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rfork(2) and rfork_thread(3) of FreeBSD, with its names and values. rfork(3) documents what
 * each flag does on Linux.
 */
#ifndef SPAWNCTL_RFORK_H
#define SPAWNCTL_RFORK_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RFFDG		(1 << 2)	/* copy the descriptor table */
#define RFPROC		(1 << 4)	/* make a process; without it, change the caller */
#define RFMEM		(1 << 5)	/* share the memory */
#define RFNOWAIT	(1 << 6)	/* the child is not waited for */
#define RFCFDG		(1 << 12)	/* start with an empty descriptor table */
#define RFTHREAD	(1 << 13)	/* no effect; implied by a shared descriptor table */
#define RFSIGSHARE	(1 << 14)	/* share the signal actions */
#define RFLINUXTHPN	(1 << 16)	/* SIGUSR1 at exit instead of SIGCHLD */
#define RFTSIGZMB	(1 << 19)	/* the signal of RFTSIGFLAGS() at exit */
#define RFTSIGSHIFT	20
#define RFTSIGMASK	0xff
#define RFTSIGNUM(flags)	(((flags) >> RFTSIGSHIFT) & RFTSIGMASK)
#define RFTSIGFLAGS(signum)	(((signum) & RFTSIGMASK) << RFTSIGSHIFT)
#define RFSPAWN		(1U << 31)	/* as vfork(2), no handler in the child; used alone */

/**
 * rfork() - make a process that shares what the flags name, or change this one
 * @flags: RFSPAWN, or an OR of the others
 *
 * RFSPAWN returns twice, as vfork(2). The rules for the child, and for a thread that other
 * threads may cancel, are those of spawnctl_vfork(). Handlers of pthread_atfork(3) do not
 * run. Async-signal-safe.
 *
 * Return: 0 in the child; in the caller the child's process id, or 0 without RFPROC and
 * RFSPAWN; or -1 with errno
 *	EINVAL		(flags that are unknown or exclude each other, RFMEM
 *			without RFPROC, a signal above 64),
 *	EOPNOTSUPP	(not supported by this kernel; RFMEM, because the child
 *			would return on the caller's stack: use rfork_thread();
 *			RFSIGSHARE, which requires RFMEM),
 *	or as clone(2).
 */
pid_t rfork(int flags) __attribute__((__returns_twice__));

/**
 * rfork_thread() - the same, with a child that calls a function
 * @flags: as for rfork(); must include RFPROC or be RFSPAWN
 * @stack: top of the child's stack
 * @fn: called by the child; its result is the exit status
 * @arg: argument of @fn
 *
 * With RFMEM the child has the caller's thread-local storage, errno included, as on
 * FreeBSD, while the caller continues to run: the child must use raw system calls only.
 * With RFSPAWN the caller waits, and is not canceled meanwhile.
 *
 * Return: the child's process id, or -1 with errno as for rfork(); EINVAL: no stack, or no
 * function.
 */
pid_t rfork_thread(int flags, void *stack, int (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_RFORK_H */
