/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86-64: the body of a vfork(2), by whatever vfork.c has chosen.
 *
 * The child is on the caller's stack and overwrites what is below it, the return
 * address of this call first. What the parent needs after it is in registers that
 * a system call leaves alone. clone(2) looks at r8 and r10 only for flags that
 * nobody here sets.
 *
 *	rdx	the third argument; 1: the mask is to be put back
 *	r8	the return address
 *	r9	the descriptor to close, or -1
 *	r10	the mask
 */
#include <sys/syscall.h>

#define SIG_SETMASK	2

	.macro	VFORK prepare
	sub	$72, %rsp
	.cfi_adjust_cfa_offset 72
	mov	%rsp, %rdi
	call	\prepare
	mov	(%rsp), %rcx
	mov	8(%rsp), %rdi
	mov	16(%rsp), %rsi
	mov	24(%rsp), %rdx
	mov	32(%rsp), %r9
	mov	40(%rsp), %r10
	add	$72, %rsp
	.cfi_adjust_cfa_offset -72
	test	%rax, %rax
	js	5f
	jnz	6f
	mov	%rcx, %rax
	pop	%r8
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, r8
	syscall
	test	%rax, %rax
	jz	3f

	/* The parent: the child has done with the stack */
	push	%r8
	.cfi_remember_state
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
	push	%rax
	.cfi_adjust_cfa_offset 8
	cmp	$1, %rdx
	jne	1f
	push	%r10
	.cfi_adjust_cfa_offset 8
	mov	$SIG_SETMASK, %edi
	mov	%rsp, %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	mov	$SYS_rt_sigprocmask, %eax
	syscall
	pop	%r10
	.cfi_adjust_cfa_offset -8
1:	cmp	$-1, %r9
	je	2f
	mov	%r9d, %edi
	call	spawnctl_device_close
2:	pop	%rax
	.cfi_adjust_cfa_offset -8
	test	%rax, %rax
	js	5f
	ret

	/*
	 * The child: it jumps, as its ret would take the parent's entry from a
	 * user shadow stack. Calls that return leave that as it was.
	 */
3:	.cfi_restore_state
	cmp	$-1, %r9
	je	4f
	mov	%r9, %rdi
	mov	$SYS_close, %eax
	syscall
4:	cmp	$1, %rdx
	jne	7f
	push	%r8
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	mov	%r10, %rdi
	call	spawnctl_vfork_child
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r8
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, r8
7:	xor	%eax, %eax
	notrack jmp *%r8

	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
5:	mov	%rax, %rdi
	jmp	spawnctl_error

	/* libc's own */
6:	jmp	*%rcx
	.endm
