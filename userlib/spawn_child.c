// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child's steps. The child runs in the parent's memory, on a small stack. It makes raw system
 * calls only: errno and all other state of libc are the parent's, and the first call of a libc
 * function would also run ld.so (lazy binding) on this stack. There is no recursion, and nothing
 * on the stack grows with the input. Compiled with CHILD_CFLAGS, see the Makefile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "kernel.h"
#include "spawn_int.h"

/* The head of an entry of getdents64(2) */
struct dirent64_head {
	unsigned long long ino;
	long long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/*
 * The caller reads the failure in the shared memory, and reaps this child before a handler of the
 * calling thread runs. In a spawn that does not wait, the caller reads the failure after the kernel
 * has cleared a word, when this child ends. The fence orders these stores before the kernel's.
 */
static int fail(struct spawn *spawn, enum spawnctl_step step, long error)
{
	spawn->step = step;
	spawn->error = -error;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return FAILED_STATUS;
}

/* @name as a number; -1 if it is none (".", or another file system is mounted on /proc) */
static long long fd_number(const char *name)
{
	long long fd = 0;

	for (; *name; name++) {
		if (*name < '0' || *name > '9' || fd > INT_MAX)
			return -1;
		fd = fd * 10 + *name - '0';
	}
	return fd;
}

/*
 * Close the descriptors that one pass over the directory finds or, with @at_exec, set FD_CLOEXEC on
 * them. Return: how many there were, or -errno
 */
static long close_listed(int dir, unsigned int from, unsigned int to, bool at_exec)
{
	char buffer[256] __attribute__((__aligned__(8)));
	long n, closed = 0;
	char *p;

	n = raw_syscall(SYS_lseek, dir, 0, SEEK_SET);
	if (n < 0)
		return n;
	while ((n = raw_syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		for (p = buffer; p < buffer + n; p += ((struct dirent64_head *)p)->reclen) {
			long long fd = fd_number(((struct dirent64_head *)p)->name);

			if (fd < 0 || fd == dir || fd < from || fd > to)
				continue;
			if (at_exec)
				raw_syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
			else
				raw_syscall(SYS_close, fd);
			closed++;
		}
	}
	return n < 0 ? n : closed;
}

/* Uses close_range(2), or /proc if a filter refuses close_range(2) or the kernel lacks it */
__attribute__((__noinline__)) long spawnctl_close_span(unsigned int from, unsigned int to)
{
	unsigned int next = from;
	long ret, dir;

	if (from > to)
		return 0;
	ret = raw_syscall(SYS_close_range, from, to, 0);
	if (!ret)
		return 0;
	/* If the table is full, close some of the descriptors first to make room */
	while ((dir = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -EMFILE &&
	       next <= to && next < from + 16)
		raw_syscall(SYS_close, next++);
	if (dir < 0)
		return ret;
	do {
		ret = close_listed(dir, from, to, false);
	} while (ret > 0);
	raw_syscall(SYS_close, dir);
	return ret;
}

/*
 * The lowest descriptor from @from on that the child itself needs until exec: the pipe of a spawn
 * that does not wait, the file to execute, or the Landlock ruleset. ~0U: none
 */
static unsigned int next_needed(const struct spawn *spawn, unsigned int from)
{
	const struct spawnctl_attr *attr = spawn->attr;
	unsigned int best = ~0U;

	/* -1 (no pipe) becomes ~0U */
	if ((unsigned int)spawn->poll[1] >= from)
		best = spawn->poll[1];
	if (attr->exec_at && (unsigned int)attr->execfd >= from &&
	    (unsigned int)attr->execfd < best)
		best = attr->execfd;
	if ((attr->steps & STEP_BIT(LANDLOCK)) && (unsigned int)attr->landlock >= from &&
	    (unsigned int)attr->landlock < best)
		best = attr->landlock;
	return best;
}

/* Like spawnctl_close_span(), but make descriptors that the child needs close-on-exec instead */
static long close_span(const struct spawn *spawn, unsigned int from, unsigned int to)
{
	unsigned int needed;

	while ((needed = next_needed(spawn, from)) <= to && needed != ~0U) {
		long ret = needed > from ? spawnctl_close_span(from, needed - 1) : 0;

		if (ret)
			return ret;
		raw_syscall(SYS_fcntl, needed, F_SETFD, FD_CLOEXEC);
		if (needed == to)
			return 0;
		from = needed + 1;
	}
	return spawnctl_close_span(from, to);
}

/*
 * Whether an action uses @fd, or O_CLOEXEC. The program has chosen that number without knowing that
 * the library has opened the device there.
 */
static bool must_hide(const struct spawn *spawn, int fd)
{
	int i;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		if ((action_effects(action) & ACTION_READS_FD) && action->fd == fd)
			return true;
		if (action->op == ACTION_OPEN && (action->open.oflag & O_CLOEXEC))
			return true;
	}
	return false;
}

/*
 * Close the library's descriptor in the child's own table, if an action could use it by mistake.
 * Without actions nothing can use it, as it is close-on-exec. A kept descriptor is closed only if
 * an action uses its number, or opens a file with O_CLOEXEC: that file stays close-on-exec only if
 * the lowest free number is the wanted one. A transient descriptor has a low number, and an open
 * action can also reach it by a path through /proc/self/fd.
 */
static void hide_device(const struct spawn *spawn)
{
	const struct descriptor *device = &spawn->request.descriptor;

	if (spawn->used && descriptor_is_ours(device) &&
	    (device->from == DESCRIPTOR_TRANSIENT || must_hide(spawn, device->fd)))
		raw_syscall(SYS_close, device->fd);
}

static bool is_named(const struct spawn *spawn, int fd)
{
	int i;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];
		const unsigned int effects = action_effects(action);

		if (!(effects & (ACTION_TAKES_PATH | ACTION_CLOSES_FROM)) && action->fd == fd)
			return true;
		if ((effects & ACTION_MAKES_FD) && action->open.fd == fd)
			return true;
		if ((effects & ACTION_MAKES_NEWFD) && action->dup2.newfd == fd)
			return true;
	}
	return false;
}

