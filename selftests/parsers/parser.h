/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For libFuzzer: a parser of the library's, with its source in this file, so that
 * what is static can be called, and its surroundings made up.
 */
#ifndef SPAWNCTL_PARSER_H
#define SPAWNCTL_PARSER_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define CHECK(condition) do { if (!(condition)) __builtin_trap(); } while (0)

/* What comes next in the input, up to a zero byte; in memory of just that size. */
static inline char *next_text(const unsigned char **data, size_t *size)
{
	size_t len = strnlen((const char *)*data, *size);
	char *text = malloc(len + 1);

	CHECK(text);
	memcpy(text, *data, len);
	text[len] = '\0';
	if (len < *size)
		len++;
	*data += len;
	*size -= len;
	return text;
}

static inline unsigned char next_byte(const unsigned char **data, size_t *size)
{
	if (!*size)
		return 0;
	--*size;
	return *(*data)++;
}

/* The library's system calls are the parser's to answer, unless it makes none. */
#ifndef NO_SYSTEM_CALLS
#undef raw_syscall
#define raw_syscall_pick(nr, a, b, c, ...) answer(nr, (long)(a), (long)(b), (long)(c))
#define raw_syscall(...) raw_syscall_pick(__VA_ARGS__, 0, 0, 0, 0)

static long answer(long nr, long a, long b, long c);
#endif

#endif /* SPAWNCTL_PARSER_H */
