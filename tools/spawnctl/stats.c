// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl stats: how much, how often in vain, and how long callers wait.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <spawnctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

const char usage_stats[] =
	"Usage: spawnctl stats [--watch[=SECONDS]] [--json | --openmetrics] [--reset]\n"
	"\n"
	"What the module has counted since it was loaded, or since the last --reset. For\n"
	"whoever may open the device, or has CAP_NET_ADMIN.\n"
	"\n"
	"  -w, --watch[=SECONDS]  again and again, with rates; every 2 seconds if not said\n"
	"  -j, --json             as a JSON object (a line each, with --watch)\n"
	"  -o, --openmetrics      for Prometheus, by node_exporter's textfile collector:\n"
	"                         spawnctl stats -o >FILE.$$ && mv FILE.$$ FILE.prom\n"
	"  -r, --reset            begin to count anew, after this has been shown; needs\n"
	"                         CAP_NET_ADMIN\n";

enum output { TEXT, JSON, OPENMETRICS };

static uint64_t failures_of(const struct nl_stats *stats)
{
	uint64_t all = 0;
	unsigned int i;

	for (i = 0; i <= NL_LAST_ERRNO; i++)
		all += stats->failures[i];
	return all;
}

static unsigned int width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? atoi(columns) : 80;
}

#define BEFORE_BAR	36	/* columns */

static void print_waits(const struct nl_stats *stats)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	unsigned int room = width() > BEFORE_BAR + 5 ? width() - BEFORE_BAR - 1 : 5;
	unsigned int i, k, first = SPAWNCTL_WAIT_BUCKETS, last = 0;
	uint64_t most = 0;

	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS; i++) {
		if (!stats->waits[i])
			continue;
		if (i < first)
			first = i;
		last = i;
		if (stats->waits[i] > most)
			most = stats->waits[i];
	}
	if (!most)
		return;
	printf("\n%-24s %10s\n", "callers waited", "how often");
	for (i = first; i <= last; i++) {
		char from[16], to[16];
		unsigned int bar = 0;

		/* One is seen, however many the most are */
		if (stats->waits[i])
			bar = 1 + (room - 1) * (stats->waits[i] - 1) / most;
		printf("%10s - %-10s  %10llu%s", duration(i ? 1ULL << i : 0, from),
		       i == SPAWNCTL_WAIT_BUCKETS - 1 ? "longer" : duration(2ULL << i, to),
		       (unsigned long long)stats->waits[i], bar ? " " : "");
		for (k = 0; k < bar; k++)
			fputs(utf8 ? "\xe2\x96\x88" : "#", stdout);
		putchar('\n');
	}
}

/* With @before, of @seconds ago, also how many a second */
static void print_number(const char *title, uint64_t now, const uint64_t *before, double seconds)
{
	printf("%-16s %12llu", title, (unsigned long long)now);
	/* It may have been reset in between */
	if (before && now >= *before)
		printf("  %10.1f/s", (now - *before) / seconds);
	putchar('\n');
}

static void print_text(const struct nl_stats *now, const struct nl_stats *before, double seconds)
{
	uint64_t failures = failures_of(now), failed = before ? failures_of(before) : 0;
	unsigned int i;

	print_number("spawns", now->spawns, before ? &before->spawns : NULL, seconds);
	print_number("forks", now->forks, before ? &before->forks : NULL, seconds);
	print_number("failures", failures, before ? &failed : NULL, seconds);
	for (i = 0; i <= NL_LAST_ERRNO; i++)
		if (now->failures[i])
			printf("  %-14s %12llu\n", errno_name(i),
			       (unsigned long long)now->failures[i]);
	print_number("opens refused", now->opens_refused,
		     before ? &before->opens_refused : NULL, seconds);
	print_number("in flight", now->in_flight, NULL, 0);
	if (now->spawns) {
		char text[16];

		printf("%-16s %12s\n", "mean wait", duration(now->wait_sum / now->spawns, text));
	}
	print_waits(now);
}

static void print_json(const struct nl_stats *stats, bool line)
{
	struct json_object *all = json_object_new_object();
	struct json_object *failures = json_object_new_object(), *waits = json_object_new_array();
	unsigned int i;

	add_number(all, "spawns", stats->spawns);
	add_number(all, "forks", stats->forks);
	add_number(all, "in_flight", stats->in_flight);
	add_number(all, "budget_refused", stats->budget_refused);
	add_number(all, "opens_refused", stats->opens_refused);
	add_number(all, "wait_ns", stats->wait_sum);
	for (i = 0; i <= NL_LAST_ERRNO; i++)
		if (stats->failures[i])
			add_number(failures, errno_name(i), stats->failures[i]);
	json_object_object_add(all, "failures", failures);
	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS; i++) {
		struct json_object *bucket;

		if (!stats->waits[i])
			continue;
		bucket = json_object_new_object();
		add_number(bucket, "from_ns", i ? 1ULL << i : 0);
		if (i < SPAWNCTL_WAIT_BUCKETS - 1)
			add_number(bucket, "below_ns", 2ULL << i);
		add_number(bucket, "count", stats->waits[i]);
		json_object_array_add(waits, bucket);
	}
	json_object_object_add(all, "waits", waits);
	put_json(all, line);
}

