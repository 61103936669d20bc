// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * posix_spawn(3) and pidfd_spawn(3).
 */
#include <errno.h>

#include "layout.h"
#include "preload.h"

/* posix_spawn() or pidfd_spawn(): pid_t is int */
typedef int (*spawn_fn)(int *out, const char *path, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);

/* The functions of this file, and the next definition of each */
enum { SPAWN, SPAWNP, PIDFD_SPAWN, PIDFD_SPAWNP, FUNCTIONS };

static spawn_fn next[FUNCTIONS];
static const char * const names[FUNCTIONS] = {
	"posix_spawn", "posix_spawnp", "pidfd_spawn", "pidfd_spawnp"
};

/* Once, as in fork.c, and only if it is needed. A dlsym() that finds nothing allocates memory */
static void __attribute__((__constructor__)) find_next(void)
{
	const int count = preload_libc_is("2.39") ? FUNCTIONS : PIDFD_SPAWN;
	int i;

	if (preload_choice() != CHOICE_LIBC)
		return;
	for (i = 0; i < count; i++)
		next[i] = (spawn_fn)preload_next(names[i]);
}

static void set_attr(struct spawnctl_attr *own, const posix_spawnattr_t *attr)
{
	const struct glibc_attr *from = layout_attr(attr);

	*own = (struct spawnctl_attr){ .fd = -1, .transient = true };
	if (!attr)
		return;
	own->flags = (unsigned short)from->flags;
	own->pgroup = from->pgroup;
	own->sigdefault = kernel_sigset(&from->sigdefault);
	own->sigmask = kernel_sigset(&from->sigmask);
	own->param = from->param;
	own->policy = from->policy;
	own->cgroup = from->cgroup;
}

/*
 * Whether libc's own spawn implements everything that the objects ask for. An older libc silently
 * ignores what it does not know, and so leaves descriptors open.
 */
static bool libc_knows(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr)
{
	const struct spawnctl_file_actions *list = layout_actions(actions);
	int i;

	if (attr && (layout_attr(attr)->flags & SPAWNCTL_SPAWN_SETCGROUP) &&
	    !preload_libc_is("2.39"))
		return false;
	for (i = 0; list && i < list->used; i++) {
		if (list->list[i].op == ACTION_CLOSEFROM && !preload_libc_is("2.34"))
			return false;
		if (list->list[i].op == ACTION_TCSETPGRP && !preload_libc_is("2.35"))
			return false;
	}
	return true;
}

static int run(int function, int *out, const char *path, const posix_spawn_file_actions_t *actions,
	       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	const bool search = function == SPAWNP || function == PIDFD_SPAWNP;
	const bool pidfd = function == PIDFD_SPAWN || function == PIDFD_SPAWNP;
	enum choice choice = preload_choice();
	int error, saved = errno, unwanted = -1;
	struct spawnctl_attr own;
	struct spawn spawn = {
		.path = path,
		.search = search ? spawnctl_search_path(path, NULL) : NULL,
		.argv = argv,
		.envp = envp,
		.actions = actions ? layout_actions(actions)->list : NULL,
		.used = actions ? layout_actions(actions)->used : 0,
		.attr = &own,
	};

	if (choice == CHOICE_BAD) {
		error = EINVAL;
	} else if (choice == CHOICE_LIBC) {
		/* The constructor of another library may spawn before ours has run */
		if (!next[SPAWN])
			find_next();
		error = ENOSYS;
		if (next[function] && libc_knows(actions, attr))
			error = next[function](out, path, actions, attr, argv, envp);
	} else {
		set_attr(&own, attr);
		own.backend = (enum spawnctl_backend)choice;
		if (pidfd)
			spawn.pidfd_out = out ? out : &unwanted;
		else
			spawn.pid_out = out;
		error = spawnctl_spawn_run(&spawn);
		choice = (enum choice)spawn.request.backend;
	}
	preload_say(names[function], path, choice, spawn.request.passed_over, error);
	errno = saved;
	return error;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run(SPAWN, pid, path, actions, attr, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run(SPAWNP, pid, file, actions, attr, argv, envp);
}

int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run(PIDFD_SPAWN, pidfd, path, actions, attr, argv, envp);
}

int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run(PIDFD_SPAWNP, pidfd, file, actions, attr, argv, envp);
}
