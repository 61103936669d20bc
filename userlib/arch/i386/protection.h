/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* i386: what each assembly file declares about its object. */

	.section .note.GNU-stack, "", @progbits

/* GNU_PROPERTY_X86_FEATURE_1_AND: this code supports IBT and SHSTK */
	.section .note.gnu.property, "a"
	.p2align 2
	.long	4, 12, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3
