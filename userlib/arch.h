/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a folder of arch/ gives the rest, and what it is given. Nothing outside
 * that folder knows a register.
 */
#ifndef SPAWNCTL_ARCH_H
#define SPAWNCTL_ARCH_H

#include "spawnctl.h"

#pragma GCC visibility push(hidden)

/**
 * spawnctl_arch_thread() - the SPAWN ioctl, whose child calls fn(arg)
 * @fd: descriptor of /dev/spawnctl
 * @clone: what is asked for, with a stack
 * @fn: runs on that stack; its result is the child's exit status
 * @arg: argument of @fn
 *
 * Return: the child's process id, or the negative errno.
 */
long spawnctl_arch_thread(int fd, const struct spawnctl_clone *clone,
			  int (*fn)(void *arg), void *arg);

/* spawnctl_vfork() is all of it in arch/, and works with these two. */

/** spawnctl_vfork_clone - what it asks for */
extern const struct spawnctl_clone spawnctl_vfork_clone;

/**
 * spawnctl_error() - fail as a function of the library does
 * @error: negative errno
 *
 * Return: -1, with errno set.
 */
pid_t spawnctl_error(long error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_ARCH_H */
