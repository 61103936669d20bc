// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The child's steps. It runs in the parent's memory, on a small stack: raw system
 * calls only, as errno and all else that libc has is the parent's, and a call of
 * libc's may be its first, with ld.so's part below it; no recursion, and nothing on
 * the stack that grows with what it is given. Compiled with CHILD_CFLAGS of the
 * Makefile, see there.
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

/* As getdents64(2) gives it */
struct dirent64_head {
	unsigned long long ino;
	long long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* The caller takes note, and waits for this child before its handlers hear of it */
static int fail(struct spawn *spawn, enum spawnctl_step step, long error)
{
	spawn->failure.step = step;
	spawn->failure.error = -error;
	return 127;
}

/* The number that is all of @name, or -1: something else may be mounted on /proc */
static long fd_number(const char *name)
{
	long fd = 0;

	for (; *name; name++) {
		if (*name < '0' || *name > '9' || fd > INT_MAX)
			return -1;
		fd = fd * 10 + *name - '0';
	}
	return fd;
}

/* Closes what one pass over the directory shows; how many, or -errno */
static long close_listed(int dir, unsigned int from, unsigned int to)
{
	char buffer[256] __attribute__((__aligned__(8)));
	long n, closed = 0;
	char *p;

	n = raw_syscall(SYS_lseek, dir, 0, SEEK_SET);
	if (n < 0)
		return n;
	while ((n = raw_syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		for (p = buffer; p < buffer + n; p += ((struct dirent64_head *)p)->reclen) {
			long fd = fd_number(((struct dirent64_head *)p)->name);

			if (fd < 0 || fd == dir || fd < from || fd > to)
				continue;
			raw_syscall(SYS_close, fd);
			closed++;
		}
	}
	return n < 0 ? n : closed;
}

/* close_range(2), and by /proc where a filter or an old kernel has none */
__attribute__((__noinline__)) long spawnctl_close_span(unsigned int from, unsigned int to)
{
	unsigned int next = from;
	long ret, dir;

	if (from > to)
		return 0;
	ret = raw_syscall(SYS_close_range, from, to, 0);
	if (!ret)
		return 0;
	/* With no descriptor left, one that is to be closed makes room */
	while ((dir = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -EMFILE &&
	       next <= to && next < from + 16)
		raw_syscall(SYS_close, next++);
	if (dir < 0)
		return ret;
	do {
		ret = close_listed(dir, from, to);
	} while (ret > 0);
	raw_syscall(SYS_close, dir);
	return ret;
}

/* Whether an action finds the kept descriptor, which the program knows nothing of */
static bool names(const struct spawn *spawn, int fd)
{
	int i;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		if (action->op == ACTION_DUP2 ? action->dup2.fd == fd :
		    (action->op == ACTION_FCHDIR || action->op == ACTION_TCSETPGRP) &&
		    action->fd == fd)
			return true;
	}
	return false;
}

/*
 * In the child's own table. It is close-on-exec: without actions nothing finds it, and
 * one for one use, of a low number, can also be found by a path.
 */
static void hide_device(const struct spawn *spawn)
{
	const struct device *device = &spawn->birth.device;

	if (spawn->used && device_is_ours(device) &&
	    (device->from == DEVICE_TRANSIENT || names(spawn, device->fd)))
		raw_syscall(SYS_close, device->fd);
}

/*
 * The child's own table, of which nothing from @first on was ever copied. Until
 * then, and if this fails, the table is the parent's: not to be touched.
 *
 * Whether there is a close_range(2) is found out here and not in the parent: a filter
 * may kill for it, and libc calls it in the child. Without one the table is copied
 * whole, and no other child is made, of which the program would hear.
 */
static int unshare_table(struct spawn *spawn)
{
	long ret;

	if (!spawn->share)
		return 0;
	ret = raw_syscall(SYS_close_range, spawn->first, ~0U, CLOSE_RANGE_UNSHARE);
	spawn->closed_span = !ret;
	if (ret && ret != -ENOMEM && ret != -EMFILE) {
		spawn->cannot_unshare = true;
		ret = raw_syscall(SYS_unshare, CLONE_FILES);
	}
	if (ret)
		return fail(spawn, SPAWNCTL_STEP_CLONE, ret);
	spawn->share = false;
	/* The parent's, made since; it is not there in a child with a copy */
	if (spawn->pidfd >= 0)
		raw_syscall(SYS_close, spawn->pidfd);
	hide_device(spawn);
	return 0;
}

static long do_close(int fd)
{
	long ret = raw_syscall(SYS_close, fd);
	struct rlimit limit;

	if (!ret)
		return 0;
	/* That it is not open is no error; that it never could be is one */
	if (raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit))
		return ret;
	return fd < 0 || (rlim_t)fd >= limit.rlim_cur ? ret : 0;
}

static long do_open(const struct action *action)
{
	long fd, ret;

	raw_syscall(SYS_close, action->open.fd);
	fd = raw_syscall(SYS_openat, AT_FDCWD, action->open.path, action->open.oflag,
			 action->open.mode);
	if (fd < 0 || fd == action->open.fd)
		return fd;
	/* As in glibc, O_CLOEXEC holds only if open() gave the number itself */
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

static long do_tcsetpgrp(int fd)
{
	pid_t pgrp = raw_syscall(SYS_getpgid, 0);

	return raw_syscall(SYS_ioctl, fd, TIOCSPGRP, &pgrp);
}

static long do_action(const struct action *action)
{
	switch (action->op) {
	case ACTION_CLOSE:
		return do_close(action->fd);
	case ACTION_DUP2:
		return do_dup2(action->dup2.fd, action->dup2.newfd);
	case ACTION_OPEN:
		return do_open(action);
	case ACTION_CHDIR:
		return raw_syscall(SYS_chdir, action->chdir.path);
	case ACTION_FCHDIR:
		return raw_syscall(SYS_fchdir, action->fd);
	case ACTION_CLOSEFROM:
		return spawnctl_close_span(action->fd, ~0U);
	case ACTION_TCSETPGRP:
		return do_tcsetpgrp(action->fd);
	}
	return -EINVAL;
}

static int do_actions(struct spawn *spawn)
{
	bool closefrom_seen = false;
	int i, ret;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];
		long error;

		if (action->op != ACTION_CHDIR) {
			ret = unshare_table(spawn);
			if (ret)
				return ret;
		}
		if (action->op == ACTION_CLOSEFROM && !closefrom_seen) {
			closefrom_seen = true;
			/* What it has to close is not there */
			if (spawn->closed_span && (unsigned int)action->fd == spawn->first)
				continue;
		}
		error = do_action(action);
		if (error < 0) {
			spawn->failure.action = i;
			return fail(spawn, SPAWNCTL_STEP_ACTION, error);
		}
	}
	return 0;
}

