// SPDX-License-Identifier: GPL-2.0
/*
 * bench [-i] COMMAND...: each command prints its records.
 *
 *   -i           count instructions (see record.c); without it, nanoseconds
 *   all          every case of "spawn" that this system supports
 *   CASE         one case: noop dynamic typical filtered rss-MIB fds-NUMBER
 *   threads      spawns per second by 1, 4 and 16 threads, and the time of each in vfork()'s
 *   faults       how long page faults of 64 other threads take during spawns
 *   start        how long a spawn that does not wait holds its caller, and until it is done
 *   start-rate   how many programs one thread starts so
 *   start-cold   the same of a program that is not in the page cache
 *   text-busy    how often ETXTBSY meets 8 threads that each write a program and start it
 *   other-NAME   the CPU time of an unrelated fork and exec, recorded as case other-NAME
 *   busy WHO     spawn until killed, by contender WHO
 *   trace WHO    some spawns between trace_begin() and trace_end(), for breakdown.py
 *
 * Each case runs in a process of its own, and its contenders take turns in it, so that
 * changes over time affect all of them alike.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <spawnctl.h>
#endif

#include "bench.h"

#define MOST		300
#define FEWEST		3
/* Total for one contender in one case; slower contenders are repeated less often */
#define ENOUGH		200000000ULL

#define TRACED		10
#define TRACE_PAUSE	2	/* s */

char *noop[2];
static char *dynamic[2];

static void find_programs(void)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
	int directory;

	if (length < 0)
		die("/proc/self/exe: %s", strerror(errno));
	directory = (char *)memrchr(self, '/', length) - self;
	if (asprintf(&noop[0], "%.*s/noop", directory, self) < 0 ||
	    asprintf(&dynamic[0], "%.*s/dynamic", directory, self) < 0)
		die("no memory");
}

uint64_t measure(const struct contender *who, const struct job *job)
{
	uint64_t start = now(), end;
	pid_t pid = who->spawn(job);
	int status;

	end = now();
	if (pid <= 0)
		die("%s: %s", who->name, strerror(-pid));
	if (waitpid(pid, &status, 0) != pid || status)
		die("%s: the child's status is %#x", who->name, status);
	return end - start;
}

struct entry {
	const struct contender *who;
	struct sample sample;
	uint64_t sum;
};

/* A new order for each round, because each contender affects the next one */
static void shuffle(unsigned int *order, unsigned int n)
{
	static unsigned int state = 1;
	unsigned int i, j, swap;

	for (i = n - 1; i > 0; i--) {
		state = state * 1103515245 + 12345;
		j = (state >> 16) % (i + 1);
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
}

static void measure_all(const char *name, const struct job *job)
{
	static struct entry entries[8];
	unsigned int order[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, i, round, busy = 1;

	for (i = 0; i < contender_count; i++) {
		entries[i].who = &contenders[i];
		if (!(contenders[i].shapes & job->shape) || !contenders[i].prepare(job))
			entries[i].who = NULL;
	}
	for (round = 0; busy; round++) {
		busy = 0;
		shuffle(order, contender_count);
		for (i = 0; i < contender_count; i++) {
			struct entry *entry = &entries[order[i]];
			struct sample *sample = &entry->sample;
			uint64_t took;

			if (!entry->who || sample->count == MOST ||
			    (sample->count >= FEWEST && entry->sum > ENOUGH))
				continue;
			busy++;
			/* The library's contenders share one list of actions and attributes. */
			entry->who->prepare(job);
			took = measure(entry->who, job);
			if (round < WARM_UP && took < ENOUGH)
				continue;
			sample->value[sample->count++] = took;
			entry->sum += took;
		}
	}
	for (i = 0; i < contender_count; i++)
		if (entries[i].who)
			record_sample(name, entries[i].who->name, "call_to_return",
				      &entries[i].sample);
}

/* Answers ENOSYS to clone3(), as the filters of container engines do. */
static void deny_clone3(struct job *job)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

#ifdef __GLIBC__
	struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_FILTERED,
	};

	job->device = spawnctl_open();
	if (job->device >= 0 && spawnctl_narrow(job->device, &limit))
		die("LIMIT: %s", strerror(errno));
#else
	(void)job;
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("the filter: %s", strerror(errno));
}

/* Makes @mib MiB of private memory resident, in pages of the smallest size */
static void reside(unsigned long mib)
{
	unsigned long size = mib << 20, i;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("%lu MiB: %s", mib, strerror(errno));
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (i = 0; i < size; i += 4096)
		memory[i] = 1;
}

static void open_many(unsigned int count)
{
	struct rlimit limit = { count + 64, count + 64 };
	int fd = open("/dev/null", O_RDWR);
	unsigned int i;

	/* Root may raise the limit, but not above fs.nr_open */
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("RLIMIT_NOFILE %u: %s", count, strerror(errno));
	for (i = fd + 1; i < count; i++)
		if (dup(fd) < 0)
			die("descriptor %u: %s", i, strerror(errno));
}

/*
 * With one processor the scheduler decides when the call returns: as soon as the child
 * lets go of the memory, or only after the child has ended. A real-time caller preempts
 * the child, so every kernel does the first, as it would with a free processor.
 */
