/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86-64: the ioctl whose child goes on behind it.
 *
 * The kernel gives the child the caller's registers, with rax 0 and, if a stack
 * was given, rsp at its top. A system call clobbers rax, rcx and r11 only.
 */
#include <asm/errno.h>
#include <sys/syscall.h>

#define SPAWN	0xEA01		/* SPAWNCTL_IOC_SPAWN */

	.text

/*
 * long spawnctl_arch_clone(long nr, long a, long b, long c,
 *			    int (*fn)(void *arg), void *arg)
 *
 *	rdi	nr; then a
 *	rsi	a; then b
 *	rdx	b; then c
 *	rcx	c
 *	r8, r9	fn, arg over the call; clone(2) looks at r8 and r10 only for
 *		flags that nobody here sets
 *	r10	the stack pointer before the call
 */
	.globl	spawnctl_arch_clone
	.hidden	spawnctl_arch_clone
	.type	spawnctl_arch_clone, @function
	.p2align 4
spawnctl_arch_clone:
	.cfi_startproc
	endbr64
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%rsp, %r10
	syscall
	/* On the caller's stack still: not a child, whatever was answered */
	cmp	%rsp, %r10
	jne	1f
	ret

	/* The child: nothing called it, and nothing is behind it */
1:	.cfi_undefined rip
	xor	%ebp, %ebp
	and	$-16, %rsp
	mov	%r9, %rdi
	call	*%r8
	mov	%eax, %edi
	mov	$SYS_exit_group, %eax
	syscall
	hlt
	.cfi_endproc
	.size	spawnctl_arch_clone, . - spawnctl_arch_clone

/*
 * pid_t spawnctl_vfork(int fd)
 *
 *	edi	fd, as ioctl's
 *	r8	the return address, over the call: on the stack, which is the
 *		child's as well, the child would overwrite it
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, @function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	endbr64
	/* spawnctl_arch_emulated(), which see; rdi comes out of it as it was */
	sub	$56, %rsp
	.cfi_adjust_cfa_offset 56
	movq	$0x1001, (%rsp)
	mov	%rsp, %rax
	xor	%edx, %edx
	rol	$3, %rdi
	rol	$13, %rdi
	rol	$61, %rdi
	rol	$51, %rdi
	xchg	%rbx, %rbx
	add	$56, %rsp
	.cfi_adjust_cfa_offset -56
	test	%edx, %edx
	mov	$-ENOSYS, %rax
	jnz	2f
	pop	%r8
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, r8
	lea	spawnctl_vfork_clone(%rip), %rdx
	mov	$SPAWN, %esi
	mov	$SYS_ioctl, %eax
	syscall
	test	%rax, %rax
	jz	1f

	push	%r8
	.cfi_remember_state
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
	js	2f
	ret

	/*
	 * The child jumps. With user shadow stacks it uses the parent's: its
	 * ret would free the entry that the parent's ret needs, and the child's
	 * next call would overwrite it.
	 */
1:	.cfi_restore_state
	notrack jmp *%r8

	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rip, 0
2:	mov	%rax, %rdi
	jmp	spawnctl_error
	.cfi_endproc
	.size	spawnctl_vfork, . - spawnctl_vfork

	.section .note.GNU-stack, "", @progbits

/* IBT and SHSTK hold: GNU_PROPERTY_X86_FEATURE_1_AND */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
