/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A system call that leaves errno alone, for a child that shares the memory.
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
 * Whether valgrind runs this program. It makes a system call from its own code and
 * stack, where the child of an ioctl would come out; it knows the children of
 * clone(2) alone, and gives them a copy of the memory. This is how it is asked:
 * rotations that come to nothing, by its manual's "client request mechanism".
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
