/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of vfork(2) that can be written in C, before and after the system call. The rest is
 * in arch/.
 */
#ifndef SPAWNCTL_VFORK_H
#define SPAWNCTL_VFORK_H

#include "request.h"

#pragma GCC visibility push(hidden)

/* What to do after the call: flags in bits 0 to 2 */
enum {
	VFORK_MASK = 1,		/* in the parent: restore the mask */
	VFORK_CLOSE = 2,	/* in parent and child: close the descriptor args[0] */
	VFORK_HANDLERS = 4,	/* in the child: reset the handlers, restore the mask */
};

/* With VFORK_CLOSE, the slot of a transient descriptor is in the bits from this one on */
#define VFORK_SLOT_SHIFT	8

/*
 * The request to the code in arch/, in the stack frame of that code, which uses the offsets of
 * the members before @request, the same on every architecture. The child runs on the same stack
 * and overwrites the struct: after the call it is valid only if no child was made.
 */
struct vfork_call {
	long long nr;
	long long args[3];
	long long after;
	unsigned long long mask;
	long long tid;	/* the child's id, stored before it runs; other backends: -1 */
	struct request request;
};

/* VFORK_JUMP: jump to the address in @nr instead of making a system call */
enum { VFORK_CALL, VFORK_JUMP };

/**
 * spawnctl_vfork_prepare() - choose a backend for the request in @call->request
 *
 * Return: VFORK_CALL, or a negative errno.
 */
long spawnctl_vfork_prepare(struct vfork_call *call);

/**
 * spawnctl_vfork_next() - choose another backend after the call has failed
 * @call: the call
 * @error: negative errno; 0: something other than the device answered the call, and returned 0
 *	in the caller
 *
 * Return: as spawnctl_vfork_prepare().
 */
long spawnctl_vfork_next(struct vfork_call *call, long error);

/** spawnctl_vfork_parent() - called in the parent if @after is not 0 */
void spawnctl_vfork_parent(long after, unsigned long long mask, int fd);

#pragma GCC visibility pop

#endif /* SPAWNCTL_VFORK_H */
