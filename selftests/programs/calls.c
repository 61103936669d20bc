// SPDX-License-Identifier: GPL-2.0
/*
 * calls libc|spawnctl plain|actions COUNT PROGRAM: starts PROGRAM, COUNT times, so that
 * calls.sh can count the system calls.
 */
#include <fcntl.h>
#include <spawn.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t libcs, *libc_actions = NULL;
	spawnctl_file_actions_t *ours, *our_actions = NULL;
	int i, libc, error;
	pid_t pid;

	if (argc != 5)
		return 2;
	libc = !strcmp(argv[1], "libc");
	/* An open descriptor for the action that closes it */
	dup2(0, 9);
	posix_spawn_file_actions_init(&libcs);
	spawnctl_file_actions_init(&ours);
	if (!strcmp(argv[2], "actions")) {
		libc_actions = &libcs;
		our_actions = ours;
		posix_spawn_file_actions_adddup2(&libcs, 1, 2);
		posix_spawn_file_actions_adddup2(&libcs, 0, 5);
		posix_spawn_file_actions_addclose(&libcs, 9);
		posix_spawn_file_actions_addchdir_np(&libcs, "/");
		posix_spawn_file_actions_addclosefrom_np(&libcs, 6);
		spawnctl_file_actions_adddup2(ours, 1, 2);
		spawnctl_file_actions_adddup2(ours, 0, 5);
		spawnctl_file_actions_addclose(ours, 9);
		spawnctl_file_actions_addchdir(ours, "/");
		spawnctl_file_actions_addclosefrom(ours, 6);
	}
	for (i = 0; i < atoi(argv[3]); i++) {
		if (libc)
			error = posix_spawn(&pid, argv[4], libc_actions, NULL, argv + 4, environ);
		else
			error = spawnctl_spawn(&pid, argv[4], our_actions, NULL, argv + 4,
					       environ);
		if (error || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}
