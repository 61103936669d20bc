/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * riscv64: rfork(2). In assembly, because the child of RFSPAWN would return through a C frame and
 * overwrite it, while the parent still needs it.
 */
#include "vfork_macro.h"

#define RFSPAWN		-0x80000000	/* sign-extended, as all int arguments are */

	.text

/*
 * pid_t rfork(int flags)
 *
 *	a0	flags
 */
	.globl	rfork
	.type	rfork, @function
	.p2align 4
rfork:
	.cfi_startproc
	LPAD
	li	a1, RFSPAWN
	beq	a0, a1, 1f
	tail	spawnctl_rfork
1:
	VFORK	spawnctl_rfspawn_prepare, spawnctl_vfork_next
	.cfi_endproc
	.size	rfork, . - rfork
