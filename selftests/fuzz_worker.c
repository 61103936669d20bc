// SPDX-License-Identifier: GPL-2.0
/*
 * A worker: a process whose threads make one batch of calls while another thread disturbs them.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "fuzz_worker.h"
#include "storm.h"

#define UNPRIVILEGED	65534

__u64 seed;
struct model first_model;
struct kcov_found *found;

pid_t worker_pid;
int all_filtered;
struct caller callers[CALLERS];
struct reaped reaped[CALLERS * BATCH];
unsigned int reaped_count;
static struct job *this_job;

/* Checked in every batch: a handler never runs in a child. */
static void handler(int sig)
{
	if (raw_syscall(SYS_getpid) != worker_pid)
		WRITE_ONCE(this_job->handler_in_child, sig);
}

/* Checks that each id that a call returned was reaped as a child of this worker. */
static void compare_children(struct job *job)
{
	unsigned int i, k, n;

	for (i = 0; i < CALLERS; i++) {
		for (k = 0; k < callers[i].births; k++) {
			for (n = 0; n < reaped_count; n++)
				if (reaped[n].pid == callers[i].born[k])
					break;
			if (n < reaped_count)
				reaped[n].pid = -1;
			else if (!*job->complaint)
				snprintf(job->complaint, sizeof(job->complaint),
					 "thread %u, child %u, %d: not reaped as a child of this worker",
					 i, k, callers[i].born[k]);
		}
	}
}

/* Sets up what is special about this batch. Returns 0, or the line that failed. */
static int set_up(struct job *job, char *cgroup, size_t size, int *cgroup_fd)
{
	struct rlimit no_core = { 0, 0 };

	worker_pid = raw_syscall(SYS_getpid);
	this_job = job;
	if (setpgid(0, 0) || setrlimit(RLIMIT_CORE, &no_core) ||
	    set_handlers(~LETHAL, handler, SA_RESTART))
		return __LINE__;
	snprintf(cgroup, size, "/sys/fs/cgroup/fuzz.%d", worker_pid);
	mkdir(cgroup, 0755);
	*cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->temper == USER_NAMESPACE && unshare(CLONE_NEWUSER))
		return __LINE__;
	if (job->temper == NO_TASKS &&
	    setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED))
		return __LINE__;
	/* The change of credentials may have reset both. Only a deadly worker may dump core. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    prctl(PR_SET_DUMPABLE, job->temper == DEADLY))
		return __LINE__;
	return 0;
}

static int set_up_caller(struct caller *caller, struct job *job, long *slots, int cgroup_fd)
{
	*caller = (struct caller){
		.job = job,
		.number = caller - callers,
		.model = first_model,
		.maker = {
			.rng = seeded(seed, job->batch, caller - callers),
			.arena = make_arena(),
			.lethal = job->temper == DEADLY,
			.post = job->temper != PID_NAMESPACE,
			.cgroup = cgroup_fd,
			.roaming = ROAMING,
			.slots = slots,
			.argv = program_argv,
		},
		.fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC),
	};
	caller->model.cgroup = cgroup_fd;
	caller->model.no_tasks = job->temper == NO_TASKS;
	caller->model.no_files = job->temper == NO_FILES;
	caller->trouble = caller->maker;
	caller->trouble.rng = seeded(seed, job->batch, CALLERS + (caller - callers));
	caller->mask = current_mask();
	kcov_open(&caller->kcov, found, seeded(seed, job->batch, 16 + caller->number));
	if (!caller->maker.arena)
		return __LINE__;
	caller->raced = (void *)(uintptr_t)at_page(&caller->maker, PAGE_RACED);
	return caller->fd < 0 ? __LINE__ : 0;
}

/* Runs a worker. Returns its exit status, 0 if it came to its end. */
int work(struct job *job)
{
	struct rlimit few_tasks = { 8, 8 }, few_files = { 16, 16 }, files = { 1024, 4096 };
	struct maker maker = { .rng = seeded(seed, job->batch, 2 * CALLERS) };
	long *slots = shared_alloc(FUZZ_PAGE);
	pthread_t threads[CALLERS];
	int cgroup_fd = -1, error, i;
	siginfo_t info;
	char cgroup[64];

	maker.slots = slots;
	setrlimit(RLIMIT_NOFILE, &files);
	for (i = 0, error = 0; i < CALLERS && !error; i++)
		error = set_up_caller(&callers[i], job, slots, -1);
	if (!error)
		error = set_up(job, cgroup, sizeof(cgroup), &cgroup_fd);
	for (i = 0; i < CALLERS; i++) {
		callers[i].maker.cgroup = cgroup_fd;
		callers[i].trouble.cgroup = cgroup_fd;
		callers[i].model.cgroup = cgroup_fd;
	}
	for (i = 0; i < CALLERS && !error; i++)
		error = pthread_create(&threads[i], NULL, call_on, &callers[i]) ? __LINE__ : 0;
	if (error) {
		snprintf(job->complaint, sizeof(job->complaint), "line %d: %s", error,
			 strerror(errno));
		return 1;
	}
	if (job->temper == NO_TASKS)
		setrlimit(RLIMIT_NPROC, &few_tasks);
	if (job->temper == NO_FILES)
		setrlimit(RLIMIT_NOFILE, &few_files);
	make_trouble(job, &maker, cgroup);
	for (i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	do {
		kill(0, SIGCONT);
		reap(slots);
		raw_sleep_us(500);
	} while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL));
	compare_children(job);
	rmdir(cgroup);
	job->done = 1;
	return 0;
}
