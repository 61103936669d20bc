// SPDX-License-Identifier: GPL-2.0
/*
 * The module's netlink family: send requests, and parse answers and events.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl.h"

/* Room for a request */
union request {
	struct nlmsghdr header;
	char room[256];
};

static uint32_t u32_of(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(uint32_t) ? mnl_attr_get_u32(attr) : 0;
}

static uint64_t u64_of(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(uint64_t) ? mnl_attr_get_u64(attr) : 0;
}

static void text_of(const struct nlattr *attr, char *text, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (n > size - 1)
		n = size - 1;
	memcpy(text, mnl_attr_get_payload(attr), n);
	text[n] = '\0';
}

/* The command of the message, or -1 if it is too short to have one */
static int command_of(const struct nlmsghdr *message)
{
	const struct genlmsghdr *extra = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*extra))
		return -1;
	return extra->cmd;
}

bool nl_parse_info(const struct nlmsghdr *message, struct nl_info *info)
{
	const struct nlattr *attr;

	memset(info, 0, sizeof(*info));
	if (command_of(message) != SPAWNCTL_NL_CMD_INFO_GET)
		return false;
	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case SPAWNCTL_A_INFO_VERSION:
			text_of(attr, info->version, sizeof(info->version));
			break;
		case SPAWNCTL_A_INFO_ABI:
			info->abi = u32_of(attr);
			break;
		case SPAWNCTL_A_INFO_SPAWN_FLAGS:
			info->spawn_flags = u32_of(attr);
			break;
		case SPAWNCTL_A_INFO_FORK_FLAGS:
			info->fork_flags = u32_of(attr);
			break;
		case SPAWNCTL_A_INFO_EXEC_PENDING:
			info->exec_pending = u64_of(attr);
			break;
		case SPAWNCTL_A_INFO_ALLOW_FILTERED:
			info->allow_filtered = mnl_attr_get_payload_len(attr) &&
					       mnl_attr_get_u8(attr);
			break;
		case SPAWNCTL_A_INFO_EVENTS:
			info->events = mnl_attr_get_payload_len(attr) && mnl_attr_get_u8(attr);
			break;
		}
	}
	return true;
}

/* Store one count in @counts, if its key is below @n */
static void note_count(const struct nlattr *nest, uint64_t *counts, uint32_t n)
{
	uint32_t key = UINT32_MAX;
	const struct nlattr *attr;
	uint64_t value = 0;

	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == SPAWNCTL_A_COUNT_KEY)
			key = u32_of(attr);
		else if (mnl_attr_get_type(attr) == SPAWNCTL_A_COUNT_VALUE)
			value = u64_of(attr);
	}
	if (key < n)
		counts[key] = value;
}

/*
 * Add the part of the statistics that this message contains to @stats: there may be several
 * messages
 */
bool nl_parse_stats(const struct nlmsghdr *message, struct nl_stats *stats)
{
	const struct nlattr *attr;

	if (command_of(message) != SPAWNCTL_NL_CMD_STATS_GET)
		return false;
	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case SPAWNCTL_A_STATS_SPAWNS:
			stats->spawns = u64_of(attr);
			break;
		case SPAWNCTL_A_STATS_FORKS:
			stats->forks = u64_of(attr);
			break;
		case SPAWNCTL_A_STATS_IN_FLIGHT:
			stats->in_flight = u64_of(attr);
			break;
		case SPAWNCTL_A_STATS_OPENS_REFUSED:
			stats->opens_refused = u64_of(attr);
			break;
		case SPAWNCTL_A_STATS_WAIT_SUM:
			stats->wait_sum = u64_of(attr);
			break;
		case SPAWNCTL_A_STATS_WAIT:
			note_count(attr, stats->waits, SPAWNCTL_WAIT_BUCKETS);
			break;
		case SPAWNCTL_A_STATS_FAILURE:
			note_count(attr, stats->failures, NL_LAST_ERRNO + 1);
			break;
		}
	}
	return true;
}

bool nl_parse_event(const struct nlmsghdr *message, struct nl_event *event)
{
	const struct nlattr *attr;

	memset(event, 0, sizeof(*event));
	if (command_of(message) != SPAWNCTL_NL_CMD_EVENT)
		return false;
	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case SPAWNCTL_A_EVENT_SEQ:
			event->seq = u64_of(attr);
			break;
		case SPAWNCTL_A_EVENT_TIME:
			event->time = u64_of(attr);
			break;
		case SPAWNCTL_A_EVENT_COMMAND:
			event->command = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_FLAGS:
			event->flags = u32_of(attr);
			event->has_flags = true;
			break;
		case SPAWNCTL_A_EVENT_ERRNO:
			event->error = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_PID:
			event->pid = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_TGID:
			event->tgid = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_UID:
			event->uid = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_COMM:
			text_of(attr, event->comm, sizeof(event->comm));
			break;
		case SPAWNCTL_A_EVENT_CHILD:
			event->child = u32_of(attr);
			break;
		case SPAWNCTL_A_EVENT_WAIT:
			event->wait = u64_of(attr);
			event->has_wait = true;
			break;
		case SPAWNCTL_A_EVENT_FILE_ID:
			event->file_id = u64_of(attr);
			break;
		}
	}
	return true;
}

