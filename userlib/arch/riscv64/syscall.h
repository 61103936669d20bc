/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that do not modify errno, for a child that shares its parent's memory.
 */
#ifndef SPAWNCTL_ARCH_SYSCALL_H
#define SPAWNCTL_ARCH_SYSCALL_H

#include <stdbool.h>
#include <sys/syscall.h>

static inline __attribute__((always_inline))
long spawnctl_syscall6(long nr, long a, long b, long c, long d, long e, long f)
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

/*
 * Whether the program runs under valgrind. valgrind makes each system call from its own code and
 * stack, so the child of an ioctl would continue there. valgrind handles only the children of
 * clone(2), and gives them a copy of the memory. The test is a "client request" (see valgrind's
 * manual): shifts into the zero register, which have no effect.
 */
static inline bool spawnctl_arch_emulated(void)
{
	const unsigned long running_on_valgrind[6] = { 0x1001 };
	register unsigned long result __asm__("a3") = 0;
	register const unsigned long *request __asm__("a4") = running_on_valgrind;

	__asm__ volatile(".option push\n\t"
			 ".option norvc\n\t"
			 "srli zero, zero, 3\n\t"
			 "srli zero, zero, 13\n\t"
			 "srli zero, zero, 51\n\t"
			 "srli zero, zero, 61\n\t"
			 "or a0, a0, a0\n\t"
			 ".option pop"
			 : "+r" (result)
			 : "r" (request)
			 : "memory");
	return result;
}

#endif /* SPAWNCTL_ARCH_SYSCALL_H */
