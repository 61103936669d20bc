/* SPDX-License-Identifier: GPL-2.0 */
/* x86-64: what raw.h requires of an architecture, and documents */
#ifndef SPAWNCTL_SELFTESTS_ARCH_H
#define SPAWNCTL_SELFTESTS_ARCH_H

#define ARCH_VFORK_UNWINDS
#define ARCH_SA_RESTORER
#define ARCH_STATIC_CALLS
#define ARCH_SINGLE_STEP

#define ARCH_MINSIGSTKSZ	2048
#define ARCH_SIGSTKSZ		8192

#define ARCH_STACK_ALIGN	16
#define ARCH_FRAME_ALIGN	16

/* With five-level page tables. With four levels, user space ends at 1 << 47 */
#define ARCH_USER_SPACE_END	(1ULL << 56)

#define ARCH_TRAP_SIGNAL	SIGILL

#define ARCH_UCONTEXT_RESULT(context) \
	(((ucontext_t *)(context))->uc_mcontext.gregs[REG_RAX])

#define ARCH_REGS_ARG0		rdi

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

static inline long raw_spawn_stack(int fd, unsigned long command, void *arg,
				   unsigned long *at_birth, unsigned long *of_caller)
{
	long ret;

	__asm__ volatile("movq %%rsp, (%[caller])\n\t"
			 "syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movq %%rsp, (%[birth])\n\t"
			 "movl %[exit], %%eax\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "=a" (ret)
			 : "a" ((long)SYS_ioctl), "D" ((long)fd), "S" (command), "d" (arg),
			   [birth] "r" (at_birth), [caller] "r" (of_caller),
			   [exit] "i" (SYS_exit_group)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

static inline long raw_ioctl_script(int fd, unsigned int command, void *arg, const void *script)
{
	long ret;

	__asm__ volatile("leaq -512(%%rsp), %%rsp\n\t"
			 "syscall\n\t"
			 "leaq 512(%%rsp), %%rsp\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 9f\n\t"
			 "testq %%rbx, %%rbx\n\t"
			 "jz 9f\n\t"
			 "leaq -512(%%rsp), %%rsp\n"
			 "1:\n\t"
			 "movq (%%rbx), %%rax\n\t"
			 "cmpq $-1, %%rax\n\t"
			 "je 2f\n\t"
			 "jl 3f\n\t"
			 "movq 8(%%rbx), %%rdi\n\t"
			 "movq 16(%%rbx), %%rsi\n\t"
			 "movq 24(%%rbx), %%rdx\n\t"
			 "movq 32(%%rbx), %%r10\n\t"
			 "movq 40(%%rbx), %%r8\n\t"
			 "movq 48(%%rbx), %%r9\n\t"
			 "syscall\n\t"
			 "movq 56(%%rbx), %%rdi\n\t"
			 "testq %%rdi, %%rdi\n\t"
			 "jz 4f\n\t"
			 "movq %%rax, (%%rdi)\n"
			 "4:\n\t"
			 "movq 64(%%rbx), %%rsi\n\t"
			 "addq $72, %%rbx\n\t"
			 "testq %%rsi, %%rsi\n\t"
			 "jz 1b\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1b\n\t"
			 "movq %%rsi, %%rbx\n\t"
			 "jmp 1b\n"
			 "2:\n\t"
			 "pushq %%rax\n\t"
			 "popq %%rax\n\t"
			 "addq $72, %%rbx\n\t"
			 "jmp 1b\n"
			 "3:\n\t"
			 "ud2\n"
			 "9:"
			 : "=a" (ret), "+b" (script)
			 : "a" ((long)SYS_ioctl), "D" ((long)fd), "S" ((long)command), "d" (arg)
			 : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

static inline void raw_touch_aligned(void *place)
{
	__asm__ volatile("movaps %%xmm0, %0" : "=m" (*(long double *)place) : : "memory");
}

#define raw_ioctl32 raw_ioctl32
static inline long raw_ioctl32(int fd, unsigned int command, unsigned int arg)
{
	long ret;

	__asm__ volatile("int $0x80\n\t"
			 "test %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "mov $1, %%eax\n\t"
			 "xor %%ebx, %%ebx\n\t"
			 "int $0x80\n\t"
			 "1: movslq %%eax, %%rax"
			 : "=a" (ret)
			 : "a" (54L), "b" (fd), "c" (command), "d" (arg)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

#define raw_fork32 raw_fork32
static inline long raw_fork32(void)
{
	long ret = 2;

	__asm__ volatile("int $0x80" : "+a" (ret) : : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

#define ARCH_PC(state)			((state)->rip)
#define ARCH_RETURN_ADDRESS(pid, state)	ptrace(PTRACE_PEEKDATA, pid, (void *)(state)->rsp, NULL)

#define ARCH_RETURNING_VFORK				\
	"	pop	%r8\n"				\
	"	mov	$16, %eax\n"	/* SYS_ioctl */	\
	"	syscall\n"				\
	"	push	%r8\n"				\
	"	ret\n"

/* Skips all prefixes of the instruction at @code; REX is the last */
static inline const unsigned char *x86_opcode(const unsigned char *code)
{
	unsigned int i = 0;

	while (i < 6 && (strchr("\x66\x67\xf2\xf3\x2e\x3e\x26\x36\x64\x65", code[i]) ||
			 (code[i] & 0xf0) == 0x40))
		i++;
	return code + i;
}

static inline int arch_is_call(const unsigned char *code)
{
	code = x86_opcode(code);
	return code[0] == 0xe8 || (code[0] == 0xff && (code[1] & 0x38) == 0x10);
}

#include "x86.h"

#endif /* SPAWNCTL_SELFTESTS_ARCH_H */
