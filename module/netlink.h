/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one question that every call asks of netlink.c.
 */
#ifndef SPAWNCTL_NETLINK_H
#define SPAWNCTL_NETLINK_H

#include <net/genetlink.h>
#include <net/net_namespace.h>

extern struct genl_family spawnctl_family;

/* Whether anybody listens */
static inline bool spawnctl_event_wanted(void)
{
	return genl_has_listeners(&spawnctl_family, &init_net, 0);
}

#endif
