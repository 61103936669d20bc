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
	long ret;

	/*
	 * The sixth argument is in ebp, which can be the frame pointer. Only futex(2) and mmap2(2)
	 * have one. No other call moves the stack pointer: a handler that unwinds the stack
	 * interrupts the calls that unblock signals.
	 */
	if (nr != SYS_futex && nr != SYS_mmap2) {
		__asm__ volatile("int $0x80"
				 : "=a" (ret)
				 : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
				 : "cc", "memory");
		return ret;
	}
	__asm__ volatile("push %[f]\n\t"
			 "push %%ebp\n\t"
			 "mov 4(%%esp), %%ebp\n\t"
			 "int $0x80\n\t"
			 "pop %%ebp\n\t"
			 "add $4, %%esp"
			 : "=a" (ret)
			 : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e), [f] "g" (f)
			 : "cc", "memory");
	return ret;
}

/*
 * Whether the program runs under valgrind. valgrind makes each system call from its own code and
 * stack, so the child of an ioctl would continue there. valgrind handles only the children of
 * clone(2), and gives them a copy of the memory. The test is a "client request" (see valgrind's
 * manual): rotations of edi that together have no effect.
 */
static inline bool spawnctl_arch_emulated(void)
{
	const unsigned long running_on_valgrind[6] = { 0x1001 };
	unsigned long result = 0;

	__asm__ volatile("roll $3, %%edi\n\t"
			 "roll $13, %%edi\n\t"
			 "roll $29, %%edi\n\t"
			 "roll $19, %%edi\n\t"
			 "xchgl %%ebx, %%ebx"
			 : "+d" (result)
			 : "a" (running_on_valgrind)
			 : "cc", "memory");
	return result;
}

#endif /* SPAWNCTL_ARCH_SYSCALL_H */
