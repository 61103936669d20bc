/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two halves of a sandbox that may start programs: the grant, from a process that may open
 * the device, and the filter.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <err.h>
#include <seccomp.h>
#include <spawnctl.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Open a descriptor for one client, close-on-exec, that allows SPAWN, and FORK if @forks, to make
 * @children processes, each with no_new_privs. Each client needs a descriptor of its own, because
 * all who share an open file share its limits. The caller must not be under a filter yet: a
 * filtered task may not set FILTERED.
 */
static inline int grant_children(unsigned long long children, bool forks)
{
	const struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_CHILDREN |
			 SPAWNCTL_LIMIT_NO_NEW_PRIVS | SPAWNCTL_LIMIT_FILTERED,
		/* LIMIT is not among them, so this is the last LIMIT */
		.commands = 1 << SPAWNCTL_CMD_SPAWN | forks << SPAWNCTL_CMD_FORK,
		.children = children,
	};
	int fd = spawnctl_open();

	if (fd < 0)
		err(1, "/dev/spawnctl");
	if (spawnctl_narrow(fd, &limit))
		err(1, "limits of /dev/spawnctl");
	return fd;
}

/*
 * A filter under which SPAWN on @fd, and FORK if @forks, is the only way to make a process or a
 * thread, and the only ioctl. All others kill, so a program that calls isatty() is killed: use
 * SCMP_ACT_ERRNO(ENOTTY) if that is too strict. This filter allows all other system calls; load it
 * in addition to your own list of allowed ones.
 */
static inline scmp_filter_ctx confine_filter(int fd, bool forks)
{
	static const char * const births[] = { "fork", "vfork", "clone", "clone3", NULL };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const char * const *name;

	if (!filter)
		errx(1, "seccomp_init() failed");
	for (name = births; *name; name++)
		if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS,
				     seccomp_syscall_resolve_name(*name), 0))
			errx(1, "no rule for %s", *name);
	/* Each rule by itself: an ioctl that violates one of them is killed */
	if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			     SCMP_A0(SCMP_CMP_NE, fd)) ||
	    seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			     SCMP_A1(SCMP_CMP_LT, SPAWNCTL_IOC_SPAWN)) ||
	    seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			     SCMP_A1(SCMP_CMP_GT, forks ? SPAWNCTL_IOC_FORK : SPAWNCTL_IOC_SPAWN)))
		errx(1, "no rule for ioctl");
	return filter;
}

/* Parse a number of the command line; @what: what it should be, for the error message */
static inline unsigned long long number_of(const char *text, const char *what)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end)
		errx(2, "'%s' is no %s", text, what);
	return number;
}

#endif /* CONFINE_H */
