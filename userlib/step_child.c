// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child's steps other than file actions: one or more system calls each. Runs in the parent's
 * memory, as spawn_child.c does. Compiled with CHILD_CFLAGS, see the Makefile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include "kernel.h"
#include "spawn_int.h"

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self	446
#endif
#define IOPRIO_WHO_PROCESS		1

static long set_sched(const struct spawnctl_attr *attr)
{
	if (attr->flags & SPAWNCTL_SPAWN_SETSCHEDULER)
		return raw_syscall(SYS_sched_setscheduler, 0, attr->policy, &attr->param);
	return raw_syscall(SYS_sched_setparam, 0, &attr->param);
}

/* Opens a descriptor: with this step, shared_until() gives the child its own table from birth on */
static long set_oom_score_adj(int value)
{
	unsigned int rest = value < 0 ? -value : value;
	char text[8], *at = text + sizeof(text);
	long fd, ret;

	do {
		*--at = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = raw_syscall(SYS_write, fd, at, text + sizeof(text) - at);
	raw_syscall(SYS_close, fd);
	return ret < 0 ? ret : 0;
}

static long set_rlimits(const struct spawnctl_attr *attr)
{
	unsigned int i;
	long ret = 0;

	for (i = 0; i < attr->n_rlimits && !ret; i++)
		ret = raw_syscall(SYS_prlimit64, 0, attr->rlimits[i].resource,
				  attr->rlimits[i].limit, NULL);
	return ret;
}

static long join_namespaces(const struct spawnctl_attr *attr)
{
	unsigned int i;
	long ret = 0;

	for (i = 0; i < attr->n_namespaces && !ret; i++)
		ret = raw_syscall(SYS_setns, attr->namespaces[i].fd, attr->namespaces[i].type);
	return ret;
}

static long set_uid(const struct spawnctl_attr *attr)
{
	/*
	 * Without PR_SET_KEEPCAPS, a change from uid 0 to another one drops the permitted
	 * capabilities that set_ambient() needs. A failure is ignored: securebits that forbid
	 * PR_SET_KEEPCAPS can also make it unnecessary. Otherwise set_ambient() fails
	 */
	if (attr->steps & STEP_BIT(AMBIENT))
		raw_syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	return raw_syscall(NR_SETRESUID, attr->uid, attr->uid, attr->uid);
}

/* In glibc's order */
static long reset_ids(void)
{
	long ret = raw_syscall(NR_SETRESUID, -1, raw_syscall(NR_GETUID), -1);

	return ret ? ret : raw_syscall(NR_SETRESGID, -1, raw_syscall(NR_GETGID), -1);
}

static long set_ambient(unsigned long long set)
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[2];
	long ret;
	int cap;

	header.version = _LINUX_CAPABILITY_VERSION_3;
	header.pid = 0;
	ret = raw_syscall(SYS_capget, &header, data);
	if (ret)
		return ret;
	/* The effective set is left as it is: the actions do not get capabilities back */
	data[0].inheritable |= set;
	data[1].inheritable |= set >> 32;
	ret = raw_syscall(SYS_capset, &header, data);
	if (!ret)
		ret = raw_syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (cap = 0; cap < 64 && !ret; cap++)
		if (set & 1ULL << cap)
			ret = raw_syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0,
					  0);
	return ret;
}

/*
 * If the parent process has ended already, the kernel sends no signal, so the step fails. This is
 * not detected in a pid namespace that does not contain the parent: there, getppid(2) returns 0
 * while the parent runs, too.
 */
static long set_pdeathsig(const struct spawn *spawn)
{
	long ret = raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, spawn->attr->pdeathsig, 0, 0, 0);
	long parent;

	if (ret)
		return ret;
	parent = raw_syscall(SYS_getppid);
	return !parent || parent == spawn->parent ? 0 : -ESRCH;
}

