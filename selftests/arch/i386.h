/* SPDX-License-Identifier: GPL-2.0 */
/* i386, on a 64-bit kernel: what raw.h requires of an architecture, and documents */
#ifndef SPAWNCTL_SELFTESTS_ARCH_H
#define SPAWNCTL_SELFTESTS_ARCH_H

#define ARCH_SA_RESTORER
#define ARCH_STATIC_CALLS
#define ARCH_SINGLE_STEP

#define ARCH_MINSIGSTKSZ	2048
#define ARCH_SIGSTKSZ		8192

#define ARCH_STACK_ALIGN	16
#define ARCH_FRAME_ALIGN	8

/* The kernel checks 64-bit members as it does for a 64-bit program, see x86_64.h */
#define ARCH_USER_SPACE_END	(1ULL << 56)

#define ARCH_TRAP_SIGNAL	SIGILL

#define ARCH_UCONTEXT_RESULT(context) \
	(((ucontext_t *)(context))->uc_mcontext.gregs[REG_EAX])

static __always_inline
long raw_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;

	/*
	 * The sixth argument is in ebp, which can be the frame pointer. As ebp is saved on the
	 * stack, the call must not make a child that shares the stack.
	 */
	__asm__ volatile("pushl %[f]\n\t"
			 "pushl %%ebp\n\t"
			 "movl 4(%%esp), %%ebp\n\t"
			 "int $0x80\n\t"
			 "popl %%ebp\n\t"
			 "addl $4, %%esp"
			 : "=a" (ret)
			 : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e), [f] "g" (f)
			 : "memory", "cc");
	return ret;
}

static inline long raw_spawn_exit(int fd, unsigned long command, void *arg)
{
	long ret;

	__asm__ volatile("int $0x80\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "movl %[exit], %%eax\n\t"
			 "xorl %%ebx, %%ebx\n\t"
			 "int $0x80\n\t"
			 "ud2\n"
			 "1:"
			 : "=a" (ret)
			 : "a" (SYS_ioctl), "b" (fd), "c" (command), "d" (arg),
			   [exit] "i" (SYS_exit_group)
			 : "memory", "cc");
	return ret;
}

static inline long raw_spawn_stack(int fd, unsigned long command, void *arg,
				   unsigned long *at_birth, unsigned long *of_caller)
{
	long ret;

	__asm__ volatile("movl %%esp, (%[caller])\n\t"
			 "int $0x80\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "movl %%esp, (%[birth])\n\t"
			 "movl %[exit], %%eax\n\t"
			 "xorl %%ebx, %%ebx\n\t"
			 "int $0x80\n\t"
			 "ud2\n"
			 "1:"
			 : "=a" (ret)
			 : "a" (SYS_ioctl), "b" (fd), "c" (command), "d" (arg),
			   [birth] "S" (at_birth), [caller] "D" (of_caller),
			   [exit] "i" (SYS_exit_group)
			 : "memory", "cc");
	return ret;
}

/*
 * A system call can use all general registers, so xmm0 holds the address of the step. Only the
 * child changes registers other than eax.
 */
static inline long raw_ioctl_script(int fd, unsigned int command, void *arg, const void *script)
{
	long ret;

	__asm__ volatile("leal -512(%%esp), %%esp\n\t"
			 "int $0x80\n\t"
			 "leal 512(%%esp), %%esp\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 9f\n\t"
			 "testl %%esi, %%esi\n\t"
			 "jz 9f\n\t"
			 "leal -512(%%esp), %%esp\n"
			 "1:\n\t"
			 "movl (%%esi), %%eax\n\t"
			 "cmpl $-1, %%eax\n\t"
			 "je 2f\n\t"
			 "jl 3f\n\t"
			 "movd %%esi, %%xmm0\n\t"
			 "movl 4(%%esi), %%ebx\n\t"
			 "movl 8(%%esi), %%ecx\n\t"
			 "movl 12(%%esi), %%edx\n\t"
			 "movl 20(%%esi), %%edi\n\t"
			 "movl 24(%%esi), %%ebp\n\t"
			 "movl 16(%%esi), %%esi\n\t"
			 "int $0x80\n\t"
			 "movd %%xmm0, %%esi\n\t"
			 "movl 28(%%esi), %%ebx\n\t"
			 "testl %%ebx, %%ebx\n\t"
			 "jz 4f\n\t"
			 "movl %%eax, (%%ebx)\n"
			 "4:\n\t"
			 "movl 32(%%esi), %%ecx\n\t"
			 "addl $36, %%esi\n\t"
			 "testl %%ecx, %%ecx\n\t"
			 "jz 1b\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1b\n\t"
			 "movl %%ecx, %%esi\n\t"
			 "jmp 1b\n"
			 "2:\n\t"
			 "pushl %%eax\n\t"
			 "popl %%eax\n\t"
			 "addl $36, %%esi\n\t"
			 "jmp 1b\n"
			 "3:\n\t"
			 "ud2\n"
			 "9:"
			 : "=a" (ret)
			 : "a" (SYS_ioctl), "b" (fd), "c" (command), "d" (arg), "S" (script)
			 : "memory", "cc");
	return ret;
}

static inline void raw_touch_aligned(void *place)
{
	__asm__ volatile("movaps %%xmm0, %0" : "=m" (*(char (*)[16])place) : : "memory");
}

#define ARCH_PC(state)			((state)->eip)
#define ARCH_RETURN_ADDRESS(pid, state)	ptrace(PTRACE_PEEKDATA, pid, (void *)(state)->esp, NULL)

/* The child overwrites the return address, so xmm1 holds it. xmm0 holds the caller's ebx */
#define ARCH_RETURNING_VFORK				\
	"	movd	%ebx, %xmm0\n"			\
	"	movd	(%esp), %xmm1\n"		\
	"	mov	4(%esp), %ebx\n"		\
	"	mov	8(%esp), %ecx\n"		\
	"	mov	12(%esp), %edx\n"		\
	"	mov	$54, %eax\n"	/* SYS_ioctl */	\
	"	int	$0x80\n"			\
	"	movd	%xmm0, %ebx\n"			\
	"	movd	%xmm1, (%esp)\n"		\
	"	ret\n"

/* Skips all prefixes of the instruction at @code */
static inline const unsigned char *x86_opcode(const unsigned char *code)
{
	unsigned int i = 0;

	while (i < 3 && strchr("\x66\x67\xf2\xf3\x2e\x3e\x26\x36\x64\x65", code[i]))
		i++;
	return code + i;
}

/* A call of the next instruction, which reads eip, is not pushed onto a shadow stack */
static inline int arch_is_call(const unsigned char *code)
{
	code = x86_opcode(code);
	if (code[0] == 0xe8)
		return code[1] || code[2] || code[3] || code[4];
	return code[0] == 0xff && (code[1] & 0x38) == 0x10;
}

#include "x86.h"

#endif /* SPAWNCTL_SELFTESTS_ARCH_H */
