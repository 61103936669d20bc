/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of a spawn, and the state that the parent and the child's steps share.
 */
#ifndef SPAWNCTL_SPAWN_INT_H
#define SPAWNCTL_SPAWN_INT_H

#include <limits.h>
#include <linux/filter.h>

#include "request.h"

#define MAX_NAMESPACES	8

/* Bytes of stack for a function of the program */
#define CALL_STACK	(64UL * 1024)

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

		/* The library's own: far from the numbers that glibc may use for further ones */
		ACTION_OWN = 0x10000,
		ACTION_CLOSEFROM_BUT = ACTION_OWN,
		ACTION_CLOEXECFROM,
		ACTION_CTTY,
		ACTION_BLOCKING,
		ACTION_CALL,
	} op;
	union {
		int fd;			/* all except open, dup2, chdir, closefrom_but, call */
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
		struct {
			int fd;
			int *list;	/* sorted */
			int n;
		} but;
		struct {
			int (*fn)(void *arg);
			void *arg;
		} call;
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
	       offsetof(struct action, fd) == offsetof(struct action, open.fd) &&
	       offsetof(struct action, fd) == offsetof(struct action, but.fd), "@fd");

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
	/* ACTION_TAKES_PATH here also: could notice that descriptors are missing from the table */
	static const unsigned char own_effects[] = {
		[ACTION_CLOSEFROM_BUT - ACTION_OWN] = ACTION_TAKES_PATH | ACTION_OWN_TABLE,
		[ACTION_CLOEXECFROM - ACTION_OWN] = ACTION_TAKES_PATH | ACTION_OWN_TABLE,
		[ACTION_CTTY - ACTION_OWN] = ACTION_READS_FD | ACTION_OWN_TABLE,
		[ACTION_BLOCKING - ACTION_OWN] = ACTION_READS_FD | ACTION_OWN_TABLE,
		[ACTION_CALL - ACTION_OWN] = ACTION_TAKES_PATH | ACTION_OWN_TABLE,
	};

	if ((unsigned int)action->op < sizeof(effects))
		return effects[action->op];
	if (action->op >= ACTION_OWN && action->op - ACTION_OWN < (int)sizeof(own_effects))
		return own_effects[action->op - ACTION_OWN];
	/* A list of a newer glibc can contain actions that are not known here */
	return ACTION_OWN_TABLE | ACTION_TAKES_PATH;
}

/** struct spawnctl_file_actions - a list of actions, laid out as the first members of glibc's */
struct spawnctl_file_actions {
	int allocated;
	int used;
	struct action *list;
	bool calls;		/* has an ACTION_CALL; glibc's lists do not have this member */
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

	/*
	 * Attributes that need no flag: @steps and @exec_at tell which are set. The pointers are to
	 * memory that belongs to this object.
	 */
	unsigned int steps;		/* STEP_BIT() */
	int priority;
	int ioprio;
	int oom_score_adj;
	int pdeathsig;
	int umask;
	unsigned int unshare;
	unsigned int securebits;
	unsigned long long ambient;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	void *cpus;
	size_t cpus_size;
	struct rlimit_step *rlimits;
	unsigned int n_rlimits;
	unsigned int n_namespaces;
	struct {
		int fd;
		int type;
	} namespaces[MAX_NAMESPACES];
	char *root;
	int landlock;
	struct sock_filter *filter;
	unsigned short n_filter;
	bool exec_at;
	int execfd;
	char *search;
};

struct rlimit_step {
	unsigned int resource;
	unsigned long long limit[2];	/* soft and hard, as the kernel's struct rlimit64 */
};

#define STEP_BIT(step)	(1U << SPAWNCTL_STEP_##step)

/** spawnctl_attr_parts() - call @fn for each pointer in @attr, and the size of its memory */
void spawnctl_attr_parts(struct spawnctl_attr *attr,
			 void (*fn)(void *arg, void **part, size_t size), void *arg);

/* The kernel's 64 signals in a sigset_t of libc, which may be longer */
static inline unsigned long long kernel_sigset(const sigset_t *set)
{
	unsigned long long mask;

	__builtin_memcpy(&mask, set, sizeof(mask));
	return mask;
}

#define TABLE_OF_EXEC	INT_MAX

/* Exit status of a child that has failed */
#define FAILED_STATUS	127

