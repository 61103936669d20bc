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
	"Open the device, permanently narrow the new descriptor, and execute COMMAND with it in\n"
	"place of spawnctl. The number of the descriptor is stored in the environment variable\n"
	"SPAWNCTL_FD, where libspawnctl looks for it.\n"
	"\n"
	"The limits apply to children that are made through this descriptor, and to no others. To\n"
	"limit all processes of COMMAND, use pids.max of a cgroup.\n"
	"\n"
	"  -c, --commands=NAME,...  allow only these commands: spawn, fork, limit\n"
	"  -F, --flags=NAME,...     allow only these flags, by the names that info shows\n"
	"  -N, --children=N         allow N children in total\n"
	"  -l, --live=N             allow N children to be alive at a time\n"
	"  -k, --kill               kill the children when the descriptor is last closed; implies -n\n"
	"  -n, --no-new-privs       set no_new_privs in every child\n"
	"  -r, --reset-signals      start every child with all signals at their default action\n"
	"  -p, --filtered           let tasks under a seccomp filter use the descriptor\n"
	"  -x, --final              do not let the descriptor be narrowed further\n"
	"\n"
	"Exit status: that of COMMAND. 125: spawnctl failed, for example because the device\n"
	"cannot be opened or narrowed, or the command line is wrong. 126: COMMAND cannot be\n"
	"executed. 127: COMMAND was not found.\n";

#define LIMIT_COMMAND	(1U << SPAWNCTL_CMD_LIMIT)

bool limit_add_command(const char *part, void *data)
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

bool limit_add_flag(const char *part, void *data)
{
	struct spawnctl_limit *limit = data;
	unsigned int flag = flag_by_name(part);

	limit->clone_flags |= flag;
	return flag;
}

/* Parse the options, up to COMMAND. Return 0, or the exit status. */
static int parse(struct spawnctl_limit *limit, int argc, char **argv)
{
	static const char letters[] = "+:c:F:N:l:knrpx";
	static const struct option options[] = {
		{ "commands", required_argument, NULL, 'c' },
		{ "flags", required_argument, NULL, 'F' },
		{ "children", required_argument, NULL, 'N' },
		{ "live", required_argument, NULL, 'l' },
		{ "kill", no_argument, NULL, 'k' },
		{ "no-new-privs", no_argument, NULL, 'n' },
		{ "reset-signals", no_argument, NULL, 'r' },
		{ "filtered", no_argument, NULL, 'p' },
		{ "final", no_argument, NULL, 'x' }, { }
	};
	bool final = false;
	const char *wrong;
	uint64_t number;
	int c;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'c':
			limit->flags |= SPAWNCTL_LIMIT_COMMANDS;
			wrong = each(optarg, limit_add_command, limit);
			if (wrong)
				return bad_usage("unknown command '%s': must be spawn, fork or "
						 "limit", wrong);
			break;
		case 'F':
			limit->flags |= SPAWNCTL_LIMIT_FLAGS;
			wrong = each(optarg, limit_add_flag, limit);
			if (wrong)
				return bad_usage("unknown flag '%s': spawnctl(8) lists them",
						 wrong);
			break;
		case 'N':
			limit->flags |= SPAWNCTL_LIMIT_CHILDREN;
			if (!read_number(optarg, UINT64_MAX, &number))
				return bad_usage("'%s' is not a number of children", optarg);
			limit->children = number;
			break;
		case 'l':
			limit->flags |= SPAWNCTL_LIMIT_LIVE;
			if (!read_number(optarg, UINT64_MAX, &number))
				return bad_usage("'%s' is not a number of children", optarg);
			limit->live = number;
			break;
		case 'k':
			limit->flags |= SPAWNCTL_LIMIT_KILL;
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
			return bad_option(c, argv, letters);
		}
	}
	if (optind == argc)
		return bad_usage("no command to execute");
	if (final) {
		if (!(limit->flags & SPAWNCTL_LIMIT_COMMANDS))
			limit->commands = (1U << SPAWNCTL_CMD_SPAWN) | (1U << SPAWNCTL_CMD_FORK);
		limit->flags |= SPAWNCTL_LIMIT_COMMANDS;
		limit->commands &= ~LIMIT_COMMAND;
	}
	return 0;
}

/* Why LIMIT can fail on a descriptor that was just opened */
static const char *limit_error(int error)
{
	return error == EINVAL ? "the module does not support one of the limits or a flag of "
				 "--flags: see spawnctl info" : device_error(error);
}

int cmd_limit(int argc, char **argv)
{
	struct spawnctl_limit limit = { .size = sizeof(limit) };
	int ret = parse(&limit, argc, argv), fd;
	char number[16];

	if (ret)
		return ret;
	/* Not spawnctl_open(): a descriptor of the service cannot be narrowed further */
	fd = open_node();
	if (fd < 0)
		return fail(EXIT_OURS, errno, device_error(errno),
			    "cannot open the device (spawnctl doctor shows the reason)");
	if (spawnctl_narrow(fd, &limit))
		return fail(EXIT_OURS, errno, limit_error(errno), "cannot narrow the descriptor");
	snprintf(number, sizeof(number), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv("SPAWNCTL_FD", number, 1))
		return fail(EXIT_OURS, errno, NULL,
			    "cannot pass file descriptor %d to the command", fd);
	return exec_command(argv + optind);
}
