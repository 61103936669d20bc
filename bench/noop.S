/* SPDX-License-Identifier: GPL-2.0 */
/* A program that does nothing but the system call exit_group(0). */
#include <sys/syscall.h>

	.globl	_start
_start:
	xorl	%edi, %edi
	movl	$SYS_exit_group, %eax
	syscall

	.section .note.GNU-stack, "", @progbits
