// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parent's side of a spawn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "backend.h"
#include "kernel.h"
#include "spawn_int.h"

#define CS_PATH		"/bin:/usr/bin"		/* glibc's default if PATH is not set */
#ifndef P_PIDFD
#define P_PIDFD		3
#endif

#define MAX_ERRNO	4095
#define CANARY		0x5ca1ab1e0ddba11ULL

/*
 * Bytes of the caller's stack that become the child's. In the deepest step, close_listed(), half
 * of them are free.
 */
#ifdef __OPTIMIZE__
#define CHILD_STACK	1024
#else
#define CHILD_STACK	2560
#endif

/* A child has found that close_range(2) cannot unshare a descriptor table; atomic */
static bool cannot_unshare;

/*
 * Return: @closed_from, raised if necessary so that the child's own table keeps the descriptor @fd.
 * That can be any int, because glibc's lists can contain unchecked numbers; hence the long long.
 */
static long long raise_closed_from(long long closed_from, long long fd)
{
	return fd >= closed_from ? fd + 1 : closed_from;
}

/*
 * Whether the child may start with the parent's descriptor table, and later make its own without
 * the descriptors that are to be closed. This is allowed if no action that comes before the closing
 * can see the difference. An open action can see it, by a path through /proc/self/fd, and so can a
 * chdir action. Chdir actions at the start of the list are an exception: the child performs them
 * while it still has the parent's table. The exception does not apply if that table contains a
 * descriptor that was opened for this spawn: the pidfd or the device.
 *
 * Return: the action before which the child has to make its own table, or -1. If there is one,
 * @spawn->closed_from and @spawn->closed_by are set.
 */
static int shared_until(struct spawn *spawn)
{
	unsigned int effects = 0;
	long long closed_from = 0;
	int until = 0, i;

	while (until < spawn->used &&
	       !(action_effects(&spawn->actions[until]) & ACTION_OWN_TABLE))
		until++;
	if (until && (spawn->pidfd_out || descriptor_is_transient(&spawn->request.descriptor)))
		return -1;
	for (i = until; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		effects = action_effects(action);
		if (effects & (ACTION_TAKES_PATH | ACTION_CLOSES_FROM))
			break;
		closed_from = raise_closed_from(closed_from, action->fd);
		if (effects & ACTION_MAKES_NEWFD)
			closed_from = raise_closed_from(closed_from, action->dup2.newfd);
	}
	if (effects & ACTION_TAKES_PATH)
		return -1;
	if (effects & ACTION_CLOSES_FROM) {
		closed_from = raise_closed_from(closed_from, spawn->actions[i].fd - 1L);
		if (spawn->actions[i].fd == closed_from)
			spawn->closed_by = i;
	} else if (!(spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT)) {
		return -1;
	}
	spawn->closed_from = closed_from;
	return until;
}

static void share_table(struct spawn *spawn)
{
	spawn->closed_by = -1;
	spawn->unshare_at = shared_until(spawn);
	if (spawn->unshare_at < 0)
		return;
	if (spawnctl_arch_emulated() || __atomic_load_n(&cannot_unshare, __ATOMIC_RELAXED)) {
		spawn->closed_by = -1;
		spawn->unshare_at = -1;
		return;
	}
	spawn->request.clone.flags |= SPAWNCTL_SHARE_FILES;
}

/* The attributes that the backends implement */
static void set_attributes(struct spawnctl_clone *clone, const struct spawnctl_attr *attr)
{
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGDEF)
		clone->sig_default = attr->sigdefault;
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGIGN)
		clone->sig_ignore = attr->sigignore;
	if (attr->flags & SPAWNCTL_SPAWN_SETSIGMASK) {
		clone->flags |= SPAWNCTL_EXEC_MASK;
		/* As sigprocmask(3): libc can hang if its own signals are blocked */
		clone->exec_mask = attr->sigmask & ~spawnctl_libc_signals();
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
}

/* As set_spawn(), does not clear the struct first. Leaves @request.signals unchanged */
static void set_request(struct spawn *spawn)
{
	struct request *request = &spawn->request;

	request->clone = (struct spawnctl_clone){
		.size = sizeof(request->clone),
		.exit_signal = SIGCHLD,
	};
	if (spawn->attr->flags)
		set_attributes(&request->clone, spawn->attr);
	if (spawn->pidfd_out) {
		request->clone.flags |= SPAWNCTL_PIDFD;
		request->clone.pidfd = (unsigned long)&spawn->pidfd;
	}
	request->backend = spawn->attr->backend;
	request->fd = spawn->attr->fd;
	request->transient = spawn->attr->transient;
	request->open_window = false;
	request->hold_all = true;
	request->fn = spawnctl_spawn_child;
	request->arg = spawn;
}

