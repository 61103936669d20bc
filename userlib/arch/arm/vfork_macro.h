/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm (armhf): the body of vfork(2), through the backend that vfork.c has chosen.
 *
 * The child runs on the caller's stack and overwrites everything below the caller's frame: the
 * saved return address, and the frame with struct vfork_call. What the parent needs after the call
 * is therefore in registers that a system call preserves. clone(2) reads r3 and r4 only for flags
 * that are never set here.
 *
 *	r3	what to do after the call (VFORK_*)
 *	r12	the caller's r7
 *	d0	the signal mask
 *	s2	the first argument: a descriptor, if one is to be closed
 *	lr	the return address
 *
 * A call that fails has made no child, so the frame is intact and the next backend can be tried.
 */
#include <sys/syscall.h>

#define VFORK_CLOSE	2
#define VFORK_HANDLERS	4

/* Room for struct vfork_call, and for the return address */
#define VFORK_FRAME	272
#define RETURN_ADDRESS	264

	.syntax	unified
	.arch	armv7-a
	.fpu	vfpv3-d16
	.arm
	.section .note.GNU-stack, "", %progbits

	.macro	VFORK prepare next
	sub	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset VFORK_FRAME
	str	lr, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset lr, RETURN_ADDRESS
	mov	r0, sp
	bl	\prepare
1:	cmp	r0, #0
	blt	6f
	bne	7f
	mov	r12, r7
	ldr	r3, [sp, #32]
	vldr	d0, [sp, #40]
	ldr	r0, [sp, #8]
	vmov	s2, r0
	ldr	r1, [sp, #16]
	ldr	r2, [sp, #24]
	.cfi_remember_state
	.cfi_register r7, r12
	ldr	r7, [sp]
	ldr	lr, [sp, #RETURN_ADDRESS]
	.cfi_restore lr
	svc	#0
	mov	r7, r12
	.cfi_restore r7
	cmp	r0, #0
	blt	5f
	beq	3f

	/* The parent: the child no longer uses the stack */
	cmp	r3, #0
	beq	2f
	str	lr, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset lr, RETURN_ADDRESS
	str	r0, [sp, #8]
	vmov	r1, s2
	str	r1, [sp]
	mov	r0, r3
	vmov	r2, r3, d0
	bl	spawnctl_vfork_parent
	ldr	r0, [sp, #8]
	ldr	lr, [sp, #RETURN_ADDRESS]
	.cfi_restore lr
2:	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	bx	lr

	/*
	 * A seccomp filter can make the call return 0 in the caller. So a result of 0 means the
	 * child only if tid, at [sp, #48], is not 0. The device stores the child's id there before
	 * the child runs; for the other backends it is -1.
	 */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_restore lr
3:	ldr	r1, [sp, #48]
	cmp	r1, #0
	beq	5f
	tst	r3, #VFORK_CLOSE
	beq	4f
	vmov	r0, s2
	.cfi_register r7, r12
	mov	r7, #SYS_close
	svc	#0
	mov	r7, r12
	.cfi_restore r7
4:	tst	r3, #VFORK_HANDLERS
	beq	8f
	str	lr, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset lr, RETURN_ADDRESS
	vmov	r0, r1, d0
	bl	spawnctl_vfork_child
	ldr	lr, [sp, #RETURN_ADDRESS]
	.cfi_restore lr
8:	mov	r0, #0
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	bx	lr

	/* The call failed or made no child: try the next backend */
	.cfi_restore_state
	.cfi_remember_state
5:	mov	r1, r0
	mov	r0, sp
	bl	\next
	b	1b

6:	ldr	lr, [sp, #RETURN_ADDRESS]
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore lr
	b	spawnctl_error

	/* VFORK_JUMP: libc's vfork() */
	.cfi_restore_state
7:	ldr	r12, [sp]
	ldr	lr, [sp, #RETURN_ADDRESS]
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore lr
	bx	r12
	.endm
