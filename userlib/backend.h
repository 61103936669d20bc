/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make one child, through one of three backends.
 */
#ifndef SPAWNCTL_BACKEND_H
#define SPAWNCTL_BACKEND_H

#include "request.h"

#pragma GCC visibility push(hidden)

/**
 * spawnctl_backend_begin() - choose the backend to try first
 *
 * Only this function and spawnctl_backend_next() decide which backends are usable and which one
 * is tried next.
 *
 * Return: 0, with @request->backend set and, if that is the device, a descriptor in
 * @request->descriptor; or a negative errno.
 */
long spawnctl_backend_begin(struct request *request);

/**
 * spawnctl_backend_next() - choose what to try after an attempt has failed without making a child
 * @request: the request
 * @error: negative errno of the failure
 *
 * Return: 0 if there is another backend or descriptor to try, else a negative errno, that of the
 * last attempt.
 */
long spawnctl_backend_next(struct request *request, long error);

/**
 * spawnctl_backend_make_child() - make the child
 * @request: the request, after spawnctl_backend_begin() has succeeded
 *
 * Return: the child's process id, or a negative errno. In both cases signals may still be blocked
 * in the caller: it must call spawnctl_signals_release() for @request->signals.
 */
long spawnctl_backend_make_child(struct request *request);

/** spawnctl_backend_find() - find the backend that a request would use: 0 or a negative errno */
int spawnctl_backend_find(struct request *request);

#pragma GCC visibility pop

#endif /* SPAWNCTL_BACKEND_H */
