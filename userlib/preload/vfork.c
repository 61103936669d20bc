// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How vfork(2) is done; arch/ does it.
 */
#include <errno.h>

#include "preload.h"
#include "vfork.h"

__attribute__((__visibility__("hidden")))
long preload_vfork_prepare(struct vfork_call *call);

long preload_vfork_prepare(struct vfork_call *call)
{
	struct birth birth = { .fd = -1, .transient = true };
	enum choice choice = preload_choice();
	int saved = errno;
	long ret;

	if (choice == CHOICE_BAD) {
		ret = -EINVAL;
	} else if (choice == CHOICE_LIBC) {
		call->nr = (long)preload_next("vfork");
		ret = call->nr ? VFORK_JUMP : -ENOSYS;
	} else {
		birth.backend = (enum spawnctl_backend)choice;
		ret = spawnctl_vfork_prepare(call, &birth);
		choice = (enum choice)birth.backend;
	}
	preload_say("vfork", NULL, choice, birth.passed_over, ret < 0 ? -ret : 0);
	errno = saved;
	return ret;
}
