/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arm64: rfork(2). In assembly, because the child of RFSPAWN would return through a C frame and
 * overwrite it, while the parent still needs it.
 */
#include "vfork_macro.h"

#define RFSPAWN		0x80000000

	.text

/*
 * pid_t rfork(int flags)
 *
 *	w0	flags
 */
	.globl	rfork
	.type	rfork, %function
	.p2align 4
rfork:
	.cfi_startproc
	BTI_C
	mov	w1, #RFSPAWN
	cmp	w0, w1
	b.ne	spawnctl_rfork
	VFORK	spawnctl_rfspawn_prepare, spawnctl_vfork_next
	.cfi_endproc
	.size	rfork, . - rfork
