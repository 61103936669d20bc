/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raw system calls, and functions that read or set signal state by them. They are for
 * children that share the memory, and for a program that must not change the state it
 * starts with.
 */
#ifndef SPAWNCTL_RAW_H
#define SPAWNCTL_RAW_H

#include <fcntl.h>
#include <linux/time_types.h>
#include <linux/types.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * Each architecture has a header, with:
 *
 * raw_syscall6()	A system call that does not write errno: in a child that shares the
 *			memory, errno is the parent's. Returns -errno on failure.
 * raw_spawn_exit()	SPAWN or FORK directly by the ioctl. The child exits at once with status
 *			0 without touching its stack, so any stack will do. Returns pid or -errno.
 * raw_spawn_stack()	The same, but before the child exits it stores the stack pointer that it
 *			has at its first instruction. The caller stores its own.
 * raw_ioctl_script()	An ioctl whose child runs a script of struct step (fuzz.h), and does not
 *			return. If @script is NULL, a result of 0 is the caller's. The stack
 *			pointer is lowered before the call, as a child without a stack of its own
 *			pushes onto its parent's.
 * raw_touch_aligned()	Raises a signal if @place is not aligned to ARCH_STACK_ALIGN bytes.
 * raw_ioctl32()	If it is defined: the ioctl as a 32-bit program makes it. If that makes a
 *			child, the child exits.
 * raw_fork32()		If it is defined: fork(2) of the 32-bit table.
 *
 * ARCH_SA_RESTORER		The kernel's struct sigaction has the member.
 * ARCH_STATIC_CALLS		The kernel patches static calls into direct calls.
 * ARCH_VFORK_UNWINDS		While vfork(2) waits, its return address is in a register that
 *				unwinders know.
 * ARCH_SINGLE_STEP		The kernel has PTRACE_SINGLESTEP. shstk_test.c names what else is
 *				defined then.
 * ARCH_MINSIGSTKSZ,
 * ARCH_SIGSTKSZ		The constants MINSIGSTKSZ and SIGSTKSZ. With _GNU_SOURCE, newer
 *				glibc calls sysconf(3) instead.
 * ARCH_STACK_ALIGN		The alignment of the stack pointer at a call.
 * ARCH_FRAME_ALIGN		The alignment of __builtin_frame_address(0), if that is kept.
 * ARCH_USER_SPACE_END		The kernel accepts no user address from here on.
 * ARCH_TRAP_SIGNAL		The signal that __builtin_trap() raises.
 * ARCH_UCONTEXT_RESULT()	The result of a system call, in the context of a signal handler.
 * ARCH_REGS_ARG0		The first argument of a system call: a member of struct
 *				user_regs_struct.
 */
#if defined(__x86_64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__)
#include "arch/aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "arch/riscv64.h"
#elif defined(__i386__)
#include "arch/i386.h"
#elif defined(__arm__)
#include "arch/arm.h"
#else
#error "arch/ has no header for this architecture"
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

/*
 * The kernel's struct sigaction, as rt_sigaction(2) takes and returns it. On 32-bit architectures,
 * too, no padding precedes @mask.
 */
struct kernel_sigaction {
	unsigned long handler;
	unsigned long flags;
#ifdef ARCH_SA_RESTORER
	unsigned long restorer;
#endif
	__u64 mask __attribute__((__packed__));
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

/* On 32-bit architectures, the 64-bit time of libc's struct timespec is for other system calls */
static inline void raw_sleep_us(unsigned int us)
{
	struct __kernel_old_timespec time = { us / 1000000, us % 1000000 * 1000 };

	raw_syscall(SYS_nanosleep, &time, 0);
}

static inline __u64 raw_now_us(void)
{
	struct __kernel_old_timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

#endif /* SPAWNCTL_RAW_H */
