// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Setters of the attributes that are steps of the child. They need no flag.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kernel.h"
#include "spawn_int.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x80
#endif
#define NAMESPACES	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | \
			 CLONE_NEWPID | CLONE_NEWTIME | CLONE_NEWUSER | CLONE_NEWUTS)
#define MAX_GROUPS	65536		/* NGROUPS_MAX */
#define MAX_CPUS_SIZE	8192		/* bytes */
#define MAX_FILTER	4096		/* BPF_MAXINSNS */
#define LAST_CAP	63

/* Replace *@part by a copy of @size bytes. All functions of this file leave errno unchanged */
static int replace(void **part, const void *from, size_t size)
{
	int saved = errno;
	void *copy = NULL;

	if (size) {
		copy = malloc(size);
		errno = saved;
		if (!copy)
			return ENOMEM;
		memcpy(copy, from, size);
	}
	free(*part);
	errno = saved;
	*part = copy;
	return 0;
}

void spawnctl_attr_parts(struct spawnctl_attr *attr,
			 void (*fn)(void *arg, void **part, size_t size), void *arg)
{
	fn(arg, (void **)&attr->groups, attr->n_groups * sizeof(*attr->groups));
	fn(arg, &attr->cpus, attr->cpus_size);
	fn(arg, (void **)&attr->rlimits, attr->n_rlimits * sizeof(*attr->rlimits));
	fn(arg, (void **)&attr->root, attr->root ? strlen(attr->root) + 1 : 0);
	fn(arg, (void **)&attr->filter, attr->n_filter * sizeof(*attr->filter));
	fn(arg, (void **)&attr->search, attr->search ? strlen(attr->search) + 1 : 0);
}

int spawnctl_attr_setpriority(spawnctl_attr_t *attr, int priority)
{
	if (priority < -20 || priority > 19)
		return EINVAL;
	attr->priority = priority;
	attr->steps |= STEP_BIT(PRIORITY);
	return 0;
}

int spawnctl_attr_setaffinity(spawnctl_attr_t *attr, size_t size, const void *cpus)
{
	int error;

	if (!cpus)
		return EFAULT;
	if (!size || size > MAX_CPUS_SIZE)
		return EINVAL;
	error = replace(&attr->cpus, cpus, size);
	if (error)
		return error;
	attr->cpus_size = size;
	attr->steps |= STEP_BIT(AFFINITY);
	return 0;
}

int spawnctl_attr_setioprio(spawnctl_attr_t *attr, int ioprio)
{
	/* Class and data, <linux/ioprio.h> */
	if (ioprio < 0 || ioprio >> 13 > 3)
		return EINVAL;
	attr->ioprio = ioprio;
	attr->steps |= STEP_BIT(IOPRIO);
	return 0;
}

int spawnctl_attr_setoomscoreadj(spawnctl_attr_t *attr, int value)
{
	if (value < -1000 || value > 1000)
		return EINVAL;
	attr->oom_score_adj = value;
	attr->steps |= STEP_BIT(OOM_SCORE_ADJ);
	return 0;
}

int spawnctl_attr_setrlimit(spawnctl_attr_t *attr, int resource, unsigned long long soft,
			    unsigned long long hard)
{
	struct rlimit_step *limits;
	int saved = errno;
	unsigned int i;

	if (resource < 0 || resource >= RLIM_NLIMITS || soft > hard)
		return EINVAL;
	for (i = 0; i < attr->n_rlimits && attr->rlimits[i].resource != (unsigned int)resource; i++)
		;
	if (i == attr->n_rlimits) {
		limits = reallocarray(attr->rlimits, i + 1, sizeof(*limits));
		errno = saved;
		if (!limits)
			return ENOMEM;
		attr->rlimits = limits;
		attr->n_rlimits++;
	}
	attr->rlimits[i] = (struct rlimit_step){ resource, { soft, hard } };
	attr->steps |= STEP_BIT(RLIMIT);
	return 0;
}

