// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWNCTL_BACKEND, SPAWNCTL_DEBUG, and the line that is said then: as libc's
 * snprintf() has it, cut where there is no more room.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "parser.h"

static const char *fuzz_getenv(const char *variable);

#define secure_getenv fuzz_getenv
#include "../../userlib/preload/environment.c"

static const char *variables[2];
static char said[LINE];
static size_t said_len;

static const char *fuzz_getenv(const char *variable)
{
	return variables[!strcmp(variable, "SPAWNCTL_DEBUG")];
}

static long answer(long nr, long a, long b, long c)
{
	CHECK(nr == SYS_write && a == 2 && c > 0 && c <= LINE);
	memcpy(said, (const void *)b, c);
	said_len = c;
	return c;
}

static void expect_line(const char *what, const char *path, enum choice used, long why, int error)
{
	char *line;
	int len;

	len = asprintf(&line, "spawnctl: %s%s%s: %s", what, path ? " " : "", path ? path : "",
		       used == CHOICE_BAD ? "unknown value of SPAWNCTL_BACKEND" : names[used]);
	CHECK(len > 0);
	if (why) {
		char *old = line;

		len = asprintf(&line, "%s (device: errno %ld)", old, -why);
		free(old);
	}
	if (error) {
		char *old = line;

		len = asprintf(&line, "%s: failed, errno %d", old, error);
		free(old);
	}
	if (len > LINE - 1)
		len = LINE - 1;
	CHECK(said_len == (size_t)len + 1 && said[len] == '\n');
	CHECK(!memcmp(said, line, len));
	free(line);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned char bits = next_byte(&data, &size), room = next_byte(&data, &size);
	long why = -(next_byte(&data, &size) << 4 | (bits >> 4 & 15));
	int error = next_byte(&data, &size) | (bits & 12) << 6;
	char *backend = next_text(&data, &size), *debugging = next_text(&data, &size);
	char *what = next_text(&data, &size), *path = next_text(&data, &size);
	enum choice used;

	/* Paths as long as the line, and a little longer, are where it ends. */
	if (room & 1) {
		size_t len = strlen(path), more = LINE - 64 + room / 2;

		path = realloc(path, len + more + 1);
		CHECK(path);
		memset(path + len, 'x', more);
		path[len + more] = '\0';
	}
	variables[0] = bits & 1 ? NULL : backend;
	variables[1] = bits & 2 ? "1" : debugging;
	environment_read = false;
	used = preload_choice();
	CHECK(used >= CHOICE_ANY && used <= CHOICE_BAD);
	CHECK(used == CHOICE_BAD || used == CHOICE_ANY || !strcmp(backend, names[used]));
	said_len = 0;
	preload_say(what, room & 2 ? NULL : path, used, why, error);
	if (strcmp(variables[1], "1"))
		CHECK(!said_len);
	else
		expect_line(what, room & 2 ? NULL : path, used, why, error);
	free(backend);
	free(debugging);
	free(what);
	free(path);
	return 0;
}