static void begin(struct nl *nl, union request *request, uint16_t type, uint8_t command,
		  uint16_t flags)
{
	struct genlmsghdr *extra;

	/* Clear all of it, because the padding of attributes is sent, too */
	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	request->header.nlmsg_seq = ++nl->seq;
	extra = mnl_nlmsg_put_extra_header(&request->header, sizeof(*extra));
	extra->cmd = command;
	extra->version = SPAWNCTL_FAMILY_VERSION;
}

/* Save the kernel's error message, which follows the copy of the request in the answer */
static void note_message(struct nl *nl, const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*error);
	const struct nlattr *attr;

	nl->message[0] = '\0';
	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	mnl_attr_for_each(attr, answer, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			text_of(attr, nl->message, sizeof(nl->message));
	}
}

typedef void (*take_fn)(const struct nlmsghdr *answer, void *data);

/* Handle one message. Return: 1 to continue, else the result of the request */
static int take(struct nl *nl, const struct nlmsghdr *answer, take_fn fn, void *data)
{
	size_t length = mnl_nlmsg_get_payload_len(answer);

	if (!mnl_nlmsg_portid_ok(answer, mnl_socket_get_portid(nl->socket)) ||
	    !mnl_nlmsg_seq_ok(answer, nl->seq))
		return 1;
	if (answer->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);

		if (length < sizeof(*error))
			return -EBADMSG;
		note_message(nl, answer);
		return error->error;
	}
	if (answer->nlmsg_type == NLMSG_DONE)
		return length < sizeof(int) ? 0 : *(const int *)mnl_nlmsg_get_payload(answer);
	fn(answer, data);
	return 1;
}

/* Send @request, and pass each message of the answer to @fn */
static int talk(struct nl *nl, union request *request, take_fn fn, void *data)
{
	char room[32768];
	int ret = 1;

	if (!(request->header.nlmsg_flags & NLM_F_DUMP))
		request->header.nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, request, request->header.nlmsg_len) < 0)
		return -errno;
	while (ret > 0) {
		ssize_t n = mnl_socket_recvfrom(nl->socket, room, sizeof(room));
		const struct nlmsghdr *answer = (const struct nlmsghdr *)room;
		int left = n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		while (ret > 0 && mnl_nlmsg_ok(answer, left)) {
			ret = take(nl, answer, fn, data);
			answer = mnl_nlmsg_next(answer, &left);
		}
	}
	return ret;
}

static void take_family(const struct nlmsghdr *answer, void *data)
{
	const struct nlattr *attr, *group, *part;
	struct nl *nl = data;

	mnl_attr_for_each(attr, answer, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		/* The family has one group */
		mnl_attr_for_each_nested(group, attr) {
			mnl_attr_for_each_nested(part, group) {
				if (mnl_attr_get_type(part) == CTRL_ATTR_MCAST_GRP_ID)
					nl->events = u32_of(part);
			}
		}
	}
}

int nl_open(struct nl *nl)
{
	union request request;
	int one = 1, ret;

	memset(nl, 0, sizeof(*nl));
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID)) {
		ret = -errno;
		nl_close(nl);
		return ret;
	}
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	begin(nl, &request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(&request.header, CTRL_ATTR_FAMILY_NAME, SPAWNCTL_FAMILY_NAME);
	ret = talk(nl, &request, take_family, nl);
	if (!ret && !nl->family)
		ret = -ENOENT;
	if (ret)
		nl_close(nl);
	return ret;
}

void nl_close(struct nl *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

static void take_info(const struct nlmsghdr *answer, void *data)
{
	nl_parse_info(answer, data);
}

int nl_get_info(struct nl *nl, struct nl_info *info)
{
	union request request;

	memset(info, 0, sizeof(*info));
	begin(nl, &request, nl->family, SPAWNCTL_NL_CMD_INFO_GET, 0);
	return talk(nl, &request, take_info, info);
}

static void take_stats(const struct nlmsghdr *answer, void *data)
{
	nl_parse_stats(answer, data);
}

int nl_get_stats(struct nl *nl, int descriptor, struct nl_stats *stats)
{
	union request request;

	memset(stats, 0, sizeof(*stats));
	begin(nl, &request, nl->family, SPAWNCTL_NL_CMD_STATS_GET, NLM_F_DUMP);
	if (descriptor >= 0)
		mnl_attr_put_u32(&request.header, SPAWNCTL_A_STATS_DESCRIPTOR, descriptor);
	return talk(nl, &request, take_stats, stats);
}

int nl_join(struct nl *nl)
{
	uint32_t group = nl->events;

	if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return -errno;
	return 0;
}
