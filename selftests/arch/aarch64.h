/* SPDX-License-Identifier: GPL-2.0 */
/* arm64: what raw.h requires of an architecture, and documents */
#ifndef SPAWNCTL_SELFTESTS_ARCH_H
#define SPAWNCTL_SELFTESTS_ARCH_H

#define ARCH_VFORK_UNWINDS
#define ARCH_SA_RESTORER
#define ARCH_SINGLE_STEP

#define ARCH_MINSIGSTKSZ	5120
#define ARCH_SIGSTKSZ		16384

#define ARCH_STACK_ALIGN	16
#define ARCH_FRAME_ALIGN	16

/* User space ends at 1 << 52 at most; without prctl(2) the kernel refuses tagged addresses */
#define ARCH_USER_SPACE_END	(1ULL << 56)

#define ARCH_TRAP_SIGNAL	SIGTRAP

#define ARCH_UCONTEXT_RESULT(context) \
	(((ucontext_t *)(context))->uc_mcontext.regs[0])

#define ARCH_REGS_ARG0		regs[0]

static __always_inline
long raw_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r" (x0)
			 : "r" (x8), "r" (x1), "r" (x2), "r" (x3), "r" (x4), "r" (x5)
			 : "memory");
	return x0;
}

static inline long raw_spawn_exit(int fd, unsigned long command, void *arg)
{
	register long x8 __asm__("x8") = SYS_ioctl;
	register long x0 __asm__("x0") = fd;
	register unsigned long x1 __asm__("x1") = command;
	register void *x2 __asm__("x2") = arg;

	/* In the child x0 is 0, which becomes its status */
	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n\t"
			 "udf #0\n"
			 "1:"
			 : "+r" (x0)
			 : "r" (x8), "r" (x1), "r" (x2), [exit] "i" (SYS_exit_group)
			 : "memory");
	return x0;
}

static inline long raw_spawn_stack(int fd, unsigned long command, void *arg,
				   unsigned long *at_birth, unsigned long *of_caller)
{
	register long x8 __asm__("x8") = SYS_ioctl;
	register long x0 __asm__("x0") = fd;
	register unsigned long x1 __asm__("x1") = command;
	register void *x2 __asm__("x2") = arg;

	__asm__ volatile("mov x9, sp\n\t"
			 "str x9, [%[caller]]\n\t"
			 "svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x9, sp\n\t"
			 "str x9, [%[birth]]\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n\t"
			 "udf #0\n"
			 "1:"
			 : "+r" (x0)
			 : "r" (x8), "r" (x1), "r" (x2), [birth] "r" (at_birth),
			   [caller] "r" (of_caller), [exit] "i" (SYS_exit_group)
			 : "x9", "memory");
	return x0;
}

static inline long raw_ioctl_script(int fd, unsigned int command, void *arg, const void *script)
{
	register long x8 __asm__("x8") = SYS_ioctl;
	register long x0 __asm__("x0") = fd;
	register long x1 __asm__("x1") = command;
	register void *x2 __asm__("x2") = arg;
	register const void *x9 __asm__("x9") = script;

	__asm__ volatile("sub sp, sp, #512\n\t"
			 "svc #0\n\t"
			 "add sp, sp, #512\n\t"
			 "cbnz x0, 9f\n\t"
			 "cbz x9, 9f\n\t"
			 "sub sp, sp, #512\n"
			 "1:\n\t"
			 "ldr x8, [x9]\n\t"
			 "cmn x8, #1\n\t"
			 "b.eq 2f\n\t"
			 "b.lt 3f\n\t"
			 "ldp x0, x1, [x9, #8]\n\t"
			 "ldp x2, x3, [x9, #24]\n\t"
			 "ldp x4, x5, [x9, #40]\n\t"
			 "svc #0\n\t"
			 "ldp x10, x11, [x9, #56]\n\t"
			 "cbz x10, 4f\n\t"
			 "str x0, [x10]\n"
			 "4:\n\t"
			 "add x9, x9, #72\n\t"
			 "cbz x11, 1b\n\t"
			 "cbnz x0, 1b\n\t"
			 "mov x9, x11\n\t"
			 "b 1b\n"
			 "2:\n\t"
			 "str x0, [sp, #-16]!\n\t"
			 "ldr x0, [sp], #16\n\t"
			 "add x9, x9, #72\n\t"
			 "b 1b\n"
			 "3:\n\t"
			 "udf #0\n"
			 "9:"
			 : "+r" (x0), "+r" (x9)
			 : "r" (x8), "r" (x1), "r" (x2)
			 : "x3", "x4", "x5", "x10", "x11", "memory", "cc");
	return x0;
}

static inline void raw_touch_aligned(void *place)
{
	unsigned long low, high;

	__asm__ volatile("ldxp %0, %1, [%2]\n\t"
			 "clrex"
			 : "=&r" (low), "=&r" (high) : "r" (place) : "memory");
}

#define ARCH_PC(state)			((state)->pc)
#define ARCH_RETURN_ADDRESS(pid, state)	((void)(pid), (state)->regs[30])

#define ARCH_RETURNING_VFORK				\
	"	mov	x8, #29\n"	/* SYS_ioctl */	\
	"	svc	#0\n"				\
	"	ret\n"

static inline unsigned int arm64_instruction(const unsigned char *code)
{
	unsigned int instruction;

	memcpy(&instruction, code, sizeof(instruction));
	return instruction;
}

/* bl; blr, also with pointer authentication */
static inline int arch_is_call(const unsigned char *code)
{
	unsigned int instruction = arm64_instruction(code);

	return (instruction & 0xfc000000) == 0x94000000 || (instruction & 0xfefff000) == 0xd63f0000;
}

/* ret, also with pointer authentication */
static inline int arch_is_return(const unsigned char *code)
{
	return (arm64_instruction(code) & 0xfefff000) == 0xd65f0000;
}

/* chkfeat x16 */
static inline int arch_is_feature_check(const unsigned char *code)
{
	return arm64_instruction(code) == 0xd503251f;
}

/* As if a guarded control stack were on: the instruction clears its bit, 0 */
#define ARCH_ANSWER_FEATURE_CHECK(state)	((state)->regs[16] &= ~1ULL)

#endif /* SPAWNCTL_SELFTESTS_ARCH_H */
