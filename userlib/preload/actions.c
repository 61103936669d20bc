// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of file actions, in glibc's objects.
 */
#include <string.h>

#include "layout.h"

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
	memset(actions, 0, sizeof(*actions));
	return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
	spawnctl_actions_free(layout_actions(actions));
	return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions,
				     int fd, const char *path, int oflag, mode_t mode)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_OPEN,
		.open = { .fd = fd, .path = (char *)path, .oflag = oflag, .mode = mode } });
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_CLOSE, .fd = fd });
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int newfd)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_DUP2, .dup2 = { .fd = fd, .newfd = newfd } });
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_CHDIR, .chdir.path = (char *)path });
}

int posix_spawn_file_actions_addchdir(posix_spawn_file_actions_t *actions, const char *path)
{
	return posix_spawn_file_actions_addchdir_np(actions, path);
}

/* glibc does not check the descriptor before the spawn */
int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd)
{
	return spawnctl_actions_append(layout_actions(actions), &(struct action){
		.op = ACTION_FCHDIR, .fd = fd });
}

int posix_spawn_file_actions_addfchdir(posix_spawn_file_actions_t *actions, int fd)
{
	return posix_spawn_file_actions_addfchdir_np(actions, fd);
}

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_CLOSEFROM, .fd = from });
}

int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd)
{
	return spawnctl_actions_add(layout_actions(actions), &(struct action){
		.op = ACTION_TCSETPGRP, .fd = fd });
}