/* Move the pipe to a number that no action names: the program does not know the pipe's number */
static int move_pipe(struct spawn *spawn)
{
	long fd = spawn->poll[1], lowest = 0;

	raw_syscall(SYS_close, spawn->poll[0]);
	while (is_named(spawn, fd)) {
		long moved = raw_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lowest);

		if (moved < 0)
			return fail(spawn, SPAWNCTL_STEP_CLONE, moved);
		raw_syscall(SYS_close, fd);
		fd = moved;
		lowest = moved + 1;
	}
	spawn->poll[1] = fd;
	return 0;
}

/*
 * Make the child's own descriptor table, without the descriptors from @closed_from on. Until this
 * has succeeded the table is the parent's, and must not be changed.
 *
 * close_range(2) is tried in the child and not in the parent, because a filter may kill the process
 * that calls it. libc calls it in the child too. If it cannot be used, unshare(2) copies the whole
 * table. Making another child instead would be visible to the program.
 */
static int unshare_table(struct spawn *spawn)
{
	long ret = raw_syscall(SYS_close_range, spawn->closed_from, ~0U, CLOSE_RANGE_UNSHARE);

	if (ret && ret != -ENOMEM && ret != -EMFILE) {
		spawn->cannot_unshare = true;
		spawn->closed_by = -1;
		ret = raw_syscall(SYS_unshare, CLONE_FILES);
	}
	if (ret)
		return fail(spawn, SPAWNCTL_STEP_CLONE, ret);
	spawn->unshare_at = -1;
	/* The child started with the parent's table, so it contains the parent's pidfd */
	if (spawn->pidfd >= 0)
		raw_syscall(SYS_close, spawn->pidfd);
	hide_device(spawn);
	return 0;
}

