/* SPDX-License-Identifier: GPL-2.0 */
/* arm (armhf), on a 64-bit kernel: what raw.h requires of an architecture, and documents */
#ifndef SPAWNCTL_SELFTESTS_ARCH_H
#define SPAWNCTL_SELFTESTS_ARCH_H

#define ARCH_SA_RESTORER

#define ARCH_MINSIGSTKSZ	2048
#define ARCH_SIGSTKSZ		8192

#define ARCH_STACK_ALIGN	8
#define ARCH_FRAME_ALIGN	4

/* The kernel checks 64-bit members as it does for a 64-bit program, see aarch64.h */
#define ARCH_USER_SPACE_END	(1ULL << 56)

#define ARCH_TRAP_SIGNAL	SIGILL

#define ARCH_UCONTEXT_RESULT(context) \
	(((ucontext_t *)(context))->uc_mcontext.arm_r0)

/*
 * The number is in r7, which can be the frame pointer. So each function here saves it in another
 * register. All operands that it reads after it has changed r7 are in registers that it names.
 */
static __always_inline
long raw_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;
	long saved;

	__asm__ volatile("mov %[saved], r7\n\t"
			 "mov r7, %[nr]\n\t"
			 "svc #0\n\t"
			 "mov r7, %[saved]"
			 : "+r" (r0), [saved] "=&r" (saved)
			 : [nr] "r" (nr), "r" (r1), "r" (r2), "r" (r3), "r" (r4), "r" (r5)
			 : "memory");
	return r0;
}

static inline long raw_spawn_exit(int fd, unsigned long command, void *arg)
{
	register long r0 __asm__("r0") = fd;
	register unsigned long r1 __asm__("r1") = command;
	register void *r2 __asm__("r2") = arg;
	long saved;

	/* In the child r0 is 0, which becomes its status */
	__asm__ volatile("mov %[saved], r7\n\t"
			 "mov r7, %[ioctl]\n\t"
			 "svc #0\n\t"
			 "cmp r0, #0\n\t"
			 "bne 1f\n\t"
			 "mov r7, %[exit]\n\t"
			 "svc #0\n\t"
			 "udf #0\n"
			 "1:\n\t"
			 "mov r7, %[saved]"
			 : "+r" (r0), [saved] "=&r" (saved)
			 : "r" (r1), "r" (r2), [ioctl] "i" (SYS_ioctl), [exit] "i" (SYS_exit_group)
			 : "memory", "cc");
	return r0;
}

static inline long raw_spawn_stack(int fd, unsigned long command, void *arg,
				   unsigned long *at_birth, unsigned long *of_caller)
{
	register long r0 __asm__("r0") = fd;
	register unsigned long r1 __asm__("r1") = command;
	register void *r2 __asm__("r2") = arg;
	register unsigned long *r4 __asm__("r4") = at_birth;
	register unsigned long *r5 __asm__("r5") = of_caller;

	__asm__ volatile("mov r6, r7\n\t"
			 "mov r7, %[ioctl]\n\t"
			 "mov r3, sp\n\t"
			 "str r3, [r5]\n\t"
			 "svc #0\n\t"
			 "cmp r0, #0\n\t"
			 "bne 1f\n\t"
			 "mov r3, sp\n\t"
			 "str r3, [r4]\n\t"
			 "mov r7, %[exit]\n\t"
			 "svc #0\n\t"
			 "udf #0\n"
			 "1:\n\t"
			 "mov r7, r6"
			 : "+r" (r0)
			 : "r" (r1), "r" (r2), "r" (r4), "r" (r5), [ioctl] "i" (SYS_ioctl),
			   [exit] "i" (SYS_exit_group)
			 : "r3", "r6", "memory", "cc");
	return r0;
}

static inline long raw_ioctl_script(int fd, unsigned int command, void *arg, const void *script)
{
	register long r0 __asm__("r0") = fd;
	register long r1 __asm__("r1") = command;
	register void *r2 __asm__("r2") = arg;
	register const void *r6 __asm__("r6") = script;

	__asm__ volatile("mov r8, r7\n\t"
			 "mov r7, %[ioctl]\n\t"
			 "sub sp, sp, #512\n\t"
			 "svc #0\n\t"
			 "add sp, sp, #512\n\t"
			 "cmp r0, #0\n\t"
			 "bne 9f\n\t"
			 "cmp r6, #0\n\t"
			 "beq 9f\n\t"
			 "sub sp, sp, #512\n"
			 "1:\n\t"
			 "ldr r7, [r6]\n\t"
			 "cmn r7, #1\n\t"
			 "beq 2f\n\t"
			 "blt 3f\n\t"
			 "add r8, r6, #4\n\t"
			 "ldm r8, {r0, r1, r2, r3, r4, r5}\n\t"
			 "svc #0\n\t"
			 "ldr r1, [r6, #28]\n\t"
			 "ldr r2, [r6, #32]\n\t"
			 "cmp r1, #0\n\t"
			 "beq 4f\n\t"
			 "str r0, [r1]\n"
			 "4:\n\t"
			 "add r6, r6, #36\n\t"
			 "cmp r2, #0\n\t"
			 "beq 1b\n\t"
			 "cmp r0, #0\n\t"
			 "bne 1b\n\t"
			 "mov r6, r2\n\t"
			 "b 1b\n"
			 "2:\n\t"
			 "str r0, [sp, #-8]!\n\t"
			 "ldr r0, [sp], #8\n\t"
			 "add r6, r6, #36\n\t"
			 "b 1b\n"
			 "3:\n\t"
			 "udf #0\n"
			 "9:\n\t"
			 "mov r7, r8"
			 : "+r" (r0), "+r" (r6)
			 : "r" (r1), "r" (r2), [ioctl] "i" (SYS_ioctl)
			 : "r3", "r4", "r5", "r8", "memory", "cc");
	return r0;
}

/* Compares, as few instructions fault. The compiler must not derive the result from the type */
static inline void raw_touch_aligned(void *place)
{
	__asm__("" : "+r" (place));
	if ((unsigned long)place & (ARCH_STACK_ALIGN - 1))
		__builtin_trap();
}

#endif /* SPAWNCTL_SELFTESTS_ARCH_H */
