// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: information, statistics, and the group of the events.
 */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/spawnctl_netlink.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat/event_group.h"
#include "flags.h"
#include "netlink.h"
#include "spawnctl.h"

bool spawnctl_event_mute __ro_after_init;	/* see register_without_listeners() */
static bool ready;			/* dumps are allowed; see stats_start() */

/* System-wide, so hidden from a filtered caller without CAP_NET_ADMIN */
static u64 exec_pending(const struct sk_buff *request)
{
	if (spawnctl_caller_is_filtered() && !netlink_capable(request, CAP_NET_ADMIN))
		return 0;
	return spawnctl_probes_exec_pending();
}

static int info_get(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &spawnctl_family, 0, SPAWNCTL_NL_CMD_INFO_GET);
	if (!header ||
	    nla_put_string(skb, SPAWNCTL_A_INFO_VERSION, SPAWNCTL_VERSION) ||
	    nla_put_u32(skb, SPAWNCTL_A_INFO_ABI, SPAWNCTL_ABI) ||
	    nla_put_u32(skb, SPAWNCTL_A_INFO_SPAWN_FLAGS, supported_flags(SPAWN_FLAGS)) ||
	    nla_put_u32(skb, SPAWNCTL_A_INFO_FORK_FLAGS, supported_flags(FORK_FLAGS)) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_INFO_EXEC_PENDING, exec_pending(request)) ||
	    nla_put_u8(skb, SPAWNCTL_A_INFO_ALLOW_FILTERED, spawnctl_grant_allow_filtered()) ||
	    nla_put_u8(skb, SPAWNCTL_A_INFO_EVENTS, !spawnctl_event_mute)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

static const struct nla_policy stats_policy[] = {
	[SPAWNCTL_A_STATS_DESCRIPTOR] = { .type = NLA_S32 },
};

/* Reading the statistics needs a descriptor of the device, or CAP_NET_ADMIN */
static int may_read(const struct netlink_callback *cb)
{
	struct nlattr *tb[SPAWNCTL_A_STATS_DESCRIPTOR + 1];
	struct nlattr *descriptor;
	struct file *file;
	int ret;

	ret = genlmsg_parse(cb->nlh, &spawnctl_family, tb, SPAWNCTL_A_STATS_DESCRIPTOR,
			    stats_policy, cb->extack);
	if (ret)
		return ret;
	descriptor = tb[SPAWNCTL_A_STATS_DESCRIPTOR];
	if (!descriptor) {
		if (netlink_capable(cb->skb, CAP_NET_ADMIN))
			return 0;
		NL_SET_ERR_MSG(cb->extack,
			       "a descriptor of the device is needed, or CAP_NET_ADMIN");
		return -EPERM;
	}
	/*
	 * Refuse a request without a destination address, such as one sent by
	 * write(2). Otherwise a program that has the device open, and writes
	 * untrusted data to a socket, could be made to present its own descriptor.
	 */
	if (!(NETLINK_CB(cb->skb).flags & NETLINK_SKB_DST)) {
		NL_SET_ERR_MSG(cb->extack,
			       "to name a descriptor, use sendto(2) or sendmsg(2) with an address");
		return -EPERM;
	}
	/* This runs in the sender's context, so fget() uses the sender's descriptor table */
	file = fget(nla_get_s32(descriptor));
	ret = -EBADF;
	/* Refuse a filtered caller, even if SPAWNCTL_LIMIT_FILTERED is in force for @file */
	if (file && spawnctl_is_device(file))
		ret = spawnctl_caller_is_filtered() ? -EACCES : 0;
	if (file)
		fput(file);
	if (ret == -EBADF)
		NL_SET_ERR_MSG_ATTR(cb->extack, descriptor, "not a descriptor of the device");
	else if (ret)
		NL_SET_ERR_MSG_ATTR(cb->extack, descriptor,
				    "refused to a task under a seccomp filter");
	return ret;
}

/**
 * struct stats_dump - one dump of the statistics
 * @stats: the counters, as they were when the dump began
 * @next: the next errno to send; -1 before the first message
 */
struct stats_dump {
	struct spawnctl_stats *stats;
	int next;
};

static struct stats_dump *dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct stats_dump) > sizeof(cb->ctx));
	return (struct stats_dump *)cb->ctx;
}

static int stats_start(struct netlink_callback *cb)
{
	struct stats_dump *dump = dump_of(cb);
	int ret;

	/*
	 * No dump may begin before loading has succeeded: if loading fails, the
	 * module is freed without waiting for a dump.
	 */
	if (!READ_ONCE(ready))
		return -EAGAIN;
	ret = may_read(cb);
	if (ret)
		return ret;
	dump->stats = kmalloc(sizeof(*dump->stats), GFP_KERNEL_ACCOUNT);
	if (!dump->stats)
		return -ENOMEM;
	spawnctl_stats_get(dump->stats);
	dump->next = -1;
	return 0;
}

