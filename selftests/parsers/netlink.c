// SPDX-License-Identifier: GPL-2.0
/*
 * What the command spawnctl makes of a message of netlink, and of a name in one.
 */
#define _GNU_SOURCE
#include <errno.h>

#define NO_SYSTEM_CALLS
#include "parser.h"
#include "../../tools/spawnctl/nl.c"
#include "../../tools/spawnctl/text.c"

/* Nothing that a terminal would take for more than text */
static void check_plain(const char *text)
{
	char out[32];
	size_t i;

	plain(text, out, sizeof(out));
	CHECK(memchr(out, '\0', sizeof(out)));
	for (i = 0; out[i]; i++)
		CHECK(out[i] >= 0x20 && out[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const size_t least = NLMSG_HDRLEN;
	struct nl_event event;
	struct nl_stats stats = { 0 };
	struct nl_info info;
	struct nlmsghdr *message;
	unsigned char command;

	if (size < 1)
		return 0;
	command = *data++ % 6;
	size--;
	/* As long as it says, to the next multiple of 4, and not a byte more is to be read */
	message = calloc(1, MNL_ALIGN(least + GENL_HDRLEN + size));
	CHECK(message);
	memcpy((char *)message + least + GENL_HDRLEN, data, size);
	((struct genlmsghdr *)mnl_nlmsg_get_payload(message))->cmd = command;
	message->nlmsg_len = least + (command == 5 ? size % GENL_HDRLEN : GENL_HDRLEN + size);
	CHECK(nl_parse_info(message, &info) == (command == SPAWNCTL_NL_CMD_INFO_GET));
	CHECK(memchr(info.version, '\0', sizeof(info.version)));
	CHECK(nl_parse_stats(message, &stats) == (command == SPAWNCTL_NL_CMD_STATS_GET));
	CHECK(nl_parse_event(message, &event) == (command == SPAWNCTL_NL_CMD_EVENT));
	CHECK(memchr(event.comm, '\0', sizeof(event.comm)));
	check_plain(event.comm);
	free(message);
	return 0;
}
