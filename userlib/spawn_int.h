/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of a spawn, and the state that the parent and the child's steps share.
 */
#ifndef SPAWNCTL_SPAWN_INT_H
#define SPAWNCTL_SPAWN_INT_H

#include <limits.h>

#include "request.h"

/*
 * Bytes for "DIRECTORY/NAME" on the child's stack. Longer paths are rare and are built in a
 * mapping, because the caller may run on the small stack of a signal handler.
 */
#define SPAWNCTL_CANDIDATE_SIZE	256

#pragma GCC visibility push(hidden)

/**
 * struct action - one file action
 *
 * The layout is glibc's, because the preload library uses glibc's lists as they are. glibc has
 * ACTION_CLOSEFROM since 2.34 and ACTION_TCSETPGRP since 2.35.
 */
struct action {
	enum {
		ACTION_CLOSE,
		ACTION_DUP2,
		ACTION_OPEN,
		ACTION_CHDIR,
		ACTION_FCHDIR,
		ACTION_CLOSEFROM,
		ACTION_TCSETPGRP,
	} op;
	union {
		int fd;			/* all except open, dup2, chdir */
		struct {
			int fd;
			int newfd;
		} dup2;
		struct {
			int fd;
			char *path;
			int oflag;
			mode_t mode;
		} open;
		struct {
			char *path;
		} chdir;
	};
};

/*
 * What an action does to descriptors, for the parent and the child. @fd below is @fd, @dup2.fd or
 * @open.fd, which have the same offset.
 */
enum {
	ACTION_READS_FD		= 1 << 0,	/* uses the file at @fd */
	ACTION_MAKES_FD		= 1 << 1,	/* opens a file at @fd */
	ACTION_MAKES_NEWFD	= 1 << 2,	/* opens a file at @dup2.newfd */
	ACTION_CLOSES_FROM	= 1 << 3,	/* closes @fd and all above it */
	ACTION_TAKES_PATH	= 1 << 4,	/* can see any descriptor, by /proc/self/fd */
	/*
	 * Needs a descriptor table of the child's own, because the action changes the table, or
	 * because it uses a number, as fchdir and tcsetpgrp do: the parent's table can have the
	 * library's descriptor there, and hide_device() closes it only in the child's own table
	 */
	ACTION_OWN_TABLE	= 1 << 5,
};

_Static_assert(offsetof(struct action, fd) == offsetof(struct action, dup2.fd) &&
	       offsetof(struct action, fd) == offsetof(struct action, open.fd), "@fd");

static inline unsigned int action_effects(const struct action *action)
{
	static const unsigned char effects[] = {
		[ACTION_CLOSE] = ACTION_OWN_TABLE,
		[ACTION_DUP2] = ACTION_READS_FD | ACTION_MAKES_NEWFD | ACTION_OWN_TABLE,
		[ACTION_OPEN] = ACTION_MAKES_FD | ACTION_TAKES_PATH | ACTION_OWN_TABLE,
		[ACTION_CHDIR] = ACTION_TAKES_PATH,
		[ACTION_FCHDIR] = ACTION_READS_FD | ACTION_OWN_TABLE,
		[ACTION_CLOSEFROM] = ACTION_CLOSES_FROM | ACTION_OWN_TABLE,
		[ACTION_TCSETPGRP] = ACTION_READS_FD | ACTION_OWN_TABLE,
	};

	/* A list of a newer glibc can contain actions that are not known here */
	return action->op < sizeof(effects) ? effects[action->op] :
					      ACTION_OWN_TABLE | ACTION_TAKES_PATH;
}

/** struct spawnctl_file_actions - a list of actions, laid out as the first members of glibc's */
struct spawnctl_file_actions {
	int allocated;
	int used;
	struct action *list;
};

/*
 * For our lists and glibc's. Both return 0 or an error number, and copy the path of @action.
 * spawnctl_actions_add() checks @action first, spawnctl_actions_append() does not.
 */
int spawnctl_actions_add(struct spawnctl_file_actions *actions, const struct action *action);
int spawnctl_actions_append(struct spawnctl_file_actions *actions, const struct action *action);
void spawnctl_actions_free(struct spawnctl_file_actions *actions);

struct spawnctl_attr {
	unsigned int flags;
	pid_t pgroup;
	unsigned long long sigdefault;
	unsigned long long sigignore;
	unsigned long long sigmask;
	struct sched_param param;
	int policy;
	int cgroup;
	enum spawnctl_backend backend;
	int fd;
	bool transient;			/* do not keep the device open */
};

/* The kernel's 64 signals in a sigset_t of libc, which may be longer */
static inline unsigned long long kernel_sigset(const sigset_t *set)
{
	unsigned long long mask;

	__builtin_memcpy(&mask, set, sizeof(mask));
	return mask;
}

/** struct spawn - one spawn, in memory that the caller and the child share */
struct spawn {
	const char *path;
	const char *search;		/* PATH to search, or NULL if @path is a path */
	char *const *argv;
	char *const *envp;
	const struct action *actions;
	int used;
	const struct spawnctl_attr *attr;
	struct request request;

	/*
	 * For a search: the size of the longest path to try, and the mapping in which it is built
	 * if that exceeds SPAWNCTL_CANDIDATE_SIZE. While the mapping exists SPAWNCTL_SIGSET_HELD
	 * is blocked.
	 */
	size_t candidate_size;
	char *mapped;

	/*
	 * Where the process id and the pidfd are stored, or NULL. @old_pid and @old_pidfd are
	 * the previous contents, which the child restores if exec fails.
	 */
	pid_t *pid_out;
	int *pidfd_out;
	pid_t old_pid;
	int old_pidfd;

	/*
	 * For a child that starts with the caller's descriptor table. The parent sets:
	 * @unshare_at: the action before which the child makes its own table, @used for after the
	 *	last one; -1: the child has its own table already (the child sets this, too)
	 * @closed_by: the closefrom action that is not performed, because the child's own table
	 *	is made without the same descriptors; -1: none
	 * @closed_from: the child's own table is without the descriptors from this one on
	 *
	 * The child sets:
	 * @cannot_unshare: close_range(2) cannot be used. The child's own table then has all
	 *	descriptors, and the child sets @closed_by to -1
	 */
	int unshare_at;
	int closed_by;
	unsigned int closed_from;
	bool cannot_unshare;
	int pidfd;

	/* As in struct spawnctl_result, and where they are stored, or NULL */
	struct spawnctl_result *result;
	int error;
	enum spawnctl_step step;
	int action;
};

/** spawnctl_close_span() - close a range by close_range(2) or /proc: 0 or a negative errno */
long spawnctl_close_span(unsigned int from, unsigned int to);

/** spawnctl_spawn_child() - the child's steps; returns only on failure */
int spawnctl_spawn_child(void *spawn);

/** spawnctl_search_path() - the PATH that spawnp searches for @file; NULL: none */
const char *spawnctl_search_path(const char *file);

/**
 * spawnctl_spawn_run() - perform a spawn
 * @spawn: the spawn, with the members from @path to @attr, @pid_out, @pidfd_out and @result set
 *
 * Return: 0 or an error number.
 */
int spawnctl_spawn_run(struct spawn *spawn);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SPAWN_INT_H */
