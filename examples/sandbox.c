// SPDX-License-Identifier: GPL-2.0
/*
 * sandbox [-f] [-n CHILDREN] PROGRAM [ARGUMENT...]: executes PROGRAM under a seccomp filter that
 * kills it for fork, vfork, clone and clone3, and for every ioctl except SPAWN, and with -f FORK,
 * on one descriptor of /dev/spawnctl, which allows CHILDREN (16) processes in all.
 *
 *	cc sandbox.c -o sandbox $(pkg-config --cflags --libs spawnctl libseccomp)
 *	LD_PRELOAD=/usr/local/lib/libspawnctl-preload.so \
 *		sandbox -n 2 dash -c '/bin/echo one; /bin/echo two' | cat
 *	LD_PRELOAD=/usr/local/lib/libspawnctl-preload.so SPAWNCTL_BACKEND=device \
 *		sandbox -f dash -c 'echo pipelines | tr a-z A-Z' | cat
 *
 * PROGRAM and its children find the descriptor by SPAWNCTL_FD, if they are linked with
 * libspawnctl or run under the preload library. They share the count. The user who runs
 * this must be able to open the device. PROGRAM cannot open it, because it is under a
 * filter.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "confine.h"

static void misused(void)
{
	fprintf(stderr, "usage: sandbox [-f] [-n CHILDREN] PROGRAM [ARGUMENT...]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned long long children = 16;
	scmp_filter_ctx filter;
	char number[16];
	bool forks = false;
	int fd, opt;

	/* +: do not parse the arguments of PROGRAM */
	while ((opt = getopt(argc, argv, "+fn:")) != -1) {
		if (opt == 'f')
			forks = true;
		else if (opt == 'n')
			children = number_of(optarg, "number of children");
		else
			misused();
	}
	if (optind == argc)
		misused();

	/* Before the filter: a filtered task may neither open the device nor set FILTERED */
	fd = grant_children(children, forks);
	snprintf(number, sizeof(number), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv("SPAWNCTL_FD", number, 1))
		err(1, "cannot pass the descriptor on");

	filter = confine_filter(fd, forks);
	/* This also sets no_new_privs, which execve() keeps */
	if (seccomp_load(filter))
		errx(1, "the kernel does not take the filter");
	seccomp_release(filter);

	execvp(argv[optind], argv + optind);
	err(127, "%s", argv[optind]);
}
