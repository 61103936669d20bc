// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Attributes, in glibc's objects, with glibc's checks.
 */
#include <errno.h>
#include <string.h>

#include "layout.h"

#define ALL_FLAGS	0x1ff	/* POSIX_SPAWN_RESETIDS to POSIX_SPAWN_SETCGROUP */

int posix_spawnattr_init(posix_spawnattr_t *attr)
{
	memset(attr, 0, sizeof(*attr));
	return 0;
}

int posix_spawnattr_destroy(posix_spawnattr_t *attr)
{
	(void)attr;
	return 0;
}

int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags)
{
	if (flags & ~ALL_FLAGS)
		return EINVAL;
	layout_attr(attr)->flags = flags;
	return 0;
}

int posix_spawnattr_getflags(const posix_spawnattr_t *attr, short *flags)
{
	*flags = layout_attr(attr)->flags;
	return 0;
}

int posix_spawnattr_setpgroup(posix_spawnattr_t *attr, pid_t pgroup)
{
	layout_attr(attr)->pgroup = pgroup;
	return 0;
}

int posix_spawnattr_getpgroup(const posix_spawnattr_t *attr, pid_t *pgroup)
{
	*pgroup = layout_attr(attr)->pgroup;
	return 0;
}

int posix_spawnattr_setsigdefault(posix_spawnattr_t *attr, const sigset_t *set)
{
	layout_attr(attr)->sigdefault = *set;
	return 0;
}

int posix_spawnattr_getsigdefault(const posix_spawnattr_t *attr, sigset_t *set)
{
	*set = layout_attr(attr)->sigdefault;
	return 0;
}

int posix_spawnattr_setsigmask(posix_spawnattr_t *attr, const sigset_t *set)
{
	layout_attr(attr)->sigmask = *set;
	return 0;
}

int posix_spawnattr_getsigmask(const posix_spawnattr_t *attr, sigset_t *set)
{
	*set = layout_attr(attr)->sigmask;
	return 0;
}

int posix_spawnattr_setschedpolicy(posix_spawnattr_t *attr, int schedpolicy)
{
	if (schedpolicy != SCHED_OTHER && schedpolicy != SCHED_FIFO &&
	    schedpolicy != SCHED_RR)
		return EINVAL;
	layout_attr(attr)->policy = schedpolicy;
	return 0;
}

int posix_spawnattr_getschedpolicy(const posix_spawnattr_t *attr, int *schedpolicy)
{
	*schedpolicy = layout_attr(attr)->policy;
	return 0;
}

int posix_spawnattr_setschedparam(posix_spawnattr_t *attr, const struct sched_param *schedparam)
{
	layout_attr(attr)->param = *schedparam;
	return 0;
}

int posix_spawnattr_getschedparam(const posix_spawnattr_t *attr, struct sched_param *schedparam)
{
	*schedparam = layout_attr(attr)->param;
	return 0;
}

int posix_spawnattr_setcgroup_np(posix_spawnattr_t *attr, int cgroup)
{
	layout_attr(attr)->cgroup = cgroup;
	return 0;
}

int posix_spawnattr_getcgroup_np(const posix_spawnattr_t *attr, int *cgroup)
{
	*cgroup = layout_attr(attr)->cgroup;
	return 0;
}
