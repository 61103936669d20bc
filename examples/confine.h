/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two halves of a sandbox that may start programs: what it is granted, by
 * someone who may open the device, and what it is kept from.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <err.h>
#include <seccomp.h>
#include <spawnctl.h>
#include <stdlib.h>

/*
 * A descriptor for one client, close-on-exec: @children by SPAWN, each with
 * no_new_privs. One open a client, as all who share it share its limits. The caller
 * must be under no filter yet: no other may say FILTERED.
 */
static inline int grant_children(unsigned long long children)
{
	const struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_CHILDREN |
			 SPAWNCTL_LIMIT_NO_NEW_PRIVS | SPAWNCTL_LIMIT_FILTERED,
		/* LIMIT is not one of them: this is its last call */
		.commands = 1 << SPAWNCTL_CMD_SPAWN,
		.children = children,
	};
	int fd = spawnctl_open();

	if (fd < 0)
		err(1, "/dev/spawnctl");
	if (spawnctl_limit(fd, &limit))
		err(1, "limits of /dev/spawnctl");
	return fd;
}

/*
 * A filter under which SPAWN on @fd is the one way to make a process, or a thread,
 * and the one ioctl: all others kill. A program that asks isatty() dies of it;
 * SCMP_ACT_ERRNO(ENOTTY) is the milder answer. To be put over your own list of what is
 * allowed: this one lets through all the rest.
 */
static inline scmp_filter_ctx confine_filter(int fd)
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
	/* Two rules: what breaks either is killed */
	if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			     SCMP_A0(SCMP_CMP_NE, fd)) ||
	    seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ioctl), 1,
			     SCMP_A1(SCMP_CMP_NE, SPAWNCTL_IOC_SPAWN)))
		errx(1, "no rule for ioctl");
	return filter;
}

/* A number of the command line; @what it should have been */
static inline unsigned long long number_of(const char *text, const char *what)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end)
		errx(2, "'%s' is no %s", text, what);
	return number;
}

#endif /* CONFINE_H */
