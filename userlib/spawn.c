// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parent's side of a spawn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "spawn_int.h"

#define CS_PATH		"/bin:/usr/bin"		/* what glibc takes for no PATH */
#define CANARY		0x5ca1ab1e0ddba11ULL

/* Whether close_range(2) has been found refused */
static bool no_unshare;

static void name_fd(struct spawn *spawn, int fd)
{
	if (fd >= 0 && (unsigned int)fd >= spawn->first)
		spawn->first = fd + 1;
}

/*
 * Whether the child may begin with the parent's table, and make its own without
 * what is closed in the end. Only if no action before that can tell: an open()
 * can, by EMFILE, and by a path through /proc/self/fd, as can that of a chdir().
 * A chdir() that comes first sees the parent's table itself.
 */
static void plan_table(struct spawn *spawn)
{
	bool changed = false;
	int i;

	spawn->share = false;
	spawn->first = 0;
	if (__atomic_load_n(&no_unshare, __ATOMIC_RELAXED) || spawnctl_arch_emulated())
		return;
	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		switch (action->op) {
		case ACTION_OPEN:
			return;
		case ACTION_CHDIR:
			if (changed)
				return;
			break;
		case ACTION_CLOSEFROM:
			name_fd(spawn, action->fd - 1);
			spawn->share = true;
			return;
		case ACTION_DUP2:
			name_fd(spawn, action->dup2.fd);
			name_fd(spawn, action->dup2.newfd);
			changed = true;
			break;
		case ACTION_CLOSE:
			name_fd(spawn, action->fd);
			changed = true;
			break;
		case ACTION_FCHDIR:
		case ACTION_TCSETPGRP:
			name_fd(spawn, action->fd);
			break;
		}
	}
	spawn->share = spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT;
}

static void set_clone(struct spawn *spawn)
{
	const struct spawnctl_attr *attr = spawn->attr;
	struct spawnctl_clone *clone = &spawn->birth.clone;

	*clone = (struct spawnctl_clone){ .size = sizeof(*clone), .exit_signal = SIGCHLD };
	if (spawn->share)
		clone->flags |= SPAWNCTL_SHARE_FILES;
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGDEF)
		clone->sig_default = attr->sigdefault;
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGIGN)
		clone->sig_ignore = attr->sigignore;
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGMASK) {
		clone->flags |= SPAWNCTL_EXEC_MASK;
		clone->exec_mask = attr->sigmask;
	}
	if (attr->flags & SPAWNCTL_SPAWN_SETCGROUP) {
		clone->flags |= SPAWNCTL_CGROUP;
		clone->cgroup = attr->cgroup;
	}
	if (attr->flags & SPAWNCTL_SPAWN_NO_NEW_PRIVS)
		clone->flags |= SPAWNCTL_NO_NEW_PRIVS;
	if (attr->flags & SPAWNCTL_SPAWN_AUTOREAP) {
		clone->flags |= SPAWNCTL_AUTOREAP;
		clone->exit_signal = 0;
	}
	if (attr->pidfd) {
		clone->flags |= SPAWNCTL_PIDFD;
		clone->pidfd = (unsigned long)&spawn->pidfd;
	}
}

/* Of a child that has failed nothing is left, but the SIGCHLD of its end */
static void reap(const struct spawn *spawn, pid_t pid)
{
	while (raw_syscall(SYS_waitid, P_PID, pid, NULL, WEXITED | __WALL, NULL) == -EINTR)
		;
	if (spawn->pidfd >= 0)
		raw_syscall(SYS_close, spawn->pidfd);
}

/* In a frame of its own, of which the child has the most */
static __attribute__((__noinline__)) long give_birth(struct spawn *spawn)
{
	struct {
		volatile unsigned long long canary;
		char stack[SPAWNCTL_SPAWN_STACK] __attribute__((__aligned__(16)));
	} frame;
	long pid;

	set_clone(spawn);
	spawn->pidfd = -1;
	spawn->failure = (struct spawnctl_failure){ .action = -1 };
	spawn->birth.clone.stack = (unsigned long)frame.stack;
	spawn->birth.clone.stack_size = sizeof(frame.stack);
	spawn->birth.backend = spawn->attr->backend;
	spawn->birth.fd = spawn->attr->fd;
	spawn->birth.transient = spawn->attr->transient;
	spawn->birth.fn = spawnctl_spawn_child;
	spawn->birth.arg = spawn;
	frame.canary = CANARY;
	pid = spawnctl_birth(&spawn->birth);
	/* What lies below is this thread's, and spoilt */
	if (frame.canary != CANARY)
		__builtin_trap();
	return pid;
}

int spawnctl_spawn_run(struct spawn *spawn, pid_t *pid)
{
	static const struct spawnctl_attr none = { .fd = -1 };
	int cancel = PTHREAD_CANCEL_ENABLE, error;
	long ret;

	if (!spawn->attr)
		spawn->attr = &none;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	for (;;) {
		plan_table(spawn);
		spawn->no_unshare = false;
		ret = give_birth(spawn);
		if (ret < 0)
			spawn->failure = (struct spawnctl_failure){
				.error = -ret, .step = SPAWNCTL_STEP_CLONE, .action = -1 };
		error = spawn->failure.error;
		if (ret > 0 && error)
			reap(spawn, ret);
		if (!spawn->no_unshare)
			break;
		/* Once more, with a copy of the table */
		__atomic_store_n(&no_unshare, true, __ATOMIC_RELAXED);
	}
	pthread_setcancelstate(cancel, NULL);

	if (spawn->attr->failure)
		*spawn->attr->failure = spawn->failure;
	if (error)
		return error;
	if (spawn->attr->pidfd)
		*spawn->attr->pidfd = spawn->pidfd;
	if (pid)
		*pid = ret;
	return 0;
}

static int spawn(pid_t *pid, const char *path, const char *search,
		 const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
		 char *const argv[], char *const envp[])
{
	struct spawn spawn = {
		.path = path,
		.search = search,
		.argv = argv,
		.envp = envp,
		.actions = actions ? actions->list : NULL,
		.used = actions ? actions->used : 0,
		.attr = attr,
	};

	return spawnctl_spawn_run(&spawn, pid);
}

/* Where to look for a program: NULL if it is a path, or no name at all */
const char *spawnctl_search_path(const char *file)
{
	const char *path;

	if (!file || !*file || strchr(file, '/'))
		return NULL;
	path = getenv("PATH");
	return path ? path : CS_PATH;
}

int spawnctl_spawn(pid_t *pid, const char *path, const spawnctl_file_actions_t *actions,
		   const spawnctl_attr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(pid, path, NULL, actions, attr, argv, envp);
}

int spawnctl_spawnp(pid_t *pid, const char *file, const spawnctl_file_actions_t *actions,
		    const spawnctl_attr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(pid, file, spawnctl_search_path(file), actions, attr, argv, envp);
}

int spawnctl_backend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend)
{
	struct birth birth = {
		.backend = attr ? attr->backend : SPAWNCTL_BACKEND_ANY,
		.fd = attr ? attr->fd : -1,
	};
	int ret = spawnctl_birth_backend(&birth);

	if (!ret)
		*backend = birth.backend;
	return -ret;
}
