/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included once by each test program: kselftest's harness, which defines functions, and
 * what all programs share.
 */
#ifndef SPAWNCTL_TEST_H
#define SPAWNCTL_TEST_H

#include "kselftest_harness.h"
#include "test_util.h"

/* The harness's timeouts, longer (PATIENCE, Makefile) for a debug kernel under emulation */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT (30 * PATIENCE)
#undef TEST_F_TIMEOUT
#define TEST_F_TIMEOUT(fixture_name, test_name, timeout) \
	__TEST_F_IMPL(fixture_name, test_name, -1, (timeout) * PATIENCE)

/* Type of a fixture's self pointer, for functions that a test passes it to */
#define FIXTURE_SELF(fixture)	__typeof__(FIXTURE_DATA(fixture) *)

/* The program that the tests' children execute: program.c, in the directory of the tests */
static char program_path[PATH_MAX];

static void __attribute__((constructor)) find_program(void)
{
	static const char name[] = "program";
	ssize_t len = readlink("/proc/self/exe", program_path, sizeof(program_path) - sizeof(name));
	char *slash;

	program_path[len > 0 ? len : 0] = '\0';
	slash = strrchr(program_path, '/');
	if (slash)
		memcpy(slash + 1, name, sizeof(name));
}

/*
 * For a child: executes program.c in mode @mode with @number: a descriptor, which must
 * not be close-on-exec, or a status. Returns only on failure.
 */
static inline int exec_program(char *mode, int number)
{
	char text[] = {
		'0' + number / 100 % 10, '0' + number / 10 % 10, '0' + number % 10, '\0'
	};
	char * const argv[] = { program_path, mode, text, NULL };

	return raw_syscall(SYS_execve, program_path, argv, argv + 3);
}

/*
 * For a program that executes itself in a mode, which runs without the harness: the mode is
 * argv[1], and begins with "--". @run_mode takes argv + 1 and returns the exit status.
 */
#define TEST_HARNESS_MAIN_OR(run_mode)						\
int main(int argc, char **argv)							\
{										\
	exit(argc > 1 && !strncmp(argv[1], "--", 2) ?				\
	     run_mode(argv + 1) : test_harness_run(argc, argv));		\
}

#endif /* SPAWNCTL_TEST_H */
