// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Choose what performs vfork(2); the call itself is in arch/.
 */
#include <errno.h>

#include "preload.h"
#include "vfork.h"

#pragma GCC visibility push(hidden)
long preload_vfork_prepare(struct vfork_call *call);
long preload_vfork_next(struct vfork_call *call, long error);
#pragma GCC visibility pop

static void *next_vfork;

/* Once, as in fork.c, and only if it is needed */
static void __attribute__((__constructor__)) find_next(void)
{
	if (preload_vfork_choice() == CHOICE_LIBC)
		next_vfork = preload_next("vfork");
}

static void say(const struct vfork_call *call, long ret)
{
	preload_say("vfork", NULL, (enum choice)call->request.backend, call->request.passed_over,
		    ret < 0 ? -ret : 0);
}

long preload_vfork_prepare(struct vfork_call *call)
{
	enum choice choice = preload_vfork_choice();
	int saved = errno;
	long ret;

	call->request = (struct request){
		.fd = -1, .transient = true, .backend = (enum spawnctl_backend)choice };
	if (choice == CHOICE_BAD) {
		ret = -EINVAL;
	} else if (choice == CHOICE_LIBC) {
		/* The constructor of another library may call vfork() before ours has run */
		if (!next_vfork)
			find_next();
		call->nr = (long)next_vfork;
		ret = call->nr ? VFORK_JUMP : -ENOSYS;
	} else {
		ret = spawnctl_vfork_prepare(call);
	}
	say(call, ret);
	errno = saved;
	return ret;
}

long preload_vfork_next(struct vfork_call *call, long error)
{
	long ret = spawnctl_vfork_next(call, error);

	say(call, ret);
	return ret;
}