static long do_close(const struct spawn *spawn, int fd)
{
	long ret = raw_syscall(SYS_close, fd);
	/* The kernel's struct rlimit64; libc's struct rlimit is smaller on 32-bit architectures */
	unsigned long long limit[2];

	if (!ret)
		return 0;
	/*
	 * A descriptor that is not open is no error; one above RLIMIT_NOFILE is. The step RLIMIT
	 * may have lowered that limit, so it is not checked then
	 */
	if (fd >= 0 && (spawn->attr->steps & STEP_BIT(RLIMIT)))
		return 0;
	if (raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, limit))
		return ret;
	return fd < 0 || (unsigned int)fd >= limit[0] ? ret : 0;
}

static long do_open(const struct action *action)
{
	long fd, ret;

	raw_syscall(SYS_close, action->open.fd);
	fd = raw_syscall(SYS_openat, AT_FDCWD, action->open.path, action->open.oflag | O_LARGEFILE,
			 action->open.mode);
	if (fd < 0 || fd == action->open.fd)
		return fd;
	/* As in glibc, O_CLOEXEC takes effect only if open() itself returned the wanted number */
	ret = raw_dup2(fd, action->open.fd);
	if (ret < 0)
		return ret;
	return raw_syscall(SYS_close, fd);
}

static long do_dup2(int fd, int newfd)
{
	long flags;

	if (fd != newfd)
		return raw_dup2(fd, newfd);
	flags = raw_syscall(SYS_fcntl, fd, F_GETFD);
	if (flags < 0)
		return flags;
	return raw_syscall(SYS_fcntl, fd, F_SETFD, flags & ~FD_CLOEXEC);
}

/* Close all descriptors from @action->but.fd on, except those in the sorted list */
static long do_closefrom_but(const struct spawn *spawn, const struct action *action)
{
	unsigned int from = action->but.fd;
	int i;

	for (i = 0; i < action->but.n; i++) {
		const unsigned int kept = action->but.list[i];
		long ret = 0;

		if (kept < from)
			continue;
		if (kept > from)
			ret = close_span(spawn, from, kept - 1);
		if (ret)
			return ret;
		from = kept + 1;
	}
	return close_span(spawn, from, ~0U);
}

/* Uses /proc where close_range(2) fails: there is no CLOSE_RANGE_CLOEXEC before Linux 5.11 */
static long do_cloexecfrom(unsigned int from)
{
	long ret = raw_syscall(SYS_close_range, from, ~0U, CLOSE_RANGE_CLOEXEC), dir;

	if (!ret)
		return 0;
	dir = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return dir;
	ret = close_listed(dir, from, ~0U, true);
	raw_syscall(SYS_close, dir);
	return ret < 0 ? ret : 0;
}

