/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preload library's settings in the environment, and its debug output.
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
 * preload_choice() - the value of SPAWNCTL_BACKEND
 *
 * Return: the choice. If SPAWNCTL_BACKEND is not set, and the next definition of this library's
 * functions is in a sanitizer's runtime, CHOICE_LIBC, because the runtime has to see the call.
 */
enum choice preload_choice(void);

/**
 * preload_vfork_choice() - the same for vfork()
 *
 * The child of vfork() runs instrumented code of the program. So with a sanitizer's runtime this is
 * CHOICE_LIBC even if SPAWNCTL_BACKEND demands a backend.
 */
enum choice preload_vfork_choice(void);

/** preload_libc_is() - whether libc has at least @version, "2.34" for example */
bool preload_libc_is(const char *version);

/** preload_next() - the next definition of @name after this library, usually libc's; or NULL */
void *preload_next(const char *name);

/**
 * preload_say() - with SPAWNCTL_DEBUG=1, write a line to stderr
 * @what: the function called
 * @path: the program, or NULL
 * @used: what made the child
 * @why: why the device was not used, a negative errno, or 0
 * @error: the error number of the call, or 0
 *
 * Example, with CHOICE_CLONE3, -EACCES and ENOENT:
 *	spawnctl: posix_spawn /bin/ls: clone3 (device: errno 13): failed, errno 2
 */
void preload_say(const char *what, const char *path, enum choice used, long why, int error);

#pragma GCC visibility pop

#endif /* SPAWNCTL_PRELOAD_H */
