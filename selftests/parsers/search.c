// SPDX-License-Identifier: GPL-2.0
/*
 * The search through PATH: every directory in turn, on the stack that a child has,
 * and the error that is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "parser.h"

static char *fuzz_getenv(const char *variable);

#define getenv fuzz_getenv
/* Both files have functions of these names */
#define fail fail_in_parent
#define set_attributes set_attributes_in_parent
#include "../../userlib/spawn.c"
#undef fail
#undef set_attributes
#include "../../userlib/spawn_child.c"

static char *path_variable;
static const unsigned char *answers;
static size_t answers_left;
static const char *expected_dir;
static const char *expected_file;
static long last;
static int denied;

static char *fuzz_getenv(const char *variable)
{
	CHECK(!strcmp(variable, "PATH"));
	return path_variable;
}

/* The next directory that is short enough; NULL behind the last. */
static const char *skip_long(const char *dir)
{
	while (dir && strcspn(dir, ":") >= PATH_MAX) {
		dir += strcspn(dir, ":");
		dir = *dir ? dir + 1 : NULL;
	}
	return dir;
}

static long answer(long nr, long a, long b, long c)
{
	static const int errors[] = {
		EACCES, ENOENT, ESTALE, ENOTDIR, ENODEV, ETIMEDOUT, ENOEXEC, E2BIG,
	};
	const char *path = (const char *)a;
	size_t len;

	(void)b;
	(void)c;
	CHECK(nr == SYS_execve && expected_dir);
	len = strcspn(expected_dir, ":");
	CHECK(!strncmp(path, expected_dir, len));
	CHECK(!strcmp(path + len + (len && path[len] == '/'), expected_file));
	CHECK(!len == (path[0] != expected_dir[0] || !len));
	last = -errors[next_byte(&answers, &answers_left) % (answers_left ? 8 : 6)];
	denied |= last == -EACCES;
	expected_dir += len;
	expected_dir = skip_long(*expected_dir ? expected_dir + 1 : NULL);
	return last;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned char bits = next_byte(&data, &size);
	char *file = next_text(&data, &size), *path = next_text(&data, &size);
	static const struct spawnctl_attr attr;
	struct spawn spawn = { .path = file, .attr = &attr };
	long error;

	/* A directory, or a name, as long as can be, and a little longer. */
	if (bits & 6) {
		char **text = bits & 2 ? &path : &file;
		size_t len = strlen(*text);
		size_t more = (bits & 2 ? PATH_MAX : NAME_MAX) - 8 + (bits >> 4);

		*text = realloc(*text, len + more + 1);
		CHECK(*text);
		memmove(*text + more, *text, len + 1);
		memset(*text, 'x', more);
	}
	spawn.path = file;
	path_variable = bits & 1 ? NULL : path;
	spawn.search = spawnctl_search_path(file, NULL);
	CHECK(!spawn.search == (!*file || !!strchr(file, '/')));
	if (spawn.search) {
		answers = data;
		answers_left = size;
		last = 0;
		denied = 0;
		expected_file = file;
		expected_dir = skip_long(spawn.search);
		/* As map_room() does, but where AddressSanitizer sees each access beyond it */
		spawn.candidate_size = spawnctl_candidate_size(&spawn);
		if (spawn.candidate_size > SPAWNCTL_CANDIDATE_SIZE)
			spawn.candidate = malloc(spawn.candidate_size);
		error = search(&spawn);
		free(spawn.candidate);
		if (strlen(file) > NAME_MAX)
			CHECK(error == -ENAMETOOLONG && !last);
		else if (!last)
			CHECK(error == -ENOENT);
		else if (last == -ENOEXEC || last == -E2BIG)
			CHECK(error == last);
		else
			CHECK(!expected_dir && error == (denied ? -EACCES : last));
	}
	free(file);
	free(path);
	return 0;
}