static long do_blocking(int fd)
{
	long flags = raw_syscall(SYS_fcntl, fd, F_GETFL);

	if (flags < 0 || !(flags & O_NONBLOCK))
		return flags < 0 ? flags : 0;
	return raw_syscall(SYS_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
}

static long do_call(const struct action *action)
{
	int error = action->call.fn(action->call.arg);

	return error > 0 ? -error : error;
}

static long do_tcsetpgrp(const struct spawn *spawn, int fd)
{
	const struct spawnctl_attr *attr = spawn->attr;
	pid_t pgrp = (attr->flags & SPAWNCTL_SPAWN_SETPGROUP) ? attr->pgroup : 0;

	/* In libc's order: a filter may not know getpgid(2) */
	if (!pgrp)
		pgrp = raw_syscall(SYS_getpgid, 0);
	return raw_syscall(SYS_ioctl, fd, TIOCSPGRP, &pgrp);
}

static long do_action(const struct spawn *spawn, const struct action *action)
{
	switch (action->op) {
	case ACTION_CLOSE:
		return do_close(spawn, action->fd);
	case ACTION_DUP2:
		return do_dup2(action->dup2.fd, action->dup2.newfd);
	case ACTION_OPEN:
		return do_open(action);
	case ACTION_CHDIR:
		return raw_syscall(SYS_chdir, action->chdir.path);
	case ACTION_FCHDIR:
		return raw_syscall(SYS_fchdir, action->fd);
	case ACTION_CLOSEFROM:
		return close_span(spawn, action->fd, ~0U);
	case ACTION_TCSETPGRP:
		return do_tcsetpgrp(spawn, action->fd);
	case ACTION_CLOSEFROM_BUT:
		return do_closefrom_but(spawn, action);
	case ACTION_CLOEXECFROM:
		return do_cloexecfrom(action->fd);
	case ACTION_CTTY:
		return raw_syscall(SYS_ioctl, action->fd, TIOCSCTTY, 0);
	case ACTION_BLOCKING:
		return do_blocking(action->fd);
	case ACTION_CALL:
		return do_call(action);
	}
	return -EINVAL;
}

static int do_actions(struct spawn *spawn)
{
	int i;

	for (i = 0; i < spawn->used; i++) {
		long error;

		if (i == spawn->unshare_at) {
			int ret = unshare_table(spawn);

			if (ret)
				return ret;
		}
		/* unshare_table() has performed this one */
		if (i == spawn->closed_by)
			continue;
		error = do_action(spawn, &spawn->actions[i]);
		if (error < 0) {
			spawn->action = i;
			return fail(spawn, SPAWNCTL_STEP_ACTION, error);
		}
	}
	return i == spawn->unshare_at ? unshare_table(spawn) : 0;
}

/* The lowest descriptor from @from on that an action makes, or ~0U */
static unsigned int next_made(const struct spawn *spawn, unsigned int from)
{
	unsigned int best = ~0U, fd;
	int i;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];
		const unsigned int effects = action_effects(action);

		if (effects & ACTION_MAKES_FD)
			fd = action->fd;
		else if (effects & ACTION_MAKES_NEWFD)
			fd = action->dup2.newfd;
		else
			continue;
		if (fd >= from && fd < best)
			best = fd;
	}
	return best;
}

static int close_unnamed(struct spawn *spawn)
{
	unsigned int from = 0, kept;

	do {
		long error;

		kept = next_made(spawn, from);
		error = kept > from ? close_span(spawn, from, kept - (kept != ~0U)) : 0;
		if (error < 0)
			return fail(spawn, SPAWNCTL_STEP_CLOEXEC_DEFAULT, error);
		from = kept + 1;
	} while (kept != ~0U);
	return 0;
}

/* The steps that come before the file actions; the others come after them */
#define BEFORE_ACTIONS	(STEP_BIT(ACTION) - 1)

static int do_steps(struct spawn *spawn, unsigned int steps)
{
	enum spawnctl_step failed;
	long ret;

	if (!steps)
		return 0;
	ret = spawnctl_steps(spawn, steps, &failed);
	return ret < 0 ? fail(spawn, failed, ret) : 0;
}

/*
 * With the device, a handler of the caller may run as soon as the program is executed. The handler
 * may read the stored process id of the child, so the child stores the id before exec. The handler
 * may then clear the stored id, so the caller does not store it again.
 */
static void publish(struct spawn *spawn)
{
	if (spawn->request.backend != SPAWNCTL_BACKEND_DEVICE || request_no_wait(&spawn->request))
		return;
	if (spawn->pid_out) {
		spawn->old_pid = *spawn->pid_out;
		*spawn->pid_out = spawn->request.tid;
	}
	if (spawn->pidfd_out) {
		spawn->old_pidfd = *spawn->pidfd_out;
		*spawn->pidfd_out = spawn->pidfd;
	}
	spawn->request.signals.hold.wanted = false;
}

static void withdraw(struct spawn *spawn)
{
	if (spawn->request.backend != SPAWNCTL_BACKEND_DEVICE || request_no_wait(&spawn->request))
		return;
	spawn->request.signals.hold.wanted = true;
	if (spawn->pid_out)
		*spawn->pid_out = spawn->old_pid;
	if (spawn->pidfd_out)
		*spawn->pidfd_out = spawn->old_pidfd;
}

