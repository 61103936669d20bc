// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The number of the descriptor that the environment names.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "inherited.h"

#define NONE	(-1)

/* Named by the environment at program start; not valid before @environment_read */
static int inherited_fd = NONE;
static bool environment_read;

/* @text up to @end as a decimal number; -1 if it is empty, too large, or has other characters */
static int number(const char *text, const char *end)
{
	long long value = 0;

	if (text == end)
		return -1;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + *text - '0';
		if (value > INT_MAX)
			return -1;
	}
	return value;
}

static int number_of(const char *variable)
{
	const char *text = secure_getenv(variable);

	return text ? number(text, text + strlen(text)) : -1;
}

/* As sd_listen_fds_with_names(3): descriptors start at 3, names are separated by colons */
static int systemd_fd(void)
{
	static const char wanted[] = "spawnctl";
	const char *names = secure_getenv("LISTEN_FDNAMES");
	int i, n = number_of("LISTEN_FDS");

	if (!names || number_of("LISTEN_PID") != raw_syscall(SYS_getpid))
		return NONE;
	for (i = 0; i < n; i++) {
		size_t len = strcspn(names, ":");

		if (len == sizeof(wanted) - 1 && !memcmp(names, wanted, len))
			return 3 + i;
		if (!names[len])
			break;
		names += len + 1;
	}
	return NONE;
}

void spawnctl_inherited_read(void)
{
	inherited_fd = number_of("SPAWNCTL_FD");
	if (inherited_fd < 0)
		inherited_fd = systemd_fd();
	environment_read = true;
}

int spawnctl_inherited_fd(void)
{
	/* The constructor of another library may spawn before ours has run */
	if (!environment_read)
		spawnctl_inherited_read();
	return inherited_fd;
}
