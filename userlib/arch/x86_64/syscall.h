/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that do not modify errno, for a child that shares its parent's memory.
 */
#ifndef SPAWNCTL_ARCH_SYSCALL_H
#define SPAWNCTL_ARCH_SYSCALL_H

#ifdef __ILP32__
#error "x32 has system calls and structs of its own"
#endif

#include <stdbool.h>
#include <sys/syscall.h>

static inline __attribute__((always_inline))
long spawnctl_syscall6(long nr, long a, long b, long c, long d, long e, long f)
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
 * Whether the program runs under valgrind. valgrind makes each system call from its own code and
 * stack, so the child of an ioctl would continue there. valgrind handles only the children of
 * clone(2), and gives them a copy of the memory. The test is a "client request" (see valgrind's
 * manual): rotations of rdi that together have no effect.
 */
static inline bool spawnctl_arch_emulated(void)
{
	const unsigned long running_on_valgrind[6] = { 0x1001 };
	unsigned long result = 0;

	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d" (result)
			 : "a" (running_on_valgrind)
			 : "cc", "memory");
	return result;
}

#endif /* SPAWNCTL_ARCH_SYSCALL_H */
