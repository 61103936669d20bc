// SPDX-License-Identifier: GPL-2.0
/*
 * If a signal interrupts the call, the call is restarted, whichever thread takes the
 * signal. The caller gets a child, never an error.
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/time.h>

#include "parked.h"
#include "spawnctl_test.h"
#include "storm.h"

static unsigned long handled;

static void handler(int sig)
{
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

FIXTURE(restart) {
	int fd;
	struct spawnctl_clone clone;
};

FIXTURE_VARIANT(restart) {
	unsigned long command;
	__u32 flags;
	__u64 window_mask;
	int sa_flags;
};

FIXTURE_VARIANT_ADD(restart, spawn) {
	.command = SPAWNCTL_IOC_SPAWN,
};

FIXTURE_VARIANT_ADD(restart, spawn_sa_restart) {
	.command = SPAWNCTL_IOC_SPAWN,
	.sa_flags = SA_RESTART,
};

/* The call changes the caller's mask, but does not block the signals that are sent */
FIXTURE_VARIANT_ADD(restart, spawn_others_blocked) {
	.command = SPAWNCTL_IOC_SPAWN,
	.flags = SPAWNCTL_WINDOW_MASK,
	.window_mask = ~(SIGBIT(SIGALRM) | SIGBIT(SIGUSR1)),
};

FIXTURE_VARIANT_ADD(restart, spawn_all_blocked) {
	.command = SPAWNCTL_IOC_SPAWN,
	.flags = SPAWNCTL_WINDOW_MASK,
	.window_mask = SPAWNCTL_SIGSET_ALL,
};

FIXTURE_VARIANT_ADD(restart, fork) {
	.command = SPAWNCTL_IOC_FORK,
};

FIXTURE_VARIANT_ADD(restart, fork_sa_restart) {
	.command = SPAWNCTL_IOC_FORK,
	.sa_flags = SA_RESTART,
};

FIXTURE_VARIANT_ADD(restart, fork_others_blocked) {
	.command = SPAWNCTL_IOC_FORK,
	.flags = SPAWNCTL_WINDOW_MASK,
	.window_mask = ~(SIGBIT(SIGALRM) | SIGBIT(SIGUSR1)),
};

FIXTURE_SETUP(restart)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, set_handlers(SIGBIT(SIGALRM) | SIGBIT(SIGUSR1), handler,
				  variant->sa_flags));
	self->clone = (struct spawnctl_clone) {
		.size = sizeof(self->clone),
		.flags = variant->flags,
		.window_mask = variant->window_mask,
		.exit_signal = SIGCHLD,
	};
}

FIXTURE_TEARDOWN(restart)
{
	EXPECT_EQ(0, current_mask());
	close(self->fd);
}

/*
 * Makes and reaps @count children. In each round, SIGALRM comes once, at another moment of the
 * @span_us microseconds after its start (0: never). The pidfd is stored in the struct itself:
 * a call that is restarted must find the struct unchanged.
 */
static void check_calls(struct __test_metadata *_metadata, int fd, unsigned long command,
			struct spawnctl_clone *clone, unsigned int count, unsigned int span_us)
{
	struct itimerval timer = { { 0, 0 }, { 0, 0 } };
	unsigned int i;
	long pid;

	clone->flags |= SPAWNCTL_PIDFD;
	clone->pidfd = (uintptr_t)&clone->cgroup;
	for (i = 0; i < count; i++) {
		clone->cgroup = 0;
		if (span_us) {
			timer.it_value.tv_usec = 1 + (__u64)i * span_us / count;
			ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
		}
		pid = raw_spawn_exit(fd, command, clone);
		ASSERT_LT(0, pid) {
			TH_LOG("call %u of %u", i, count);
		}
		ASSERT_EQ(0, wait_status(pid));
		ASSERT_EQ(0, close(clone->cgroup));
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
}

TEST_F_TIMEOUT(restart, by_timer, 300)
{
	unsigned int count = scaled(10000, 500, "calls"), rounds = 20;
	__u64 start = raw_now_us(), span_us;

	check_calls(_metadata, self->fd, variant->command, &self->clone, rounds, 0);
	span_us = (raw_now_us() - start) / rounds + 1;
	check_calls(_metadata, self->fd, variant->command, &self->clone, count, span_us);
	TH_LOG("%lu handlers run", handled);
	EXPECT_LT(0, handled);
}

static struct {
	int stop;
	unsigned long taken;
} thread;

/*
 * Sends the process a signal, and then takes that signal itself. So sometimes the
 * caller has been flagged (TIF_SIGPENDING), and finds no signal when it looks.
 */
static void *send_and_take(void *arg)
{
	static const struct timespec now;
	__u64 set = SIGBIT(SIGUSR1);
	unsigned int i, spin;

	raw_sigprocmask(SIG_BLOCK, set, NULL);
	for (i = 0; !READ_ONCE(thread.stop); i++) {
		raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGUSR1);
		for (spin = i % 64 * 8; READ_ONCE(spin); WRITE_ONCE(spin, spin - 1))
			;
		if (raw_syscall(SYS_rt_sigtimedwait, &set, 0, &now, SIGMASK_SIZE) > 0)
			thread.taken++;
		/* Let the caller make progress too */
		raw_sleep_us(i % 4 * 10);
	}
	return NULL;
}

/*
 * -ERESTARTNOINTR (513) becomes a restart on the way to user space, if the caller is
 * flagged (TIF_SIGPENDING) there. That must happen even if another thread has taken
 * the signal. Otherwise 513 becomes the caller's errno.
 */
TEST_F_TIMEOUT(restart, raced_by_a_thread, 300)
{
	unsigned int count = scaled(10000, 500, "calls");
	pthread_t other;

	ASSERT_EQ(0, pthread_create(&other, NULL, send_and_take, NULL));
	check_calls(_metadata, self->fd, variant->command, &self->clone, count, 0);
	WRITE_ONCE(thread.stop, 1);
	ASSERT_EQ(0, pthread_join(other, NULL));
	TH_LOG("%lu handlers run, %lu signals taken by the other thread", handled,
	       thread.taken);
	EXPECT_LT(0, thread.taken);
}

/*
 * The call is interrupted at a known point, before the child is made. The restart must
 * find the struct unchanged, in which the pidfd is stored, and the call must use up one
 * of LIMIT's children, not two.
 */
TEST_F(restart, interrupted_at_the_struct)
{
	struct spawnctl_limit one = {
		.size = sizeof(one), .flags = SPAWNCTL_LIMIT_CHILDREN, .children = 1,
	};
	struct parked parked = { .fd = self->fd, .command = variant->command };
	struct spawnctl_clone *clone;

	ASSERT_EQ(0, spawnctl_narrow(self->fd, &one));
	ASSERT_EQ(0, park_place(&parked));
	clone = parked.source;
	*clone = self->clone;
	clone->flags |= SPAWNCTL_PIDFD;
	clone->pidfd = (uintptr_t)parked.page + offsetof(struct spawnctl_clone, cgroup);
	ASSERT_EQ(0, interrupted_call(&parked, !!(variant->window_mask & SIGBIT(SIGUSR1))));
	clone = parked.page;
	ASSERT_LT(0, parked.ret)
		TH_LOG("%ld", parked.ret);
	EXPECT_EQ(0, wait_status(parked.ret));
	EXPECT_EQ(0, close(clone->cgroup));
	EXPECT_EQ(-EDQUOT, raw_spawn_exit(self->fd, variant->command, &self->clone));
}

TEST_HARNESS_MAIN
