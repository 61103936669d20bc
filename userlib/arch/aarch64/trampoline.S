/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm64: a system call whose child continues after the svc instruction.
 *
 * The child starts with the caller's registers, except that x0 is 0 and, if a stack was given, sp
 * is the top of that stack. A system call changes only x0.
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
 *	x0	nr; then a
 *	x1	a; then b
 *	x2	b; then c
 *	x3	c. clone(2) reads x3 and x4 only for flags that are never set here
 *	x4, x5	fn and arg
 *	x6	the stack pointer before the call
 */
	.globl	spawnctl_arch_clone
	.hidden	spawnctl_arch_clone
	.type	spawnctl_arch_clone, %function
	.p2align 4
spawnctl_arch_clone:
	.cfi_startproc
	BTI_C
	mov	x8, x0
	mov	x0, x1
	mov	x1, x2
	mov	x2, x3
	mov	x6, sp
	svc	#0
	/* Same stack: this is the caller, whatever the call returned */
	mov	x7, sp
	cmp	x6, x7
	b.ne	1f
	ret

	/* The child: its outermost frame, with no return address */
1:	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	and	sp, x7, #-16
	mov	x0, x5
	blr	x4
	mov	x8, #SYS_exit_group
	svc	#0
	udf	#0
	.cfi_endproc
	.size	spawnctl_arch_clone, . - spawnctl_arch_clone

/*
 * pid_t spawnctl_vfork(int fd)
 *
 *	w0	fd, the first argument of ioctl(2)
 *	x30	the return address, unchanged by the call: the child shares the stack,
 *		and would overwrite a return address there
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, %function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	BTI_C
	/* As spawnctl_arch_emulated(). The rotations add up to 128 bits and leave x12 unchanged */
	sub	sp, sp, #48
	.cfi_adjust_cfa_offset 48
	mov	x3, #0x1001
	str	x3, [sp]
	mov	x3, #0
	mov	x4, sp
	ror	x12, x12, #3
	ror	x12, x12, #13
	ror	x12, x12, #51
	ror	x12, x12, #61
	orr	x10, x10, x10
	add	sp, sp, #48
	.cfi_adjust_cfa_offset -48
	mov	x1, #-ENOSYS
	cbnz	x3, 2f
	sxtw	x0, w0
	mov	x1, #SPAWN
	adrp	x2, spawnctl_vfork_clone
	add	x2, x2, :lo12:spawnctl_vfork_clone
	mov	x8, #SYS_ioctl
	svc	#0
	cbz	x0, 1f
	tbnz	x0, #63, 3f
	ret
1:	CHILD_RETURN
2:	mov	x0, x1
3:	b	spawnctl_error
	.cfi_endproc
	.size	spawnctl_vfork, . - spawnctl_vfork
