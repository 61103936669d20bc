// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl stats: show children made, failures by errno, and how long callers wait.
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
	"Usage: spawnctl stats [--watch[=SECONDS]] [--json | --openmetrics]\n"
	"\n"
	"Show what the module has counted since it was loaded. The caller needs a descriptor\n"
	"of the device, its own or the service's, or CAP_NET_ADMIN in the initial user\n"
	"namespace.\n"
	"\n"
	"  -w, --watch[=SECONDS]  repeat every 2 seconds, or every SECONDS; the text\n"
	"                         output then shows rates per second\n"
	"  -j, --json             print a JSON object, also for a failure; with --watch, one\n"
	"                         per line\n"
	"  -o, --openmetrics      print metrics for Prometheus, for the textfile collector\n"
	"                         of node_exporter:\n"
	"                         spawnctl stats -o >FILE.$$ && mv FILE.$$ FILE.prom\n";

enum output { TEXT, JSON, OPENMETRICS };

static uint64_t sum_of(const uint64_t *counts, unsigned int n)
{
	uint64_t all = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		all += counts[i];
	return all;
}

static uint64_t failures_of(const struct nl_stats *stats)
{
	return sum_of(stats->failures, ARRAY_SIZE(stats->failures));
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
	printf("\n%-24s %10s\n", "callers waited", "count");
	for (i = first; i <= last; i++) {
		char from[16], to[16];
		unsigned int bar = 0;

		/* At least one block: a single wait is visible, whatever the maximum */
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

/* Print a number and, if @before is its value @seconds ago and not NULL, the rate */
static void print_number(const char *title, uint64_t now, const uint64_t *before, double seconds)
{
	printf("%-16s %12llu", title, (unsigned long long)now);
	/* The module may have been reloaded in between */
	if (before && now >= *before)
		printf("  %10.1f/s", (now - *before) / seconds);
	putchar('\n');
}

static void print_text(const struct nl_stats *now, const struct nl_stats *before, double seconds)
{
	uint64_t failures = failures_of(now), failed = before ? failures_of(before) : 0;
	uint64_t waits = sum_of(now->waits, ARRAY_SIZE(now->waits));
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
	if (waits) {
		char text[16];

		printf("%-16s %12s\n", "mean wait", duration(now->wait_sum / waits, text));
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

	metric("children_total", "counter", "Children created.");
	printf("spawnctl_children_total{command=\"spawn\"} %llu\n",
	       (unsigned long long)stats->spawns);
	printf("spawnctl_children_total{command=\"fork\"} %llu\n",
	       (unsigned long long)stats->forks);
	metric("failures_total", "counter", "Calls that created no child.");
	for (i = 0; i <= NL_LAST_ERRNO; i++)
		if (stats->failures[i])
			printf("spawnctl_failures_total{errno=\"%s\"} %llu\n", errno_name(i),
			       (unsigned long long)stats->failures[i]);
	metric("opens_refused_total", "counter", "Opens of the device that the module refused.");
	printf("spawnctl_opens_refused_total %llu\n", (unsigned long long)stats->opens_refused);
	metric("in_flight", "gauge", "Calls that are creating a child.");
	printf("spawnctl_in_flight %llu\n", (unsigned long long)stats->in_flight);
	metric("wait_seconds", "histogram", "Time that callers of SPAWN waited.");
	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS - 1; i++) {
		sum += stats->waits[i];
		printf("spawnctl_wait_seconds_bucket{le=\"%.9g\"} %llu\n", (2ULL << i) / 1e9, sum);
	}
	sum += stats->waits[i];
	printf("spawnctl_wait_seconds_bucket{le=\"+Inf\"} %llu\n", sum);
	printf("spawnctl_wait_seconds_sum %.9f\n", stats->wait_sum / 1e9);
	printf("spawnctl_wait_seconds_count %llu\n", sum);
}

/* If there is no descriptor of the device, the request needs CAP_NET_ADMIN */
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
	static const char letters[] = ":w::jo";
	static const struct option options[] = {
		{ "watch", optional_argument, NULL, 'w' }, { "json", no_argument, NULL, 'j' },
		{ "openmetrics", no_argument, NULL, 'o' }, { }
	};
	enum output form = TEXT;
	double pause = 0;
	struct nl nl;
	int c, ret;
	char *end;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'w':
			pause = optarg ? strtod(optarg, &end) : 2;
			if (optarg && (*end || !(pause >= 0.1 && pause <= 86400)))
				return bad_usage("'%s' is not a number of seconds from 0.1 to "
						 "86400", optarg);
			break;
		case 'j':
		case 'o':
			if (form != TEXT && form != (c == 'j' ? JSON : OPENMETRICS))
				return bad_usage("--json and --openmetrics cannot be combined");
			form = c == 'j' ? JSON : OPENMETRICS;
			json_wanted |= form == JSON;
			break;
		default:
			return bad_option(c, argv, letters);
		}
	}
	if (optind < argc)
		return bad_usage("unexpected argument '%s'", argv[optind]);
	if (pause > 0 && form == OPENMETRICS)
		return bad_usage("--watch and --openmetrics cannot be combined");
	ret = nl_open(&nl);
	if (ret)
		return nl_failed("open the netlink family", NULL, &nl, ret);
	ret = show(&nl, form, pause);
	if (ret)
		ret = nl_failed("read the statistics", NULL, &nl, ret);
	nl_close(&nl);
	return ret;
}
