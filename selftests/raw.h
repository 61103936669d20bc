/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raw system calls, and functions that read or set signal state by them. They are for
 * children that share the memory, and for a program that must not change the state it
 * starts with.
 */
#ifndef SPAWNCTL_RAW_H
#define SPAWNCTL_RAW_H

#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * A system call that does not write errno: in a child that shares the memory,
 * errno is the parent's. Returns -errno on failure.
 */
#ifdef __x86_64__
static __always_inline
long raw_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a" (ret)
			 : "a" (nr), "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/*
 * SPAWN or FORK directly by the ioctl. The child exits at once with status 0
 * without touching its stack, so any stack will do. Returns pid or -errno.
 */
static inline long raw_spawn_exit(int fd, unsigned long command, void *arg)
{
	long ret;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movl %[exit], %%eax\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "=a" (ret)
			 : "a" ((long)SYS_ioctl), "D" ((long)fd), "S" (command), "d" (arg),
			   [exit] "i" (SYS_exit_group)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}
#else
#error "raw system calls are missing for this architecture"
#endif

#define raw_syscall_pick(nr, a, b, c, d, e, f, ...) \
	raw_syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define raw_syscall(...) raw_syscall_pick(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * For variables that another thread or process, or a child that shares the memory, also
 * accesses. Sequentially consistent.
 */
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_SEQ_CST)

/* The kernel's struct sigaction, as rt_sigaction(2) takes and returns it */
struct kernel_sigaction {
	__u64 handler;
	__u64 flags;
	__u64 restorer;
	__u64 mask;
};

#define NSIGNALS	64
#define SIGBIT(sig)	(1ULL << ((sig) - 1))
#define UNBLOCKABLE	(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIGMASK_SIZE	8

static inline long raw_sigaction(int sig, const struct kernel_sigaction *act,
				 struct kernel_sigaction *old)
{
	return raw_syscall(SYS_rt_sigaction, sig, act, old, SIGMASK_SIZE);
}

/* For all 64 signals: libc's sigprocmask() leaves out those that it reserves for itself */
static inline long raw_sigprocmask(int how, __u64 set, __u64 *old)
{
	return raw_syscall(SYS_rt_sigprocmask, how, &set, old, SIGMASK_SIZE);
}

static inline __u64 current_mask(void)
{
	__u64 mask = 0;

	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, &mask, SIGMASK_SIZE);
	return mask;
}

/* The Sig and Shd lines of /proc/PID/status. */
struct signal_status {
	__u64 pending;
	__u64 shared_pending;
	__u64 blocked;
	__u64 ignored;
	__u64 caught;
};

static inline int status_mask(const char *text, const char *key, __u64 *mask)
{
	const char *line = strstr(text, key);

	if (!line)
		return -1;
	*mask = 0;
	for (line += strlen(key); *line && *line != '\n'; line++)
		*mask = *mask << 4 | (*line <= '9' ? *line - '0' : *line - 'a' + 10);
	return 0;
}

/*
 * Reads @path (/proc/.../status) by raw system calls, so that a child that shares the
 * memory may call this. Returns 0 or -1.
 */
static inline int read_signal_status(const char *path, struct signal_status *status)
{
	char text[8192];
	size_t used = 0;
	long fd, ret;

	fd = raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	do {
		ret = raw_syscall(SYS_read, fd, text + used, sizeof(text) - 1 - used);
		used += ret > 0 ? ret : 0;
	} while (ret > 0);
	raw_syscall(SYS_close, fd);
	text[used] = '\0';
	if (ret < 0)
		return -1;
	return status_mask(text, "\nSigPnd:\t", &status->pending) |
	       status_mask(text, "\nShdPnd:\t", &status->shared_pending) |
	       status_mask(text, "\nSigBlk:\t", &status->blocked) |
	       status_mask(text, "\nSigIgn:\t", &status->ignored) |
	       status_mask(text, "\nSigCgt:\t", &status->caught);
}

static inline void raw_sleep_us(unsigned int us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	raw_syscall(SYS_nanosleep, &time, 0);
}

static inline __u64 raw_now_us(void)
{
	struct timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

#endif /* SPAWNCTL_RAW_H */