static int stats_done(struct netlink_callback *cb)
{
	kfree(dump_of(cb)->stats);
	return 0;
}

static int put_count(struct sk_buff *skb, int type, u32 key, u64 value)
{
	struct nlattr *nest;

	if (!value)
		return 0;
	nest = nla_nest_start(skb, type);
	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, SPAWNCTL_A_COUNT_KEY, key) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_COUNT_VALUE, value)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_totals(struct sk_buff *skb, const struct spawnctl_stats *stats)
{
	int i;

	if (spawnctl_put_u64(skb, SPAWNCTL_A_STATS_SPAWNS, stats->spawns) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_STATS_FORKS, stats->forks) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_STATS_IN_FLIGHT, stats->in_flight) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_STATS_OPENS_REFUSED, stats->opens_refused) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_STATS_WAIT_SUM, stats->wait_sum))
		return -EMSGSIZE;
	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS; i++)
		if (put_count(skb, SPAWNCTL_A_STATS_WAIT, i, stats->waits[i]))
			return -EMSGSIZE;
	return 0;
}

/* The first message has all totals and as many failures as fit; the rest follow */
static int stats_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct stats_dump *dump = dump_of(cb);
	void *header;

	if (dump->next > SPAWNCTL_LAST_ERRNO)
		return 0;
	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &spawnctl_family,
			     NLM_F_MULTI, SPAWNCTL_NL_CMD_STATS_GET);
	if (!header)
		return -EMSGSIZE;
	if (dump->next < 0) {
		if (put_totals(skb, dump->stats)) {
			genlmsg_cancel(skb, header);
			return -EMSGSIZE;
		}
		dump->next = 0;
	}
	for (; dump->next <= SPAWNCTL_LAST_ERRNO; dump->next++)
		if (put_count(skb, SPAWNCTL_A_STATS_FAILURE, dump->next,
			      dump->stats->failures[dump->next]))
			break;
	genlmsg_end(skb, header);
	return skb->len;
}

/* Rejects all attributes, for operations without a policy of their own */
static const struct nla_policy no_attributes[] = {
	[1] = { .type = NLA_REJECT },
};

static const struct genl_ops ops[] = {
	{
		.cmd		= SPAWNCTL_NL_CMD_INFO_GET,
		.doit		= info_get,
	}, {
		.cmd		= SPAWNCTL_NL_CMD_STATS_GET,
		.start		= stats_start,
		.dumpit		= stats_dump,
		.done		= stats_done,
		.policy		= stats_policy,
		.maxattr	= ARRAY_SIZE(stats_policy) - 1,
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = SPAWNCTL_MCGRP_EVENTS, .flags = EVENT_GROUP_FLAGS },
};

/* In the initial network namespace only, as netnsok is not set */
struct genl_family spawnctl_family __ro_after_init = {
	.name		= SPAWNCTL_FAMILY_NAME,
	.version	= SPAWNCTL_FAMILY_VERSION,
	.module		= THIS_MODULE,
	.maxattr	= ARRAY_SIZE(no_attributes) - 1,
	.policy		= no_attributes,
	.ops		= ops,
	.n_ops		= ARRAY_SIZE(ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
	.parallel_ops	= true,
};

/*
 * Registers the family with no listener in its event group. The kernel checks the
 * capability of a listener when it joins a group of a family, but any task can join a group
 * number that no family has yet. The kernel may then assign that number to this family,
 * with the listener in the group. With EVENT_FILTER this does no harm, because each
 * listener is checked again for each event (event.c). Without EVENT_FILTER, unregister the
 * family, which removes all listeners from its groups, and register it again until its
 * group is empty. Later listeners are checked only when they join, which is not enough:
 * may_not_listen() in event.c says why. If the group is never empty, no events are sent.
 */
static int __init register_without_listeners(void)
{
	int i, ret;

	for (i = 0; i < 8; i++) {
		ret = genl_register_family(&spawnctl_family);
		if (ret || EVENT_FILTER || !spawnctl_event_wanted())
			return ret;
		genl_unregister_family(&spawnctl_family);
	}
	pr_warn("another task keeps joining the event group early: no events will be sent\n");
	spawnctl_event_mute = true;
	return genl_register_family(&spawnctl_family);
}

int __init spawnctl_netlink_init(void)
{
	int ret = register_without_listeners();

	if (ret)
		pr_err("cannot register the netlink family (error %d)\n", ret);
	return ret;
}

/** spawnctl_netlink_ready() - allow dumps, as loading can no longer fail */
void __init spawnctl_netlink_ready(void)
{
	WRITE_ONCE(ready, true);
}

void spawnctl_netlink_exit(void)
{
	genl_unregister_family(&spawnctl_family);
}
