// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parent's side of a spawn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend.h"
#include "kernel.h"
#include "spawn_int.h"

/* A spawn that waits has no place for the descriptor, and would wait for a stopped child */
#define START_FLAGS	(SPAWNCTL_SPAWN_POLL | SPAWNCTL_SPAWN_STOP)
#define CS_PATH		"/bin:/usr/bin"		/* glibc's default if PATH is not set */
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

/* Whether close_range(2) can unshare a descriptor table: 1, -1, or 0: not known yet; atomic */
static int can_unshare;

/*
 * Return: @closed_from, raised if necessary so that the child's own table keeps the descriptor @fd.
 * That can be any int, because glibc's lists can contain unchecked numbers; hence the long long.
 */
static long long raise_closed_from(long long closed_from, long long fd)
{
	return fd >= closed_from ? fd + 1 : closed_from;
}

/*
 * Find the descriptors to leave out of the child's own table, because an action, or
 * CLOEXEC_DEFAULT, will close them. No action before that may see the difference. Open and chdir
 * actions could, by a path through /proc/self/fd.
 *
 * Return: false if an action could see the difference, or if there is neither a closefrom action
 * nor CLOEXEC_DEFAULT. Else @spawn->closed_from and @spawn->closed_by are set.
 */
static bool set_closed(struct spawn *spawn, int from)
{
	unsigned int effects = 0;
	long long closed_from = 0;
	int i;

	if (spawn->attr->exec_at)
		closed_from = raise_closed_from(closed_from, spawn->attr->execfd);
	if (spawn->attr->steps & STEP_BIT(LANDLOCK))
		closed_from = raise_closed_from(closed_from, spawn->attr->landlock);
	for (i = from; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		effects = action_effects(action);
		if (effects & (ACTION_TAKES_PATH | ACTION_CLOSES_FROM))
			break;
		closed_from = raise_closed_from(closed_from, action->fd);
		if (effects & ACTION_MAKES_NEWFD)
			closed_from = raise_closed_from(closed_from, action->dup2.newfd);
	}
	if (effects & ACTION_TAKES_PATH)
		return false;
	if (effects & ACTION_CLOSES_FROM) {
		closed_from = raise_closed_from(closed_from, spawn->actions[i].fd - 1L);
		if (spawn->actions[i].fd == closed_from)
			spawn->closed_by = i;
	} else if (!(spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT)) {
		return false;
	}
	spawn->closed_from = closed_from;
	return true;
}

/* Whether the kernel makes a correct copy. A child can find that a filter refuses it */
static bool may_unshare(void)
{
	int can = __atomic_load_n(&can_unshare, __ATOMIC_RELAXED);

	if (!can) {
		can = spawnctl_kernel_cuts_tables() ? 1 : -1;
		__atomic_store_n(&can_unshare, can, __ATOMIC_RELAXED);
	}
	return can > 0;
}

/* Return: TABLE_OF_EXEC if execve(2) may make the copy on this kernel, else -1 */
static int table_of_exec(void)
{
	static int known;	/* 0: not yet; atomic */
	int ret = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!ret) {
		ret = spawnctl_kernel_at_least(5, 16) ? TABLE_OF_EXEC : -1;
		__atomic_store_n(&known, ret, __ATOMIC_RELAXED);
	}
	return ret;
}

/*
 * For how long the child may use the parent's descriptor table. A copy also refers to files that
 * other threads have open for writing. Until the child has closed them, execve(2) of such a file
 * fails with ETXTBSY. So the copy is made as late as possible.
 *
 * If no action needs a table of the child's own, execve(2) makes the copy, just before it closes
 * the close-on-exec descriptors. If there is no memory for the copy, the kernel kills the child by
 * SIGSEGV. Before Linux 5.16 this would also kill the parent, because they share the memory, so
 * there the child starts with a copy.
 *
 * If an action needs a table of the child's own, and set_closed() finds the descriptors to leave
 * out, the child makes it by close_range(2). Otherwise the child starts with a copy. close_range(2)
 * could make that later, too, but libc would not call it here, and a filter may kill a process for
 * it.
 *
 * Chdir actions at the start of the list are performed while the child still has the parent's
 * table, unless that contains a descriptor that was opened for this spawn: the pidfd or the device.
 *
 * Return: the action before which the child has to make its own table, TABLE_OF_EXEC if execve(2)
 * makes it, or -1 to start with a copy
 */
static int shared_until(struct spawn *spawn)
{
	int until = 0;

	/* The step OOM_SCORE_ADJ opens a file before the actions */
	if (spawn->attr->steps & STEP_BIT(OOM_SCORE_ADJ))
		return -1;
	/* An emulator does not have the device, and may not have such a child */
	if (spawn->request.backend != SPAWNCTL_BACKEND_DEVICE && spawnctl_arch_emulated())
		return -1;
	while (until < spawn->used &&
	       !(action_effects(&spawn->actions[until]) & ACTION_OWN_TABLE))
		until++;
	if (until && (spawn->pidfd_out || descriptor_is_transient(&spawn->request.descriptor)))
		return -1;
	if (until == spawn->used && !(spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT))
		return table_of_exec();
	if (!may_unshare() || !set_closed(spawn, until))
		return -1;
	return until;
}

