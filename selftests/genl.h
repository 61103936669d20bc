/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests and events of the netlink family, for its tests, on top of libmnl.
 */
#ifndef SPAWNCTL_GENL_H
#define SPAWNCTL_GENL_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/spawnctl_netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LAST_ERRNO	133	/* EHWPOISON */

struct genl {
	struct mnl_socket *socket;
	unsigned int seq;
	uint16_t family;	/* 0: not registered */
	uint32_t events;	/* the group's number */
	unsigned int ops;	/* number of the family's operations */
	char told[128];		/* message of the last error */
	unsigned int about;	/* its offset in the request; 0: not given */
	/* Sends in place of sendto(2), if set */
	ssize_t (*send)(int fd, const void *message, size_t size);
};

/* A buffer for a request, and the request in it */
struct genl_request {
	char room[256] __attribute__((__aligned__(NLMSG_ALIGNTO)));
	struct nlmsghdr *header;
};

static inline void genl_begin(struct genl *genl, struct genl_request *request, uint16_t type,
			      uint8_t command, uint16_t flags)
{
	struct genlmsghdr *extra;

	request->header = mnl_nlmsg_put_header(request->room);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = NLM_F_REQUEST | flags;
	request->header->nlmsg_seq = ++genl->seq;
	extra = mnl_nlmsg_put_extra_header(request->header, sizeof(*extra));
	extra->cmd = command;
	extra->version = SPAWNCTL_FAMILY_VERSION;
}

static inline void genl_note_error(struct genl *genl, const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*error);
	const struct nlattr *attr;

	genl->told[0] = '\0';
	genl->about = 0;
	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	mnl_attr_for_each(attr, answer, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(genl->told, sizeof(genl->told), "%s", mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS)
			genl->about = mnl_attr_get_u32(attr);
	}
}

/* Sends @request and passes each answer to @fn. Returns 0 or -errno */
static inline int genl_talk(struct genl *genl, struct genl_request *request,
			    int (*fn)(const struct nlmsghdr *answer, void *data), void *data)
{
	static _Thread_local char room[32768] __attribute__((__aligned__(NLMSG_ALIGNTO)));
	unsigned int portid = mnl_socket_get_portid(genl->socket);
	bool dump = request->header->nlmsg_flags & NLM_F_DUMP;

	if (!dump)
		request->header->nlmsg_flags |= NLM_F_ACK;
	if (genl->send ?
	    genl->send(mnl_socket_get_fd(genl->socket), request->header,
		       request->header->nlmsg_len) < 0 :
	    mnl_socket_sendto(genl->socket, request->header, request->header->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(genl->socket, room, sizeof(room));
		const struct nlmsghdr *answer = (const struct nlmsghdr *)room;
		int left = n;

		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);

			if (!mnl_nlmsg_portid_ok(answer, portid) ||
			    !mnl_nlmsg_seq_ok(answer, genl->seq))
				continue;
			if (answer->nlmsg_type == NLMSG_ERROR) {
				genl_note_error(genl, answer);
				return error->error;
			}
			if (answer->nlmsg_type == NLMSG_DONE)
				return *(const int *)mnl_nlmsg_get_payload(answer);
			if (fn)
				fn(answer, data);
		}
	}
}

static inline int genl_note_family(const struct nlmsghdr *answer, void *data)
{
	struct genl *genl = data;
	const struct nlattr *attr, *group, *part;

	mnl_attr_for_each(attr, answer, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			genl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_OPS)
			mnl_attr_for_each_nested(part, attr)
				genl->ops++;
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr)
			mnl_attr_for_each_nested(part, group)
				if (mnl_attr_get_type(part) == CTRL_ATTR_MCAST_GRP_ID)
					genl->events = mnl_attr_get_u32(part);
	}
	return 0;
}

