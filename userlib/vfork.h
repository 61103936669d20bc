/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vfork(2) over the backends: what of it can be C, before the call and in the
 * child. The rest is in arch/.
 */
#ifndef SPAWNCTL_VFORK_H
#define SPAWNCTL_VFORK_H

#include "birth.h"

#pragma GCC visibility push(hidden)

/* What is to be done after the call, with a slot of a descriptor above */
enum {
	VFORK_MASK = 1,		/* in the parent: the mask is put back */
	VFORK_CLOSE = 2,	/* on both sides: the first argument is closed */
	VFORK_HANDLERS = 4,	/* in the child: handlers are reset, and the mask put back */
	VFORK_SLOT = 8,		/* how many bits the slot is shifted by */
};

/*
 * What arch/ is to do, in its frame; it knows the offsets of what is before @birth.
 * The child is on the same stack, and overwrites it: after the call it is only good
 * where no child was made.
 */
struct vfork_call {
	long nr;
	long args[3];
	long after;
	unsigned long long mask;
	long tid;	/* of the child, from before it runs; -1 where none is stored */
	struct birth birth;
};

/* VFORK_JUMP: to the address that is @nr, in place of a call */
enum { VFORK_CALL, VFORK_JUMP };

/**
 * spawnctl_vfork_prepare() - choose a backend as @call->birth says
 *
 * Return: VFORK_CALL, or a negative errno.
 */
long spawnctl_vfork_prepare(struct vfork_call *call);

/**
 * spawnctl_vfork_next() - the call has failed: choose another backend
 * @call: the call
 * @error: negative errno; 0: something else than the kernel has answered
 *
 * Return: as spawnctl_vfork_prepare().
 */
long spawnctl_vfork_next(struct vfork_call *call, long error);

/** spawnctl_vfork_parent() - in the parent of a call that has an @after */
void spawnctl_vfork_parent(long after, unsigned long long mask, int fd);

/** spawnctl_vfork_child() - in the child of a call with VFORK_HANDLERS */
void spawnctl_vfork_child(unsigned long long mask);

#pragma GCC visibility pop

#endif /* SPAWNCTL_VFORK_H */