/** struct spawn - one spawn, in memory that the caller and the child share */
struct spawn {
	const char *path;
	const char *search;		/* PATH to search, or NULL if @path is a path */
	char *const *argv;
	char *const *envp;
	const struct action *actions;
	int used;
	bool calls;			/* an action calls a function of the program */
	const struct spawnctl_attr *attr;
	const char **shell;		/* room for the arguments of a shell, or NULL */
	pid_t parent;			/* with pdeathsig: the caller's process id */
	struct request request;

	/*
	 * For a search: the size of the longest path to try, and where it is built, in a start or
	 * if that exceeds SPAWNCTL_CANDIDATE_SIZE; or 0 and NULL
	 */
	size_t candidate_size;
	char *candidate;
	/* A stack for functions of the program, or NULL */
	char *stack;
	/* What is mapped for these, or NULL. While it is, SPAWNCTL_SIGSET_HELD is blocked */
	char *mapped;
	size_t mapped_size;

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
	 *	last one; -1: the child has its own table already (the child sets this, too);
	 *	TABLE_OF_EXEC: none, as execve(2) makes it
	 * @closed_by: the closefrom action that is not performed, because the child's own table
	 *	is made without the same descriptors; -1: none
	 * @closed_from: the child's own table is without the descriptors from this one on
	 *
	 * @cannot_unshare: set by the child if close_range(2) cannot be used: its own table then
	 * has
	 *	all descriptors, and it sets @closed_by to -1; or by the parent if clone(2) has
	 *	refused to share the table
	 */
	int unshare_at;
	int closed_by;
	unsigned int closed_from;
	bool cannot_unshare;
	int pidfd;

	/*
	 * For a child that runs beside its parent, the ends of a pipe, or -1. The child keeps the
	 * second one open until it executes the program
	 */
	int poll[2];

	/* As in struct spawnctl_result, and where they are stored, or NULL */
	struct spawnctl_result *result;
	int error;
	enum spawnctl_step step;
	int action;
};

/** spawnctl_action_path() - where an action has a path, or NULL */
char **spawnctl_action_path(struct action *action);

/** spawnctl_close_span() - close a range by close_range(2) or /proc: 0 or a negative errno */
long spawnctl_close_span(unsigned int from, unsigned int to);

/** spawnctl_spawn_child() - the child's steps; returns only on failure */
int spawnctl_spawn_child(void *spawn);

/* In the child: the steps of @attr except CLOEXEC_DEFAULT, as STEP_BIT() */
unsigned int spawnctl_steps_of(const struct spawnctl_attr *attr);

/**
 * spawnctl_steps() - in the child: perform steps, in the order of their numbers
 * @spawn: the spawn
 * @steps: the steps, as STEP_BIT()
 * @failed: out: the step that has failed
 *
 * Return: 0 or a negative errno.
 */
long spawnctl_steps(const struct spawn *spawn, unsigned int steps, enum spawnctl_step *failed);

/** spawnctl_search_path() - the PATH that spawnp searches for @file; NULL: none */
const char *spawnctl_search_path(const char *file, const struct spawnctl_attr *attr);

/** spawnctl_shell_size() - bytes for @spawn->shell */
size_t spawnctl_shell_size(const struct spawn *spawn);

/** spawnctl_set_shell() - set @spawn->shell to @room, of @size bytes, and fill it in */
void spawnctl_set_shell(struct spawn *spawn, const char **room, size_t size);

/* The parts of a spawn in the parent. spawnctl_spawn_run() is all of them */

/** spawnctl_spawn_set() - set the members from @path to @attr */
void spawnctl_spawn_set(struct spawn *spawn, const char *path, const char *search,
			const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			char *const argv[], char *const envp[]);

/** spawnctl_candidate_size() - bytes for the longest "DIRECTORY/NAME" that is tried */
size_t spawnctl_candidate_size(const struct spawn *spawn);

/** spawnctl_spawn_request() - set @spawn->request, for a child with a table of its own */
void spawnctl_spawn_request(struct spawn *spawn);

/** spawnctl_spawn_result_store() - store error, step and action of a spawn that has ended */
void spawnctl_spawn_result_store(const struct spawn *spawn, struct spawnctl_result *result);

/**
 * spawnctl_spawn_run() - perform a spawn
 * @spawn: the spawn, with the members from @path to @attr, @pid_out, @pidfd_out and @result set
 *
 * Return: 0 or an error number.
 */
int spawnctl_spawn_run(struct spawn *spawn);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SPAWN_INT_H */
