/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * i386: the body of vfork(2), through the backend that vfork.c has chosen.
 *
 * The child runs on the caller's stack and overwrites everything below the caller's frame: the
 * return address of this call, and the frame with struct vfork_call. What the parent needs after
 * the call is therefore in registers that a system call preserves. No general register is left for
 * it, and every processor that runs a 64-bit kernel has SSE2.
 *
 *	ebx	the first argument: a descriptor, if one is to be closed
 *	xmm0	the caller's ebx
 *	xmm1	the return address
 *	xmm2	what to do after the call (VFORK_*)
 *	xmm3	the signal mask
 *
 * While ebx and the return address are in xmm registers, a backtrace ends here: unwinders know only
 * the general registers.
 *
 * A call that fails has made no child, so the frame is intact and the next backend can be tried.
 */
#include <sys/syscall.h>

#include "protection.h"

#define VFORK_CLOSE	2
#define VFORK_HANDLERS	4

/* Arguments of functions (16 bytes), then struct vfork_call; 4 less than a multiple of 16 */
#define CALL		16
#define VFORK_FRAME	284

	.macro	VFORK prepare next
	sub	$VFORK_FRAME, %esp
	.cfi_adjust_cfa_offset VFORK_FRAME
	lea	CALL(%esp), %eax
	mov	%eax, (%esp)
	call	\prepare
1:	test	%eax, %eax
	js	6f
	jnz	7f
	movd	%ebx, %xmm0
	mov	VFORK_FRAME(%esp), %ecx
	movd	%ecx, %xmm1
	mov	CALL + 32(%esp), %ecx
	movd	%ecx, %xmm2
	movq	CALL + 40(%esp), %xmm3
	mov	CALL(%esp), %eax
	.cfi_remember_state
	.cfi_undefined ebx
	.cfi_undefined eip
	mov	CALL + 8(%esp), %ebx
	mov	CALL + 16(%esp), %ecx
	mov	CALL + 24(%esp), %edx
	int	$0x80
	test	%eax, %eax
	js	5f
	jz	3f

	/* The parent: the child no longer uses the stack */
	movd	%xmm1, %ecx
	mov	%ecx, VFORK_FRAME(%esp)
	.cfi_offset eip, -4
	movd	%xmm2, %ecx
	mov	%ebx, %edx
	movd	%xmm0, %ebx
	.cfi_restore ebx
	test	%ecx, %ecx
	jz	2f
	mov	%eax, CALL(%esp)
	mov	%ecx, (%esp)
	movq	%xmm3, 4(%esp)
	mov	%edx, 12(%esp)
	call	spawnctl_vfork_parent
	mov	CALL(%esp), %eax
2:	add	$VFORK_FRAME, %esp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	ret

	/*
	 * A seccomp filter can make the call return 0 in the caller. So a result of 0 means the
	 * child only if tid, at offset 48, is not 0. The device stores the child's id there before
	 * the child runs; for the other backends it is -1.
	 */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_undefined ebx
	.cfi_undefined eip
3:	cmpl	$0, CALL + 48(%esp)
	je	5f
	movd	%xmm2, %ecx
	test	$VFORK_CLOSE, %ecx
	jz	4f
	mov	$SYS_close, %eax
	int	$0x80
4:	movd	%xmm0, %ebx
	.cfi_restore ebx
	movd	%xmm1, %edx
	test	$VFORK_HANDLERS, %ecx
	jz	8f
	mov	%edx, VFORK_FRAME(%esp)
	.cfi_offset eip, -4
	movq	%xmm3, (%esp)
	call	spawnctl_vfork_child
	mov	VFORK_FRAME(%esp), %edx
	.cfi_register eip, edx
8:	xor	%eax, %eax
	add	$VFORK_FRAME + 4, %esp
	.cfi_adjust_cfa_offset -(VFORK_FRAME + 4)
	notrack jmp *%edx

	/* The call failed or made no child: try the next backend */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_undefined ebx
5:	movd	%xmm0, %ebx
	.cfi_restore ebx
	lea	CALL(%esp), %ecx
	mov	%ecx, (%esp)
	mov	%eax, 4(%esp)
	call	\next
	jmp	1b

6:	mov	%eax, (%esp)
	call	spawnctl_error
	add	$VFORK_FRAME, %esp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	ret

	/* VFORK_JUMP: libc's vfork() */
	.cfi_restore_state
7:	mov	CALL(%esp), %ecx
	add	$VFORK_FRAME, %esp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	jmp	*%ecx
	.endm