static void metric(const char *name, const char *type, const char *help)
{
	printf("# HELP spawnctl_%s %s\n# TYPE spawnctl_%s %s\n", name, help, name, type);
}

static void print_openmetrics(const struct nl_stats *stats)
{
	unsigned long long sum = 0;
	unsigned int i;

	metric("children_total", "counter", "Children made.");
	printf("spawnctl_children_total{command=\"spawn\"} %llu\n",
	       (unsigned long long)stats->spawns);
	printf("spawnctl_children_total{command=\"fork\"} %llu\n",
	       (unsigned long long)stats->forks);
	metric("failures_total", "counter", "Calls that made no child.");
	for (i = 0; i <= NL_LAST_ERRNO; i++)
		if (stats->failures[i])
			printf("spawnctl_failures_total{errno=\"%s\"} %llu\n", errno_name(i),
			       (unsigned long long)stats->failures[i]);
	metric("opens_refused_total", "counter", "Opens of the device that the module refused.");
	printf("spawnctl_opens_refused_total %llu\n", (unsigned long long)stats->opens_refused);
	metric("in_flight", "gauge", "Calls that are making a child.");
	printf("spawnctl_in_flight %llu\n", (unsigned long long)stats->in_flight);
	metric("wait_seconds", "histogram", "How long callers of SPAWN were held up.");
	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS - 1; i++) {
		sum += stats->waits[i];
		printf("spawnctl_wait_seconds_bucket{le=\"%.9g\"} %llu\n", (2ULL << i) / 1e9, sum);
	}
	sum += stats->waits[i];
	printf("spawnctl_wait_seconds_bucket{le=\"+Inf\"} %llu\n", sum);
	printf("spawnctl_wait_seconds_sum %.9f\n", stats->wait_sum / 1e9);
	printf("spawnctl_wait_seconds_count %llu\n", sum);
}

/* Without the device, by what rights there are */
static int get(struct nl *nl, struct nl_stats *stats)
{
	int fd = spawnctl_open(), ret = nl_get_stats(nl, fd, stats);

	if (fd >= 0)
		close(fd);
	return ret;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int show(struct nl *nl, enum output form, double pause)
{
	struct nl_stats now, before;
	bool terminal = isatty(STDOUT_FILENO), first = true;
	double last = 0;

	for (;;) {
		int ret = get(nl, &now);
		double at = seconds_now();

		if (ret)
			return ret;
		if (form == JSON)
			print_json(&now, pause > 0);
		else if (form == OPENMETRICS)
			print_openmetrics(&now);
		if (form == TEXT) {
			if (pause > 0 && terminal)
				fputs("\033[H\033[J", stdout);
			else if (!first)
				putchar('\n');
			print_text(&now, first ? NULL : &before, at - last);
		}
		if (fflush(stdout) || pause <= 0)
			return 0;
		before = now;
		last = at;
		first = false;
		nanosleep(&(struct timespec){ pause, (pause - (time_t)pause) * 1e9 }, NULL);
	}
}

int cmd_stats(int argc, char **argv)
{
	static const struct option options[] = {
		{ "watch", optional_argument, NULL, 'w' }, { "json", no_argument, NULL, 'j' },
		{ "openmetrics", no_argument, NULL, 'o' }, { "reset", no_argument, NULL, 'r' },
		{ }
	};
	enum output form = TEXT;
	bool reset = false;
	double pause = 0;
	struct nl nl;
	int c, ret;
	char *end;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "w::jor", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			pause = optarg ? strtod(optarg, &end) : 2;
			if (optarg && (*end || !(pause >= 0.1 && pause <= 86400)))
				return bad_usage("stats", "'%s' is not 0.1 to 86400 seconds",
						 optarg);
			break;
		case 'j':
		case 'o':
			if (form != TEXT)
				return bad_usage("stats", "one form at a time");
			form = c == 'j' ? JSON : OPENMETRICS;
			break;
		case 'r':
			reset = true;
			break;
		default:
			return bad_usage("stats", "no option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return bad_usage("stats", "no argument '%s' is known", argv[optind]);
	if (pause > 0 && (reset || form == OPENMETRICS))
		return bad_usage("stats", "--watch goes with text and --json alone");
	ret = nl_open(&nl);
	if (ret)
		return say_cannot("stats", "open the netlink family", &nl, ret);
	ret = show(&nl, form, pause);
	if (ret) {
		ret = say_cannot("stats", "read the statistics", &nl, ret);
	} else if (reset && !ferror(stdout)) {
		ret = nl_reset_stats(&nl);
		if (ret)
			ret = say_cannot("stats", "reset the statistics", &nl, ret);
	}
	nl_close(&nl);
	return ret;
}
