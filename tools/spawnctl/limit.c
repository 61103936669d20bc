// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl limit: start a program with a narrowed descriptor of the device.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawnctl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

const char usage_limit[] =
	"Usage: spawnctl limit [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	"\n"
	"Opens the device, narrows that descriptor for ever, and executes COMMAND with it,\n"
	"its number in the environment as SPAWNCTL_FD, where libspawnctl looks for it.\n"
	"\n"
	"  -c, --commands=NAME,...  only these: spawn, fork, limit\n"
	"  -F, --flags=NAME,...     only these flags of theirs, as info tells them\n"
	"  -N, --children=N         so many children in all\n"
	"  -n, --no-new-privs       every child has no_new_privs\n"
	"  -r, --reset-signals      no child ignores a signal\n"
	"  -p, --filtered           tasks under a seccomp filter may use it\n"
	"  -x, --final              it cannot be narrowed further\n"
	"\n"
	"Exit status: COMMAND's. 125: the device cannot be opened or narrowed. 126: COMMAND\n"
	"cannot be executed. 127: there is none.\n";

#define LIMIT_COMMAND	(1U << SPAWNCTL_CMD_LIMIT)

static bool add_command(const char *part, void *data)
{
	static const struct {
		const char *name;
		unsigned int command;
	} names[] = {
		{ "spawn", SPAWNCTL_CMD_SPAWN }, { "fork", SPAWNCTL_CMD_FORK },
		{ "limit", SPAWNCTL_CMD_LIMIT }, { "info", SPAWNCTL_CMD_INFO },
	};
	struct spawnctl_limit *limit = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(names[i].name, part))
			continue;
		limit->commands |= 1U << names[i].command;
		return true;
	}
	return false;
}

static bool add_flag(const char *part, void *data)
{
	struct spawnctl_limit *limit = data;
	unsigned int flag = flag_by_name(part);

	limit->clone_flags |= flag;
	return flag;
}

/* Up to COMMAND: 0, or the exit status */
static int parse(struct spawnctl_limit *limit, int argc, char **argv)
{
	static const struct option options[] = {
		{ "commands", required_argument, NULL, 'c' },
		{ "flags", required_argument, NULL, 'F' },
		{ "children", required_argument, NULL, 'N' },
		{ "no-new-privs", no_argument, NULL, 'n' },
		{ "reset-signals", no_argument, NULL, 'r' },
		{ "filtered", no_argument, NULL, 'p' },
		{ "final", no_argument, NULL, 'x' }, { }
	};
	bool final = false;
	const char *wrong;
	uint64_t children;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+c:F:N:nrpx", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			limit->flags |= SPAWNCTL_LIMIT_COMMANDS;
			wrong = each(optarg, add_command, limit);
			if (wrong)
				return bad_usage("limit", "no command '%s'", wrong);
			break;
		case 'F':
			limit->flags |= SPAWNCTL_LIMIT_FLAGS;
			wrong = each(optarg, add_flag, limit);
			if (wrong)
				return bad_usage("limit", "no flag '%s'", wrong);
			break;
		case 'N':
			limit->flags |= SPAWNCTL_LIMIT_CHILDREN;
			if (!read_number(optarg, UINT64_MAX, &children))
				return bad_usage("limit", "'%s' is no number of children",
						 optarg);
			limit->children = children;
			break;
		case 'n':
			limit->flags |= SPAWNCTL_LIMIT_NO_NEW_PRIVS;
			break;
		case 'r':
			limit->flags |= SPAWNCTL_LIMIT_RESET;
			break;
		case 'p':
			limit->flags |= SPAWNCTL_LIMIT_FILTERED;
			break;
		case 'x':
			final = true;
			break;
		default:
			return bad_usage("limit", "no option '%s', or no value for it",
					 argv[optind - 1]);
		}
	}
	if (optind == argc)
		return bad_usage("limit", "no command to execute");
	if (final) {
		if (!(limit->flags & SPAWNCTL_LIMIT_COMMANDS))
			limit->commands = (1U << SPAWNCTL_CMD_SPAWN) | (1U << SPAWNCTL_CMD_FORK);
		limit->flags |= SPAWNCTL_LIMIT_COMMANDS;
		limit->commands &= ~LIMIT_COMMAND;
	}
	return 0;
}

static int fail(const char *what)
{
	fprintf(stderr, "spawnctl limit: %s: %s\n", what, strerror(errno));
	return EXIT_OURS;
}

int cmd_limit(int argc, char **argv)
{
	struct spawnctl_limit limit = { .size = sizeof(limit) };
	int ret = parse(&limit, argc, argv), fd;
	char number[16];

	if (ret)
		return ret;
	fd = spawnctl_open();
	if (fd < 0)
		return fail("cannot open the device (see spawnctl doctor)");
	if (spawnctl_limit(fd, &limit))
		return fail("cannot narrow the descriptor");
	snprintf(number, sizeof(number), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv("SPAWNCTL_FD", number, 1))
		return fail("cannot pass it on");
	argv += optind;
	execvp(argv[0], argv);
	ret = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	fail(argv[0]);
	return ret;
}
