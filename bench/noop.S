/* SPDX-License-Identifier: GPL-2.0 */
/* A program that does nothing: exit(0) by the system call. */
#include <sys/syscall.h>

	.globl	_start
_start:
	xorl	%edi, %edi
	movl	$SYS_exit_group, %eax
	syscall

	.section .note.GNU-stack, "", @progbits
