/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm64: the body of vfork(2), through the backend that vfork.c has chosen.
 *
 * The child runs on the caller's stack and overwrites everything below the caller's frame: the
 * saved return address, and the frame with struct vfork_call. What the parent needs after the call
 * is therefore in registers that a system call preserves. clone(2) reads x3 and x4 only for flags
 * that are never set here.
 *
 *	x9	what to do after the call (VFORK_*)
 *	x10	the signal mask
 *	x11	the first argument: a descriptor, if one is to be closed
 *	x30	the return address, signed
 *
 * A call that fails has made no child, so the frame is intact and the next backend can be tried.
 */
#include <sys/syscall.h>

#include "protection.h"

#define VFORK_CLOSE_BIT		1	/* of VFORK_CLOSE */
#define VFORK_HANDLERS_BIT	2	/* of VFORK_HANDLERS */

/* Room for struct vfork_call, and for the return address */
#define VFORK_FRAME	272
#define RETURN_ADDRESS	264

	.macro	VFORK prepare next
	SIGN_RETURN
	sub	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset VFORK_FRAME
	str	x30, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset x30, RETURN_ADDRESS
	mov	x0, sp
	bl	\prepare
1:	tbnz	x0, #63, 6f
	cbnz	x0, 7f
	ldr	x8, [sp]
	ldp	x0, x1, [sp, #8]
	ldp	x2, x9, [sp, #24]
	ldr	x10, [sp, #40]
	ldr	x30, [sp, #RETURN_ADDRESS]
	mov	x11, x0
	.cfi_remember_state
	.cfi_restore x30
	svc	#0
	tbnz	x0, #63, 5f
	cbz	x0, 3f

	/* The parent: the child no longer uses the stack */
	cbz	x9, 2f
	str	x30, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset x30, RETURN_ADDRESS
	str	x0, [sp]
	mov	x0, x9
	mov	x1, x10
	mov	w2, w11
	bl	spawnctl_vfork_parent
	ldr	x0, [sp]
	ldr	x30, [sp, #RETURN_ADDRESS]
	.cfi_restore x30
2:	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	AUTHENTICATE_RETURN
	ret

	/*
	 * A seccomp filter can make the call return 0 in the caller. So a result of 0 means the
	 * child only if tid, at [sp, #48], is not 0. The device stores the child's id there before
	 * the child runs; for the other backends it is -1.
	 */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_restore x30
3:	ldr	w12, [sp, #48]
	cbz	w12, 5f
	tbz	x9, #VFORK_CLOSE_BIT, 4f
	mov	x0, x11
	mov	x8, #SYS_close
	svc	#0
4:	tbz	x9, #VFORK_HANDLERS_BIT, 8f
	str	x30, [sp, #RETURN_ADDRESS]
	.cfi_rel_offset x30, RETURN_ADDRESS
	mov	x0, x10
	bl	spawnctl_vfork_child
	ldr	x30, [sp, #RETURN_ADDRESS]
	.cfi_restore x30
8:	mov	x0, #0
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	AUTHENTICATE_RETURN
	CHILD_RETURN

	/* The call failed or made no child: try the next backend */
	.cfi_restore_state
	.cfi_remember_state
5:	mov	x1, x0
	mov	x0, sp
	bl	\next
	b	1b

6:	ldr	x30, [sp, #RETURN_ADDRESS]
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore x30
	AUTHENTICATE_RETURN
	b	spawnctl_error

	/* VFORK_JUMP: libc's vfork() */
	.cfi_restore_state
7:	ldr	x16, [sp]
	ldr	x30, [sp, #RETURN_ADDRESS]
	add	sp, sp, #VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore x30
	AUTHENTICATE_RETURN
	br	x16
	.endm
