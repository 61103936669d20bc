// SPDX-License-Identifier: GPL-2.0
/*
 * spawner vfork|posix_spawn COUNT PROGRAM [ARGUMENT...]: starts PROGRAM, COUNT
 * times, and prints each exit status.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
	int i, status, error = 0;
	pid_t pid = -1;

	if (argc < 4)
		return 2;
	for (i = 0; i < atoi(argv[2]); i++) {
		if (!strcmp(argv[1], "vfork")) {
			pid = vfork();
			if (!pid) {
				execvp(argv[3], argv + 3);
				_exit(127);
			}
		} else {
			error = posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ);
		}
		if (error || pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		printf("%s: status %#x\n", argv[3], status);
		fflush(stdout);
	}
	return 0;
}