/* Reap the child by its pidfd. Return: false if it has to be waited for by its process id. */
static bool reaped_by_pidfd(int pidfd)
{
	long ret;

	do {
		ret = raw_syscall(SYS_waitid, P_PIDFD, pidfd, NULL, WEXITED | __WALL, NULL);
	} while (ret == -EINTR);
	/* Another thread has closed the pidfd. Do not close the number: it may be another file's */
	if (ret == -EBADF)
		return false;
	raw_syscall(SYS_close, pidfd);
	/*
	 * ECHILD: SIGCHLD is ignored, or another thread has reaped the child. The process id may
	 * belong to another child by now, so it must not be waited for. Other errors mean that
	 * there is no P_PIDFD: before Linux 5.4, under an emulator or a filter.
	 */
	return !ret || ret == -ECHILD;
}

/*
 * Reap a child that has failed. The program still gets the SIGCHLD of the child's end. As with
 * libc, a waitpid(-1) in another thread can reap the child first.
 *
 * The exit signal is SIGCHLD (0 with SPAWNCTL_SPAWN_AUTOREAP only). With 0, the child would be
 * hidden from such a waitpid(-1) until exec, which sets SIGCHLD. But a child that is killed before
 * exec would stay a zombie: the program's waitpid() for its id would fail with ECHILD, and no
 * SIGCHLD would be sent. To detect that case would take one more system call per spawn.
 */
static void reap(const struct spawn *spawn, pid_t pid)
{
	if (spawn->pidfd >= 0 && reaped_by_pidfd(spawn->pidfd))
		return;
	while (raw_syscall(SYS_wait4, pid, NULL, __WALL, NULL) == -EINTR)
		;
}

static __attribute__((__noinline__)) long make_child(struct spawn *spawn)
{
	unsigned long long frame[CHILD_STACK / sizeof(unsigned long long)];
	volatile unsigned long long *canary = frame;
	long pid;

	spawn->request.clone.stack = (unsigned long)(frame + 2);
	spawn->request.clone.stack_size = sizeof(frame) - 2 * sizeof(frame[0]);
	*canary = CANARY;
	pid = spawnctl_backend_make_child(&spawn->request);
	/* The child has overrun its stack, and has corrupted this thread's stack below it */
	if (*canary != CANARY)
		__builtin_trap();
	return pid;
}

/* Bytes for the longest "DIRECTORY/NAME" that is tried */
static size_t candidate_size(const struct spawn *spawn)
{
	const char *dir = spawn->search, *end;
	long longest = 0;

	for (;; dir = end + 1) {
		end = strchrnul(dir, ':');
		if (end - dir < PATH_MAX && end - dir > longest)
			longest = end - dir;
		if (!*end)
			break;
	}
	return longest + 1 + strnlen(spawn->path, NAME_MAX) + 1;
}

/*
 * Map memory for a path that does not fit on the child's stack: 0 or an error number. No handler
 * of an asynchronous signal, libc's for cancellation included, runs in this thread from here until
 * the mapping is gone: a handler could jump out of the call and leak the mapping.
 */
static int map_candidate(struct spawn *spawn)
{
	long map;

	spawn->mapped = NULL;
	if (!spawn->search)
		return 0;
	spawn->candidate_size = candidate_size(spawn);
	if (spawn->candidate_size <= SPAWNCTL_CANDIDATE_SIZE)
		return 0;
	spawnctl_signals_hold(&spawn->request.signals, SPAWNCTL_SIGSET_HELD);
	map = raw_syscall(NR_MMAP, NULL, spawn->candidate_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map < 0 && map >= -MAX_ERRNO)
		return -map;
	spawn->mapped = (char *)map;
	return 0;
}

static void unmap_candidate(struct spawn *spawn)
{
	struct caller_signals *signals = &spawn->request.signals;

	/* Unblock SIGSYS: the program may emulate munmap(2) */
	if (signals->hold.wanted)
		spawnctl_signals_narrow(signals, SPAWNCTL_SIGSET_HELD);
	raw_syscall(SYS_munmap, spawn->mapped, spawn->candidate_size);
}

/* No child was made */
static void fail(struct spawn *spawn, int error)
{
	spawn->error = error;
	spawn->step = SPAWNCTL_STEP_CLONE;
	spawn->action = -1;
}

/* The process id and the pidfd are stored apart, because the child may store them */
static void store_result(const struct spawn *spawn)
{
	struct spawnctl_result *result = spawn->result;

	if (!result)
		return;
	result->error = spawn->error;
	result->step = spawn->step;
	result->action = spawn->action;
}

static long attempt(struct spawn *spawn)
{
	long pid;

	spawn->cannot_unshare = false;
	spawn->pidfd = -1;
	spawn->error = 0;
	spawn->step = SPAWNCTL_STEP_NONE;
	spawn->action = -1;
	set_request(spawn);
	pid = spawnctl_backend_begin(&spawn->request);
	if (!pid) {
		share_table(spawn);
		pid = make_child(spawn);
	}
	if (pid < 0) {
		fail(spawn, -pid);
	} else if (spawn->error) {
		/* The program may emulate waitid(2). For clone3, SIGSYS is not blocked */
		if (spawn->request.backend != SPAWNCTL_BACKEND_CLONE3)
			spawnctl_signals_narrow(&spawn->request.signals,
						SPAWNCTL_SIGSET_BUT_SIGSYS);
		reap(spawn, pid);
	}
	return pid;
}

/*
 * After a child could not use close_range(2): whether unshare(2) has failed too, so that another
 * child has to be made, with a copy of the table.
 */
