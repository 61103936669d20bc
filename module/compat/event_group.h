/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.7 (e03781879a0d "drop_monitor: Require 'CAP_SYS_ADMIN' when joining
 * "events" group", and the commits before it) introduced GENL_MCAST_CAP_NET_ADMIN, a
 * flag of a group that only a task with CAP_NET_ADMIN may join. The long-term releases
 * of 5.10 use GENL_UNS_ADMIN_PERM, a flag of operations, for this. Where neither change is
 * present, groups have no flags, and any task can join: there, the module intentionally
 * fails to compile.
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
 * Whether a filter can check each listener when an event is sent; register_unheard() in
 * netlink.c explains why this is needed. 549017aa1bb7 "netlink: remove
 * netlink_broadcast_filtered" removed such filters, a3377386b564 restored them in 6.6, and
 * 6.8 added them to generic netlink. All kernels from 5.11 to 6.7 are treated as having no
 * such filters. Some of them have them, but were not tested.
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
