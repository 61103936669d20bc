/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device as a backend, for backend.c.
 */
#ifndef SPAWNCTL_BACKEND_DEVICE_H
#define SPAWNCTL_BACKEND_DEVICE_H

#include "request.h"

#pragma GCC visibility push(hidden)

/** spawnctl_device_take() - fill in @request->descriptor: 0 or a negative errno */
long spawnctl_device_take(struct request *request);

/**
 * spawnctl_device_make_child() - SPAWN
 *
 * Return: the child's process id, after the use of @request->descriptor has ended; or a negative
 * errno.
 */
long spawnctl_device_make_child(struct request *request);

/**
 * spawnctl_device_failed() - find a descriptor in place of one that is not the device
 * @request: the request
 * @error: negative errno of the call on @request->descriptor, or of the search for a descriptor
 *
 * The inherited descriptor and the kept one may both have been closed or replaced.
 *
 * Return: 0 if there is another descriptor to try, else a negative errno.
 */
long spawnctl_device_failed(struct request *request, long error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_BACKEND_DEVICE_H */
