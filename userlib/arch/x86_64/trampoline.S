/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86-64: a system call whose child continues after the syscall instruction.
 *
 * The child starts with the caller's registers, except that rax is 0 and, if a stack was
 * given, rsp is the top of that stack. A system call clobbers only rax, rcx and r11.
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
 *	r8, r9	fn and arg during the call; clone(2) reads r8 and r10 only for
 *		flags that are never set here
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
	/* Same stack: this is the caller, whatever the call returned */
	cmp	%rsp, %r10
	jne	1f
	ret

	/* The child: its outermost frame, with no return address */
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
 *	edi	fd, the first argument of ioctl(2)
 *	r8	the return address during the call: the child shares the stack,
 *		and would overwrite a return address there
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, @function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	endbr64
	/* As spawnctl_arch_emulated(). The rotations add up to 128 bits and leave rdi unchanged */
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
	 * The child jumps instead of returning. It shares the parent's user shadow stack: a ret
	 * would pop the entry that the parent's ret needs, and the child's next call would
	 * overwrite that entry.
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

/* GNU_PROPERTY_X86_FEATURE_1_AND: this code supports IBT and SHSTK */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
