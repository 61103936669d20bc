/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x86-64: vfork(2). */
#include "vfork_macro.h"

	.text

/* pid_t vfork(void); __vfork is glibc's other name for it */
	.globl	__vfork
	.set	__vfork, vfork
	.globl	vfork
	.type	vfork, @function
	.p2align 4
vfork:
	.cfi_startproc
	endbr64
	VFORK	preload_vfork_prepare, preload_vfork_next
	.cfi_endproc
	.size	vfork, . - vfork

	.section .note.GNU-stack, "", @progbits

/* GNU_PROPERTY_X86_FEATURE_1_AND: this code supports IBT and SHSTK */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
