// SPDX-License-Identifier: GPL-2.0
/*
 * How long the probes take if thousands of births are pending. On most kernels they run with
 * preemption disabled, for every fork, exec and exit on the machine. The function graph tracer
 * measures them. Only for a guest whose clock counts instructions: in others, the emulator's
 * own pauses are longer than what is measured.
 */
#include <pthread.h>
#include <spawnctl/spawn.h>
#include "spawnctl_test.h"

#define TRACING	"/sys/kernel/tracing/"
#define FEW	8
#define MANY	4000
#define SAMPLES	300

static const char *const probes[] = { "probe_fork", "probe_exec", "probe_exit" };

/* In microseconds, sorted */
struct times {
	double of[ARRAY_SIZE(probes)][2 * SAMPLES];
	unsigned int count[ARRAY_SIZE(probes)];
};

struct crowd {
	int fd;
	int go[2];
	unsigned int there;
	unsigned int failed;
};

FIXTURE(latency)
{
	struct crowd *crowd;
	struct times few, many;
};

FIXTURE_SETUP(latency)
{
	self->crowd = shared_alloc(sizeof(*self->crowd));
	ASSERT_NE(NULL, self->crowd);
	self->crowd->fd = spawnctl_open();
	ASSERT_LE(0, self->crowd->fd);
	ASSERT_EQ(0, pipe(self->crowd->go));
}

FIXTURE_TEARDOWN(latency)
{
	write_file(TRACING "current_tracer", "nop");
	write_file(TRACING "max_graph_depth", "0");
	/* Empties the list */
	close(open(TRACING "set_graph_function", O_WRONLY | O_TRUNC));
	close(self->crowd->fd);
}

/* The child has an exec mask, and stays before its exec */
static int wait_for_go(void *arg)
{
	struct crowd *crowd = arg;
	char c;

	raw_syscall(SYS_close, crowd->go[1]);
	__atomic_fetch_add(&crowd->there, 1, __ATOMIC_SEQ_CST);
	raw_syscall(SYS_read, crowd->go[0], &c, 1);
	return 0;
}

static void *spawn_one(void *arg)
{
	struct crowd *crowd = arg;

	if (spawnctl_thread(crowd->fd, NULL, wait_for_go, crowd) < 0)
		WRITE_ONCE(crowd->failed, 1);
	return NULL;
}

/* Adds callers until @total children wait */
static int gather(struct crowd *crowd, unsigned int total)
{
	size_t stack = sysconf(_SC_THREAD_STACK_MIN);
	pthread_attr_t attr;
	pthread_t thread;
	unsigned int i;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_attr_setstacksize(&attr, stack > 65536 ? stack : 65536))
		return -1;
	for (i = READ_ONCE(crowd->there); i < total; i++)
		if (pthread_create(&thread, &attr, spawn_one, crowd))
			return -1;
	while (READ_ONCE(crowd->there) < total && !READ_ONCE(crowd->failed))
		usleep(1000);
	return READ_ONCE(crowd->failed);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A line of the trace is like " 1)   0.871 us    |  probe_fork [spawnctl]();" */
static void note(struct times *times, const char *line)
{
	const char *cpu = strchr(line, ')');
	unsigned int i;
	double us;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (strstr(line, probes[i]) && cpu && times->count[i] < 2 * SAMPLES &&
		    sscanf(cpu + 1 + strspn(cpu + 1, " +!#*@$"), "%lf us", &us) == 1)
			times->of[i][times->count[i]++] = us;
}

/* Spawns SAMPLES programs, whose births all probes handle */
static int measure(int fd, struct times *times)
{
	static char *argv[] = { program_path, "nothing", "0", NULL };
	spawnctl_attr_t *attr;
	char line[512];
	unsigned int i;
	FILE *trace;
	pid_t pid;

	if (spawnctl_attr_init(&attr) || spawnctl_attr_setdevice(attr, fd) ||
	    write_file(TRACING "current_tracer", "function_graph"))
		return -1;
	for (i = 0; i < SAMPLES; i++) {
		if (spawnctl_spawn(&pid, program_path, NULL, attr, argv, environ) ||
		    wait_status(pid))
			return -1;
	}
	spawnctl_attr_destroy(attr);
	write_file(TRACING "tracing_on", "0");
	trace = fopen(TRACING "trace", "r");
	while (trace && fgets(line, sizeof(line), trace))
		note(times, line);
	if (trace)
		fclose(trace);
	write_file(TRACING "tracing_on", "1");
	write_file(TRACING "current_tracer", "nop");
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		qsort(times->of[i], times->count[i], sizeof(times->of[i][0]), by_value);
	return trace ? 0 : -1;
}

static bool has_tracer(void)
{
	char tracers[256] = "";
	FILE *file = fopen(TRACING "available_tracers", "r");
	bool has = file && fgets(tracers, sizeof(tracers), file) &&
		   strstr(tracers, "function_graph");

	if (file)
		fclose(file);
	return has;
}

TEST_F_TIMEOUT(latency, probes_with_many_births_pending, 300)
{
	unsigned int i;

	ASSERT_TRUE(has_tracer());
	ASSERT_EQ(0, write_file(TRACING "max_graph_depth", "1"));
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		ASSERT_EQ(0, write_file(TRACING "set_graph_function", probes[i])) {
			TH_LOG("%s", probes[i]);
		}
	ASSERT_EQ(0, gather(self->crowd, FEW));
	ASSERT_EQ(0, measure(self->crowd->fd, &self->few));
	ASSERT_EQ(0, gather(self->crowd, MANY));
	EXPECT_LE(MANY, exec_pending(self->crowd->fd));
	ASSERT_EQ(0, measure(self->crowd->fd, &self->many));
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		const struct times *few = &self->few, *many = &self->many;
		double before, after;

		ASSERT_LE(SAMPLES / 2U, few->count[i]);
		ASSERT_LE(SAMPLES / 2U, many->count[i]);
		before = few->of[i][few->count[i] / 2];
		after = many->of[i][many->count[i] / 2];
		TH_LOG("%s, births pending: %d: median %.2f us, maximum %.2f; %d: %.2f, %.2f",
		       probes[i], FEW, before, few->of[i][few->count[i] - 1], MANY, after,
		       many->of[i][many->count[i] - 1]);
		/* A search of 4000 / 64 births takes a fifth more in probe_exit() */
		EXPECT_GT(1.05 * before, after);
	}
	close(self->crowd->go[1]);
	while (exec_pending(self->crowd->fd))
		usleep(1000);
}

TEST_HARNESS_MAIN
