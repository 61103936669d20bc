/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libspawnctl: start a process from any program, safely and fast, through
 * /dev/spawnctl.
 *
 * Every function is thread-safe. Every function except spawnctl_open() works on the
 * descriptor that it is given, not on one that the library has opened before. On failure a
 * function returns -1 and sets errno. On success it leaves errno unchanged, except that the
 * child of spawnctl_vfork() may change it. All functions also pass on the errors of the
 * ioctls, which <linux/spawnctl.h> lists. spawnctl_thread(), spawnctl_vfork() and
 * spawnctl_fork() fail with ENOSYS if the program runs under valgrind.
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
 * sigfillset(3) is not sufficient: it leaves out the signals that libc reserves for
 * itself (32 and 33 in glibc).
 */
#define SPAWNCTL_SIGSET_ALL	(~0ULL)

/**
 * spawnctl_open() - open /dev/spawnctl and check that it is the device
 *
 * The check is a SPAWN with an argument that the device always refuses, so a seccomp
 * filter must allow that ioctl.
 *
 * Where the device cannot be used, the service at SPAWNCTL_SOCKET is asked for a descriptor
 * (spawnctl serve). That descriptor is narrowed, and LIMIT fails on it. The call can then take
 * 5 s.
 *
 * Async-signal-safe.
 *
 * Return: a new descriptor, close-on-exec, or -1 with errno
 *	ENOENT or ENODEV (the module is not loaded),
 *	EACCES		(no permission for the device, or under a seccomp filter; the service's
 *			policy does not grant this process a descriptor),
 *	ETIMEDOUT	(the service does not answer),
 *	EPERM		(an LSM or a filter refuses SPAWN),
 *	ENOTTY		(/dev/spawnctl is another file),
 *	or as open(2).
 */
int spawnctl_open(void);

/**
 * spawnctl_get_info() - what the device supports, and what it allows this caller
 * @fd: descriptor of /dev/spawnctl
 * @info: in: @info->size, the size of the struct; out: the answer
 *
 * Async-signal-safe.
 *
 * Return: 0, or -1 with errno
 *	EBADF, ENOTTY	(@fd is not a spawnctl device),
 *	EINVAL, E2BIG	(@info->size; E2BIG: a part of the struct that the module does not
 *			know is not zero),
 *	EFAULT		(@info).
 */
int spawnctl_get_info(int fd, struct spawnctl_info *info);

/**
 * spawnctl_narrow() - narrow a descriptor permanently, before it is passed on
 * @fd: descriptor of /dev/spawnctl
 * @limit: the limits, see <linux/spawnctl.h>; they apply to all tasks that share the
 *	open file description
 *
 * If @limit->clone_flags lacks one of SPAWNCTL_FLAGS_OF_SPAWN, a spawn by the library or
 * the preload library that uses this flag fails with EPERM; for SPAWNCTL_SHARE_FILES, only
 * one with closefrom or SPAWNCTL_SPAWN_CLOEXEC_DEFAULT. A spawn that fails in its
 * child, for example because the program does not exist, uses up one child of
 * @limit->children. A spawn with closefrom or SPAWNCTL_SPAWN_CLOEXEC_DEFAULT can use up
 * two, if a filter refuses close_range(2) and unshare(2).
 *
 * Async-signal-safe.
 *
 * Return: 0, or -1 with errno
 *	EPERM		(LIMIT itself has been taken away),
 *	EACCES		(under a seccomp filter: SPAWNCTL_LIMIT_FILTERED is
 *			requested, or the descriptor does not allow such callers),
 *	EINVAL, E2BIG, EFAULT (@limit), EBADF, ENOTTY (@fd).
 */
int spawnctl_narrow(int fd, const struct spawnctl_limit *limit);

/**
 * SPAWNCTL_FLAGS_OF_SPAWN - flags that the library itself needs for a spawn. It uses
 *	SHARE_FILES if no action needs a descriptor table of the child's own, and for
 *	closefrom actions and SPAWNCTL_SPAWN_CLOEXEC_DEFAULT
 */
#define SPAWNCTL_FLAGS_OF_SPAWN \
	(SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | \
	 SPAWNCTL_PARENT_SETTID | SPAWNCTL_HOLD | SPAWNCTL_SHARE_FILES)

