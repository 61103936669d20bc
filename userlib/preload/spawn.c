// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * posix_spawn(3) and pidfd_spawn(3).
 */
#include <errno.h>

#include "layout.h"
#include "preload.h"

/* posix_spawn() or pidfd_spawn(): pid_t is int */
typedef int spawn_fn(int *out, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);

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
	    !preload_next("posix_spawnattr_setcgroup_np"))
		return false;
	for (i = 0; list && i < list->used; i++) {
		if (list->list[i].op == ACTION_CLOSEFROM &&
		    !preload_next("posix_spawn_file_actions_addclosefrom_np"))
			return false;
		if (list->list[i].op == ACTION_TCSETPGRP &&
		    !preload_next("posix_spawn_file_actions_addtcsetpgrp_np"))
			return false;
	}
	return true;
}

static int run(const char *name, bool search, bool pidfd, int *out, const char *path,
	       const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
	       char *const argv[], char *const envp[])
{
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
		spawn_fn *next = (spawn_fn *)preload_next(name);

		error = ENOSYS;
		if (next && libc_knows(actions, attr))
			error = next(out, path, actions, attr, argv, envp);
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
	preload_say(name, path, choice, spawn.request.passed_over, error);
	errno = saved;
	return error;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run("posix_spawn", false, false, pid, path, actions, attr, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run("posix_spawnp", true, false, pid, file, actions, attr, argv, envp);
}

int pidfd_spawn(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run("pidfd_spawn", false, true, pidfd, path, actions, attr, argv, envp);
}

int pidfd_spawnp(int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return run("pidfd_spawnp", true, true, pidfd, file, actions, attr, argv, envp);
}
