// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl monitor: print each child as it is made or refused.
 */
#include <errno.h>
#include <getopt.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

const char usage_monitor[] =
	"Usage: spawnctl monitor [--json] [--uid USER]... [--comm NAME]... [--errno ERRNO]...\n"
	"                        [--count N]\n"
	"\n"
	"Print a line for each child that is created and for each call that fails. The caller\n"
	"needs CAP_NET_ADMIN in the initial user namespace. Process ids are those of the initial\n"
	"pid namespace.\n"
	"\n"
	"  -j, --json         print a JSON object per line, also for a failure\n"
	"  -u, --uid USER     print only calls of this user (name or number)\n"
	"  -c, --comm NAME    print only calls of threads with this name, as in /proc/PID/comm\n"
	"  -e, --errno ERRNO  print only calls that failed with ERRNO (EINVAL, 22, or any)\n"
	"  -n, --count N      exit after N lines\n"
	"\n"
	"If -u, -c or -e is given more than once, a call has to match one of its values. Lost\n"
	"events are reported on the standard error. In names, \\xNN is a byte that is not\n"
	"printable.\n";

#define MOST		32	/* values per option */
#define COMM_LENGTH	15	/* TASK_COMM_LEN - 1 */
#define BATCH		64
#define MESSAGE_SIZE	1024	/* bytes; an event takes about 200 */
#define ROOM		(16 << 20)

struct filter {
	unsigned int uids, comms, errors;
	uint32_t uid[MOST + 1];
	const char *comm[MOST + 1];
	int error[MOST + 1];	/* 0: any */
};

static bool wanted(const struct filter *filter, const struct nl_event *event)
{
	bool uid = !filter->uids, comm = !filter->comms, error = !filter->errors;
	unsigned int i;

	for (i = 0; i < filter->uids; i++)
		uid |= filter->uid[i] == event->uid;
	for (i = 0; i < filter->comms; i++)
		comm |= !strcmp(filter->comm[i], event->comm);
	for (i = 0; i < filter->errors; i++)
		error |= event->error &&
			 (!filter->error[i] || filter->error[i] == (int)event->error);
	return uid && comm && error;
}

static void print_text(const struct nl_event *event, bool colors)
{
	char clock[16], comm[4 * sizeof(event->comm) + 8];
	time_t seconds = event->time / 1000000000;
	struct tm tm;
	unsigned int i;
	bool first = true;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &tm));
	plain(event->comm, comm, sizeof(comm));
	printf("%s.%06u %u %s uid %u %s ", clock, (unsigned int)(event->time % 1000000000 / 1000),
	       event->pid, comm, event->uid, command_name(event->command));
	if (event->error)
		printf("%s%s%s", colors ? "\033[31m" : "", errno_name(event->error),
		       colors ? "\033[0m" : "");
	else if (event->child)
		printf("child %s%u%s", colors ? "\033[32m" : "", event->child,
		       colors ? "\033[0m" : "");
	else
		printf("child unknown");
	if (event->has_wait) {
		char wait[16];

		printf(" in %s", duration(event->wait, wait));
	}
	for (i = 0; flag_name(i); i++) {
		if (!event->has_flags || !(event->flags & (1U << i)))
			continue;
		printf("%s%s", first ? " " : ",", flag_name(i));
		first = false;
	}
	putchar('\n');
}

static void print_json(const struct nl_event *event)
{
	struct json_object *all = json_object_new_object();
	char comm[4 * sizeof(event->comm) + 8];

	plain(event->comm, comm, sizeof(comm));
	add_number(all, "seq", event->seq);
	add_number(all, "time_ns", event->time);
	add_text(all, "command", command_name(event->command));
	if (event->has_flags)
		add_number(all, "flags", event->flags);
	if (event->error) {
		add_number(all, "errno", event->error);
		add_text(all, "error", errno_name(event->error));
	}
	add_number(all, "pid", event->pid);
	add_number(all, "tgid", event->tgid);
	add_number(all, "uid", event->uid);
	add_text(all, "comm", comm);
	if (event->child)
		add_number(all, "child", event->child);
	if (event->has_wait)
		add_number(all, "wait_ns", event->wait);
	add_number(all, "file_id", event->file_id);
	put_json(all, true);
}

struct monitor {
	struct filter filter;
	bool colors;
	uint64_t left;		/* lines still to be printed */
	uint64_t next;		/* number of the next event, if @begun */
	bool begun;
};

