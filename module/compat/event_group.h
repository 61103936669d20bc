/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.7 (e03781879a0d "drop_monitor: Require 'CAP_SYS_ADMIN' when joining
 * "events" group", and what went before it) named the flag by which only
 * CAP_NET_ADMIN may join a group; 5.10's long-term releases know it by an
 * operation's name. A kernel whose groups have no flags at all is older than
 * those, and cannot keep anyone out: there this does not compile, as it should.
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
 * Each listener can be looked at when an event is sent, but not between 549017aa1bb7
 * "netlink: remove netlink_broadcast_filtered" and a3377386b564, which brought it back
 * in 6.6; 6.8 has it for generic netlink. What lies between and was not tried, from 5.11
 * on, is taken to be without.
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
