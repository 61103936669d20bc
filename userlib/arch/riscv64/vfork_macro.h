/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * riscv64: the body of vfork(2), through the backend that vfork.c has chosen.
 *
 * The child runs on the caller's stack and overwrites everything below the caller's frame: the
 * saved return address, and the frame with struct vfork_call. What the parent needs after the call
 * is therefore in registers that a system call preserves. clone(2) reads a3 and a4 only for flags
 * that are never set here.
 *
 *	t0	the first argument: a descriptor, if one is to be closed
 *	t1	what to do after the call (VFORK_*)
 *	t2	the signal mask
 *	ra	the return address
 *
 * A call that fails has made no child, so the frame is intact and the next backend can be tried.
 */
#include <sys/syscall.h>

#include "protection.h"

#define VFORK_CLOSE	2
#define VFORK_HANDLERS	4

/* Room for struct vfork_call, and for the return address */
#define VFORK_FRAME	272
#define RETURN_ADDRESS	264

	.macro	VFORK prepare next
	addi	sp, sp, -VFORK_FRAME
	.cfi_adjust_cfa_offset VFORK_FRAME
	sd	ra, RETURN_ADDRESS(sp)
	.cfi_rel_offset ra, RETURN_ADDRESS
	mv	a0, sp
	call	\prepare
1:	bltz	a0, 6f
	bnez	a0, 7f
	ld	a7, (sp)
	ld	a0, 8(sp)
	ld	a1, 16(sp)
	ld	a2, 24(sp)
	ld	t1, 32(sp)
	ld	t2, 40(sp)
	ld	ra, RETURN_ADDRESS(sp)
	mv	t0, a0
	.cfi_remember_state
	.cfi_restore ra
	ecall
	bltz	a0, 5f
	beqz	a0, 3f

	/* The parent: the child no longer uses the stack */
	beqz	t1, 2f
	sd	ra, RETURN_ADDRESS(sp)
	.cfi_rel_offset ra, RETURN_ADDRESS
	sd	a0, (sp)
	mv	a0, t1
	mv	a1, t2
	sext.w	a2, t0
	call	spawnctl_vfork_parent
	ld	a0, (sp)
	ld	ra, RETURN_ADDRESS(sp)
	.cfi_restore ra
2:	addi	sp, sp, VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	ret

	/*
	 * A seccomp filter can make the call return 0 in the caller. So a result of 0 means the
	 * child only if tid, at 48(sp), is not 0. The device stores the child's id there before
	 * the child runs; for the other backends it is -1.
	 */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_restore ra
3:	lw	t3, 48(sp)
	beqz	t3, 5f
	andi	t3, t1, VFORK_CLOSE
	beqz	t3, 4f
	mv	a0, t0
	li	a7, SYS_close
	ecall
4:	andi	t3, t1, VFORK_HANDLERS
	beqz	t3, 8f
	sd	ra, RETURN_ADDRESS(sp)
	.cfi_rel_offset ra, RETURN_ADDRESS
	mv	a0, t2
	call	spawnctl_vfork_child
	ld	ra, RETURN_ADDRESS(sp)
	.cfi_restore ra
8:	li	a0, 0
	addi	sp, sp, VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	ret

	/* The call failed or made no child: try the next backend */
	.cfi_restore_state
	.cfi_remember_state
5:	mv	a1, a0
	mv	a0, sp
	call	\next
	j	1b

6:	ld	ra, RETURN_ADDRESS(sp)
	addi	sp, sp, VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore ra
	tail	spawnctl_error

	/* VFORK_JUMP: libc's vfork() */
	.cfi_restore_state
7:	ld	t1, (sp)
	ld	ra, RETURN_ADDRESS(sp)
	addi	sp, sp, VFORK_FRAME
	.cfi_adjust_cfa_offset -VFORK_FRAME
	.cfi_restore ra
	jr	t1
	.endm
