/* SPDX-License-Identifier: GPL-2.0 */
/* A program that does nothing but the system call exit_group(0). */
#include <sys/syscall.h>

	.globl	_start
_start:
#if defined(__x86_64__)
	xorl	%edi, %edi
	movl	$SYS_exit_group, %eax
	syscall
#elif defined(__aarch64__)
	mov	x0, #0
	mov	x8, #SYS_exit_group
	svc	#0
#elif defined(__riscv)
	li	a0, 0
	li	a7, SYS_exit_group
	ecall
#elif defined(__i386__)
	xorl	%ebx, %ebx
	movl	$SYS_exit_group, %eax
	int	$0x80
#elif defined(__arm__)
	mov	r0, #0
	mov	r7, #SYS_exit_group
	svc	#0
#else
#error "not written for this architecture"
#endif

	.section .note.GNU-stack, "", %progbits
