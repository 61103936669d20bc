// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl: the administrator's view of /dev/spawnctl.
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"
#include "tool.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
	int misused;	/* exit status */
} commands[] = {
	{ "info", cmd_info, usage_info, EXIT_USAGE },
	{ "stats", cmd_stats, usage_stats, EXIT_USAGE },
	{ "monitor", cmd_monitor, usage_monitor, EXIT_USAGE },
	{ "doctor", cmd_doctor, usage_doctor, EXIT_USAGE },
	/* Whose own exit statuses end at 124 */
	{ "run", cmd_run, usage_run, EXIT_OURS },
	{ "limit", cmd_limit, usage_limit, EXIT_OURS },
};

static const char usage[] =
	"Usage: spawnctl COMMAND [OPTION]...\n"
	"\n"
	"What is done through /dev/spawnctl, the device that makes processes.\n"
	"\n"
	"  info      what is loaded, and what this user's descriptor allows\n"
	"  stats     how much, how often in vain, and how long callers wait\n"
	"  monitor   each child that is made or refused, as it happens\n"
	"  doctor    whether programs get the device, and what to do if they do not\n"
	"  run       start a program with a clean signal state\n"
	"  limit     start a program with a narrowed descriptor of the device\n"
	"\n"
	"spawnctl COMMAND --help says more. Exit status: 0, 1 if it failed, 2 if it was\n"
	"not understood, 3 if the module is not loaded. run and limit: the program's own,\n"
	"or 125 if they failed, 126 if it cannot be executed, 127 if there is none.\n";

int bad_usage(const char *command, const char *format, ...)
{
	int status = EXIT_USAGE;
	unsigned int i;
	va_list args;

	fprintf(stderr, "spawnctl %s: ", command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry 'spawnctl %s --help'.\n", command);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, command))
			status = commands[i].misused;
	return status;
}

int say_cannot(const char *command, const char *what, const struct nl *nl, int error)
{
	if (error == -ENOENT) {
		fprintf(stderr, "spawnctl %s: the module is not loaded (modprobe spawnctl), "
			"or this is not the host's network namespace\n", command);
		return EXIT_NO_MODULE;
	}
	fprintf(stderr, "spawnctl %s: cannot %s: %s%s%s%s\n", command, what, strerror(-error),
		nl->message[0] ? " (" : "", nl->message, nl->message[0] ? ")" : "");
	return EXIT_FAILURE;
}

/* What could not be written has not been said */
static int finish(int status)
{
	bool failed = ferror(stdout), said = __fpending(stdout);

	/* It may be closed where nothing was to be said */
	if ((!fclose(stdout) || (errno == EBADF && !said)) && !failed)
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "spawnctl: cannot write: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

static bool is_help(const char *text)
{
	return !strcmp(text, "--help") || !strcmp(text, "-h");
}

int main(int argc, char **argv)
{
	unsigned int i;

	setlocale(LC_ALL, "");
	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (is_help(argv[1]) || !strcmp(argv[1], "help")) {
		fputs(usage, stdout);
		return finish(EXIT_SUCCESS);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("spawnctl " VERSION);
		return finish(EXIT_SUCCESS);
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		if (argc > 2 && is_help(argv[2])) {
			fputs(commands[i].usage, stdout);
			return finish(EXIT_SUCCESS);
		}
		return finish(commands[i].run(argc - 1, argv + 1));
	}
	fprintf(stderr, "spawnctl: no command '%s'\nTry 'spawnctl --help'.\n", argv[1]);
	return EXIT_USAGE;
}