static void one_event(struct monitor *monitor, const struct nl_event *event)
{
	if (monitor->begun && event->seq != monitor->next)
		fprintf(stderr, "spawnctl monitor: %llu events lost\n",
			(unsigned long long)(event->seq - monitor->next));
	monitor->begun = true;
	monitor->next = event->seq + 1;
	if (!monitor->left || !wanted(&monitor->filter, event))
		return;
	monitor->left--;
	if (json_wanted)
		print_json(event);
	else
		print_text(event, monitor->colors);
}

/* Receive a batch of events with one system call, and flush the output once per batch */
static int follow(struct nl *nl, struct monitor *monitor)
{
	static char room[BATCH][MESSAGE_SIZE] __attribute__((__aligned__(8)));
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	int fd = mnl_socket_get_fd(nl->socket);

	while (monitor->left) {
		int n, i;

		for (i = 0; i < BATCH; i++) {
			pieces[i] = (struct iovec){ room[i], MESSAGE_SIZE };
			messages[i] = (struct mmsghdr){ .msg_hdr = {
				.msg_iov = &pieces[i], .msg_iovlen = 1 } };
		}
		n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		/* The number of the next event shows how many were lost */
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < 0)
			return -errno;
		for (i = 0; i < n; i++) {
			const struct nlmsghdr *message = (const struct nlmsghdr *)room[i];
			struct nl_event event;

			if (mnl_nlmsg_ok(message, messages[i].msg_len) &&
			    message->nlmsg_type == nl->family && nl_parse_event(message, &event))
				one_event(monitor, &event);
		}
		if (fflush(stdout))
			return 0;
	}
	return 0;
}

static int user_id(const char *text, uint32_t *uid)
{
	struct passwd *user = getpwnam(text);
	uint64_t number;

	if (user) {
		*uid = user->pw_uid;
		return 0;
	}
	if (!read_number(text, UINT32_MAX, &number))
		return -1;
	*uid = number;
	return 0;
}

int cmd_monitor(int argc, char **argv)
{
	static const char letters[] = ":ju:c:e:n:";
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "uid", required_argument, NULL, 'u' },
		{ "comm", required_argument, NULL, 'c' }, { "errno", required_argument, NULL, 'e' },
		{ "count", required_argument, NULL, 'n' }, { }
	};
	struct monitor monitor = { .left = UINT64_MAX };
	struct filter *filter = &monitor.filter;
	struct nl_info module;
	int c, ret, room = ROOM, fd;
	struct nl nl;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json_wanted = true;
			break;
		case 'u':
			if (user_id(optarg, &filter->uid[filter->uids++]))
				return bad_usage("unknown user '%s'", optarg);
			break;
		case 'c':
			if (strlen(optarg) > COMM_LENGTH)
				return bad_usage("'%s' is longer than a thread name, which has at "
						 "most %d bytes", optarg, COMM_LENGTH);
			filter->comm[filter->comms++] = optarg;
			break;
		case 'e':
			ret = strcmp(optarg, "any") ? errno_by_name(optarg) : 0;
			if (ret < 0)
				return bad_usage("unknown errno '%s'", optarg);
			filter->error[filter->errors++] = ret;
			break;
		case 'n':
			if (!read_number(optarg, UINT64_MAX, &monitor.left) || !monitor.left)
				return bad_usage("'%s' is not a number of lines (1 or more)",
						 optarg);
			break;
		default:
			return bad_option(c, argv, letters);
		}
		if (filter->uids > MOST || filter->comms > MOST || filter->errors > MOST)
			return bad_usage("more than %d values of option '%s'", MOST,
					 filter->uids > MOST ? "--uid" :
					 filter->comms > MOST ? "--comm" : "--errno");
	}
	if (optind < argc)
		return bad_usage("unexpected argument '%s'", argv[optind]);
	monitor.colors = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	ret = nl_open(&nl);
	if (ret)
		return nl_failed("open the netlink family", NULL, &nl, ret);
	fd = mnl_socket_get_fd(nl.socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ret = nl_get_info(&nl, &module);
	if (!ret && !module.events)
		fputs("spawnctl monitor: the module sends no events until it is loaded again: "
		      "a process repeatedly joined their multicast group while the module was "
		      "being loaded\n", stderr);
	if (!ret)
		ret = nl_join(&nl);
	if (!ret)
		ret = follow(&nl, &monitor);
	if (ret)
		ret = nl_failed("listen to events", ret == -EPERM ?
			     "CAP_NET_ADMIN in the initial user namespace is needed" : NULL,
			     &nl, ret);
	nl_close(&nl);
	return ret;
}