/** SPAWNCTL_FLAGS_OF_START - flags that the library itself needs for a spawn that does not wait */
#define SPAWNCTL_FLAGS_OF_START \
	(SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | \
	 SPAWNCTL_PARENT_SETTID | SPAWNCTL_NO_WAIT)

/**
 * spawnctl_thread() - run a function in a child that shares the memory
 * @fd: descriptor of /dev/spawnctl
 * @clone: the argument of SPAWN. NULL: all signals are blocked in the child until it
 *	executes a program, which then has the caller's mask, and the exit signal is SIGCHLD. If
 *	@clone->stack and @clone->stack_size are 0, a stack of SPAWNCTL_STACK_SIZE bytes above a
 *	guard page is mapped during the call. Before Linux 5.16, a child that overruns it ends the
 *	caller too, because the core dump of the fault kills all processes that share the memory.
 *	@clone->size is as in the ioctl
 * @fn: called by the child. It must use only async-signal-safe functions, and what it
 *	writes, errno included, is written to the caller's memory
 * @arg: argument of @fn
 *
 * As FreeBSD's rfork_thread(3): the child calls @fn(@arg) on its own stack and exits
 * with the result, as by _exit(2). The calling thread sleeps until the child has
 * executed a program or exited, and is not canceled meanwhile. Async-signal-safe if a
 * stack is given.
 *
 * With SPAWNCTL_NO_WAIT the call returns when the child has been made. @clone must then
 * have a stack and @child_tid (otherwise EINVAL). The child uses the thread-local storage
 * of the calling thread, which runs at the same time, so @fn must use raw system calls
 * only. To start a program, use spawnctl_spawn_start() in <spawnctl/spawn.h> instead.
 *
 * Return: the child's process id, or -1 with errno; ENOMEM: no memory for a stack. The
 * caller must wait for the child, as for any other.
 */
pid_t spawnctl_thread(int fd, const struct spawnctl_clone *clone,
		      int (*fn)(void *arg), void *arg);

/** SPAWNCTL_STACK_SIZE - size in bytes of the stack that spawnctl_thread() maps */
#define SPAWNCTL_STACK_SIZE	(256 * 1024)

/**
 * spawnctl_vfork() - vfork(2), except that no handler of the parent can run in the child
 * @fd: descriptor of /dev/spawnctl
 *
 * Returns twice, as vfork(2), and with the same rules for the child: it runs on the
 * caller's stack, must not return from the function that called spawnctl_vfork(), and
 * must do little other than execve(2) or _exit(2). Signals that the caller catches have
 * their default action in the child from its first instruction on.
 *
 * If another thread may cancel the calling thread, the caller must disable cancellation
 * during the call by pthread_setcancelstate(3): otherwise the child would act on the
 * request. Async-signal-safe.
 *
 * Return: 0 in the child; in the caller the child's process id, or -1 with
 * errno.
 */
pid_t spawnctl_vfork(int fd) __attribute__((__returns_twice__));

/**
 * spawnctl_fork() - fork a child with a clean signal state, as qemu_fork()
 * @fd: descriptor of /dev/spawnctl
 *
 * The child has a copy of the memory. Every signal has its default action in the child,
 * even if the caller ignores it, and none is blocked. libc's own signals, those below
 * SIGRTMIN that sigaction(2) refuses, are the exception: they keep libc's handlers, on
 * which libc relies. The caller's mask and handlers do not change. At no time does a
 * handler of the caller's program run in the child.
 *
 * libc's state in the child is that of _Fork(3): the thread id that glibc caches, and uses
 * for its mutexes, is the child's own, and the robust mutex list is empty. Handlers of
 * pthread_atfork(3) do not run. If the caller has other threads, a lock that one of them
 * held, malloc's included, stays locked in the child forever, and the child must use
 * only async-signal-safe functions.
 *
 * Must not be called in a child that shares its parent's memory: in such a child, libc's
 * thread id and mutex list are the parent's. Async-signal-safe.
 *
 * Return: 0 in the child; in the caller the child's process id, or -1 with
 * errno.
 */
pid_t spawnctl_fork(int fd);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_H */
