/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's netlink family (docs/netlink/spawnctl.yaml), over libmnl.
 */
#ifndef NL_H
#define NL_H

#include <linux/netlink.h>
#include <linux/spawnctl_netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_LAST_ERRNO	133	/* EHWPOISON; errors above it are counted as 0 */

struct nl {
	struct mnl_socket *socket;
	uint32_t seq;
	uint16_t family;
	uint32_t events;	/* id of the multicast group */
	char message[160];	/* the kernel's message for the last error */
};

struct nl_info {
	char version[32];
	uint32_t abi;
	uint32_t spawn_flags;
	uint32_t fork_flags;
	uint64_t exec_pending;
	bool allow_filtered;
	bool events;	/* events are sent */
};

struct nl_stats {
	uint64_t spawns;
	uint64_t forks;
	uint64_t in_flight;
	uint64_t opens_refused;
	uint64_t wait_sum;
	uint64_t waits[SPAWNCTL_WAIT_BUCKETS];
	uint64_t failures[NL_LAST_ERRNO + 1];
};

struct nl_event {
	uint64_t seq;
	uint64_t time;
	uint32_t command;
	uint32_t flags;
	bool has_flags;
	uint32_t error;
	uint32_t pid;
	uint32_t tgid;
	uint32_t uid;
	char comm[17];
	uint32_t child;
	uint64_t wait;
	bool has_wait;
	uint64_t file_id;
};

/* Each returns 0 or a negative errno */

/*
 * -ENOENT: the family does not exist, because the module is not loaded, or because this is not
 * the initial network namespace
 */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);
int nl_get_info(struct nl *nl, struct nl_info *info);
/* @descriptor: a descriptor of the device, or -1 */
int nl_get_stats(struct nl *nl, int descriptor, struct nl_stats *stats);
int nl_join(struct nl *nl);

/* Parse a complete message, whose length has been checked; false: it is of another kind */
bool nl_parse_info(const struct nlmsghdr *message, struct nl_info *info);
bool nl_parse_stats(const struct nlmsghdr *message, struct nl_stats *stats);
bool nl_parse_event(const struct nlmsghdr *message, struct nl_event *event);

#endif /* NL_H */
