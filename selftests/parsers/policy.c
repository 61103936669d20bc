// SPDX-License-Identifier: GPL-2.0
/*
 * A policy of "spawnctl serve", and the rule that it has for a client.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#define NO_SYSTEM_CALLS
#include "parser.h"

/* The messages of errors are not looked at, and libFuzzer's own are */
static FILE *nowhere;
#undef stderr
#define stderr nowhere

#include "../../tools/spawnctl/policy.c"
#include "../../tools/spawnctl/text.c"

/* Of limit.c, which has a main command besides */
bool limit_add_command(const char *part, void *data)
{
	struct spawnctl_limit *limit = data;

	limit->commands |= 1U << (part[0] & 3);
	return part[0] != 'x';
}

bool limit_add_flag(const char *part, void *data)
{
	struct spawnctl_limit *limit = data;

	limit->clone_flags |= flag_by_name(part);
	return flag_by_name(part);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct peer peer = { .pid = 1, .uid = 1000, .gid = 5, .cgroup = "/a/b.scope/c",
				    .label = "label" };
	static const struct peer unknown = { .pid = 1 };
	struct parser parser = { .path = "policy" };
	struct policy policy = { 0 };
	const struct rule *rule;
	bool is_unknown;
	unsigned int i;
	FILE *file = fmemopen((void *)data, size ? size : 1, "r");

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	CHECK(file && nowhere);
	parse_file(&parser, file, &policy);
	fclose(file);
	CHECK(policy.count <= MOST_RULES);
	for (i = 0; i < policy.count; i++) {
		rule = &policy.rules[i];
		/* What holds of every grant, whatever the line says */
		CHECK(!rule->grant || rule->limit.flags & SPAWNCTL_LIMIT_FILTERED);
		CHECK(!rule->grant || rule->limit.flags & SPAWNCTL_LIMIT_COMMANDS);
		CHECK(!(rule->limit.commands & 1U << SPAWNCTL_CMD_LIMIT));
		CHECK(!(rule->limit.flags & SPAWNCTL_LIMIT_KILL) || rule->per == PER_CONNECTION);
	}
	rule = policy_match(&policy, &peer, &is_unknown);
	CHECK(!is_unknown);
	CHECK(!rule || rule->any_user || rule->user == 1000);
	rule = policy_match(&policy, &unknown, &is_unknown);
	CHECK(!rule || !rule->grant || is_unknown || (!rule->cgroup && !rule->label));
	policy_free(&policy);
	return 0;
}
