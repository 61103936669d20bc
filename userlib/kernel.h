/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts of the kernel's interface that older kernel or libc headers lack, or that differ between
 * 32-bit and 64-bit architectures. The numbers that are defined here are the same on every
 * architecture.
 */
#ifndef SPAWNCTL_KERNEL_H
#define SPAWNCTL_KERNEL_H

#include <linux/sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "arch.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND	0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP	0x200000000ULL
#endif
#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP		0x400000000ULL
#endif

#ifndef SYS_clone3
#define SYS_clone3		435
#endif
#ifndef SYS_close_range
#define SYS_close_range		436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE	(1U << 1)
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC	(1U << 2)
#endif
#ifndef P_PIDFD
#define P_PIDFD			3
#endif

#define NSEC_PER_SEC		1000000000L

/* As futex(2) takes it. On 32-bit architectures libc's struct timespec can have 64-bit times */
struct futex_time {
	long tv_sec;
	long tv_nsec;
};

/*
 * Of these system calls, the ones with the plain names have 16-bit ids or 32-bit offsets on 32-bit
 * architectures, or do not exist there.
 */
#if __SIZEOF_LONG__ == 4
#define NR_GETUID	SYS_getuid32
#define NR_GETGID	SYS_getgid32
#define NR_SETRESUID	SYS_setresuid32
#define NR_SETRESGID	SYS_setresgid32
#define NR_SETGROUPS	SYS_setgroups32
#define NR_MMAP		SYS_mmap2
#else
#define NR_GETUID	SYS_getuid
#define NR_GETGID	SYS_getgid
#define NR_SETRESUID	SYS_setresuid
#define NR_SETRESGID	SYS_setresgid
#define NR_SETGROUPS	SYS_setgroups
#define NR_MMAP		SYS_mmap
#endif

#pragma GCC visibility push(hidden)

/**
 * spawnctl_kernel_at_least() - whether the kernel has this version, or a later one
 *
 * Reads the version in the vDSO, and makes no system call: a filter may kill the process for
 * uname(2). Without a vDSO, the version is unknown, and the function returns false.
 */
bool spawnctl_kernel_at_least(unsigned int major, unsigned int minor);

/**
 * spawnctl_kernel_cuts_tables() - whether close_range(2) with CLOSE_RANGE_UNSHARE copies rightly
 *
 * Before 9a2fa1472083 ("fix bitmap corruption on close_range() with CLOSE_RANGE_UNSHARE", Linux
 * 6.11 and long-term releases), numbers that were left out of the copy could stay unusable in it.
 * Before 1c24a186398f ("fs: fd tables have to be multiples of BITS_PER_LONG", older), descriptors
 * that it should have could be missing.
 */
bool spawnctl_kernel_cuts_tables(void);

/** spawnctl_time_after() - the time of CLOCK_MONOTONIC after @timeout, or the last that fits */
struct futex_time spawnctl_time_after(const struct timespec *timeout);

#pragma GCC visibility pop

/*
 * Uses dup2(2), as libc does: a seccomp filter may refuse dup3(2). Newer architectures have only
 * dup3(2). @fd and @newfd must differ, as dup3(2) refuses equal ones.
 */
static inline long raw_dup2(int fd, int newfd)
{
#ifdef SYS_dup2
	return raw_syscall(SYS_dup2, fd, newfd);
#else
	return raw_syscall(SYS_dup3, fd, newfd, 0);
#endif
}

struct stat;

/**
 * spawnctl_raw_stat() - fstatat(2) that does not modify errno
 *
 * Sets st_dev, st_ino, st_mode and st_rdev.
 */
long spawnctl_raw_stat(int fd, const char *path, int flags, struct stat *st);

#endif /* SPAWNCTL_KERNEL_H */
