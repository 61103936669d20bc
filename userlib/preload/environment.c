// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SPAWNCTL_BACKEND and SPAWNCTL_DEBUG at program start, and whether a sanitizer is present. A
 * program that has gained privileges (AT_SECURE) ignores both variables.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>

#include "preload.h"

#define LINE	512

static const char * const names[] = {
	[CHOICE_ANY] = "any",
	[CHOICE_DEVICE] = "device",
	[CHOICE_CLONE3] = "clone3",
	[CHOICE_CLONE] = "clone",
	[CHOICE_LIBC] = "libc",
};

static enum choice choice;
static bool debug, environment_read;
/*
 * Pass calls on: a sanitizer's runtime follows this library in the symbol search order and must see
 * them.
 */
static bool stands_back;

/*
 * Weak symbols, because a dlsym() that finds nothing allocates memory. UBSan's and LSan's
 * runtimes define none of the functions of this library.
 */
extern void __attribute__((__weak__)) __asan_init(void);
extern void __attribute__((__weak__)) __hwasan_init(void);
extern void __attribute__((__weak__)) __msan_init(void);
extern void __attribute__((__weak__)) __tsan_init(void);

/*
 * A runtime that precedes this library in the search order sees every call before this library
 * does, and then calls our functions instead of libc's. So no call has to be left to it.
 */
static bool sanitizer_is_next(void)
{
	return (__asan_init && preload_next("__asan_init")) ||
	       (__hwasan_init && preload_next("__hwasan_init")) ||
	       (__msan_init && preload_next("__msan_init")) ||
	       (__tsan_init && preload_next("__tsan_init"));
}

static enum choice choice_of(const char *text)
{
	int i;

	if (!text || !*text)
		return CHOICE_ANY;
	for (i = CHOICE_DEVICE; i <= CHOICE_LIBC; i++)
		if (!strcmp(text, names[i]))
			return i;
	return CHOICE_BAD;
}

/*
 * Read once. libc's posix_spawn() does not read the environment, so a program may spawn in one
 * thread while another thread changes it.
 */
static void __attribute__((__constructor__)) read_environment(void)
{
	const char *text = secure_getenv("SPAWNCTL_DEBUG");

	debug = text && !strcmp(text, "1");
	choice = choice_of(secure_getenv("SPAWNCTL_BACKEND"));
	stands_back = sanitizer_is_next();
	environment_read = true;
}

enum choice preload_choice(void)
{
	/* The constructor of another library may spawn before ours has run */
	if (!environment_read)
		read_environment();
	return choice == CHOICE_ANY && stands_back ? CHOICE_LIBC : choice;
}

enum choice preload_vfork_choice(void)
{
	enum choice wanted = preload_choice();

	return wanted != CHOICE_BAD && stands_back ? CHOICE_LIBC : wanted;
}

bool preload_libc_is(const char *version)
{
	return strverscmp(gnu_get_libc_version(), version) >= 0;
}

void *preload_next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static char *append(char *p, const char *end, const char *text)
{
	while (*text && p < end)
		*p++ = *text++;
	return p;
}

static char *append_error(char *p, const char *end, int error)
{
	char digits[12], *d = digits + sizeof(digits) - 1;

	/* Not strerror(3), which may allocate */
	*d = '\0';
	do {
		*--d = '0' + error % 10;
	} while (error /= 10);
	return append(append(p, end, "errno "), end, d);
}

void preload_say(const char *what, const char *path, enum choice used, long why, int error)
{
	char line[LINE], *p = line, *end = line + sizeof(line) - 1;

	if (!debug)
		return;
	p = append(append(p, end, "spawnctl: "), end, what);
	if (path)
		p = append(append(p, end, " "), end, path);
	p = append(p, end, ": ");
	p = append(p, end, used == CHOICE_BAD ? "unknown value of SPAWNCTL_BACKEND" : names[used]);
	if (why)
		p = append(append_error(append(p, end, " (device: "), end, -why), end, ")");
	if (error)
		p = append_error(append(p, end, ": failed, "), end, error);
	*p++ = '\n';
	raw_syscall(SYS_write, 2, line, p - line);
}