static long execute(const struct spawn *spawn, const char *path)
{
	long error;

	if (spawn->attr->exec_at)
		return raw_syscall(SYS_execveat, spawn->attr->execfd, path, spawn->argv,
				   spawn->envp, AT_EMPTY_PATH);
	error = raw_syscall(SYS_execve, path, spawn->argv, spawn->envp);
	if (error == -ENOEXEC && spawn->shell) {
		spawn->shell[0] = "/bin/sh";
		spawn->shell[1] = path;
		error = raw_syscall(SYS_execve, spawn->shell[0], spawn->shell, spawn->envp);
	}
	return error;
}

/* Errors after which the next directory is tried, as in glibc */
static bool not_here(long error)
{
	return error == -EACCES || error == -ENOENT || error == -ESTALE || error == -ENOTDIR ||
	       error == -ENODEV || error == -ETIMEDOUT;
}

static __attribute__((__noinline__)) long search(const struct spawn *spawn)
{
	char buffer[SPAWNCTL_CANDIDATE_SIZE], *candidate = buffer;
	const char *dir = spawn->search, *end;
	size_t size = sizeof(buffer);
	long error = -ENOENT;
	bool denied = false;
	size_t len, i;

	if (spawn->candidate) {
		candidate = spawn->candidate;
		size = spawn->candidate_size;
	}
	for (len = 0; spawn->path[len]; len++)
		if (len == NAME_MAX)
			return -ENAMETOOLONG;
	for (;; dir = end + 1) {
		for (end = dir; *end && *end != ':'; end++)
			;
		/* Recheck: another thread may have changed PATH since candidate_size() */
		if (end - dir < PATH_MAX && end - dir + len + 2 <= size) {
			char *name = candidate + (end - dir);

			for (i = 0; i < (size_t)(end - dir); i++)
				candidate[i] = dir[i];
			if (end > dir)
				*name++ = '/';
			for (i = 0; i <= len; i++)
				name[i] = spawn->path[i];
			error = execute(spawn, candidate);
			if (!not_here(error))
				return error;
			denied |= error == -EACCES;
		}
		if (!*end)
			return denied ? -EACCES : error;
	}
}

/*
 * With clone(2), the child calls set_tid_address(2), so that the kernel will clear the word. The
 * parent does not pass the address to clone(2), because the order of the arguments of clone(2)
 * differs between architectures.
 */
static int set_word(struct spawn *spawn)
{
	struct request *request = &spawn->request;
	long ret;

	if (request->backend != SPAWNCTL_BACKEND_CLONE || !request_no_wait(request))
		return 0;
	ret = raw_syscall(SYS_set_tid_address, request->clone.child_tid);
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_CLONE, ret);
	__atomic_store_n(&request->clears_word, true, __ATOMIC_RELAXED);
	return 0;
}

int spawnctl_spawn_child(void *arg)
{
	struct spawn *spawn = arg;
	unsigned int steps;
	long error;
	int ret;

	ret = set_word(spawn);
	if (!ret && spawn->poll[1] >= 0)
		ret = move_pipe(spawn);
	if (ret)
		return ret;
	if (spawn->unshare_at < 0)
		hide_device(spawn);
	steps = (spawn->attr->flags | spawn->attr->steps) ? spawnctl_steps_of(spawn->attr) : 0;
	ret = do_steps(spawn, steps & BEFORE_ACTIONS);
	if (!ret)
		ret = do_actions(spawn);
	if (!ret && (spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT))
		ret = close_unnamed(spawn);
	if (!ret)
		ret = do_steps(spawn, steps & ~BEFORE_ACTIONS & ~STEP_BIT(SECCOMP));
	if (ret)
		return ret;
	publish(spawn);
	spawnctl_request_before_exec(&spawn->request);
	/* Last, because the filter can refuse the system calls above */
	ret = do_steps(spawn, steps & STEP_BIT(SECCOMP));
	if (ret) {
		withdraw(spawn);
		return ret;
	}
	error = spawn->search ? search(spawn) : execute(spawn, spawn->path);
	withdraw(spawn);
	return fail(spawn, SPAWNCTL_STEP_EXEC, error);
}
