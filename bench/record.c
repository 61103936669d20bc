// SPDX-License-Identifier: GPL-2.0
/*
 * Clock and records. On an emulator that is run with -icount shift=0, each instruction that the
 * one processor executes takes 1 ns, and x86's time stamp counter counts the instructions. On
 * other architectures CLOCK_MONOTONIC does, within the resolution of the counter that it reads.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "bench.h"

/* A loop of two instructions; on x86, there is also a counter of them */
#if defined(__x86_64__)
#define COUNT_DOWN	"1: dec %0; jnz 1b"
#define HAS_COUNTER
#elif defined(__i386__)
#define COUNT_DOWN	"1: dec %0; jnz 1b"
#define HAS_COUNTER
#elif defined(__aarch64__)
#define COUNT_DOWN	"1: subs %0, %0, #1; b.ne 1b"
#elif defined(__riscv)
#define COUNT_DOWN	"1: addi %0, %0, -1; bnez %0, 1b"
#elif defined(__arm__)
#define COUNT_DOWN	"1: subs %0, %0, #1; bne 1b"
#else
#error "not written for this architecture"
#endif

enum clock clock_in_use = CLOCK_WALL;

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

uint64_t now(void)
{
	struct timespec ts;

#ifdef HAS_COUNTER
	if (clock_in_use == CLOCK_INSTRUCTIONS)
		return __builtin_ia32_rdtsc();
#endif
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

const char *unit(void)
{
	return clock_in_use == CLOCK_INSTRUCTIONS ? "instructions" : "ns";
}

/*
 * Checks that the clock counts 200,000 instructions as such. It repeats the check, because
 * a timer tick during one attempt adds instructions.
 */
void check_clock(void)
{
	uint64_t start, took = 0;
	int i;

	if (clock_in_use != CLOCK_INSTRUCTIONS)
		return;
	for (i = 0; i < 1000; i++) {
		unsigned long n = 100000;

		start = now();
		__asm__ volatile(COUNT_DOWN : "+r"(n) : : "cc");
		took = now() - start;
		if (took > 199000 && took < 201000)
			return;
	}
	die("the clock says %llu for 200000 instructions: -icount shift=0 is not in use",
	    (unsigned long long)took);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median_of(double *value, unsigned int n)
{
	qsort(value, n, sizeof(*value), compare_doubles);
	return (value[(n - 1) / 2] + value[n / 2]) / 2;
}

void sort_sample(struct sample *sample)
{
	qsort(sample->value, sample->count, sizeof(sample->value[0]), compare);
}

/* All names are the benchmark's own, and need no quoting. */
static void begin_record(const char *what, const char *who, const char *metric)
{
	static struct utsname system;

	if (!system.release[0])
		uname(&system);
	printf("@record {\"kernel\": \"%s\", \"libc\": \"%s\", \"case\": \"%s\", ", system.release,
	       libc_name(), what);
	printf("\"contender\": \"%s\", \"metric\": \"%s\", ", who, metric);
}

void record(const char *what, const char *who, const char *metric, double value,
	    const char *unit_name, unsigned int repetitions)
{
	begin_record(what, who, metric);
	printf("\"value\": %.12g, \"unit\": \"%s\", \"repetitions\": %u}\n", value, unit_name,
	       repetitions);
	fflush(stdout);
}

/*
 * The value is the median for times, and the lower quartile for instructions: interrupts,
 * and refills of the list of free pages, can only add to an instruction count.
 */
void record_sample(const char *what, const char *who, const char *metric, struct sample *sample)
{
	unsigned int n = sample->count;

	if (!n)
		die("%s, %s: nothing was measured", what, who);
	sort_sample(sample);
	begin_record(what, who, metric);
	printf("\"value\": %llu, \"low\": %llu, ",
	       (unsigned long long)sample->value[n / (clock_in_use == CLOCK_WALL ? 2 : 4)],
	       (unsigned long long)sample->value[n / 10]);
	printf("\"median\": %llu, \"high\": %llu, \"unit\": \"%s\", ",
	       (unsigned long long)sample->value[n / 2],
	       (unsigned long long)sample->value[n - 1 - n / 10], unit());
	printf("\"repetitions\": %u}\n", n);
	fflush(stdout);
}
