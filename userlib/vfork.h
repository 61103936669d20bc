/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vfork(2) over the backends: what of it can be C, before the call and in the
 * child. The rest is in arch/.
 */
#ifndef SPAWNCTL_VFORK_H
#define SPAWNCTL_VFORK_H

#include "birth.h"

#pragma GCC visibility push(hidden)

/* What arch/ is to do; it knows the offsets */
struct vfork_call {
	long nr;
	long args[3];			/* the third is 1 for a @mask to be put back */
	long close_fd;			/* to be closed on both sides, or -1 */
	unsigned long long mask;
};

/* VFORK_JUMP: to the address that is @nr, in place of a call */
enum { VFORK_CALL, VFORK_JUMP };

/**
 * spawnctl_vfork_prepare() - choose a backend as @birth says
 *
 * Return: VFORK_CALL, or a negative errno.
 */
long spawnctl_vfork_prepare(struct vfork_call *call, struct birth *birth);

/** spawnctl_vfork_child() - in the child of a call that has a @mask */
void spawnctl_vfork_child(unsigned long long mask);

#pragma GCC visibility pop

#endif /* SPAWNCTL_VFORK_H */
