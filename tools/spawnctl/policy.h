/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy of "spawnctl serve": which client gets a descriptor of the device, and with which
 * limits.
 */
#ifndef POLICY_H
#define POLICY_H

#include <linux/spawnctl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "peer.h"

/* The clients that share one open file of the device, and so its limits */
enum per { PER_RULE, PER_USER, PER_CGROUP, PER_CONNECTION };

/**
 * struct rule - one line of a policy
 * @line: its number
 * @text: the line, without comment
 * @grant: false: refuse
 * @any_user: the user does not matter
 * @any_group: the group does not matter
 * @user: the client's user must be this one
 * @group: one of the client's groups must be this one
 * @cgroup: pattern for the client's cgroup or one above it; NULL: does not matter
 * @label: pattern for the client's security label; NULL: does not matter
 * @per: what shares an open file
 * @limit: the argument of LIMIT
 */
struct rule {
	unsigned int line;
	char *text;
	bool grant, any_user, any_group;
	uid_t user;
	gid_t group;
	char *cgroup, *label;
	enum per per;
	struct spawnctl_limit limit;
};

struct policy {
	struct rule *rules;
	unsigned int count;
};

/**
 * policy_read() - read a policy, and print each error that it has
 * @path: the file
 * @policy: out: the policy; unchanged on failure
 *
 * Return: 0; -EINVAL if it is not valid; another negative errno if it cannot be opened
 */
int policy_read(const char *path, struct policy *policy);

void policy_free(struct policy *policy);

/* Whether a rule of the policy depends on the client's cgroup */
bool policy_has_cgroup(const struct policy *policy);

/**
 * policy_match() - find the first rule for a client
 *
 * @policy: the policy
 * @peer: the client
 * @unknown: out: it is not known whether the rule matches, because the cgroup or the label of the
 *	client, on which it depends, is not known. Then the client is to be refused: a later rule
 *	may give more
 *
 * Return: NULL if no rule matches
 */
const struct rule *policy_match(const struct policy *policy, const struct peer *peer,
				bool *unknown);

/* Length of the part of @path that is the cgroup which @pattern matches; -1 if there is none */
int policy_matched(const char *pattern, const char *path);

#endif /* POLICY_H */