int spawnctl_attr_addnamespace(spawnctl_attr_t *attr, int fd, int type)
{
	if (fd < 0)
		return EBADF;
	if (type & ~NAMESPACES)
		return EINVAL;
	if (attr->n_namespaces == MAX_NAMESPACES)
		return E2BIG;
	attr->namespaces[attr->n_namespaces].fd = fd;
	attr->namespaces[attr->n_namespaces++].type = type;
	attr->steps |= STEP_BIT(SETNS);
	return 0;
}

int spawnctl_attr_setunshare(spawnctl_attr_t *attr, int flags)
{
	if (!flags || flags & ~NAMESPACES)
		return EINVAL;
	attr->unshare = flags;
	attr->steps |= STEP_BIT(UNSHARE);
	return 0;
}

int spawnctl_attr_setchroot(spawnctl_attr_t *attr, const char *path)
{
	int error;

	if (!path)
		return EFAULT;
	error = replace((void **)&attr->root, path, strlen(path) + 1);
	if (!error)
		attr->steps |= STEP_BIT(CHROOT);
	return error;
}

int spawnctl_attr_setumask(spawnctl_attr_t *attr, mode_t mask)
{
	if (mask & ~0777U)
		return EINVAL;
	attr->umask = mask;
	attr->steps |= STEP_BIT(UMASK);
	return 0;
}

int spawnctl_attr_setsecurebits(spawnctl_attr_t *attr, unsigned int bits)
{
	attr->securebits = bits;
	attr->steps |= STEP_BIT(SECUREBITS);
	return 0;
}

int spawnctl_attr_setgroups(spawnctl_attr_t *attr, size_t n, const gid_t *groups)
{
	int error;
	size_t i;

	if (n > MAX_GROUPS)
		return EINVAL;
	if (n && !groups)
		return EFAULT;
	for (i = 0; i < n; i++)
		if (groups[i] == (gid_t)-1)
			return EINVAL;
	error = replace((void **)&attr->groups, groups, n * sizeof(*groups));
	if (error)
		return error;
	attr->n_groups = n;
	attr->steps |= STEP_BIT(GROUPS);
	return 0;
}

int spawnctl_attr_setgid(spawnctl_attr_t *attr, gid_t gid)
{
	/* For setresgid(2), -1 means "do not change" */
	if (gid == (gid_t)-1)
		return EINVAL;
	attr->gid = gid;
	attr->steps |= STEP_BIT(GID);
	return 0;
}

int spawnctl_attr_setuid(spawnctl_attr_t *attr, uid_t uid)
{
	if (uid == (uid_t)-1)
		return EINVAL;
	attr->uid = uid;
	attr->steps |= STEP_BIT(UID);
	return 0;
}

int spawnctl_attr_setambient(spawnctl_attr_t *attr, unsigned long long capabilities)
{
	attr->ambient = capabilities;
	attr->steps |= STEP_BIT(AMBIENT);
	return 0;
}

int spawnctl_attr_setpdeathsig(spawnctl_attr_t *attr, int signal)
{
	if (signal < 1 || signal > 64)
		return EINVAL;
	attr->pdeathsig = signal;
	attr->steps |= STEP_BIT(PDEATHSIG);
	return 0;
}

int spawnctl_attr_setlandlock(spawnctl_attr_t *attr, int fd)
{
	if (fd < 0)
		return EBADF;
	attr->landlock = fd;
	attr->steps |= STEP_BIT(LANDLOCK);
	return 0;
}

int spawnctl_attr_setseccomp(spawnctl_attr_t *attr, const struct sock_fprog *program)
{
	int error;

	if (!program || !program->filter)
		return EFAULT;
	if (!program->len || program->len > MAX_FILTER)
		return EINVAL;
	error = replace((void **)&attr->filter, program->filter,
			program->len * sizeof(*program->filter));
	if (error)
		return error;
	attr->n_filter = program->len;
	attr->steps |= STEP_BIT(SECCOMP);
	return 0;
}

int spawnctl_attr_setexecfd(spawnctl_attr_t *attr, int fd)
{
	if (fd < 0)
		return EBADF;
	attr->execfd = fd;
	attr->exec_at = true;
	return 0;
}

int spawnctl_attr_setpath(spawnctl_attr_t *attr, const char *path)
{
	if (!path)
		return EFAULT;
	return replace((void **)&attr->search, path, strlen(path) + 1);
}
