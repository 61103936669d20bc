/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tail: the last steps of a caller in the module. The child has closed the device,
 * and the caller has dropped its own reference but not yet returned, when a task of
 * higher priority preempts it. The module's reference count is 0, so the module can be
 * unloaded. Its text must stay until the caller has left it.
 *
 * A return probe on the command makes the tail longer. The test finds the tail by trial:
 * if a caller is preempted too early, the next one is preempted later, and vice versa.
 * Only a kernel that preempts tasks in kernel mode preempts a caller there.
 */
#ifndef SPAWNCTL_TAIL_H
#define SPAWNCTL_TAIL_H

#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#define TAIL_REFCOUNT	"/sys/module/spawnctl/refcnt"
#define TAIL_TRACING	"/sys/kernel/tracing/"

struct tail {
	unsigned long command;
	int device;
	__s32 child;		/* stored before the child runs */
	int ready;		/* the caller is about to call */
	int returned;
	int go;			/* the child may close the device */
	int closed;
	__u64 call_at;		/* ns: when the caller calls (FORK) or is killed (SPAWN) */
	__u64 interrupt_at;
	int interrupted;
	int let_go;
	int stop;
};

static inline __u64 tail_now(void)
{
	struct timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static inline int tail_pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

/* Reads a file of proc, sysfs or debugfs; an empty string if that fails */
static inline const char *tail_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static inline int tail_write(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	int ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* Whether @pid has @function on its kernel stack */
static inline int tail_is_in(pid_t pid, const char *function)
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	return !!strstr(tail_read(path, text, sizeof(text)), function);
}

/* Whether this kernel preempts tasks anywhere in kernel mode, by configuration or setting */
static inline int tail_kernel_preempts(void)
{
	struct utsname name;
	char text[64];

	if (tail_read("/sys/kernel/debug/sched/preempt", text, sizeof(text))[0])
		return strstr(text, "(full)") || strstr(text, "(lazy)");
	return !uname(&name) && strstr(name.version, "PREEMPT");
}

/*
 * By default the kernel takes the CPU from real-time tasks for a twentieth of each second.
 * The preempted caller would run during that time.
 */
static inline void tail_throttle(int on)
{
	tail_write("/proc/sys/kernel/sched_rt_runtime_us", 0, on ? "950000" : "-1");
	tail_write("/sys/kernel/debug/sched/fair_server/cpu0/runtime", 0, on ? "50000000" : "0");
}

/* The return probe records so many arguments that it takes some time */
static inline int tail_widen(unsigned long command)
{
	char text[2048];
	int n, i;

	n = snprintf(text, sizeof(text), "r:spawnctl_tail spawnctl:spawnctl_%s",
		     command == SPAWNCTL_IOC_FORK ? "fork" : "spawn");
	for (i = 0; i < 100; i++)
		n += snprintf(text + n, sizeof(text) - n, " a%d=$comm", i);
	return tail_write(TAIL_TRACING "kprobe_events", O_APPEND, text) ||
	       tail_write(TAIL_TRACING "events/kprobes/spawnctl_tail/enable", 0, "1");
}

static inline void tail_narrow(void)
{
	tail_write(TAIL_TRACING "events/kprobes/spawnctl_tail/enable", 0, "0");
	tail_write(TAIL_TRACING "kprobe_events", O_APPEND, "-:spawnctl_tail");
}

static inline int tail_child(void *arg)
{
	struct tail *tail = arg;

	while (!READ_ONCE(tail->go))
		raw_sleep_us(100);
	raw_syscall(SYS_close, tail->device);
	WRITE_ONCE(tail->closed, 1);
	return 0;
}

/*
 * Runs on the first CPU. A caller of SPAWN is killed in its sleep: otherwise it would sleep
 * for as long as its child lives.
 */
static inline void tail_caller(struct tail *tail)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_SHARE_FILES | SPAWNCTL_PARENT_SETTID,
		.parent_tid = (uintptr_t)&tail->child,
		.exit_signal = SIGCHLD,
	};

	tail->device = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	if (tail->device < 0 || tail_pin(0, 0))
		_exit(1);
	WRITE_ONCE(tail->ready, 1);
	while (!READ_ONCE(tail->call_at) ||
	       (tail->command == SPAWNCTL_IOC_FORK && tail_now() < tail->call_at))
		;
	start_child(tail->device, tail->command, &clone, tail_child, tail);
	WRITE_ONCE(tail->returned, 1);
	for (;;)
		pause();
}

/* Takes the first CPU at @interrupt_at, and keeps it until @let_go is set */
static inline void tail_interrupter(struct tail *tail)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct timespec at;

	/* It must not keep that CPU forever if the test ends early */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || tail_pin(0, 0) ||
	    sched_setscheduler(0, SCHED_FIFO, &first))
		_exit(1);
	for (;;) {
		while (!READ_ONCE(tail->interrupt_at)) {
			if (READ_ONCE(tail->stop))
				_exit(0);
			raw_sleep_us(200);
		}
		at.tv_sec = tail->interrupt_at / 1000000000;
		at.tv_nsec = tail->interrupt_at % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		WRITE_ONCE(tail->interrupt_at, 0);
		WRITE_ONCE(tail->interrupted, 1);
		while (!READ_ONCE(tail->let_go))
			;
		WRITE_ONCE(tail->interrupted, 0);
	}
}

/*
 * Unloads the module under a caller that is still in it. Unloading must wait for the
 * caller. Returns NULL, or what is wrong.
 */