static bool must_copy_table(struct spawn *spawn)
{
	struct caller_signals *signals = &spawn->request.signals;

	__atomic_store_n(&cannot_unshare, true, __ATOMIC_RELAXED);
	if (spawn->unshare_at < 0 || spawn->step != SPAWNCTL_STEP_CLONE)
		return false;
	if (spawn->mapped)
		spawnctl_signals_narrow(signals, SPAWNCTL_SIGSET_HELD);
	else
		spawnctl_signals_release(signals);
	return true;
}

/*
 * No handler of this thread, libc's for asynchronous cancellation included, runs until the
 * results are stored and a child that has failed is reaped. With the device, a child that
 * executes the program has stored the results itself: by the time the call returns, handlers may
 * have run.
 */
int spawnctl_spawn_run(struct spawn *spawn)
{
	static const struct spawnctl_attr none = { .fd = -1 };
	struct caller_signals *signals = &spawn->request.signals;
	int error;
	long pid;

	/* cppcheck-suppress ctuuninitvar; the members that are used have been set */
	if (!spawn->attr)
		spawn->attr = &none;
	signals->hold.wanted = false;
	signals->held = false;
	error = map_candidate(spawn);
	if (error) {
		spawn->request.backend = spawn->attr->backend;
		spawn->request.passed_over = 0;
		fail(spawn, error);
		goto out;
	}
	do {
		pid = attempt(spawn);
	} while (spawn->cannot_unshare && must_copy_table(spawn));
	if (!spawn->error && signals->hold.wanted) {
		if (spawn->pidfd_out)
			*spawn->pidfd_out = spawn->pidfd;
		if (spawn->pid_out)
			*spawn->pid_out = pid;
	}
	if (spawn->mapped)
		unmap_candidate(spawn);
out:
	store_result(spawn);
	spawnctl_signals_release(signals);
	return spawn->error;
}

/* The directories to search: NULL if @file is a path, or no name at all */
const char *spawnctl_search_path(const char *file)
{
	const char *path;

	if (!file || !*file || strchr(file, '/'))
		return NULL;
	path = getenv("PATH");
	return path ? path : CS_PATH;
}

/* Does not clear the struct first, to save time: each member is set before it is read */
static void set_spawn(struct spawn *spawn, const char *path, const char *search,
		      const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
		      char *const argv[], char *const envp[])
{
	spawn->path = path;
	spawn->search = search;
	spawn->argv = argv;
	spawn->envp = envp;
	spawn->actions = actions ? actions->list : NULL;
	spawn->used = actions ? actions->used : 0;
	spawn->attr = attr;
}

static int spawn_pid(pid_t *pid, const char *path, const char *search,
		     const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
		     char *const argv[], char *const envp[])
{
	struct spawn spawn;

	if (attr && (attr->flags & SPAWNCTL_SPAWN_PIDFD))
		return EINVAL;
	set_spawn(&spawn, path, search, actions, attr, argv, envp);
	spawn.pid_out = pid;
	spawn.pidfd_out = NULL;
	spawn.result = NULL;
	return spawnctl_spawn_run(&spawn);
}

static int spawn_result(struct spawnctl_result *result, const char *path, const char *search,
			const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			char *const argv[], char *const envp[])
{
	struct spawn spawn;

	if (result->size < SPAWNCTL_RESULT_SIZE_VER0)
		return EINVAL;
	result->pid = -1;
	result->pidfd = -1;
	set_spawn(&spawn, path, search, actions, attr, argv, envp);
	spawn.pid_out = &result->pid;
	spawn.pidfd_out = attr && (attr->flags & SPAWNCTL_SPAWN_PIDFD) ? &result->pidfd : NULL;
	spawn.result = result;
	return spawnctl_spawn_run(&spawn);
}

int spawnctl_spawn(pid_t *pid, const char *path, const spawnctl_file_actions_t *actions,
		   const spawnctl_attr_t *attr, char *const argv[], char *const envp[])
{
	return spawn_pid(pid, path, NULL, actions, attr, argv, envp);
}

int spawnctl_spawnp(pid_t *pid, const char *file, const spawnctl_file_actions_t *actions,
		    const spawnctl_attr_t *attr, char *const argv[], char *const envp[])
{
	return spawn_pid(pid, file, spawnctl_search_path(file), actions, attr, argv, envp);
}

int spawnctl_spawn_result(struct spawnctl_result *result, const char *path,
			  const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			  char *const argv[], char *const envp[])
{
	return spawn_result(result, path, NULL, actions, attr, argv, envp);
}

int spawnctl_spawnp_result(struct spawnctl_result *result, const char *file,
			   const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			   char *const argv[], char *const envp[])
{
	return spawn_result(result, file, spawnctl_search_path(file), actions, attr, argv, envp);
}

int spawnctl_get_backend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend)
{
	struct request request = {
		.backend = attr ? attr->backend : SPAWNCTL_BACKEND_ANY,
		.fd = attr ? attr->fd : -1,
	};
	int ret = spawnctl_backend_find(&request);

	if (!ret)
		*backend = request.backend;
	return -ret;
}