static void go_first(void)
{
	struct sched_param param = { .sched_priority = 1 };

	/* By number, because musl's function answers ENOSYS */
	if (clock_in_use == CLOCK_INSTRUCTIONS &&
	    syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		die("SCHED_FIFO: %s", strerror(errno));
}

static void run_case(const char *name)
{
	struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };

	if (pipe2(job.pipe, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	if (!strcmp(name, "dynamic")) {
		job.argv = dynamic;
	} else if (!strcmp(name, "typical")) {
		job.shape = SHAPE_TYPICAL;
	} else if (!strcmp(name, "filtered")) {
		deny_clone3(&job);
	} else if (!strncmp(name, "rss-", 4)) {
		reside(strtoul(name + 4, NULL, 10));
	} else if (!strncmp(name, "fds-", 4)) {
		job.shape = SHAPE_CLOSEFROM;
		open_many(strtoul(name + 4, NULL, 10));
	} else if (strcmp(name, "noop")) {
		die("no case \"%s\"", name);
	}
	go_first();
	measure_all(name, &job);
}

/*
 * The processor time of parent and child, which does not include other processes. The
 * kernel accounts it in nanoseconds, which are instructions on such an emulator; for
 * children it reports microseconds.
 */
static uint64_t cpu_time(void)
{
	struct timespec own;
	struct rusage usage;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	getrusage(RUSAGE_CHILDREN, &usage);
	return (own.tv_sec + usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
	       own.tv_nsec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
}

#define OTHERS		400

/* The mean of the middle half, which leaves out samples with interrupts. */
static void run_other(const char *name)
{
	const struct contender *fork_exec = &contenders[contender_count - 1];
	struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	static struct sample sample;
	uint64_t start, sum = 0;
	int i;

	for (i = 0; i < WARM_UP + OTHERS; i++) {
		start = cpu_time();
		measure(fork_exec, &job);
		if (i >= WARM_UP)
			sample.value[sample.count++] = cpu_time() - start;
	}
	sort_sample(&sample);
	for (i = OTHERS / 4; i < OTHERS - OTHERS / 4; i++)
		sum += sample.value[i];
	record(name, fork_exec->name, "cpu_time", (double)sum / (OTHERS / 2), unit(), OTHERS);
}

const struct contender *find(const char *name, const struct job *job)
{
	unsigned int i;

	for (i = 0; i < contender_count; i++)
		if (!strcmp(contenders[i].name, name) && contenders[i].prepare(job))
			return &contenders[i];
	return NULL;
}

const struct contender *find_or_die(const char *name, const struct job *job)
{
	const struct contender *who = find(name, job);

	if (!who)
		die("no %s here", name);
	return who;
}

static void run_busy(const char *name)
{
	struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	const struct contender *who = find_or_die(name, &job);

	for (;;)
		measure(who, &job);
}

__attribute__((__noinline__)) void trace_begin(void)
{
	__asm__ volatile("");
}

__attribute__((__noinline__)) void trace_end(void)
{
	__asm__ volatile("");
}

/* Tells breakdown.py when to start tracing, and gives it time to do so. */
static void run_trace(const char *name)
{
	struct job job = { .shape = SHAPE_PLAIN, .argv = noop, .device = -1 };
	const struct contender *who = find_or_die(name, &job);
	unsigned int i;
	pid_t pid;

	go_first();
	for (i = 0; i < 20; i++)
		measure(who, &job);
	printf("@trace ready %s\n", name);
	fflush(stdout);
	sleep(TRACE_PAUSE);
	for (i = 0; i < TRACED; i++) {
		trace_begin();
		pid = who->spawn(&job);
		trace_end();
		waitpid(pid, NULL, 0);
	}
	printf("@trace done %s\n", name);
	fflush(stdout);
	sleep(TRACE_PAUSE);
}

static void in_a_process(const char *name)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		if (!strcmp(name, "threads"))
			run_threads();
		else if (!strcmp(name, "faults"))
			run_faults();
#ifdef __GLIBC__
		else if (!strcmp(name, "start")) {
			go_first();
			run_start();
		} else if (!strcmp(name, "start-rate"))
			run_start_rate();
		else if (!strcmp(name, "start-cold"))
			run_start_cold();
		else if (!strcmp(name, "text-busy"))
			run_text_busy();
#endif
		else if (!strncmp(name, "other-", 6))
			run_other(name);
		else
			run_case(name);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("%s: its status is %#x", name, status);
}

int main(int argc, char **argv)
{
	static const char * const all[] = {
		"noop", "dynamic", "typical", "filtered",
		"rss-1", "rss-16", "rss-256", "rss-1024",
#if __SIZEOF_POINTER__ > 4
		"rss-4096",
#endif
		"fds-16", "fds-256", "fds-4096", "fds-20000", "fds-200000",
	};
	unsigned int i;

	find_programs();
	if (argc > 1 && !strcmp(argv[1], "-i")) {
		clock_in_use = CLOCK_INSTRUCTIONS;
		check_clock();
		argc--;
		argv++;
	}
	if (argc < 2)
		die("no case");
	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "busy") && argv[1])
			run_busy(argv[1]);
		if (!strcmp(*argv, "trace") && argv[1]) {
			run_trace(argv[1]);
			return 0;
		}
		if (strcmp(*argv, "all"))
			in_a_process(*argv);
		else
			for (i = 0; i < ARRAY_SIZE(all); i++)
				in_a_process(all[i]);
	}
	return 0;
}