/* The lowest descriptor from @from on that an action has for its target, or ~0U */
static unsigned int next_kept(const struct spawn *spawn, unsigned int from)
{
	unsigned int best = ~0U, fd;
	int i;

	for (i = 0; i < spawn->used; i++) {
		const struct action *action = &spawn->actions[i];

		if (action->op == ACTION_OPEN)
			fd = action->open.fd;
		else if (action->op == ACTION_DUP2)
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
	int ret = unshare_table(spawn);

	if (ret)
		return ret;
	do {
		long error;

		kept = next_kept(spawn, from);
		error = kept > from ? spawnctl_close_span(from, kept - (kept != ~0U)) : 0;
		if (error < 0)
			return fail(spawn, SPAWNCTL_STEP_CLOEXEC_DEFAULT, error);
		from = kept + 1;
	} while (kept != ~0U);
	return 0;
}

static int set_attributes(struct spawn *spawn)
{
	const struct spawnctl_attr *attr = spawn->attr;
	const unsigned int sched = SPAWNCTL_SPAWN_SETSCHEDPARAM | SPAWNCTL_SPAWN_SETSCHEDULER;
	long ret = 0;

	if (!attr->flags)
		return 0;

	if ((attr->flags & sched) == SPAWNCTL_SPAWN_SETSCHEDPARAM)
		ret = raw_syscall(SYS_sched_setparam, 0, &attr->param);
	else if (attr->flags & SPAWNCTL_SPAWN_SETSCHEDULER)
		ret = raw_syscall(SYS_sched_setscheduler, 0, attr->policy, &attr->param);
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_SCHED, ret);

	if (attr->flags & SPAWNCTL_SPAWN_SETSID)
		ret = raw_syscall(SYS_setsid);
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_SETSID, ret);

	if (attr->flags & SPAWNCTL_SPAWN_SETPGROUP)
		ret = raw_syscall(SYS_setpgid, 0, attr->pgroup);
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_SETPGROUP, ret);

	/* In glibc's order */
	if (attr->flags & SPAWNCTL_SPAWN_RESETIDS) {
		ret = raw_syscall(SYS_setresuid, -1, raw_syscall(SYS_getuid), -1);
		if (!ret)
			ret = raw_syscall(SYS_setresgid, -1, raw_syscall(SYS_getgid), -1);
	}
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_RESETIDS, ret);

	/* The device's child has it from birth */
	if ((attr->flags & SPAWNCTL_SPAWN_NO_NEW_PRIVS) &&
	    spawn->birth.backend != SPAWNCTL_BACKEND_DEVICE)
		ret = raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
	if (ret < 0)
		return fail(spawn, SPAWNCTL_STEP_NO_NEW_PRIVS, ret);
	return 0;
}

