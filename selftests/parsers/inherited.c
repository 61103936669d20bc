// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWNCTL_FD and what systemd says in LISTEN_*: against the same, written with
 * libc's functions.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "parser.h"

static const char *fuzz_getenv(const char *variable);

#define secure_getenv fuzz_getenv
#include "../../userlib/inherited.c"

#define PID	1234

static const char *variables[4];

static const char *fuzz_getenv(const char *variable)
{
	static const char * const names[] = {
		"SPAWNCTL_FD", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (!strcmp(variable, names[i]))
			return variables[i];
	return NULL;
}

static long answer(long nr, long a, long b, long c)
{
	(void)a;
	(void)b;
	(void)c;
	return nr == SYS_getpid ? PID : -ENOSYS;
}

static int expected_number(const char *text)
{
	unsigned long value;

	if (!text || !*text || text[strspn(text, "0123456789")])
		return -1;
	errno = 0;
	value = strtoul(text, NULL, 10);
	return errno || value > INT_MAX ? -1 : (int)value;
}

static int expected_systemd_fd(void)
{
	char *copy, *rest, *name;
	int i, n = expected_number(variables[1]), fd = -1;

	if (!variables[3] || expected_number(variables[2]) != PID)
		return -1;
	copy = strdup(variables[3]);
	for (rest = copy, i = 0; fd < 0 && i < n && (name = strsep(&rest, ":")); i++)
		if (!strcmp(name, "spawnctl"))
			fd = 3 + i;
	free(copy);
	return fd;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned char bits = next_byte(&data, &size);
	char *texts[4];
	int i, fd;

	for (i = 0; i < 4; i++) {
		texts[i] = next_text(&data, &size);
		variables[i] = bits >> i & 1 ? NULL : texts[i];
	}
	/* Else this is all about a number that hardly any input has. */
	if (bits & 0x80)
		variables[2] = "1234";

	for (i = 0; i < 3; i++)
		CHECK(number(texts[i], texts[i] + strlen(texts[i])) == expected_number(texts[i]));
	CHECK(systemd_fd() == expected_systemd_fd());

	environment_read = false;
	spawnctl_inherited_read();
	fd = expected_number(variables[0]);
	CHECK(inherited_fd == (fd >= 0 ? fd : expected_systemd_fd()));
	for (i = 0; i < 4; i++)
		free(texts[i]);
	return 0;
}