/* Looks the family up. Returns 0 or -errno; -ENOENT if it is not registered */
static inline int genl_find(struct genl *genl)
{
	struct genl_request request;

	genl->family = 0;
	genl->ops = 0;
	genl_begin(genl, &request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(request.header, CTRL_ATTR_FAMILY_NAME, SPAWNCTL_FAMILY_NAME);
	return genl_talk(genl, &request, genl_note_family, genl);
}

static inline void genl_close(struct genl *genl)
{
	if (genl->socket)
		mnl_socket_close(genl->socket);
	genl->socket = NULL;
}

static inline int genl_open(struct genl *genl)
{
	int one = 1;

	memset(genl, 0, sizeof(*genl));
	genl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!genl->socket || mnl_socket_bind(genl->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	mnl_socket_setsockopt(genl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	return genl_find(genl);
}

static inline int genl_join(struct genl *genl)
{
	uint32_t group = genl->events;

	return mnl_socket_setsockopt(genl->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ?
	       -errno : 0;
}

/* The answer to stats-get */
struct counts {
	uint64_t totals[SPAWNCTL_A_STATS_MAX + 1];	/* by attribute */
	uint64_t waits[SPAWNCTL_WAIT_BUCKETS];
	uint64_t failures[LAST_ERRNO + 1];
	unsigned int messages;
	unsigned int odd;	/* number of attributes that it must not have */
};

static inline void genl_note_count(const struct nlattr *nest, uint64_t *counts, uint32_t n,
				   struct counts *all)
{
	const struct nlattr *part;
	uint32_t key = UINT32_MAX;
	uint64_t value = 0;

	mnl_attr_for_each_nested(part, nest) {
		if (mnl_attr_get_type(part) == SPAWNCTL_A_COUNT_KEY)
			key = mnl_attr_get_u32(part);
		if (mnl_attr_get_type(part) == SPAWNCTL_A_COUNT_VALUE)
			value = mnl_attr_get_u64(part);
	}
	/* Each key comes once, and never with the value 0 */
	if (key >= n || !value || counts[key])
		all->odd++;
	else
		counts[key] = value;
}

static inline int genl_note_stats(const struct nlmsghdr *answer, void *data)
{
	struct counts *counts = data;
	const struct nlattr *attr;

	counts->messages++;
	mnl_attr_for_each(attr, answer, sizeof(struct genlmsghdr)) {
		unsigned int type = mnl_attr_get_type(attr);

		if (type == SPAWNCTL_A_STATS_WAIT)
			genl_note_count(attr, counts->waits, SPAWNCTL_WAIT_BUCKETS, counts);
		else if (type == SPAWNCTL_A_STATS_FAILURE)
			genl_note_count(attr, counts->failures, LAST_ERRNO + 1, counts);
		else if (type > SPAWNCTL_A_STATS_DESCRIPTOR && type <= SPAWNCTL_A_STATS_MAX &&
			 mnl_attr_get_payload_len(attr) == sizeof(uint64_t) &&
			 !counts->totals[type])
			counts->totals[type] = mnl_attr_get_u64(attr);
		else if (type != SPAWNCTL_A_STATS_PAD)
			counts->odd++;
	}
	return 0;
}

/* @descriptor: -1 for none */
static inline int genl_stats(struct genl *genl, int descriptor, struct counts *counts)
{
	struct genl_request request;

	memset(counts, 0, sizeof(*counts));
	genl_begin(genl, &request, genl->family, SPAWNCTL_NL_CMD_STATS_GET, NLM_F_DUMP);
	if (descriptor >= 0)
		mnl_attr_put_u32(request.header, SPAWNCTL_A_STATS_DESCRIPTOR, descriptor);
	return genl_talk(genl, &request, genl_note_stats, counts);
}

/* The attributes of an event. An absent one is 0 in number[] and false in has[] */
struct seen {
	uint64_t number[SPAWNCTL_A_EVENT_MAX + 1];	/* by attribute */
	bool has[SPAWNCTL_A_EVENT_MAX + 1];
	char comm[16];
};

static inline bool genl_note_event(const struct nlmsghdr *message, struct seen *seen)
{
	const struct genlmsghdr *extra = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	memset(seen, 0, sizeof(*seen));
	if (extra->cmd != SPAWNCTL_NL_CMD_EVENT)
		return false;
	mnl_attr_for_each(attr, message, sizeof(*extra)) {
		unsigned int type = mnl_attr_get_type(attr);

		if (type > SPAWNCTL_A_EVENT_MAX)
			return false;
		seen->has[type] = true;
		if (type == SPAWNCTL_A_EVENT_COMM)
			snprintf(seen->comm, sizeof(seen->comm), "%s", mnl_attr_get_str(attr));
		else if (mnl_attr_get_payload_len(attr) == sizeof(uint64_t))
			seen->number[type] = mnl_attr_get_u64(attr);
		else if (mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
			seen->number[type] = mnl_attr_get_u32(attr);
	}
	return true;
}

/*
 * Receives the next event. Returns 1; 0 if none comes within @patience ms; or -errno (-ENOBUFS:
 * events have been lost).
 */
static inline int genl_event(struct genl *genl, struct seen *seen, int patience)
{
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(genl->socket), .events = POLLIN };
	char room[8192] __attribute__((__aligned__(NLMSG_ALIGNTO)));
	ssize_t n;

	if (!poll(&poll_fd, 1, patience))
		return 0;
	n = mnl_socket_recvfrom(genl->socket, room, sizeof(room));
	if (n < 0)
		return -errno;
	return genl_note_event((const struct nlmsghdr *)room, seen) ? 1 : -EBADMSG;
}

#endif /* SPAWNCTL_GENL_H */
