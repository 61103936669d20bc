/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libspawnctl: start a process from any program, safely and fast, through
 * /dev/spawnctl.
 *
 * Every function is thread-safe and keeps no state of its own: what it works
 * on is the descriptor. A function that fails returns -1 and sets errno; one
 * that succeeds leaves errno alone (but the child of spawnctl_vfork() may not).
 * The errors of the ioctls, passed on by all functions here, are listed in
 * <linux/spawnctl.h>.
 */
#ifndef SPAWNCTL_H
#define SPAWNCTL_H

#include <sys/types.h>
#include <linux/spawnctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * SPAWNCTL_SIGSET_ALL - every signal, as a mask of struct spawnctl_clone
 *
 * More than sigfillset(3) of a libc, which leaves out the signals it keeps for
 * itself (32 and 33 in glibc).
 */
#define SPAWNCTL_SIGSET_ALL	(~0ULL)

/**
 * spawnctl_open() - open /dev/spawnctl and see that it is what it should be
 *
 * Asks by a SPAWN that can only be refused, so a filter has to let that through.
 *
 * Async-signal-safe.
 *
 * Return: a new descriptor, close-on-exec, or -1 with errno
 *	ENOENT or ENODEV (the module is not loaded),
 *	EACCES		(no right to the device, or under a seccomp filter),
 *	EPERM		(as an LSM or a filter answers SPAWN),
 *	ENOTTY		(/dev/spawnctl is something else),
 *	or as open(2).
 */
int spawnctl_open(void);

/**
 * spawnctl_info() - what the device can do, and whether this caller may
 * @fd: descriptor of /dev/spawnctl
 * @info: where the answer goes; all of it is written
 *
 * Async-signal-safe.
 *
 * Return: 0, or -1 with errno (EBADF, ENOTTY: @fd is not a spawnctl device).
 */
int spawnctl_info(int fd, struct spawnctl_info *info);

/**
 * spawnctl_limit() - narrow a descriptor for ever, before it is handed on
 * @fd: descriptor of /dev/spawnctl
 * @limit: how, see <linux/spawnctl.h>; all who share its open file are limited
 *
 * What spawnctl_spawn() and the preload library ask for of themselves are
 * SPAWNCTL_FLAGS_OF_SPAWN: without these in @limit->clone_flags they cannot work,
 * and fail with EPERM. A spawn that fails in its child, for a program that is not
 * there say, has had a child, and one with closefrom can have two, where a filter
 * refuses close_range(2) and unshare(2).
 *
 * Async-signal-safe.
 *
 * Return: 0, or -1 with errno
 *	EPERM		(LIMIT itself has been taken away),
 *	EACCES		(SPAWNCTL_LIMIT_FILTERED is asked for under a seccomp
 *			filter, or the descriptor is not for such a caller),
 *	EINVAL, E2BIG, EFAULT (@limit), EBADF, ENOTTY (@fd).
 */
int spawnctl_limit(int fd, const struct spawnctl_limit *limit);

/**
 * SPAWNCTL_FLAGS_OF_SPAWN - flags with which a spawn is made, whatever it is asked for;
 *	SHARE_FILES is for closefrom and SPAWNCTL_SPAWN_CLOEXEC_DEFAULT
 */
#define SPAWNCTL_FLAGS_OF_SPAWN \
	(SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | \
	 SPAWNCTL_PARENT_SETTID | SPAWNCTL_HOLD | SPAWNCTL_SHARE_FILES)

/**
 * spawnctl_thread() - run a function in a child that shares the memory
 * @fd: descriptor of /dev/spawnctl
 * @clone: what SPAWN is asked for, or NULL for a child in which everything is
 *	blocked until it executes a program, which then has the caller's mask,
 *	and SIGCHLD as its exit signal. With @clone->stack 0 a stack of
 *	SPAWNCTL_STACK_SIZE bytes above a guard page is mapped for the time of
 *	the call (before Linux 5.16 a child that overruns it ends the caller too,
 *	as the fault's core dump takes all that share the memory). @clone->size is
 *	as in the ioctl
 * @fn: what the child does; it must use only async-signal-safe functions, and
 *	what it writes, errno included, is written in the caller's memory
 * @arg: argument of @fn
 *
 * As FreeBSD's rfork_thread(3): the child calls @fn(@arg) on its own stack and
 * exits, as by _exit(2), with the result. The calling thread sleeps until the
 * child has executed a program or exited, and is not cancelled meanwhile.
 * Async-signal-safe if a stack is given.
 *
 * Return: the child's process id (the caller must wait for it, as for any
 * child), or -1 with errno; ENOMEM: no memory for a stack.
 */
pid_t spawnctl_thread(int fd, const struct spawnctl_clone *clone,
		      int (*fn)(void *arg), void *arg);

/** SPAWNCTL_STACK_SIZE - bytes of the stack that spawnctl_thread() maps */
#define SPAWNCTL_STACK_SIZE	(256 * 1024)

/**
 * spawnctl_vfork() - vfork(2) in whose child no handler of the parent can run
 * @fd: descriptor of /dev/spawnctl
 *
 * Returns twice, as vfork(2), and the same holds for the child: it is on the
 * caller's stack, and must not return from the function that called, nor do
 * much beside execve(2) or _exit(2). Signals that the caller catches have their
 * default action in the child from its first instruction on. If another thread
 * may cancel this one, it disables that over the call, pthread_setcancelstate(3):
 * the child would act on it. Async-signal-safe.
 *
 * Return: 0 in the child; in the caller the child's process id, or -1 with
 * errno.
 */
pid_t spawnctl_vfork(int fd) __attribute__((__returns_twice__));

/**
 * spawnctl_fork() - fork a child with a clean signal state, as qemu_fork()
 * @fd: descriptor of /dev/spawnctl
 *
 * The child has a copy of the memory, every signal at its default action, also
 * those that the caller ignores, and none blocked; but libc's own signals, those
 * below SIGRTMIN that sigaction(2) refuses, keep libc's handlers, which it counts
 * on. The caller's mask and handlers are as before. At no time does a handler of
 * the caller's program run in the child.
 *
 * Of what libc promises for fork(3), the child has what _Fork(3) gives: its own
 * thread id in mutexes and in libc's cache (glibc), and its robust mutex list
 * empty. Handlers of pthread_atfork(3) do not run. If the caller has other
 * threads, a lock that one of them held, malloc's included, stays locked for
 * ever in the child, which must use only async-signal-safe functions then. Not
 * for a child that shares its parent's memory: there libc's thread id and mutex
 * list are the parent's. Async-signal-safe.
 *
 * Return: 0 in the child; in the caller the child's process id, or -1 with
 * errno.
 */
pid_t spawnctl_fork(int fd);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_H */