static void share_table(struct spawn *spawn)
{
	spawn->unshare_at = shared_until(spawn);
	spawn->request.may_copy_table = spawn->unshare_at == TABLE_OF_EXEC;
	if (spawn->unshare_at >= 0)
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

/* Like spawnctl_spawn_set(), does not clear the struct first. Leaves @request.signals unchanged */
static inline __attribute__((__always_inline__)) void set_request(struct spawn *spawn)
{
	struct request *request = &spawn->request;

	spawn->cannot_unshare = false;
	spawn->unshare_at = -1;
	spawn->closed_by = -1;
	spawn->pidfd = -1;
	spawn->poll[0] = -1;
	spawn->poll[1] = -1;
	spawn->error = 0;
	spawn->step = SPAWNCTL_STEP_NONE;
	spawn->action = -1;
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
	if (spawn->attr->steps & STEP_BIT(PDEATHSIG))
		spawn->parent = raw_syscall(SYS_getpid);
	request->backend = spawn->attr->backend;
	request->fd = spawn->attr->fd;
	request->transient = spawn->attr->transient;
	request->open_window = false;
	request->hold_all = true;
	request->may_copy_table = false;
	request->fn = spawnctl_spawn_child;
	request->arg = spawn;
}

void spawnctl_spawn_request(struct spawn *spawn)
{
	set_request(spawn);
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
 * The exit signal is SIGCHLD (0 with SPAWNCTL_SPAWN_AUTOREAP only). If it were 0, such a
 * waitpid(-1) would not see the child until exec, which sets SIGCHLD. But a child that is killed
 * before exec would stay a zombie: the program's waitpid() for its id would fail with ECHILD, and
 * no SIGCHLD would be sent. To detect that case would take one more system call per spawn.
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
	if (spawn->stack) {
		spawn->request.clone.stack = (unsigned long)spawn->stack;
		spawn->request.clone.stack_size = CALL_STACK;
	}
	*canary = CANARY;
	pid = spawnctl_backend_make_child(&spawn->request);
	/* The child has overrun its stack, and has corrupted this thread's stack below it */
	if (*canary != CANARY)
		__builtin_trap();
	return pid;
}

/* Bytes for the longest "DIRECTORY/NAME" that is tried */
size_t spawnctl_candidate_size(const struct spawn *spawn)
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
 * Map what does not fit on the child's stack: a long path, the arguments of a shell, the stack of a
 * function of the program. Asynchronous signals, libc's for cancellation included, are blocked in
 * this thread until the mapping is gone: a handler could jump out of the call and leak the mapping.
 * Return: 0 or an error number.
 */
static int map_room(struct spawn *spawn)
{
	const bool calls = spawn->calls;
	size_t guard = 0, shell = 0;
	long map;

	spawn->mapped = NULL;
	spawn->candidate = NULL;
	spawn->shell = NULL;
	spawn->stack = NULL;
	spawn->candidate_size = spawn->search ? spawnctl_candidate_size(spawn) : 0;
	if (spawn->candidate_size <= SPAWNCTL_CANDIDATE_SIZE)
		spawn->candidate_size = 0;
	if (spawn->attr->flags & SPAWNCTL_SPAWN_SHELL)
		shell = spawnctl_shell_size(spawn);
	if (!spawn->candidate_size && !shell && !calls)
		return 0;
	if (calls)
		guard = sysconf(_SC_PAGESIZE);
	spawn->mapped_size = spawn->candidate_size + shell + (calls ? guard + CALL_STACK : 0);
	spawnctl_signals_hold(&spawn->request.signals, SPAWNCTL_SIGSET_HELD);
	map = raw_syscall(NR_MMAP, NULL, spawn->mapped_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map < 0 && map >= -MAX_ERRNO)
		return -map;
	spawn->mapped = (char *)map;
	if (calls) {
		raw_syscall(SYS_mprotect, map, guard, PROT_NONE);
		spawn->stack = spawn->mapped + guard;
	}
	map += calls ? guard + CALL_STACK : 0;
	if (shell)
		spawnctl_set_shell(spawn, (void *)map, shell);
	if (spawn->candidate_size)
		spawn->candidate = (char *)map + shell;
	return 0;
}

static void unmap_room(struct spawn *spawn)
{
	struct caller_signals *signals = &spawn->request.signals;

	/* Unblock SIGSYS: the program may emulate munmap(2) */
	if (signals->hold.wanted)
		spawnctl_signals_narrow(signals, SPAWNCTL_SIGSET_HELD);
	raw_syscall(SYS_munmap, spawn->mapped, spawn->mapped_size);
}

/* Bytes for the arguments of /bin/sh: its name, the path of the program, @argv from 1 on, NULL */
size_t spawnctl_shell_size(const struct spawn *spawn)
{
	size_t n = 0;

	while (spawn->argv && spawn->argv[n])
		n++;
	return (n + 3) * sizeof(*spawn->shell);
}

void spawnctl_set_shell(struct spawn *spawn, const char **room, size_t size)
{
	size_t most = size / sizeof(*room) - 3, i = 1;

	/* The child sets the first two. @argv can have changed since it was counted */
	if (spawn->argv && spawn->argv[0])
		for (; i < most && spawn->argv[i]; i++)
			room[i + 1] = spawn->argv[i];
	room[i + 1] = NULL;
	spawn->shell = room;
}

/* No child was made */
static void fail(struct spawn *spawn, int error)
{
	spawn->error = error;
	spawn->step = SPAWNCTL_STEP_CLONE;
	spawn->action = -1;
}

/* Leaves the process id and the pidfd to its callers: the child may have stored them already */
void spawnctl_spawn_result_store(const struct spawn *spawn, struct spawnctl_result *result)
{
	result->error = spawn->error;
	result->step = spawn->step;
	result->action = spawn->action;
}

static long attempt(struct spawn *spawn)
{
	long pid;

	set_request(spawn);
	pid = spawnctl_backend_begin(&spawn->request);
	if (!pid) {
		share_table(spawn);
		pid = make_child(spawn);
	}
	if (pid < 0) {
		fail(spawn, -pid);
		spawn->cannot_unshare = request_refuses_sharing(&spawn->request, pid);
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
 * After a child could not use close_range(2), or clone(2) has refused a child that shares the
 * table: whether another child has to be made, with a copy of the table. This is not necessary if
 * unshare(2) has made the copy.
 */
static bool must_copy_table(struct spawn *spawn)
{
	struct caller_signals *signals = &spawn->request.signals;

	__atomic_store_n(&can_unshare, -1, __ATOMIC_RELAXED);
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
	int error, cancel = PTHREAD_CANCEL_ENABLE, saved = errno;
	long pid;

	/* cppcheck-suppress ctuuninitvar; the members that are used have been set */
	if (!spawn->attr)
		spawn->attr = &none;
	signals->hold.wanted = false;
	signals->held = false;
	error = map_room(spawn);
	if (error) {
		spawn->request.backend = spawn->attr->backend;
		spawn->request.passed_over = 0;
		fail(spawn, error);
		goto out;
	}
	/*
	 * The function of an addcall action runs in a child that shares this thread's control
	 * block: at a cancellation point it would act on a pthread_cancel() of this thread. Signals
	 * are blocked while cancellation is disabled, so no handler can leave it disabled.
	 */
	if (spawn->calls)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
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
		unmap_room(spawn);
out:
	/* A function of the program has this thread's errno, too */
	if (spawn->calls)
		errno = saved;
	if (spawn->result)
		spawnctl_spawn_result_store(spawn, spawn->result);
	/* On an error, cancellation was not disabled */
	if (spawn->calls && !error)
		pthread_setcancelstate(cancel, NULL);
	spawnctl_signals_release(signals);
	return spawn->error;
}

/* The directories to search: NULL if @file is a path, or no name at all */
const char *spawnctl_search_path(const char *file, const struct spawnctl_attr *attr)
{
	const char *path;

	if (!file || !*file || strchr(file, '/'))
		return NULL;
	if (attr && attr->search)
		return attr->search;
	path = getenv("PATH");
	return path ? path : CS_PATH;
}

/* Does not clear the struct first, to save time: each member is set before it is read */
void spawnctl_spawn_set(struct spawn *spawn, const char *path, const char *search,
			const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			char *const argv[], char *const envp[])
{
	spawn->path = path;
	spawn->search = search;
	spawn->argv = argv;
	spawn->envp = envp;
	spawn->actions = actions ? actions->list : NULL;
	spawn->used = actions ? actions->used : 0;
	spawn->calls = actions && actions->calls;
	spawn->attr = attr;
}

static int spawn_pid(pid_t *pid, const char *path, const char *search,
		     const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
		     char *const argv[], char *const envp[])
{
	struct spawn spawn;

	if (attr && (attr->flags & (SPAWNCTL_SPAWN_PIDFD | START_FLAGS)))
		return EINVAL;
	spawnctl_spawn_set(&spawn, path, search, actions, attr, argv, envp);
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
	if (attr && (attr->flags & START_FLAGS))
		return EINVAL;
	result->pid = -1;
	result->pidfd = -1;
	spawnctl_spawn_set(&spawn, path, search, actions, attr, argv, envp);
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
	return spawn_pid(pid, file, spawnctl_search_path(file, attr), actions, attr, argv, envp);
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
	return spawn_result(result, file, spawnctl_search_path(file, attr), actions, attr, argv,
			    envp);
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
