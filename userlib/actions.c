// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of file actions.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawn_int.h"

#define GROWTH	8

static bool valid_fd(int fd)
{
	long max = sysconf(_SC_OPEN_MAX);

	return fd >= 0 && (max < 0 || fd < max);
}

char **spawnctl_action_path(struct action *action)
{
	switch (action->op) {
	case ACTION_OPEN:
		return &action->open.path;
	case ACTION_CHDIR:
		return &action->chdir.path;
	default:
		return NULL;
	}
}

static int check(const struct action *action)
{
	switch (action->op) {
	case ACTION_CHDIR:
		return action->chdir.path ? 0 : EFAULT;
	case ACTION_OPEN:
		if (!action->open.path)
			return EFAULT;
		return valid_fd(action->open.fd) ? 0 : EBADF;
	case ACTION_CALL:
		return action->call.fn ? 0 : EFAULT;
	case ACTION_DUP2:
		return valid_fd(action->dup2.fd) && valid_fd(action->dup2.newfd) ? 0 : EBADF;
	default:
		return valid_fd(action->fd) ? 0 : EBADF;
	}
}

static int grow(struct spawnctl_file_actions *actions)
{
	struct action *list;
	int allocated;

	if (actions->allocated > INT_MAX - GROWTH - actions->allocated / 2)
		return ENOMEM;
	allocated = actions->allocated + actions->allocated / 2 + GROWTH;
	list = reallocarray(actions->list, allocated, sizeof(*list));
	if (!list)
		return ENOMEM;
	actions->list = list;
	actions->allocated = allocated;
	return 0;
}

int spawnctl_actions_add(struct spawnctl_file_actions *actions, const struct action *action)
{
	int error = check(action);

	return error ? error : spawnctl_actions_append(actions, action);
}

int spawnctl_actions_append(struct spawnctl_file_actions *actions, const struct action *action)
{
	int saved = errno, error = 0;
	struct action own = *action;
	char **path = spawnctl_action_path(&own);

	if (path) {
		*path = strdup(*path);
		if (!*path)
			error = ENOMEM;
	}
	if (!error && actions->used == actions->allocated) {
		error = grow(actions);
		if (error && path)
			free(*path);
	}
	if (!error)
		actions->list[actions->used++] = own;
	errno = saved;
	return error;
}

void spawnctl_actions_free(struct spawnctl_file_actions *actions)
{
	int i;

	for (i = 0; i < actions->used; i++) {
		char **path = spawnctl_action_path(&actions->list[i]);

		if (path)
			free(*path);
		if (actions->list[i].op == ACTION_CLOSEFROM_BUT)
			free(actions->list[i].but.list);
	}
	free(actions->list);
	*actions = (struct spawnctl_file_actions){ 0 };
}

int spawnctl_file_actions_init(spawnctl_file_actions_t **actions)
{
	int saved = errno;

	*actions = calloc(1, sizeof(**actions));
	errno = saved;
	return *actions ? 0 : ENOMEM;
}

int spawnctl_file_actions_destroy(spawnctl_file_actions_t *actions)
{
	if (actions) {
		spawnctl_actions_free(actions);
		free(actions);
	}
	return 0;
}

int spawnctl_file_actions_addopen(spawnctl_file_actions_t *actions, int fd,
				  const char *path, int oflag, mode_t mode)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_OPEN,
		.open = { .fd = fd, .path = (char *)path, .oflag = oflag, .mode = mode },
	});
}

int spawnctl_file_actions_addclose(spawnctl_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(actions, &(struct action){ .op = ACTION_CLOSE, .fd = fd });
}

int spawnctl_file_actions_adddup2(spawnctl_file_actions_t *actions, int fd, int newfd)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_DUP2, .dup2 = { .fd = fd, .newfd = newfd } });
}

int spawnctl_file_actions_addchdir(spawnctl_file_actions_t *actions, const char *path)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_CHDIR, .chdir.path = (char *)path });
}

int spawnctl_file_actions_addfchdir(spawnctl_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(actions, &(struct action){ .op = ACTION_FCHDIR, .fd = fd });
}

int spawnctl_file_actions_addclosefrom(spawnctl_file_actions_t *actions, int from)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_CLOSEFROM, .fd = from });
}

int spawnctl_file_actions_addtcsetpgrp(spawnctl_file_actions_t *actions, int tcfd)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_TCSETPGRP, .fd = tcfd });
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int spawnctl_file_actions_addclosefrom_except(spawnctl_file_actions_t *actions, int from, size_t n,
					      const int *keep)
{
	struct action action = { .op = ACTION_CLOSEFROM_BUT, .but.fd = from };
	int error, saved = errno;
	size_t i;

	if (n && !keep)
		return EFAULT;
	if (n > INT_MAX / sizeof(*keep))
		return ENOMEM;
	for (i = 0; i < n; i++)
		if (!valid_fd(keep[i]))
			return EBADF;
	action.but.n = n;
	action.but.list = malloc(n * sizeof(*keep) + 1);
	errno = saved;
	if (!action.but.list)
		return ENOMEM;
	if (n)
		memcpy(action.but.list, keep, n * sizeof(*keep));
	qsort(action.but.list, n, sizeof(*keep), compare);
	error = spawnctl_actions_add(actions, &action);
	if (error)
		free(action.but.list);
	errno = saved;
	return error;
}

int spawnctl_file_actions_addcloexecfrom(spawnctl_file_actions_t *actions, int from)
{
	return spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_CLOEXECFROM, .fd = from });
}

int spawnctl_file_actions_addctty(spawnctl_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(actions, &(struct action){ .op = ACTION_CTTY, .fd = fd });
}

int spawnctl_file_actions_addblocking(spawnctl_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(actions, &(struct action){ .op = ACTION_BLOCKING, .fd = fd });
}

int spawnctl_file_actions_addcall(spawnctl_file_actions_t *actions, int (*fn)(void *arg),
				  void *arg)
{
	int error = spawnctl_actions_add(actions, &(struct action){
		.op = ACTION_CALL, .call = { .fn = fn, .arg = arg } });

	if (!error)
		actions->calls = true;
	return error;
}
