/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the subcommands share.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses beside 0 and 1, which is EXIT_FAILURE */
enum { EXIT_USAGE = 2, EXIT_NO_MODULE = 3 };

/* Those of a command that executes another, as env(1) and timeout(1) have them */
enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* A file each: cmd_NAME() is given argv from the subcommand's name on */
int cmd_info(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_limit(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

extern const char usage_info[], usage_stats[], usage_monitor[];
extern const char usage_run[], usage_limit[], usage_doctor[];

/* main.c */

/* A failure is printed as a JSON object too; set by --json */
extern bool json_wanted;

/*
 * Each of these prints a message, and returns the exit status. @error is an errno, or 0;
 * @why explains it in place of strerror(3), unless it is NULL.
 */
int fail(int status, int error, const char *why, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));
int bad_usage(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* @c: what getopt_long(3) returned for it, '?' or ':'; @letters: what it was called with */
int bad_option(int c, char **argv, const char *letters);

struct nl;

/* @error: negative, of the module's netlink family */
int nl_failed(const char *what, const char *why, const struct nl *nl, int error);
/* Execute a program in place of this process; returns only if that failed */
int exec_command(char **argv);

/* text.c */

/* "SPAWN", or a number */
const char *command_name(uint32_t command);
/* "EINVAL", or "errno 123"; the latter in a buffer that the next call takes */
const char *errno_name(uint32_t error);
/* By name or number: -1 for neither */
int errno_by_name(const char *text);
/* The @i-th flag of enum spawnctl_flags, NULL behind the last */
const char *flag_name(unsigned int i);
/* The @i-th flag of enum spawnctl_limit_flags, NULL behind the last */
const char *limit_name(unsigned int i);
/* Or of one flag by name; 0 for none */
uint32_t flag_by_name(const char *text);
/* What an errno of the device means to its user: NULL where strerror(3) says it */
const char *device_error(int error);
/* Decimal digits and nothing else, up to @most */
bool read_number(const char *text, uint64_t most, uint64_t *number);
/* "TERM", "SIGTERM", "15", "RTMIN+2", "RTMAX-1": -1 for none of these */
int signal_by_name(const char *text);
/*
 * Each part of @list, which commas part, to @fn: NULL, or the first part that @fn
 * does not like
 */
const char *each(char *list, bool (*fn)(const char *part, void *data), void *data);
/* Three figures and a unit: "131 us" */
const char *duration(uint64_t ns, char text[16]);
/* @text without what a terminal would take for more than text: "\x1b", "\\" */
void plain(const char *text, char *out, size_t size);

#endif /* TOOL_H */
