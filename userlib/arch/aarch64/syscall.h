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

/*
 * Whether the program runs under valgrind. valgrind makes each system call from its own code and
 * stack, so the child of an ioctl would continue there. valgrind handles only the children of
 * clone(2), and gives them a copy of the memory. The test is a "client request" (see valgrind's
 * manual): rotations of x12 that together have no effect.
 */
static inline bool spawnctl_arch_emulated(void)
{
	const unsigned long running_on_valgrind[6] = { 0x1001 };
	register unsigned long result __asm__("x3") = 0;
	register const unsigned long *request __asm__("x4") = running_on_valgrind;

	__asm__ volatile("ror x12, x12, #3\n\t"
			 "ror x12, x12, #13\n\t"
			 "ror x12, x12, #51\n\t"
			 "ror x12, x12, #61\n\t"
			 "orr x10, x10, x10"
			 : "+r" (result)
			 : "r" (request)
			 : "memory");
	return result;
}

#endif /* SPAWNCTL_ARCH_SYSCALL_H */