static long set_filter(const struct spawnctl_attr *attr)
{
	struct sock_fprog program;

	program.len = attr->n_filter;
	program.filter = attr->filter;
	return raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static long do_step(const struct spawn *spawn, enum spawnctl_step step)
{
	const struct spawnctl_attr *attr = spawn->attr;

	switch (step) {
	case SPAWNCTL_STEP_SCHED:
		return set_sched(attr);
	case SPAWNCTL_STEP_PRIORITY:
		return raw_syscall(SYS_setpriority, PRIO_PROCESS, 0, attr->priority);
	case SPAWNCTL_STEP_AFFINITY:
		return raw_syscall(SYS_sched_setaffinity, 0, attr->cpus_size, attr->cpus);
	case SPAWNCTL_STEP_IOPRIO:
		return raw_syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, attr->ioprio);
	case SPAWNCTL_STEP_OOM_SCORE_ADJ:
		return set_oom_score_adj(attr->oom_score_adj);
	case SPAWNCTL_STEP_RLIMIT:
		return set_rlimits(attr);
	case SPAWNCTL_STEP_SETSID:
		return raw_syscall(SYS_setsid);
	case SPAWNCTL_STEP_SETPGROUP:
		return raw_syscall(SYS_setpgid, 0, attr->pgroup);
	case SPAWNCTL_STEP_SETNS:
		return join_namespaces(attr);
	case SPAWNCTL_STEP_UNSHARE:
		return raw_syscall(SYS_unshare, attr->unshare);
	case SPAWNCTL_STEP_CHROOT:
		return raw_syscall(SYS_chroot, attr->root);
	case SPAWNCTL_STEP_UMASK:
		raw_syscall(SYS_umask, attr->umask);
		return 0;
	case SPAWNCTL_STEP_SECUREBITS:
		return raw_syscall(SYS_prctl, PR_SET_SECUREBITS, attr->securebits, 0, 0, 0);
	case SPAWNCTL_STEP_GROUPS:
		return raw_syscall(NR_SETGROUPS, attr->n_groups, attr->groups);
	case SPAWNCTL_STEP_GID:
		return raw_syscall(NR_SETRESGID, attr->gid, attr->gid, attr->gid);
	case SPAWNCTL_STEP_UID:
		return set_uid(attr);
	case SPAWNCTL_STEP_RESETIDS:
		return reset_ids();
	case SPAWNCTL_STEP_AMBIENT:
		return set_ambient(attr->ambient);
	case SPAWNCTL_STEP_PDEATHSIG:
		return set_pdeathsig(spawn);
	case SPAWNCTL_STEP_NO_NEW_PRIVS:
		/* With the device, the child has no_new_privs from birth on */
		if (spawn->request.backend == SPAWNCTL_BACKEND_DEVICE)
			return 0;
		return raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	case SPAWNCTL_STEP_LANDLOCK:
		return raw_syscall(SYS_landlock_restrict_self, attr->landlock, 0);
	case SPAWNCTL_STEP_TRACEME:
		return raw_syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
	case SPAWNCTL_STEP_STOP:
		return raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGSTOP);
	case SPAWNCTL_STEP_SECCOMP:
		return set_filter(attr);
	default:
		return 0;
	}
}

/* STEP_BIT() of the steps of @attr, and of those that its flags request except CLOEXEC_DEFAULT */
unsigned int spawnctl_steps_of(const struct spawnctl_attr *attr)
{
	const unsigned int flags = attr->flags;
	unsigned int steps = attr->steps;

	if (flags & (SPAWNCTL_SPAWN_SETSCHEDPARAM | SPAWNCTL_SPAWN_SETSCHEDULER))
		steps |= STEP_BIT(SCHED);
	if (flags & SPAWNCTL_SPAWN_SETSID)
		steps |= STEP_BIT(SETSID);
	if (flags & SPAWNCTL_SPAWN_SETPGROUP)
		steps |= STEP_BIT(SETPGROUP);
	if (flags & SPAWNCTL_SPAWN_RESETIDS)
		steps |= STEP_BIT(RESETIDS);
	if (flags & SPAWNCTL_SPAWN_NO_NEW_PRIVS)
		steps |= STEP_BIT(NO_NEW_PRIVS);
	if (flags & SPAWNCTL_SPAWN_TRACEME)
		steps |= STEP_BIT(TRACEME);
	if (flags & SPAWNCTL_SPAWN_STOP)
		steps |= STEP_BIT(STOP);
	return steps;
}

long spawnctl_steps(const struct spawn *spawn, unsigned int steps, enum spawnctl_step *failed)
{
	int step;

	for (step = 0; steps; step++, steps >>= 1) {
		long ret;

		if (!(steps & 1))
			continue;
		ret = do_step(spawn, step);
		if (ret < 0) {
			*failed = step;
			return ret;
		}
	}
	return 0;
}
