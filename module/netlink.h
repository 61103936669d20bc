/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parts of the netlink family that event.c and spawn.c use.
 */
#ifndef SPAWNCTL_NETLINK_H
#define SPAWNCTL_NETLINK_H

#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <linux/spawnctl_netlink.h>

extern struct genl_family spawnctl_family;
extern bool spawnctl_event_mute;

/* Whether the event group has a listener */
static inline bool spawnctl_event_wanted(void)
{
	return genl_has_listeners(&spawnctl_family, &init_net, 0);
}

/* All SPAWNCTL_A_*_PAD have the same value */
static inline int spawnctl_put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, SPAWNCTL_A_EVENT_PAD);
}

#endif
