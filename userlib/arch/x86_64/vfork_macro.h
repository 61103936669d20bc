/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86-64: the body of vfork(2), through the backend that vfork.c has chosen.
 *
 * The child runs on the caller's stack and overwrites everything below the caller's frame: the
 * return address of this call, and the frame with struct vfork_call. What the parent needs after
 * the call is therefore in registers that a system call preserves. clone(2) reads r8 and r10 only
 * for flags that are never set here.
 *
 *	rdi	the first argument: a descriptor, if one is to be closed
 *	r8	the return address
 *	r9	what to do after the call (VFORK_*)
 *	r10	the signal mask
 *
 * A call that fails has made no child, so the frame is intact and the next backend can be tried.
 */
#include <sys/syscall.h>

#define VFORK_CLOSE	2
#define VFORK_HANDLERS	4

/* Room for struct vfork_call; 8 more than a multiple of 16, which aligns the stack for calls */
#define VFORK_FRAME	264

	.macro	VFORK prepare next
	sub	$VFORK_FRAME, %rsp
	.cfi_adjust_cfa_offset VFORK_FRAME
	mov	%rsp, %rdi
	call	\prepare
1:	test	%rax, %rax
	js	6f
	jnz	7f
	mov	(%rsp), %rax
	mov	8(%rsp), %rdi
	mov	16(%rsp), %rsi
	mov	24(%rsp), %rdx
	mov	32(%rsp), %r9
	mov	40(%rsp), %r10
	mov	VFORK_FRAME(%rsp), %r8
	.cfi_remember_state
	.cfi_register rip, r8
	syscall
	test	%rax, %rax
	js	5f
	jz	3f

	/* The parent: the child no longer uses the stack */
	mov	%r8, VFORK_FRAME(%rsp)
	.cfi_restore_state
	.cfi_remember_state
	test	%r9, %r9
	jz	2f
	mov	%rax, (%rsp)
	mov	%edi, %edx
	mov	%r9, %rdi
	mov	%r10, %rsi
	call	spawnctl_vfork_parent
	mov	(%rsp), %rax
2:	add	$VFORK_FRAME, %rsp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	ret

	/*
	 * A seccomp filter can make the call return 0 in the caller. So a result of 0 means the
	 * child only if tid, at 48(%rsp), is not 0. The device stores the child's id there before
	 * the child runs; for the other backends it is -1.
	 *
	 * The child jumps, because a ret would pop the parent's entry from a user shadow stack.
	 * Calls that return leave that stack unchanged.
	 */
	.cfi_restore_state
	.cfi_remember_state
	.cfi_register rip, r8
3:	cmpl	$0, 48(%rsp)
	je	5f
	test	$VFORK_CLOSE, %r9d
	jz	4f
	mov	$SYS_close, %eax
	syscall
4:	test	$VFORK_HANDLERS, %r9d
	jz	8f
	mov	%r8, VFORK_FRAME(%rsp)
	.cfi_offset rip, -8
	mov	%r10, %rdi
	call	spawnctl_vfork_child
	mov	VFORK_FRAME(%rsp), %r8
	.cfi_register rip, r8
8:	xor	%eax, %eax
	add	$VFORK_FRAME + 8, %rsp
	.cfi_adjust_cfa_offset -(VFORK_FRAME + 8)
	notrack jmp *%r8

	/* The call failed or made no child: try the next backend */
	.cfi_restore_state
	.cfi_remember_state
5:	mov	%rsp, %rdi
	mov	%rax, %rsi
	call	\next
	jmp	1b

6:	mov	%rax, %rdi
	add	$VFORK_FRAME, %rsp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	jmp	spawnctl_error

	/* VFORK_JUMP: libc's vfork() */
	.cfi_restore_state
7:	mov	(%rsp), %rcx
	add	$VFORK_FRAME, %rsp
	.cfi_adjust_cfa_offset -VFORK_FRAME
	jmp	*%rcx
	.endm
