// SPDX-License-Identifier: GPL-2.0
/*
 * Events: a call queues its event, and a worker sends it to the listeners. So the cost of a
 * call does not depend on how many sockets must be checked and woken.
 */
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spawnctl_netlink.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat/event_group.h"
#include "netlink.h"
#include "spawnctl.h"

/* Maximum number of queued events, of about a hundred bytes each */
#define MOST_WAITING	4096

struct queued_event {
	struct llist_node node;
	struct spawnctl_event event;
	u64 time;
	u32 pid;
	u32 tgid;
	u32 uid;
	char comm[TASK_COMM_LEN];
};

static LLIST_HEAD(events);			/* newest first */
static atomic_t n_queued = ATOMIC_INIT(0);	/* including those being sent */
static atomic_t n_lost = ATOMIC_INIT(0);	/* since the worker last ran */
static u64 event_seq;				/* used by the worker only */

static void send_events(struct work_struct *work);
static DECLARE_WORK(sender, send_events);
static struct workqueue_struct *workqueue __ro_after_init;

static size_t event_size(void)
{
	return nla_total_size_64bit(sizeof(u64)) * 4 + nla_total_size(sizeof(u32)) * 7 +
	       nla_total_size(TASK_COMM_LEN);
}

static int put_event(struct sk_buff *skb, const struct queued_event *queued, u64 seq)
{
	const struct spawnctl_event *event = &queued->event;

	if (spawnctl_put_u64(skb, SPAWNCTL_A_EVENT_SEQ, seq) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_EVENT_TIME, queued->time) ||
	    nla_put_u32(skb, SPAWNCTL_A_EVENT_COMMAND, event->command) ||
	    nla_put_u32(skb, SPAWNCTL_A_EVENT_PID, queued->pid) ||
	    nla_put_u32(skb, SPAWNCTL_A_EVENT_TGID, queued->tgid) ||
	    nla_put_u32(skb, SPAWNCTL_A_EVENT_UID, queued->uid) ||
	    nla_put_string(skb, SPAWNCTL_A_EVENT_COMM, queued->comm) ||
	    spawnctl_put_u64(skb, SPAWNCTL_A_EVENT_FILE_ID, event->file_id))
		return -EMSGSIZE;
	if (event->has_flags && nla_put_u32(skb, SPAWNCTL_A_EVENT_FLAGS, event->flags))
		return -EMSGSIZE;
	if (event->error)
		return nla_put_u32(skb, SPAWNCTL_A_EVENT_ERRNO, event->error);
	if (event->child && nla_put_u32(skb, SPAWNCTL_A_EVENT_CHILD, event->child))
		return -EMSGSIZE;
	if (event->command == SPAWNCTL_CMD_SPAWN && !(event->flags & SPAWNCTL_NO_WAIT))
		return spawnctl_put_u64(skb, SPAWNCTL_A_EVENT_WAIT, event->wait);
	return 0;
}

/*
 * Returns true, "do not send", if a listener's socket was opened without CAP_NET_ADMIN in
 * the initial user namespace. The kernel's check when a socket joins the group is not
 * enough. A socket can join before the group exists (see register_without_listeners()). And a
 * socket in another network namespace, which can receive events of the initial one by
 * NETLINK_LISTEN_ALL_NSID, joins with the capability in the user namespace that owns its network
 * namespace.
 */
static int may_not_listen(struct sock *sk, struct sk_buff *skb, void *data)
{
	const struct file *file = sk->sk_socket ? sk->sk_socket->file : NULL;

	return !file || !file_ns_capable(file, &init_user_ns, CAP_NET_ADMIN);
}

static bool send_event(const struct queued_event *event, u64 seq)
{
	struct sk_buff *skb = genlmsg_new(event_size(), GFP_KERNEL);
	void *header;

	if (!skb)
		return false;
	header = genlmsg_put(skb, 0, 0, &spawnctl_family, 0, SPAWNCTL_NL_CMD_EVENT);
	if (!header || put_event(skb, event, seq)) {
		nlmsg_free(skb);
		return false;
	}
	genlmsg_end(skb, header);
	event_multicast(&spawnctl_family, skb, may_not_listen);
	return true;
}

static void send_events(struct work_struct *work)
{
	struct queued_event *event, *next;
	bool built_all = true;	/* false: an event could not be built */
	int lost;

	llist_for_each_entry_safe(event, next, llist_reverse_order(llist_del_all(&events)), node) {
		built_all &= send_event(event, event_seq++);
		kfree(event);
		atomic_dec(&n_queued);
		cond_resched();
	}
	lost = atomic_xchg(&n_lost, 0);
	event_seq += lost;
	if (lost || !built_all)
		genl_set_err(&spawnctl_family, &init_net, 0, 0, -ENOBUFS);
}

/**
 * spawnctl_event_queue() - queue an event for all listeners
 * @event: the event; the time and the calling task's ids and name are added
 *
 * Never waits, neither for memory nor for a listener. A lost event leaves a gap in the
 * sequence numbers. Listeners in the initial network namespace get ENOBUFS.
 */
void spawnctl_event_queue(const struct spawnctl_event *event)
{
	struct queued_event *queued = NULL;

	if (spawnctl_event_mute)
		return;
	if (atomic_add_unless(&n_queued, 1, MOST_WAITING)) {
		queued = kmalloc(sizeof(*queued), GFP_NOWAIT | __GFP_NOWARN);
		if (!queued)
			atomic_dec(&n_queued);
	}
	if (queued) {
		queued->event = *event;
		queued->time = ktime_get_real_ns();
		queued->pid = task_pid_nr(current);
		queued->tgid = task_tgid_nr(current);
		queued->uid = from_kuid_munged(&init_user_ns, current_uid());
		get_task_comm(queued->comm, current);
		llist_add(&queued->node, &events);
	} else {
		atomic_inc(&n_lost);
	}
	queue_work(workqueue, &sender);
}

int __init spawnctl_event_init(void)
{
	/* Unbound: a worker on the caller's CPU would disturb that CPU, which may be isolated */
	workqueue = alloc_workqueue("spawnctl", WQ_UNBOUND, 1);
	return workqueue ? 0 : -ENOMEM;
}

void spawnctl_event_exit(void)
{
	/* No call is in progress. This waits until the queued events are sent. */
	destroy_workqueue(workqueue);
}
