/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * riscv64: landing pads (Zicfilp) and shadow stacks (Zicfiss), for assembly.
 *
 * With a shadow stack, a function itself pushes its return address (sspush) and compares it
 * (sspopchk); a ret does neither. The functions here leave the shadow stack alone. A child of
 * vfork(2) shares its parent's: if the child popped an entry, its next call would overwrite the
 * entry before the parent compares it.
 */

	/* lpad 0, a no-op on processors without the extension; assemblers may not know it */
	.macro	LPAD
	.4byte	0x00000017
	.endm

	.section .note.GNU-stack, "", %progbits
