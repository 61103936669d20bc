/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm64: branch target identification (BTI), pointer authentication (PAC) and guarded control
 * stacks (GCS), for assembly. The instructions are hints, which processors without these
 * extensions execute as no-ops, and are written so that an assembler needs no option for them.
 */

	/* Entry of a function that leaves its return address in x30 */
	.macro	BTI_C
	hint	34
	.endm

	/* The same, and signs x30, which then can be on the stack */
	.macro	SIGN_RETURN
	hint	25				/* paciasp */
	.cfi_negate_ra_state
	.endm

	/* With the stack pointer as at SIGN_RETURN */
	.macro	AUTHENTICATE_RETURN
	hint	29				/* autiasp */
	.cfi_negate_ra_state
	.endm

	/*
	 * Return in a child that runs on its parent's stacks. With a guarded control stack, a ret
	 * would pop the entry that the parent's ret needs, and the child's next call would
	 * overwrite that entry, so the child branches instead. The caller has a landing pad (bti j)
	 * there: compilers emit one after a call of a function that returns twice.
	 */
	.macro	CHILD_RETURN
	mov	x16, #1
	hint	40				/* chkfeat x16: 0 if there is one */
	cbz	x16, 99f
	ret
99:	br	x30
	.endm

	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: this code supports BTI, PAC and GCS */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 7, 0

	.section .note.GNU-stack, "", %progbits
