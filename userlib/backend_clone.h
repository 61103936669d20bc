/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clone3(2) and clone(2) as backends, for backend.c.
 */
#ifndef SPAWNCTL_BACKEND_CLONE_H
#define SPAWNCTL_BACKEND_CLONE_H

#include "request.h"

#pragma GCC visibility push(hidden)

/**
 * spawnctl_clone_make_child() - make the child by clone3(2) or clone(2), as @request->backend says
 *
 * Signals are blocked in the caller until spawnctl_signals_release(), and the child inherits that
 * mask.
 *
 * Return: the child's process id, or a negative errno.
 */
long spawnctl_clone_make_child(struct request *request);

/**
 * spawnctl_clone3_probe() - find out whether clone3(2) can be used, without making a child
 *
 * The address for the pidfd is not writable, so the call fails with EFAULT after it has checked all
 * flags. If an emulator makes a child nevertheless, that child exits at once.
 *
 * Return: the negative errno of the call, or 0 if an emulator has made a child.
 */
long spawnctl_clone3_probe(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_BACKEND_CLONE_H */
