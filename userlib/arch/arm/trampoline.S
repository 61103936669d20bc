/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm (armhf): a system call whose child continues after the svc instruction.
 *
 * The child starts with the caller's registers, except that r0 is 0 and, if a stack was given, sp
 * is the top of that stack. A system call changes only r0.
 */
#include <asm/errno.h>
#include <sys/syscall.h>

#define SPAWN	0xEA01		/* SPAWNCTL_IOC_SPAWN */

	.syntax	unified
	.arch	armv7-a
	.arm
	.text

/*
 * long spawnctl_arch_clone(long nr, long a, long b, long c,
 *			    int (*fn)(void *arg), void *arg)
 *
 *	r0, r1, r2	a, b, c
 *	r7		nr
 *	r3, r4, r5	c, fn and arg; clone(2) reads r3 and r4 only for flags that are never
 *			set here
 *	r6		the stack pointer before the call
 */
	.globl	spawnctl_arch_clone
	.hidden	spawnctl_arch_clone
	.type	spawnctl_arch_clone, %function
	.p2align 4
spawnctl_arch_clone:
	.cfi_startproc
	push	{r4, r5, r6, r7}
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset r4, 0
	.cfi_rel_offset r5, 4
	.cfi_rel_offset r6, 8
	.cfi_rel_offset r7, 12
	mov	r7, r0
	mov	r0, r1
	mov	r1, r2
	mov	r2, r3
	ldr	r4, [sp, #16]
	ldr	r5, [sp, #20]
	mov	r6, sp
	svc	#0
	/* Same stack: this is the caller, whatever the call returned */
	cmp	r6, sp
	bne	1f
	.cfi_remember_state
	pop	{r4, r5, r6, r7}
	.cfi_adjust_cfa_offset -16
	.cfi_restore r4
	.cfi_restore r5
	.cfi_restore r6
	.cfi_restore r7
	bx	lr

	/* The child: its outermost frame, with no return address */
	.cfi_restore_state
1:	.cfi_undefined lr
	mov	r11, #0
	mov	lr, #0
	mov	r12, sp
	bic	r12, r12, #15
	mov	sp, r12
	mov	r0, r5
	blx	r4
	mov	r7, #SYS_exit_group
	svc	#0
	udf	#0
	.cfi_endproc
	.size	spawnctl_arch_clone, . - spawnctl_arch_clone

/*
 * pid_t spawnctl_vfork(int fd)
 *
 *	r0	fd, the first argument of ioctl(2)
 *	r12	the caller's r7
 *	lr	the return address, unchanged by the call: the child shares the stack,
 *		and would overwrite a return address there
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, %function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	/* As spawnctl_arch_emulated(). The rotations add up to 64 bits and leave r12 unchanged */
	sub	sp, sp, #32
	.cfi_adjust_cfa_offset 32
	movw	r3, #0x1001
	str	r3, [sp]
	str	r4, [sp, #24]
	.cfi_rel_offset r4, 24
	mov	r3, #0
	mov	r4, sp
	mov	r12, r12, ror #3
	mov	r12, r12, ror #13
	mov	r12, r12, ror #29
	mov	r12, r12, ror #19
	orr	r10, r10, r10
	ldr	r4, [sp, #24]
	.cfi_restore r4
	add	sp, sp, #32
	.cfi_adjust_cfa_offset -32
	cmp	r3, #0
	bne	2f
	movw	r1, #SPAWN
	ldr	r2, 3f
1:	add	r2, pc, r2
	mov	r12, r7
	.cfi_register r7, r12
	mov	r7, #SYS_ioctl
	svc	#0
	mov	r7, r12
	.cfi_restore r7
	cmp	r0, #0
	bxge	lr
	b	spawnctl_error
2:	mvn	r0, #(ENOSYS - 1)
	b	spawnctl_error
	.p2align 2
3:	.word	spawnctl_vfork_clone - (1b + 8)
	.cfi_endproc
	.size	spawnctl_vfork, . - spawnctl_vfork

	.section .note.GNU-stack, "", %progbits
