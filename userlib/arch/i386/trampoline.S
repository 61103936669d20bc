/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * i386: a system call whose child continues after the int instruction.
 *
 * The child starts with the caller's registers, except that eax is 0 and, if a stack was given, esp
 * is the top of that stack. A system call changes only eax.
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
 *	eax		nr
 *	ebx, ecx, edx	a, b, c
 *	esi, edi	fn and arg; clone(2) reads them only for flags that are never set here
 *	ebp		the stack pointer before the call
 */
	.globl	spawnctl_arch_clone
	.hidden	spawnctl_arch_clone
	.type	spawnctl_arch_clone, @function
	.p2align 4
spawnctl_arch_clone:
	.cfi_startproc
	endbr32
	push	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebx, 0
	push	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset esi, 0
	push	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset edi, 0
	push	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebp, 0
	mov	20(%esp), %eax
	mov	24(%esp), %ebx
	mov	28(%esp), %ecx
	mov	32(%esp), %edx
	mov	36(%esp), %esi
	mov	40(%esp), %edi
	mov	%esp, %ebp
	int	$0x80
	/* Same stack: this is the caller, whatever the call returned */
	cmp	%esp, %ebp
	jne	1f
	.cfi_remember_state
	pop	%ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebp
	pop	%edi
	.cfi_adjust_cfa_offset -4
	.cfi_restore edi
	pop	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore esi
	pop	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebx
	ret

	/* The child: its outermost frame, with no return address */
	.cfi_restore_state
1:	.cfi_undefined eip
	xor	%ebp, %ebp
	and	$-16, %esp
	sub	$12, %esp
	push	%edi
	call	*%esi
	mov	%eax, %ebx
	mov	$SYS_exit_group, %eax
	int	$0x80
	hlt
	.cfi_endproc
	.size	spawnctl_arch_clone, . - spawnctl_arch_clone

/*
 * pid_t spawnctl_vfork(int fd)
 *
 *	ebx	fd, the first argument of ioctl(2)
 *	xmm0	the caller's ebx
 *	xmm1	the return address during the call: the child shares the stack,
 *		and would overwrite a return address there
 */
	.globl	spawnctl_vfork
	.type	spawnctl_vfork, @function
	.p2align 4
spawnctl_vfork:
	.cfi_startproc
	endbr32
	/* As spawnctl_arch_emulated(). The rotations add up to 64 bits and leave edi unchanged */
	sub	$28, %esp
	.cfi_adjust_cfa_offset 28
	movl	$0x1001, (%esp)
	mov	%esp, %eax
	xor	%edx, %edx
	rol	$3, %edi
	rol	$13, %edi
	rol	$29, %edi
	rol	$19, %edi
	xchg	%ebx, %ebx
	add	$28, %esp
	.cfi_adjust_cfa_offset -28
	test	%edx, %edx
	mov	$-ENOSYS, %eax
	jnz	3f
	call	1f
	.cfi_adjust_cfa_offset 4
1:	pop	%edx
	.cfi_adjust_cfa_offset -4
	add	$_GLOBAL_OFFSET_TABLE_ + (. - 1b), %edx
	lea	spawnctl_vfork_clone@GOTOFF(%edx), %edx
	movd	%ebx, %xmm0
	/* Unwinders know only the general registers: a backtrace ends here */
	.cfi_undefined ebx
	mov	4(%esp), %ebx
	mov	(%esp), %ecx
	movd	%ecx, %xmm1
	mov	$SPAWN, %ecx
	mov	$SYS_ioctl, %eax
	add	$4, %esp
	.cfi_adjust_cfa_offset -4
	.cfi_undefined eip
	int	$0x80
	movd	%xmm0, %ebx
	.cfi_restore ebx
	movd	%xmm1, %ecx
	test	%eax, %eax
	jz	2f
	push	%ecx
	.cfi_remember_state
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset eip, 0
	js	3f
	ret

	/* The child jumps, as on x86-64, though i386 has no user shadow stacks yet */
	.cfi_restore_state
2:	notrack jmp *%ecx

	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset eip, 0
	/* The slot of the parameter becomes that of spawnctl_error()'s */
3:	mov	%eax, 4(%esp)
	jmp	spawnctl_error
	.cfi_endproc
	.size	spawnctl_vfork, . - spawnctl_vfork
