/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arm (armhf): vfork(2). */
#include "vfork_macro.h"

	.text

/* pid_t vfork(void); __vfork is glibc's other name for it */
	.globl	__vfork
	.set	__vfork, vfork
	.globl	vfork
	.type	vfork, %function
	.p2align 4
vfork:
	.cfi_startproc
	VFORK	preload_vfork_prepare, preload_vfork_next
	.cfi_endproc
	.size	vfork, . - vfork
