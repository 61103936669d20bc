/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The benchmark: cases (what is started, and in what environment), contenders (the ways
 * to start it), and records (the results, one line of JSON each).
 */
#ifndef SPAWNCTL_BENCH_H
#define SPAWNCTL_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))

#define WARM_UP		5	/* rounds */

/* What a spawn requests in addition to the program */
enum shape {
	SHAPE_PLAIN	= 1,	/* nothing */
	SHAPE_TYPICAL	= 2,	/* 5 file actions, default signals, mask, process group */
	SHAPE_CLOSEFROM	= 4,	/* close all descriptors from 3 on */
};

struct job {
	enum shape shape;
	char *const *argv;	/* argv[0] is the program's path */
	int pipe[2];		/* for SHAPE_TYPICAL's file actions */
	int device;		/* descriptor marked for filtered callers, or -1 */
};

struct contender {
	const char *name;
	unsigned int shapes;	/* the shapes that it supports */
	/* Prepares all that can be prepared before the call. false: not on this system */
	bool (*prepare)(const struct job *job);
	/* Returns the child's id once it has executed the program, or -errno */
	pid_t (*spawn)(const struct job *job);
};

extern const struct contender contenders[];
extern const unsigned int contender_count;

/* libc.c: the only contender of a binary with another libc */
const char *libc_name(void);
bool libc_prepare(const struct job *job);
pid_t libc_spawn(const struct job *job);

/* record.c */
enum clock { CLOCK_INSTRUCTIONS, CLOCK_WALL };

extern enum clock clock_in_use;

struct sample {
	unsigned int count;
	uint64_t value[1000];
};

uint64_t now(void);
const char *unit(void);
void check_clock(void);
void record(const char *what, const char *who, const char *metric, double value,
	    const char *unit, unsigned int repetitions);
/* Sorts the values, too */
double median_of(double *value, unsigned int n);
void sort_sample(struct sample *sample);
void record_sample(const char *what, const char *who, const char *metric, struct sample *sample);
void die(const char *format, ...) __attribute__((__format__(printf, 1, 2), __noreturn__));

/* main.c */
extern char *noop[2];
/* NULL: not on this system */
const struct contender *find(const char *name, const struct job *job);
/* As find(), but ends the program */
const struct contender *find_or_die(const char *name, const struct job *job);
uint64_t measure(const struct contender *who, const struct job *job);

/* contention.c */
void run_threads(void);
void run_faults(void);

/* start.c */
void run_start(void);
void run_start_rate(void);
void run_start_cold(void);
void run_text_busy(void);

#endif
