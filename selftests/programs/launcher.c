// SPDX-License-Identifier: GPL-2.0
/*
 * launcher [-n CHILDREN] [-f] [-u] [-l] FILTER PROGRAM [ARGUMENT...]: the program outside a
 * sandbox. It passes the device as descriptor DEVICE, and the filter, for bwrap --seccomp,
 * as descriptor FILTER_FILE.
 *   -f  allows FORK, too
 *   -u  does not mark the descriptor for filtered tasks
 *   -l  loads the filter itself, without setting no_new_privs
 * FILTER is "none"; "strict", as in the examples; or "numbers", which kills for any ioctl but
 * INFO, SPAWN, FORK and LIMIT.
 *
 *	cc launcher.c -o launcher -I../../examples $(pkg-config --cflags --libs spawnctl libseccomp)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "confine.h"

#define DEVICE		20
#define FILTER_FILE	21
#define KILL		SCMP_ACT_KILL_PROCESS

static int unmarked(void)
{
	int fd = spawnctl_open();

	if (fd < 0)
		err(1, "/dev/spawnctl");
	return fd;
}

static int rule_failed;

#define RULE(...) (rule_failed |= seccomp_rule_add(filter, __VA_ARGS__))

static scmp_filter_ctx make_filter(const char *name, bool forks)
{
	scmp_filter_ctx filter;

	if (!strcmp(name, "strict"))
		return confine_filter(DEVICE, forks);
	if (strcmp(name, "numbers"))
		errx(2, "no filter '%s'", name);
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		errx(1, "seccomp_init() failed");
	RULE(KILL, SCMP_SYS(fork), 0);
	RULE(KILL, SCMP_SYS(vfork), 0);
	RULE(KILL, SCMP_SYS(clone3), 0);
	RULE(KILL, SCMP_SYS(clone), 0);
	RULE(KILL, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_LT, SPAWNCTL_IOC_INFO));
	RULE(KILL, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_GT, SPAWNCTL_IOC_LIMIT));
	if (rule_failed)
		errx(1, "cannot add a rule");
	return filter;
}

int main(int argc, char **argv)
{
	unsigned long long children = SPAWNCTL_NO_LIMIT;
	int opt, fd, mark = 1, load = 0;
	scmp_filter_ctx filter;
	bool forks = false;

	while ((opt = getopt(argc, argv, "+n:ful")) != -1) {
		switch (opt) {
		case 'n':
			children = number_of(optarg, "number of children");
			break;
		case 'f':
			forks = true;
			break;
		case 'u':
			mark = 0;
			break;
		case 'l':
			load = 1;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind < 2)
		return 2;
	fd = mark ? grant_children(children, forks) : unmarked();
	if (dup2(fd, DEVICE) != DEVICE || close(fd))
		err(1, "dup2");
	if (setenv("SPAWNCTL_FD", "20", 1))
		err(1, "setenv");
	if (strcmp(argv[optind], "none")) {
		filter = make_filter(argv[optind], forks);
		if (load) {
			if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) ||
			    seccomp_load(filter))
				errx(1, "cannot load the filter");
		} else {
			fd = memfd_create("filter", 0);
			if (fd < 0 || seccomp_export_bpf(filter, fd) || lseek(fd, 0, SEEK_SET) ||
			    dup2(fd, FILTER_FILE) != FILTER_FILE || close(fd))
				err(1, "cannot export the filter");
		}
	}
	execvp(argv[optind + 1], argv + optind + 1);
	err(127, "%s", argv[optind + 1]);
}
