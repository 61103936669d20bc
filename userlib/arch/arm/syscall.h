/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that do not modify errno, for a child that shares its parent's memory.
 */
#ifndef SPAWNCTL_ARCH_SYSCALL_H
#define SPAWNCTL_ARCH_SYSCALL_H

#if !defined(__ARM_PCS_VFP) || defined(__ARMEB__)
#error "the trampolines are for little-endian arm with the hard-float ABI (armhf)"
#endif

#include <stdbool.h>
#include <sys/syscall.h>

static inline __attribute__((always_inline))
long spawnctl_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;
	long saved;

	/* The number is in r7, which can be the frame pointer */
	__asm__ volatile("mov %[saved], r7\n\t"
			 "mov r7, %[nr]\n\t"
			 "svc #0\n\t"
			 "mov r7, %[saved]"
			 : "+r" (r0), [saved] "=&r" (saved)
			 : [nr] "r" (nr), "r" (r1), "r" (r2), "r" (r3), "r" (r4), "r" (r5)
			 : "memory");
	return r0;
}

/*
 * Whether the program runs under valgrind. valgrind makes each system call from its own code and
 * stack, so the child of an ioctl would continue there. valgrind handles only the children of
 * clone(2), and gives them a copy of the memory. The test is a "client request" (see valgrind's
 * manual): rotations of r12 that together have no effect.
 */
static inline bool spawnctl_arch_emulated(void)
{
	const unsigned long running_on_valgrind[6] = { 0x1001 };
	register unsigned long result __asm__("r3") = 0;
	register const unsigned long *request __asm__("r4") = running_on_valgrind;

	__asm__ volatile("mov r12, r12, ror #3\n\t"
			 "mov r12, r12, ror #13\n\t"
			 "mov r12, r12, ror #29\n\t"
			 "mov r12, r12, ror #19\n\t"
			 "orr r10, r10, r10"
			 : "+r" (result)
			 : "r" (request)
			 : "cc", "memory");
	return result;
}

#endif /* SPAWNCTL_ARCH_SYSCALL_H */
