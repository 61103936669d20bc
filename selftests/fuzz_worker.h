/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker: a process whose threads make one batch of calls while another thread disturbs them.
 */
#ifndef SPAWNCTL_FUZZ_WORKER_H
#define SPAWNCTL_FUZZ_WORKER_H

#include "fuzz.h"

#define CALLERS		2	/* calling threads of each worker */
#define BATCH		1000	/* calls of each thread */
#define ROAMING		900	/* above the numbers that the kernel allocates here */
#define KCOV_PCS	8192	/* the module has some hundreds */
#define KCOV_KEPT	512

/* What is special about a batch. */
enum temper {
	CALM,
	FILTER_ONE,	/* each caller installs a seccomp filter on itself */
	FILTER_ALL,	/* another thread installs one on all (TSYNC) */
	NO_TASKS,
	NO_FILES,
	USER_NAMESPACE,
	PID_NAMESPACE,
	TIME_NAMESPACE,
	DEADLY,		/* the worker dies sooner or later */
	TEMPERS,
};

enum { ROW_INFO, ROW_SPAWN, ROW_FORK, ROW_LIMIT, ROW_UNKNOWN, ROWS };

/* An open file that several workers share. */
struct common {
	int fd;
	__aligned_u64 budget;
	__aligned_u64 born;
};

/* The state of a worker that the supervisor sees. */
struct job {
	pid_t pid;
	unsigned int batch;
	enum temper temper;
	struct common *common;
	__aligned_u64 calls;
	__aligned_u64 filtered;
	__aligned_u64 tally[ROWS][ERRNOS];
	int handler_in_child;
	int done;
	char complaint[512];
	/* Used by the supervisor only. */
	pid_t group;
	__u64 last_calls;
	__u64 last_us;
};

/* Shared by all workers. */
struct kcov_found {
	__aligned_u64 pcs[KCOV_PCS];
	unsigned int distinct;
	unsigned int kept;
	struct {
		unsigned int command;
		union image image;
	} calls[KCOV_KEPT];
};

struct kcov {
	struct kcov_found *found;	/* NULL: there is no kcov */
	__u64 *area;
	int fd;
	struct rng rng;
};

struct caller {
	struct job *job;
	unsigned int number;
	struct maker maker;
	struct model model;
	struct call call;
	struct kcov kcov;
	struct maker trouble;	/* generates the changes of @raced */
	union image *raced;
	__u64 mask;
	int fd;
	int filtered;
	int done;
	pid_t tid;
	pid_t born[BATCH];
	unsigned int births;
	unsigned int index;
};

/* fuzz_worker.c: set by the supervisor */
extern __u64 seed;
extern struct model first_model;
extern struct kcov_found *found;

/* fuzz_worker.c: the state of this worker */
extern pid_t worker_pid;
extern int all_filtered;	/* 0: no, 1: not known, 2: yes */
extern struct caller callers[CALLERS];
extern struct reaped {
	pid_t pid;
	int status;
} reaped[CALLERS * BATCH];
extern unsigned int reaped_count;	/* atomic */

/* fuzz_test.c: what a child executes */
extern char *program_argv[];

int work(struct job *job);

/* fuzz_kcov.c */
void kcov_open(struct kcov *kcov, struct kcov_found *found, struct rng rng);
void kcov_start(struct kcov *kcov);
void kcov_before(struct kcov *kcov, struct maker *maker, struct call *call);
void kcov_after(struct kcov *kcov, const struct call *call);

/* fuzz_caller.c */
int put_filter(unsigned int flags);
int open_device(void);
void close_pidfd(int fd);
char *make_arena(void);
void *call_on(void *arg);

/* fuzz_trouble.c */
void reap(long *slots);
void make_trouble(struct job *job, struct maker *maker, const char *cgroup);

#endif /* SPAWNCTL_FUZZ_WORKER_H */
