/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of a spawn, and what the parent and the child's steps share.
 */
#ifndef SPAWNCTL_SPAWN_INT_H
#define SPAWNCTL_SPAWN_INT_H

#include <limits.h>

#include "birth.h"

/*
 * Bytes for "DIRECTORY/NAME" on the child's stack. Longer ones are rare, and are written
 * to a mapping: the caller's stack may be that of a signal handler.
 */
#define SPAWNCTL_CANDIDATE_SIZE	256

#pragma GCC visibility push(hidden)

/**
 * struct action - one file action
 *
 * Laid out as glibc's, whose lists the preload library takes as they are. In glibc
 * ACTION_CLOSEFROM is from 2.34 on, ACTION_TCSETPGRP from 2.35 on.
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
		int fd;			/* all but open, dup2, chdir */
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

/** struct spawnctl_file_actions - a list; the start of glibc's */
struct spawnctl_file_actions {
	int allocated;
	int used;
	struct action *list;
};

/*
 * Of a list of either kind: 0 or an error number. @path is copied. The first checks
 * what it is given.
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
	int *pidfd;
	struct spawnctl_failure *failure;
	bool transient;			/* leave no descriptor open */
};

/* The kernel's part of a libc's signal set, which may be longer */
static inline unsigned long long kernel_sigset(const sigset_t *set)
{
	unsigned long long mask;

	__builtin_memcpy(&mask, set, sizeof(mask));
	return mask;
}

/** struct spawn - one spawn, in the caller's memory, which the child shares */
struct spawn {
	const char *path;
	const char *search;		/* PATH, or NULL: @path is one */
	char *const *argv;
	char *const *envp;
	const struct action *actions;
	int used;
	const struct spawnctl_attr *attr;
	struct birth birth;

	/* The descriptor of the device is open for this spawn alone, if it is not given */
	bool transient;

	/*
	 * For a search: the size of the longest path, and where it is written if
	 * SPAWNCTL_CANDIDATE_SIZE is less. Then all signals are held back from the
	 * mapping to its end, and @search_mask is what the caller had.
	 */
	size_t candidate_size;
	char *mapped;
	unsigned long long search_mask;

	/* Where the results go, or NULL: the pidfd's is that of @attr */
	pid_t *pid;
	pid_t old_pid;
	int old_pidfd;

	/*
	 * The descriptor table is the caller's until the child has made its own,
	 * with no descriptor from @first on, if @closed_span.
	 */
	bool share;
	bool closed_span;
	unsigned int first;
	int pidfd;
	bool cannot_unshare;

	struct spawnctl_failure failure;
};

/** spawnctl_close_span() - close_range(2), or by /proc: 0 or a negative errno */
long spawnctl_close_span(unsigned int from, unsigned int to);

/** spawnctl_spawn_child() - the child's steps; returns only on failure */
int spawnctl_spawn_child(void *spawn);

/** spawnctl_search_path() - where spawnp looks for @file; NULL: nowhere */
const char *spawnctl_search_path(const char *file);

/** spawnctl_spawn_run() - spawn it, as far as filled in: 0 or an error number */
int spawnctl_spawn_run(struct spawn *spawn);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SPAWN_INT_H */
