// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl: the administrator's command for /dev/spawnctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
	int misused;	/* exit status */
};

static const struct command commands[] = {
	{ "info", cmd_info, usage_info, EXIT_USAGE },
	{ "stats", cmd_stats, usage_stats, EXIT_USAGE },
	{ "monitor", cmd_monitor, usage_monitor, EXIT_USAGE },
	{ "doctor", cmd_doctor, usage_doctor, EXIT_USAGE },
	{ "serve", cmd_serve, usage_serve, EXIT_USAGE },
	/* These exit with the status of COMMAND, so their own statuses are 125 and above */
	{ "run", cmd_run, usage_run, EXIT_OURS },
	{ "limit", cmd_limit, usage_limit, EXIT_OURS },
};

static const char usage[] =
	"Usage: spawnctl COMMAND [OPTION]...\n"
	"\n"
	"Show and use /dev/spawnctl, the device that creates child processes.\n"
	"\n"
	"  info      show which module is loaded, and what the device allows this user\n"
	"  stats     show children created, failures by errno, and how long callers waited\n"
	"  monitor   print each child that is created, and each call that fails\n"
	"  doctor    find out whether programs can use the device and, if not, why\n"
	"  run       execute a program with a clean signal state\n"
	"  limit     execute a program with a narrowed descriptor of the device\n"
	"  serve     give clients of a socket narrowed descriptors of the device, by a policy\n"
	"  help      print this text, or the usage of COMMAND\n"
	"  version   print the version\n"
	"\n"
	"Exit status: 0 on success, 1 on failure, 2 if the command line is wrong, 3 (info,\n"
	"stats, monitor) if the module is not loaded or this is not the initial network\n"
	"namespace. run and limit exit with the status of the program, or with 125 if they\n"
	"failed or the command line is wrong, 126 if the program cannot be executed, 127 if it\n"
	"was not found.\n";

bool json_wanted;

/* The subcommand that runs, NULL before it is known */
static const struct command *current;

/* Print an object. Its only member, "failure", distinguishes it from a result and from an event */
static void put_failure(int status, int error, const char *text)
{
	struct json_object *all = json_object_new_object(), *failure = json_object_new_object();
	size_t size = 4 * strlen(text) + 6;
	char *clean = malloc(size);

	if (clean)
		plain(text, clean, size);
	add_text(failure, "text", clean ? clean : "");
	free(clean);
	if (error) {
		add_number(failure, "errno", error);
		add_text(failure, "error", errno_name(error));
	}
	add_number(failure, "status", status);
	json_object_object_add(all, "failure", failure);
	put_json(all, true);
}

/* @why: the cause, printed last, or NULL */
static int say(int status, int error, const char *why, const char *format, va_list args)
{
	char *what = NULL, *text = NULL, *shown;

	if (vasprintf(&what, format, args) < 0 ||
	    asprintf(&text, "%s%s%s", what, why ? ": " : "", why ? why : "") < 0) {
		fputs("spawnctl: out of memory\n", stderr);
		return status;
	}
	shown = printable(text);
	fprintf(stderr, "spawnctl%s%s: %s\n", current ? " " : "", current ? current->name : "",
		shown);
	if (json_wanted)
		put_failure(status, error, text);
	free(shown);
	free(text);
	free(what);
	return status;
}

int fail(int status, int error, const char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(status, error, error && !why ? strerror(error) : why, format, args);
	va_end(args);
	return status;
}

int bad_usage(const char *format, ...)
{
	int status = current ? current->misused : EXIT_USAGE;
	va_list args;

	va_start(args, format);
	say(status, 0, NULL, format, args);
	va_end(args);
	fprintf(stderr, "Try 'spawnctl %s%s--help'.\n", current ? current->name : "",
		current ? " " : "");
	return status;
}

int bad_option(int c, char **argv, const char *letters)
{
	const char *word = argv[optind - 1];
	char letter[3] = { '-', optopt };

	/* Inside a cluster such as -ab, optind is still at it: @word is the word before */
	if (c == ':')
		return bad_usage("option '%s' needs a value",
				 strncmp(word, "--", 2) ? letter : word);
	if (optopt && optopt != ':' && strchr(letters, optopt))
		return bad_usage("option '%s' takes no value", word);
	/* getopt_long(3) does not distinguish the two */
	return bad_usage("unknown%s option '%s'", optopt ? "" : " or ambiguous",
			 optopt ? letter : word);
}

