// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Attributes.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "spawn_int.h"

#define ALL_FLAGS	(SPAWNCTL_SPAWN_RESETIDS | SPAWNCTL_SPAWN_SETPGROUP | \
			 SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGMASK | \
			 SPAWNCTL_SPAWN_SETSCHEDPARAM | SPAWNCTL_SPAWN_SETSCHEDULER | \
			 SPAWNCTL_SPAWN_USEVFORK | SPAWNCTL_SPAWN_SETSID | \
			 SPAWNCTL_SPAWN_SETCGROUP | SPAWNCTL_SPAWN_SETSIGIGN | \
			 SPAWNCTL_SPAWN_CLOEXEC_DEFAULT | SPAWNCTL_SPAWN_NO_NEW_PRIVS | \
			 SPAWNCTL_SPAWN_AUTOREAP | SPAWNCTL_SPAWN_PIDFD | \
			 SPAWNCTL_SPAWN_POLL | SPAWNCTL_SPAWN_SHELL | \
			 SPAWNCTL_SPAWN_TRACEME | SPAWNCTL_SPAWN_STOP)

static void set_sigset(sigset_t *set, unsigned long long mask)
{
	memset(set, 0, sizeof(*set));
	memcpy(set, &mask, sizeof(mask));
}

int spawnctl_attr_init(spawnctl_attr_t **attr)
{
	int saved = errno;

	*attr = calloc(1, sizeof(**attr));
	errno = saved;
	if (!*attr)
		return ENOMEM;
	(*attr)->fd = -1;
	return 0;
}

static void free_part(void *unused, void **part, size_t size)
{
	(void)unused;
	(void)size;
	free(*part);
}

int spawnctl_attr_destroy(spawnctl_attr_t *attr)
{
	if (attr)
		spawnctl_attr_parts(attr, free_part, NULL);
	free(attr);
	return 0;
}

int spawnctl_attr_setflags(spawnctl_attr_t *attr, unsigned int flags)
{
	if (flags & ~ALL_FLAGS)
		return EINVAL;
	attr->flags = flags;
	return 0;
}

int spawnctl_attr_getflags(const spawnctl_attr_t *attr, unsigned int *flags)
{
	*flags = attr->flags;
	return 0;
}

int spawnctl_attr_setpgroup(spawnctl_attr_t *attr, pid_t pgroup)
{
	if (pgroup < 0)
		return EINVAL;
	attr->pgroup = pgroup;
	return 0;
}

int spawnctl_attr_getpgroup(const spawnctl_attr_t *attr, pid_t *pgroup)
{
	*pgroup = attr->pgroup;
	return 0;
}

int spawnctl_attr_setsigdefault(spawnctl_attr_t *attr, const sigset_t *set)
{
	attr->sigdefault = kernel_sigset(set);
	return 0;
}

int spawnctl_attr_getsigdefault(const spawnctl_attr_t *attr, sigset_t *set)
{
	set_sigset(set, attr->sigdefault);
	return 0;
}

int spawnctl_attr_setsigignore(spawnctl_attr_t *attr, const sigset_t *set)
{
	if (sigismember(set, SIGKILL) || sigismember(set, SIGSTOP))
		return EINVAL;
	attr->sigignore = kernel_sigset(set);
	return 0;
}

int spawnctl_attr_getsigignore(const spawnctl_attr_t *attr, sigset_t *set)
{
	set_sigset(set, attr->sigignore);
	return 0;
}

int spawnctl_attr_setsigmask(spawnctl_attr_t *attr, const sigset_t *set)
{
	attr->sigmask = kernel_sigset(set);
	return 0;
}

int spawnctl_attr_getsigmask(const spawnctl_attr_t *attr, sigset_t *set)
{
	set_sigset(set, attr->sigmask);
	return 0;
}

int spawnctl_attr_setschedpolicy(spawnctl_attr_t *attr, int policy)
{
	if (policy != SCHED_OTHER && policy != SCHED_FIFO && policy != SCHED_RR)
		return EINVAL;
	attr->policy = policy;
	return 0;
}

int spawnctl_attr_getschedpolicy(const spawnctl_attr_t *attr, int *policy)
{
	*policy = attr->policy;
	return 0;
}

int spawnctl_attr_setschedparam(spawnctl_attr_t *attr, const struct sched_param *param)
{
	/* The kernel refuses these with any policy */
	if (param->sched_priority < 0 || param->sched_priority > 99)
		return EINVAL;
	attr->param = *param;
	return 0;
}

int spawnctl_attr_getschedparam(const spawnctl_attr_t *attr, struct sched_param *param)
{
	*param = attr->param;
	return 0;
}

int spawnctl_attr_setcgroup(spawnctl_attr_t *attr, int fd)
{
	if (fd < 0)
		return EBADF;
	attr->cgroup = fd;
	return 0;
}

int spawnctl_attr_getcgroup(const spawnctl_attr_t *attr, int *fd)
{
	*fd = attr->cgroup;
	return 0;
}

int spawnctl_attr_setbackend(spawnctl_attr_t *attr, enum spawnctl_backend backend)
{
	if ((unsigned int)backend > SPAWNCTL_BACKEND_CLONE)
		return EINVAL;
	attr->backend = backend;
	return 0;
}

int spawnctl_attr_getbackend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend)
{
	*backend = attr->backend;
	return 0;
}

int spawnctl_attr_setdevice(spawnctl_attr_t *attr, int fd)
{
	if (fd < -1)
		return EBADF;
	attr->fd = fd;
	return 0;
}

int spawnctl_attr_getdevice(const spawnctl_attr_t *attr, int *fd)
{
	*fd = attr->fd;
	return 0;
}
