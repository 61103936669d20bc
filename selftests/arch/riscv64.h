/* SPDX-License-Identifier: GPL-2.0 */
/* riscv64: what raw.h requires of an architecture, and documents */
#ifndef SPAWNCTL_SELFTESTS_ARCH_H
#define SPAWNCTL_SELFTESTS_ARCH_H

#define ARCH_VFORK_UNWINDS
#define ARCH_MINSIGSTKSZ	2048
#define ARCH_SIGSTKSZ		8192

#define ARCH_STACK_ALIGN	16
#define ARCH_FRAME_ALIGN	16

/* Since 6.10 access_ok() accepts the lower half of all addresses. User space has a part of it */
#define ARCH_USER_SPACE_END	(1ULL << 63)

#define ARCH_TRAP_SIGNAL	SIGTRAP

#define ARCH_UCONTEXT_RESULT(context) \
	(((ucontext_t *)(context))->uc_mcontext.__gregs[REG_A0])

static __always_inline
long raw_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r" (a0)
			 : "r" (a7), "r" (a1), "r" (a2), "r" (a3), "r" (a4), "r" (a5)
			 : "memory");
	return a0;
}

static inline long raw_spawn_exit(int fd, unsigned long command, void *arg)
{
	register long a7 __asm__("a7") = SYS_ioctl;
	register long a0 __asm__("a0") = fd;
	register unsigned long a1 __asm__("a1") = command;
	register void *a2 __asm__("a2") = arg;

	/* In the child a0 is 0, which becomes its status */
	__asm__ volatile("ecall\n\t"
			 "bnez a0, 1f\n\t"
			 "li a7, %[exit]\n\t"
			 "ecall\n\t"
			 "unimp\n"
			 "1:"
			 : "+r" (a0)
			 : "r" (a7), "r" (a1), "r" (a2), [exit] "i" (SYS_exit_group)
			 : "memory");
	return a0;
}

static inline long raw_spawn_stack(int fd, unsigned long command, void *arg,
				   unsigned long *at_birth, unsigned long *of_caller)
{
	register long a7 __asm__("a7") = SYS_ioctl;
	register long a0 __asm__("a0") = fd;
	register unsigned long a1 __asm__("a1") = command;
	register void *a2 __asm__("a2") = arg;

	__asm__ volatile("sd sp, (%[caller])\n\t"
			 "ecall\n\t"
			 "bnez a0, 1f\n\t"
			 "sd sp, (%[birth])\n\t"
			 "li a7, %[exit]\n\t"
			 "ecall\n\t"
			 "unimp\n"
			 "1:"
			 : "+r" (a0)
			 : "r" (a7), "r" (a1), "r" (a2), [birth] "r" (at_birth),
			   [caller] "r" (of_caller), [exit] "i" (SYS_exit_group)
			 : "memory");
	return a0;
}

static inline long raw_ioctl_script(int fd, unsigned int command, void *arg, const void *script)
{
	register long a7 __asm__("a7") = SYS_ioctl;
	register long a0 __asm__("a0") = fd;
	register long a1 __asm__("a1") = command;
	register void *a2 __asm__("a2") = arg;
	register const void *t0 __asm__("t0") = script;

	__asm__ volatile("addi sp, sp, -512\n\t"
			 "ecall\n\t"
			 "addi sp, sp, 512\n\t"
			 "bnez a0, 9f\n\t"
			 "beqz t0, 9f\n\t"
			 "addi sp, sp, -512\n"
			 "1:\n\t"
			 "ld a7, (t0)\n\t"
			 "li t1, -1\n\t"
			 "beq a7, t1, 2f\n\t"
			 "blt a7, t1, 3f\n\t"
			 "ld a0, 8(t0)\n\t"
			 "ld a1, 16(t0)\n\t"
			 "ld a2, 24(t0)\n\t"
			 "ld a3, 32(t0)\n\t"
			 "ld a4, 40(t0)\n\t"
			 "ld a5, 48(t0)\n\t"
			 "ecall\n\t"
			 "ld t1, 56(t0)\n\t"
			 "ld t2, 64(t0)\n\t"
			 "beqz t1, 4f\n\t"
			 "sd a0, (t1)\n"
			 "4:\n\t"
			 "addi t0, t0, 72\n\t"
			 "beqz t2, 1b\n\t"
			 "bnez a0, 1b\n\t"
			 "mv t0, t2\n\t"
			 "j 1b\n"
			 "2:\n\t"
			 "sd a0, -16(sp)\n\t"
			 "ld a0, -16(sp)\n\t"
			 "addi t0, t0, 72\n\t"
			 "j 1b\n"
			 "3:\n\t"
			 "unimp\n"
			 "9:"
			 : "+r" (a0), "+r" (t0)
			 : "r" (a7), "r" (a1), "r" (a2)
			 : "a3", "a4", "a5", "t1", "t2", "memory");
	return a0;
}

/* No instruction faults, so this compares. The compiler must not derive the result from the type */
static inline void raw_touch_aligned(void *place)
{
	__asm__("" : "+r" (place));
	if ((unsigned long)place & 15)
		__builtin_trap();
}

#endif /* SPAWNCTL_SELFTESTS_ARCH_H */
