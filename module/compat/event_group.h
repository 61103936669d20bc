/* SPDX-License-Identifier: GPL-2.0 */
/*
 * EVENT_GROUP_FLAGS lets only a task with CAP_NET_ADMIN join a group. struct genl_multicast_group
 * has .flags since Linux 5.12 (4d54cc32112d, a commit of mptcp) and in later long-term releases of
 * 5.10 ("genetlink: add CAP_NET_ADMIN test for multicast bind"). Its value was GENL_UNS_ADMIN_PERM,
 * also a flag of operations, and is GENL_MCAST_CAP_NET_ADMIN since Linux 6.8 (cd4d7263d58a
 * "genetlink: Use internal flags for multicast groups", also in long-term releases). On a kernel
 * without .flags any task could join, so the module intentionally fails to compile there.
 */
#ifndef SPAWNCTL_COMPAT_EVENT_GROUP_H
#define SPAWNCTL_COMPAT_EVENT_GROUP_H

#include <linux/version.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#ifdef GENL_MCAST_CAP_NET_ADMIN
#define EVENT_GROUP_FLAGS GENL_MCAST_CAP_NET_ADMIN
#else
#define EVENT_GROUP_FLAGS GENL_UNS_ADMIN_PERM
#endif

/*
 * Whether a filter can check each listener when an event is sent. may_not_listen() in event.c
 * explains why this is needed. Linux 5.16 (549017aa1bb7 "netlink: remove
 * netlink_broadcast_filtered") removed such filters, 6.6 (a3377386b564) restored them, and 6.8
 * added them to generic netlink. All kernels from 5.11 to 6.7 are treated as having no such
 * filters. 5.11 to 5.15, 6.6 and 6.7 have them, but were not tested.
 */
#define EVENT_FILTER	(LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0) || \
			 LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

static inline void event_multicast(const struct genl_family *family, struct sk_buff *skb,
				   int (*refuse)(struct sock *sk, struct sk_buff *skb, void *data))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	genlmsg_multicast_netns_filtered(family, &init_net, skb, 0, 0, GFP_KERNEL, refuse, NULL);
#elif EVENT_FILTER
	NETLINK_CB(skb).dst_group = family->mcgrp_offset;
	netlink_broadcast_filtered(init_net.genl_sock, skb, 0, family->mcgrp_offset, GFP_KERNEL,
				   refuse, NULL);
#else
	genlmsg_multicast_netns(family, &init_net, skb, 0, 0, GFP_KERNEL);
#endif
}

#endif
