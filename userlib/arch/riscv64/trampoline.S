/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * riscv64: a system call whose child continues after the ecall instruction.
 *
 * The child starts with the caller's registers, except that a0 is 0 and, if a stack was given, sp
 * is the top of that stack. A system call changes only a0.
 */
#include <asm/errno.h>
#include <sys/syscall.h>

#include "protection.h"

#define SPAWN	0xEA01		/* SPAWNCTL_IOC_SPAWN */

	.text

/*
 * long spawnctl_arch_clone(long nr, long a, long b, long c,
 *			    int (*fn)(void *arg), void *arg)
 *
 *	a0	nr; then a
 *	a1	a; then b
 *	a2	b; then c
 *	a3	c. clone(2) reads a3 and a4 only for flags that are never set here
 *	a4, a5	fn and arg
 *	t0	the stack pointer before the call
 */
	.globl	spawnctl_arch_clone
	.hidden	spawnctl_arch_clone
	.type	spawnctl_arch_clone, @function
	.p2align 4
spawnctl_arch_clone:
	.cfi_startproc
	LPAD
	mv	a7, a0
	mv	a0, a1
	mv	a1, a2
	mv	a2, a3
	mv	t0, sp
	ecall
	/* Same stack: this is the caller, whatever the call returned */
	bne	sp, t0, 1f
	ret

	/* The child: its outermost frame, with no return address */
1:	.cfi_undefined ra
	li	s0, 0
	li	ra, 0
	andi	sp, sp, -16
	mv	a0, a5
	jalr	a4
	li	a7, SYS_exit_group
	ecall
	unimp
	.cfi_endproc
	.size	spawnctl_arch_clone, . - spawnctl_arch_clone

/*
 * pid_t spawnctl_vfork(int fd)
 *
 *	a0	fd, the first argument of ioctl(2)
 *	ra	the return address, unchanged by the call: the child shares the stack,
 *		and would overwrite a return address there
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, @function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	LPAD
	/* As spawnctl_arch_emulated() */
	addi	sp, sp, -48
	.cfi_adjust_cfa_offset 48
	li	a3, 0x1001
	sd	a3, (sp)
	li	a3, 0
	mv	a4, sp
	.option	push
	.option	norvc
	srli	zero, zero, 3
	srli	zero, zero, 13
	srli	zero, zero, 51
	srli	zero, zero, 61
	or	a0, a0, a0
	.option	pop
	addi	sp, sp, 48
	.cfi_adjust_cfa_offset -48
	li	a1, -ENOSYS
	bnez	a3, 1f
	li	a1, SPAWN
	lla	a2, spawnctl_vfork_clone
	li	a7, SYS_ioctl
	ecall
	bltz	a0, 2f
	ret
1:	mv	a0, a1
2:	tail	spawnctl_error
	.cfi_endproc
	.size	spawnctl_vfork, . - spawnctl_vfork
