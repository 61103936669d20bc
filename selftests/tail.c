// SPDX-License-Identifier: GPL-2.0
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "tail.h"

#define TAIL_TRACING	"/sys/kernel/tracing/"

__u64 tail_now(void)
{
	struct __kernel_old_timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int tail_pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

/*
 * Above the interrupter, so that a lock of a PREEMPT_RT kernel, which lends its holder the priority
 * of those that wait, is released even if its holder has lost the first CPU. Children do not
 * inherit it.
 */
int tail_urgent(int on)
{
	const struct sched_param param = { .sched_priority = on ? 2 : 0 };

	return sched_setscheduler(0, on ? SCHED_FIFO | SCHED_RESET_ON_FORK : SCHED_OTHER, &param);
}

/* Reads a file of proc, sysfs or debugfs; an empty string if that fails */
static const char *tail_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* Whether @pid has @function on its kernel stack */
int tail_is_in(pid_t pid, const char *function)
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	return !!strstr(tail_read(path, text, sizeof(text)), function);
}

/* Whether this kernel preempts tasks anywhere in kernel mode, by configuration or setting */
int tail_kernel_preempts(void)
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
void tail_throttle(int on)
{
	write_file("/proc/sys/kernel/sched_rt_runtime_us", on ? "950000" : "-1");
	write_file("/sys/kernel/debug/sched/fair_server/cpu0/runtime", on ? "50000000" : "0");
}

/* The return probe records so many arguments that it takes some time */
int tail_widen(unsigned long command)
{
	char text[2048];
	int n, i;

	n = snprintf(text, sizeof(text), "r:spawnctl_tail spawnctl:spawnctl_ioctl_%s",
		     command == SPAWNCTL_IOC_FORK ? "fork" : "spawn");
	for (i = 0; i < 100; i++)
		n += snprintf(text + n, sizeof(text) - n, " a%d=$comm", i);
	return write_file(TAIL_TRACING "kprobe_events", text) ||
	       write_file(TAIL_TRACING "events/kprobes/spawnctl_tail/enable", "1");
}

void tail_narrow(void)
{
	write_file(TAIL_TRACING "events/kprobes/spawnctl_tail/enable", "0");
	write_file(TAIL_TRACING "kprobe_events", "-:spawnctl_tail");
}

static int tail_child(void *arg)
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
void tail_caller(struct tail *tail)
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
void tail_interrupter(struct tail *tail)
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
const char *tail_unload(struct tail *tail)
{
	const char *wrong = NULL;
	pid_t unloader = fork();
	int status, i;

	if (!unloader)
		_exit(tail_urgent(1) ||
		      raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK) != 0);
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

/*
 * Finds where the caller is while it cannot run. If it may be in its tail, the child
 * closes the device, and the module's reference count shows whether it is.
 *
 * The child moves to the second CPU for that. A process of its own moves it, which the caller
 * reaps once the first CPU is free: on PREEMPT_RT the child can have lost that CPU where it must
 * not leave it (migrate_disable()), and the call that moves it waits until then.
 */
enum tail_moment tail_look(struct tail *tail, pid_t caller)
{
	int i;

	if (READ_ONCE(tail->returned) || !tail_is_in(caller, "[spawnctl]"))
		return tail->child ? TAIL_LATE : TAIL_EARLY;
	if (!READ_ONCE(tail->child) || tail_is_in(caller, "kernel_clone"))
		return TAIL_EARLY;
	tail->mover = fork();
	if (!tail->mover)
		_exit(tail_urgent(1) || tail_pin(tail->child, 1));
	WRITE_ONCE(tail->go, 1);
	for (i = 0; i < 10000 && !READ_ONCE(tail->closed); i++)
		raw_sleep_us(100);
	return module_references() ? TAIL_EARLY : TAIL_CAUGHT;
}