int nl_failed(const char *what, const char *why, const struct nl *nl, int error)
{
	if (error == -ENOENT)
		return fail(EXIT_NO_MODULE, -error, is_loaded() ?
			    "the module answers in the initial network namespace only" :
			    "the module is not loaded: see spawnctl doctor",
			    "cannot %s", what);
	if (nl->message[0])
		return fail(EXIT_FAILURE, -error, NULL, "cannot %s: %s", what, nl->message);
	return fail(EXIT_FAILURE, -error, why, "cannot %s", what);
}

int exec_command(char **argv)
{
	const char *name = argv[0], *why = NULL;
	int error;

	execvp(name, argv);
	error = errno;
	/* execve(2) also returns ENOENT if the interpreter of a script or program is missing */
	if (error == ENOENT && !strchr(name, '/'))
		why = "not in PATH, or its interpreter does not exist";
	else if (error == ENOENT && !access(name, F_OK))
		why = "its interpreter does not exist";
	return fail(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, error, why,
		    "cannot execute '%s'", name);
}

/* Treat output that could not be written as a failure */
static int finish(int status)
{
	bool failed = ferror(stdout), said = __fpending(stdout);

	/* A closed standard output is no failure if there was nothing to print */
	if ((!fclose(stdout) || (errno == EBADF && !said)) && !failed)
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "spawnctl: cannot write to the standard output: %s\n",
			strerror(errno));
	return EXIT_FAILURE;
}

static bool is_help(const char *text)
{
	return !strcmp(text, "--help") || !strcmp(text, "-h");
}

static const struct command *command_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Whether --json is among the options: they are not parsed yet, and one may be wrong */
static bool asks_for_json(char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++)
		if (!strcmp(*argv, "--json") || !strcmp(*argv, "-j"))
			return true;
	return false;
}

/*
 * In place of a closed standard descriptor, open one that can be neither read nor written, and is
 * closed by execve(2). Otherwise the device, a socket or a client would get the number, and output
 * would be written to it.
 */
static void occupy_standard_fds(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static bool is_version(const char *text)
{
	return !strcmp(text, "--version") || !strcmp(text, "-V") || !strcmp(text, "version");
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];
	const struct command *command;
	const char *name;
	bool help;

	/* Numbers are the same in all locales */
	setlocale(LC_CTYPE, "");
	/* A line-buffered stream drops a line that it cannot write; fflush(3) then succeeds */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	/* bad_option() prints the errors of getopt_long(3) */
	opterr = 0;
	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	/* Of "version --help", only the second word counts: it has no usage of its own */
	if (argc == 3 && !strcmp(argv[1], "version") && is_help(argv[2])) {
		argc--;
		argv++;
	}
	name = argv[1];
	help = is_help(name) || !strcmp(name, "help");
	if (argc > 2 + help && (help || is_version(name)))
		return bad_usage("unexpected argument '%s'", argv[2 + help]);
	if (help && (argc < 3 || is_help(argv[2]) || !strcmp(argv[2], "help") ||
		     is_version(argv[2]))) {
		fputs(usage, stdout);
		return finish(EXIT_SUCCESS);
	}
	if (is_version(name)) {
		puts("spawnctl " VERSION);
		return finish(EXIT_SUCCESS);
	}
	if (help)
		name = argv[2];
	command = command_by_name(name);
	json_wanted = (!command || command->misused == EXIT_USAGE) && asks_for_json(argv + 2);
	if (!command)
		return finish(bad_usage("unknown command '%s'", name));
	if (help || (argc > 2 && is_help(argv[2]))) {
		fputs(command->usage, stdout);
		return finish(EXIT_SUCCESS);
	}
	current = command;
	/* run passes on the descriptors that it has */
	if (command->run != cmd_run)
		occupy_standard_fds();
	return finish(command->run(argc - 1, argv + 1));
}
