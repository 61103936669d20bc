/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared by the subcommands.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define NODE	"/dev/spawnctl"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Exit statuses other than 0 and 1 (EXIT_FAILURE) */
enum { EXIT_USAGE = 2, EXIT_NO_MODULE = 3 };

/* Exit statuses of a subcommand that executes another command, as in env(1) and timeout(1) */
enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* Each is in a file of its own; argv[0] is the name of the subcommand */
int cmd_info(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_limit(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_serve(int argc, char **argv);

extern const char usage_info[], usage_stats[], usage_monitor[];
extern const char usage_run[], usage_limit[], usage_doctor[], usage_serve[];

/* main.c */

/* Print a failure as a JSON object, too; set by --json */
extern bool json_wanted;

/*
 * Each of these prints a message and returns the exit status. @error is an errno, or 0. @why is
 * printed in place of the text of strerror(3), unless it is NULL.
 */
int fail(int status, int error, const char *why, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));
int bad_usage(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* @c: the result of getopt_long(3), '?' or ':'. @letters: the short options that it was given */
int bad_option(int c, char **argv, const char *letters);

struct nl;

/* @error: negative errno from the module's netlink family */
int nl_failed(const char *what, const char *why, const struct nl *nl, int error);
/* Execute a program in place of this process; returns only if that failed */
int exec_command(char **argv);

/*
 * holders.c: list the processes in which @device is open, as far as this user may see them, without
 * this process. Return: their number
 */
unsigned int holders(dev_t device, char *text, size_t size);

/* limit.c: callbacks of each(). @data: the struct spawnctl_limit to which they add the name */
bool limit_add_command(const char *part, void *data);
bool limit_add_flag(const char *part, void *data);

/* text.c */

/* "SPAWN", "FORK", or "command 9"; the last in a buffer that the next call overwrites */
const char *command_name(uint32_t command);
/* "EINVAL", "other" for 0, or "errno 123"; the last in a buffer that the next call overwrites */
const char *errno_name(uint32_t error);
/* The errno with this name or number, or -1 */
int errno_by_name(const char *text);
/* Name of the @i-th flag of SPAWN and FORK, NULL after the last */
const char *flag_name(unsigned int i);
/* Name of the @i-th flag of LIMIT, NULL after the last */
const char *limit_name(unsigned int i);
/* The flag of SPAWN and FORK with this name, or 0 */
uint32_t flag_by_name(const char *text);
/* What an errno of the device means to the user, or NULL if strerror(3) is sufficient */
const char *device_error(int error);
/* Parse @text, which must consist of decimal digits, with a value up to @most */
bool read_number(const char *text, uint64_t most, uint64_t *number);
/* "TERM", "SIGTERM", "15", "RTMIN+2", "RTMAX-1"; -1 for any other text */
int signal_by_name(const char *text);
/*
 * Pass each comma-separated part of @list to @fn. Return: NULL, or the first part for which @fn
 * returns false
 */
const char *each(char *list, bool (*fn)(const char *part, void *data), void *data);
/* Three significant digits and a unit: "131 us" */
const char *duration(uint64_t ns, char text[16]);
/* @text with the bytes escaped that a terminal may interpret: "\x1b". A backslash becomes "\\" */
void plain(const char *text, char *out, size_t size);
/*
 * Allocate a copy of @text in which the bytes that are no printable characters of the locale are
 * escaped: "\x1b". Ends the process if there is no memory.
 */
char *printable(const char *text);
/* Open the device; O_NOCTTY, as in another root directory the file can be a terminal */
int open_node(void);
/* Whether the module is loaded; /sys may be hidden */
bool is_loaded(void);
/* Read the first line of a file; false if there is none */
bool line_of(const char *path, char *line, size_t size);
/* Find the first line of @path that contains @what, and copy that line to @line */
bool line_with(const char *path, const char *what, char *line, size_t size);

#endif /* TOOL_H */
