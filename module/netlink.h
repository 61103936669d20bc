/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The check for listeners that every SPAWN and FORK makes.
 */
#ifndef SPAWNCTL_NETLINK_H
#define SPAWNCTL_NETLINK_H

#include <net/genetlink.h>
#include <net/net_namespace.h>

extern struct genl_family spawnctl_family;

/* Whether the event group has a listener */
static inline bool spawnctl_event_wanted(void)
{
	return genl_has_listeners(&spawnctl_family, &init_net, 0);
}

#endif
