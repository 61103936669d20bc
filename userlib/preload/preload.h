/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the environment asks of the preload library, and what it says of itself.
 */
#ifndef SPAWNCTL_PRELOAD_H
#define SPAWNCTL_PRELOAD_H

#include "spawn_int.h"

#pragma GCC visibility push(hidden)

enum choice {
	CHOICE_ANY = SPAWNCTL_BACKEND_ANY,
	CHOICE_DEVICE = SPAWNCTL_BACKEND_DEVICE,
	CHOICE_CLONE3 = SPAWNCTL_BACKEND_CLONE3,
	CHOICE_CLONE = SPAWNCTL_BACKEND_CLONE,
	CHOICE_LIBC,
	CHOICE_BAD,
};

/**
 * preload_choice() - SPAWNCTL_BACKEND; unset, CHOICE_LIBC where a sanitizer's runtime is
 *	next, whose own functions know what it has to be told
 */
enum choice preload_choice(void);

/**
 * preload_vfork_choice() - the same for vfork(), whose child runs the program's
 *	instrumented code: there a demand does not count
 */
enum choice preload_vfork_choice(void);

/** preload_next() - libc's function of that name, or that of a library before it, or NULL */
void *preload_next(const char *name);

/**
 * preload_say() - with SPAWNCTL_DEBUG=1 a line on stderr
 * @what: the function called
 * @path: the program, or NULL
 * @used: what made the child
 * @why: why the device did not, a negative errno, or 0
 * @error: what came of it, an error number, or 0
 */
void preload_say(const char *what, const char *path, enum choice used, long why, int error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_PRELOAD_H */