/*
 * By the device, a handler of the caller's may run as soon as the program is executed,
 * and look for it by its id, and forget that. So the caller stores it no more.
 */
static void publish(struct spawn *spawn)
{
	if (spawn->birth.backend != SPAWNCTL_BACKEND_DEVICE)
		return;
	if (spawn->pid) {
		spawn->old_pid = *spawn->pid;
		*spawn->pid = spawn->birth.tid;
	}
	if (spawn->attr->pidfd) {
		spawn->old_pidfd = *spawn->attr->pidfd;
		*spawn->attr->pidfd = spawn->pidfd;
	}
	spawn->birth.hold.wanted = false;
}

static void withdraw(struct spawn *spawn)
{
	if (spawn->birth.backend != SPAWNCTL_BACKEND_DEVICE)
		return;
	spawn->birth.hold.wanted = true;
	if (spawn->pid)
		*spawn->pid = spawn->old_pid;
	if (spawn->attr->pidfd)
		*spawn->attr->pidfd = spawn->old_pidfd;
}

static long execute(const struct spawn *spawn, const char *path)
{
	return raw_syscall(SYS_execve, path, spawn->argv, spawn->envp);
}

/* Errors after which the next directory is tried, as glibc has them */
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

	if (spawn->mapped) {
		candidate = spawn->mapped;
		size = spawn->candidate_size;
	}
	for (len = 0; spawn->path[len]; len++)
		if (len == NAME_MAX)
			return -ENAMETOOLONG;
	for (;; dir = end + 1) {
		for (end = dir; *end && *end != ':'; end++)
			;
		/* Another thread may have changed the environment since it was measured */
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

int spawnctl_spawn_child(void *arg)
{
	struct spawn *spawn = arg;
	long error;
	int ret;

	if (!spawn->share)
		hide_device(spawn);
	ret = set_attributes(spawn);
	if (!ret)
		ret = do_actions(spawn);
	if (!ret && (spawn->attr->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT))
		ret = close_unnamed(spawn);
	if (ret)
		return ret;
	publish(spawn);
	spawnctl_birth_before_exec(&spawn->birth);
	error = spawn->search ? search(spawn) : execute(spawn, spawn->path);
	withdraw(spawn);
	return fail(spawn, SPAWNCTL_STEP_EXEC, error);
}