static inline const char *tail_unload(struct tail *tail)
{
	const char *wrong = NULL;
	pid_t unloader = fork();
	int status, i;

	if (!unloader)
		_exit(raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK) != 0);
	for (i = 0; !wrong && !tail_is_in(unloader, "rcu_tasks"); i++) {
		if (waitpid(unloader, &status, WNOHANG)) {
			unloader = 0;
			wrong = status ? "delete_module(2) has failed" :
					 "the module was unloaded under a caller";
		} else if (i == 10000) {
			wrong = "unloading waits for something else";
		}
		raw_sleep_us(1000);
	}
	/* If the module's text is gone, the caller's next instruction panics the kernel */
	WRITE_ONCE(tail->let_go, 1);
	if (unloader && !exited_with(unloader, 0))
		wrong = "the module was not unloaded";
	if (system("modprobe spawnctl"))
		wrong = "the module cannot be loaded again";
	return wrong;
}

enum tail_moment { TAIL_EARLY, TAIL_CAUGHT, TAIL_LATE };

/*
 * Finds where the caller is while it cannot run. If it may be in its tail, the child
 * closes the device, and the module's reference count shows whether it is.
 */
static inline enum tail_moment tail_look(struct tail *tail, pid_t caller)
{
	char text[16];
	int i;

	if (READ_ONCE(tail->returned) || !tail_is_in(caller, "[spawnctl]"))
		return tail->child ? TAIL_LATE : TAIL_EARLY;
	if (!READ_ONCE(tail->child) || tail_is_in(caller, "kernel_clone"))
		return TAIL_EARLY;
	tail_pin(tail->child, 1);
	WRITE_ONCE(tail->go, 1);
	for (i = 0; i < 10000 && !READ_ONCE(tail->closed); i++)
		raw_sleep_us(100);
	return atoi(tail_read(TAIL_REFCOUNT, text, sizeof(text))) ? TAIL_EARLY : TAIL_CAUGHT;
}

static inline void tail_race(struct __test_metadata *_metadata, unsigned long command)
{
	int preempts = tail_kernel_preempts(), status;
	unsigned int count = preempts ? scaled(5000, 100, "callers interrupted") : 20;
	unsigned int i, moments[3] = { 0 };
	enum tail_moment last = TAIL_LATE;
	struct tail *tail = shared_alloc(sizeof(*tail));
	__u64 delay = 300000, step = 20000;
	const char *wrong = NULL;
	pid_t caller, interrupter;
	cpu_set_t cpus;

	ASSERT_NE(NULL, tail);
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(cpus), &cpus));
	/* Caller and child need a CPU each */
	ASSERT_LE(2, CPU_COUNT(&cpus));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, tail_pin(0, 1));
	tail_narrow();
	/* Useless on other kernels, and 6.1 warns when a stack with a return probe is read */
	if (preempts)
		ASSERT_EQ(0, tail_widen(command));
	tail_throttle(0);
	interrupter = fork();
	ASSERT_LE(0, interrupter);
	if (!interrupter)
		tail_interrupter(tail);
	for (i = 0; i < count && !wrong; i++) {
		enum tail_moment moment;

		*tail = (struct tail){ .command = command };
		caller = fork();
		ASSERT_LE(0, caller);
		if (!caller)
			tail_caller(tail);
		while (!READ_ONCE(tail->ready)) {
			ASSERT_EQ(0, waitpid(caller, &status, WNOHANG));
			ASSERT_EQ(0, waitpid(interrupter, &status, WNOHANG));
			raw_sleep_us(100);
		}
		if (command == SPAWNCTL_IOC_SPAWN) {
			WRITE_ONCE(tail->call_at, 1);
			while (!READ_ONCE(tail->child) || !tail_is_in(caller, "kernel_clone")) {
				ASSERT_FALSE(READ_ONCE(tail->returned));
				raw_sleep_us(100);
			}
		}
		tail->call_at = tail_now() + 3000000;
		WRITE_ONCE(tail->interrupt_at, tail->call_at + delay);
		if (command == SPAWNCTL_IOC_SPAWN) {
			while (tail_now() < tail->call_at)
				;
			kill(caller, SIGKILL);
		}
		while (!READ_ONCE(tail->interrupted))
			raw_sleep_us(50);
		moment = tail_look(tail, caller);
		moments[moment]++;
		if (moment == TAIL_CAUGHT)
			wrong = tail_unload(tail);
		WRITE_ONCE(tail->let_go, 1);
		WRITE_ONCE(tail->go, 1);
		while (READ_ONCE(tail->interrupted))
			raw_sleep_us(50);
		/* Wider steps while the direction stays, smaller ones when it changes */
		if (moment == last)
			step += step / 4;
		else if (step > 20000)
			step /= 2;
		last = moment;
		if (moment == TAIL_EARLY)
			delay += random() % step;
		else if (moment == TAIL_LATE)
			delay -= delay > step ? random() % step : 0;
		while (!READ_ONCE(tail->returned) && command == SPAWNCTL_IOC_FORK)
			raw_sleep_us(100);
		kill(caller, SIGKILL);
		wait_status(caller);
		/* The caller's child has this process (a subreaper) as its parent now */
		ASSERT_LT(0, tail->child);
		wait_status(tail->child);
	}
	WRITE_ONCE(tail->stop, 1);
	EXPECT_TRUE(exited_with(interrupter, 0));
	tail_throttle(1);
	tail_narrow();
	TH_LOG("of %u callers %u were caught on their way out, %u before, %u after; kernel %s",
	       i, moments[TAIL_CAUGHT], moments[TAIL_EARLY], moments[TAIL_LATE],
	       preempts ? "preempts" : "does not preempt");
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	/* Otherwise the test has shown nothing */
	EXPECT_EQ(preempts, moments[TAIL_CAUGHT] > 0);
}

#endif /* SPAWNCTL_TAIL_H */
