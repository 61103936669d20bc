// SPDX-License-Identifier: GPL-2.0
/*
 * sandbox [-n CHILDREN] PROGRAM [ARGUMENT...]: executes PROGRAM where fork, vfork,
 * clone and clone3 kill, and so does every ioctl but one: SPAWN on a descriptor of
 * /dev/spawnctl that is good for CHILDREN (16) processes in all.
 *
 *	cc sandbox.c -o sandbox $(pkg-config --cflags --libs spawnctl libseccomp)
 *	LD_PRELOAD=/usr/local/lib/libspawnctl-preload.so \
 *		sandbox -n 2 dash -c '/bin/echo one; /bin/echo two' | cat
 *
 * PROGRAM and its children find the descriptor by SPAWNCTL_FD, as all do that are
 * linked with libspawnctl or run under the preload library. They share the count.
 * Whoever runs this must be able to open the device; PROGRAM cannot, as it is
 * under a filter.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "confine.h"

static void misused(void)
{
	fprintf(stderr, "usage: sandbox [-n CHILDREN] PROGRAM [ARGUMENT...]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned long long children = 16;
	scmp_filter_ctx filter;
	char number[16];
	int fd, opt;

	/* +: what follows PROGRAM is PROGRAM's */
	while ((opt = getopt(argc, argv, "+n:")) != -1) {
		if (opt != 'n')
			misused();
		children = number_of(optarg, "number of children");
	}
	if (optind == argc)
		misused();

	/* First the grant, then the filter: the other way round both are refused */
	fd = grant_children(children);
	snprintf(number, sizeof(number), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv("SPAWNCTL_FD", number, 1))
		err(1, "cannot pass the descriptor on");

	filter = confine_filter(fd);
	/* This also sets no_new_privs, which execve() keeps */
	if (seccomp_load(filter))
		errx(1, "the kernel does not take the filter");
	seccomp_release(filter);

	execvp(argv[optind], argv + optind);
	err(127, "%s", argv[optind]);
}
