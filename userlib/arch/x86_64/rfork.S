/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * x86-64: rfork(2). In assembly, because the child of RFSPAWN would return through a C frame and
 * overwrite it, while the parent still needs it.
 */
#include "vfork_macro.h"

#define RFSPAWN		0x80000000

	.text

/*
 * pid_t rfork(int flags)
 *
 *	edi	flags
 */
	.globl	rfork
	.type	rfork, @function
	.p2align 4
rfork:
	.cfi_startproc
	endbr64
	cmp	$RFSPAWN, %edi
	jne	spawnctl_rfork
	VFORK	spawnctl_rfspawn_prepare, spawnctl_vfork_next
	.cfi_endproc
	.size	rfork, . - rfork

	.section .note.GNU-stack, "", @progbits

/* GNU_PROPERTY_X86_FEATURE_1_AND: this code supports IBT and SHSTK */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
