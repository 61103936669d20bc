// SPDX-License-Identifier: GPL-2.0
/*
 * Disturbs a worker's calls, from another of its threads. That thread also reaps the children.
 */
#include <linux/seccomp.h>
#include "fuzz_worker.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Sends a signal to @pid if it is a child of this worker: the id may have been reused. */
static void signal_child(struct rng *rng, pid_t pid)
{
	static const int signals[] = {
		SIGKILL, SIGSTOP, SIGCONT, SIGTERM, SIGSEGV, SIGQUIT, SIGUSR1, SIGTSTP, 40, 64,
	};
	int pidfd = pid > 0 ? syscall(SYS_pidfd_open, pid, 0) : -1;
	siginfo_t info;

	if (pidfd < 0)
		return;
	if (!waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL))
		syscall(SYS_pidfd_send_signal, pidfd, signals[below(rng, ARRAY_SIZE(signals))],
			NULL, 0);
	close(pidfd);
}

void reap(long *slots)
{
	unsigned int i, n = reaped_count;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (n < ARRAY_SIZE(reaped)) {
			reaped[n++] = (struct reaped){ pid, status };
			__atomic_store_n(&reaped_count, n, __ATOMIC_RELEASE);
		}
		for (i = 0; i < NSLOTS; i++)
			if (READ_ONCE(slots[i]) == pid)
				WRITE_ONCE(slots[i], 0);
	}
}

/* Takes away the page of a struct or a stack, or write access to it, and gives it back. */
static void disturb_page(struct maker *maker, unsigned int page)
{
	void *at = (void *)(uintptr_t)at_page(maker, page);
	int mode = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	switch (below(&maker->rng, 4)) {
	case 0:
		mprotect(at, FUZZ_PAGE, PROT_READ);
		sched_yield();
		mprotect(at, FUZZ_PAGE, mode);
		break;
	case 1:
		mmap(at, FUZZ_PAGE, PROT_NONE, flags, -1, 0);
		sched_yield();
		mmap(at, FUZZ_PAGE, mode, flags, -1, 0);
		break;
	case 2:
		munmap(at, FUZZ_PAGE);
		mmap(at, FUZZ_PAGE, mode, flags, -1, 0);
		break;
	default:
		madvise(at, FUZZ_PAGE, MADV_DONTNEED);
	}
}

static void disturb_file(struct caller *caller, struct rng *rng)
{
	struct spawnctl_limit limit;
	int fd;

	switch (below(rng, 5)) {
	case 0:
		raw_syscall(SYS_close, ROAMING);
		break;
	case 1:
		raw_syscall(SYS_dup3, caller->job->common->fd, ROAMING, O_CLOEXEC);
		break;
	case 2:
		make_limit(rng, &limit);
		raw_syscall(SYS_ioctl, ROAMING, SPAWNCTL_IOC_LIMIT, &limit);
		break;
	default:
		fd = open_device();
		if (fd < 0)
			break;
		raw_syscall(SYS_dup3, fd, ROAMING, O_CLOEXEC);
		raw_syscall(SYS_close, fd);
	}
}

static void disturb(struct maker *maker)
{
	struct rng *rng = &maker->rng;
	struct caller *caller = &callers[below(rng, CALLERS)];
	int sig;

	switch (below(rng, 8)) {
	case 0:
		sig = 1 + below(rng, NSIGNALS);
		if (!(SIGBIT(sig) & LETHAL) && caller->tid)
			syscall(SYS_tgkill, worker_pid, caller->tid, sig);
		break;
	case 1:
		signal_child(rng, READ_ONCE(maker->slots[below(rng, NSLOTS)]));
		break;
	case 2:
		disturb_page(&caller->trouble, PAGE_RACED);
		break;
	case 3:
		disturb_page(&caller->trouble, PAGE_RACED_STACK);
		break;
	case 4:
		disturb_file(caller, rng);
		break;
	case 5:
		/* Resume children that have stopped. */
		kill(0, SIGCONT);
		break;
	default:
		scribble(&caller->trouble, caller->raced);
	}
}

static unsigned int callers_done(void)
{
	unsigned int n = 0, i;

	for (i = 0; i < CALLERS; i++)
		n += READ_ONCE(callers[i].done);
	return n;
}

void make_trouble(struct job *job, struct maker *maker, const char *cgroup)
{
	__u64 half = BATCH * CALLERS / 4 + below(&maker->rng, BATCH);
	int late = 0;

	while (callers_done() < CALLERS) {
		unsigned int n;

		for (n = below(&maker->rng, 8); n < 8; n++)
			disturb(maker);
		reap(maker->slots);
		raw_sleep_us(below(&maker->rng, 2000));
		if (late || READ_ONCE(job->calls) < half)
			continue;
		late = 1;
		rmdir(cgroup);
		if (job->temper == FILTER_ALL) {
			WRITE_ONCE(all_filtered, 1);
			if (!put_filter(SECCOMP_FILTER_FLAG_TSYNC))
				WRITE_ONCE(all_filtered, 2);
		}
		if (job->temper == DEADLY)
			kill(worker_pid, SIGKILL);
	}
}
