// SPDX-License-Identifier: GPL-2.0
/*
 * Born blocked: a child that is made with all signals blocked has them blocked from the first
 * moment at which kill(2) can find it.
 */
#include <sched.h>

#include "spawnctl_test.h"
#include "storm.h"

#define FATAL	(SIGBIT(SIGHUP) | SIGBIT(SIGINT) | SIGBIT(SIGTERM) | SIGBIT(SIGUSR1))
#define GAP_US	100

/* For each of the four variants below; 25,000 in total. */
#define CHILDREN	6250

static void handler(int sig)
{
}

enum parent { CATCHES, IGNORES };

FIXTURE(born_blocked) {
	int fd;
	struct spawnctl_clone clone;
};

FIXTURE_VARIANT(born_blocked) {
	unsigned long command;
	enum parent parent;
};

FIXTURE_VARIANT_ADD(born_blocked, spawn_caught) {
	.command = SPAWNCTL_IOC_SPAWN,
	.parent = CATCHES,
};

FIXTURE_VARIANT_ADD(born_blocked, spawn_ignored) {
	.command = SPAWNCTL_IOC_SPAWN,
	.parent = IGNORES,
};

FIXTURE_VARIANT_ADD(born_blocked, fork_caught) {
	.command = SPAWNCTL_IOC_FORK,
	.parent = CATCHES,
};

FIXTURE_VARIANT_ADD(born_blocked, fork_ignored) {
	.command = SPAWNCTL_IOC_FORK,
	.parent = IGNORES,
};

FIXTURE_SETUP(born_blocked)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, set_handlers(FATAL, variant->parent == IGNORES ? SIG_IGN : handler,
				  SA_RESTART));
	self->clone = (struct spawnctl_clone) {
		.size = sizeof(self->clone),
		.flags = SPAWNCTL_WINDOW_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.sig_default = FATAL,
		.exit_signal = SIGCHLD,
	};
}

FIXTURE_TEARDOWN(born_blocked)
{
	close(self->fd);
}

static __u64 pending_now(void)
{
	__u64 pending = 0;

	raw_syscall(SYS_rt_sigpending, &pending, SIGMASK_SIZE);
	return pending;
}

/*
 * A signal that is sent while the child runs is pending in the child, or it was lost. The first
 * one counted here may have been sent before the child existed; the second was not.
 */
static int await_pending(void *arg)
{
	struct storm *storm = arg;
	unsigned long before = READ_ONCE(storm->sent);

	while (READ_ONCE(storm->sent) - before < 2)
		;
	return pending_now() & FATAL ? 0 : 2;
}

/* For the control: the child itself blocks everything, as its first action. */
static int block_then_await(void *arg)
{
	raw_sigprocmask(SIG_SETMASK, ~0ULL, NULL);
	return await_pending(arg);
}

struct toll {
	unsigned int children;
	unsigned int died;
	unsigned int failed;
};

static void count_end(struct toll *toll, int status)
{
	toll->children++;
	if (WIFSIGNALED(status))
		toll->died++;
	else if (status)
		toll->failed++;
}

/* No child dies of a fatal signal to its process group, and none loses one. */
TEST_F_TIMEOUT(born_blocked, under_storm, 900)
{
	unsigned int i, count = scaled(CHILDREN, 500, "children");
	struct toll toll = { 0 };
	struct storm *storm;
	pid_t pid;

	/* As fast as possible; a caller with handlers needs a gap to make progress. */
	storm = storm_start(-getpid(), FATAL, variant->parent == CATCHES ? 20 : 0);
	ASSERT_NE(NULL, storm);
	for (i = 0; i < count; i++) {
		pid = start_child(self->fd, variant->command, &self->clone, await_pending, storm);
		ASSERT_LT(0, pid);
		count_end(&toll, wait_status(pid));
	}
	TH_LOG("%ld signals; of %u children %u died, %u saw none", storm_stop(storm),
	       toll.children, toll.died, toll.failed);
	EXPECT_EQ(count, toll.children);
	EXPECT_EQ(0, toll.died);
	EXPECT_EQ(0, toll.failed);
}

/* The control: the storm kills children that are not born blocked. */
TEST_F_TIMEOUT(born_blocked, control_under_storm, 300)
{
	unsigned int i, count = scaled(CHILDREN, 500, "children");
	struct toll toll = { 0 };
	struct storm *storm;
	pid_t pid;

	self->clone.flags = 0;
	self->clone.window_mask = 0;
	/* With a shorter gap, a caller that blocks nothing would restart its call forever. */
	storm = storm_start(-getpid(), FATAL, GAP_US);
	ASSERT_NE(NULL, storm);
	for (i = 0; i < count && toll.died < 20; i++) {
		pid = start_child(self->fd, variant->command, &self->clone, block_then_await,
				  storm);
		ASSERT_LT(0, pid);
		count_end(&toll, wait_status(pid));
	}
	TH_LOG("%ld signals; of %u children %u died, %u saw none", storm_stop(storm),
	       toll.children, toll.died, toll.failed);
	EXPECT_LT(0, toll.died);
}

/*
 * Signals aimed at one child. The shooter tries the next process id until kill(2) succeeds,
 * which is the first moment at which the child can be hit. From then on the signal must be
 * pending in that child. A pid namespace makes the ids predictable and protects all other
 * processes.
 */
struct aim {
	pid_t target;
	pid_t hit;
	int stop;
};

static int await_hit(void *arg)
{
	struct aim *aim = arg;
	pid_t self = raw_syscall(SYS_getpid);

	while (READ_ONCE(aim->hit) != self)
		;
	return pending_now() & SIGBIT(SIGTERM) ? 0 : 2;
}

static int block_then_await_hit(void *arg)
{
	raw_sigprocmask(SIG_SETMASK, ~0ULL, NULL);
	return await_hit(arg);
}

/* Starts the shooter as init of a new pid namespace, in which the children are 2, 3, 4 ... */
static pid_t start_shooter(struct aim *aim)
{
	pid_t pid, target;

	if (unshare(CLONE_NEWPID))
		return -1;
	pid = fork();
	if (pid)
		return pid;
	while (!READ_ONCE(aim->stop)) {
		target = READ_ONCE(aim->target);
		if (target && target != aim->hit && kill(target, SIGTERM) == 0)
			WRITE_ONCE(aim->hit, target);
	}
	_exit(0);
}

/* Makes @count children under fire, or fewer once @deaths have died. Counts how they ended. */
static void shoot_at(struct __test_metadata *_metadata, int fd, unsigned long command,
		     struct spawnctl_clone *clone, int (*fn)(void *arg), unsigned int count,
		     unsigned int deaths, struct toll *toll)
{
	struct aim *aim = shared_alloc(sizeof(*aim));
	pid_t pid, shooter;
	unsigned int i;

	ASSERT_NE(NULL, aim);
	shooter = start_shooter(aim);
	ASSERT_LT(0, shooter);
	for (i = 0; i < count && toll->died < deaths; i++) {
		WRITE_ONCE(aim->target, 2 + i);
		pid = start_child(fd, command, clone, fn, aim);
		ASSERT_LT(0, pid);
		count_end(toll, wait_status(pid));
	}
	WRITE_ONCE(aim->stop, 1);
	ASSERT_EQ(0, wait_status(shooter));
	TH_LOG("of %u children that were hit %u died, %u lost the signal",
	       toll->children, toll->died, toll->failed);
}

/* A signal at the child's first moment is pending in it and does not kill it. */
TEST_F_TIMEOUT(born_blocked, signal_at_birth, 900)
{
	unsigned int count = scaled(CHILDREN, 500, "children");
	struct toll toll = { 0 };

	shoot_at(_metadata, self->fd, variant->command, &self->clone, await_hit, count, count,
		 &toll);
	EXPECT_EQ(0, toll.died);
	EXPECT_EQ(0, toll.failed);
}

/*
 * The control: without a mask set by the kernel most children die, if shooter and caller each
 * have a CPU. On a busy machine many children may be needed until one dies.
 */
TEST_F_TIMEOUT(born_blocked, control_signal_at_birth, 300)
{
	struct toll toll = { 0 };

	self->clone.flags = 0;
	self->clone.window_mask = 0;
	shoot_at(_metadata, self->fd, variant->command, &self->clone, block_then_await_hit, 5000,
		 20, &toll);
	EXPECT_LT(0, toll.died);
}

TEST_HARNESS_MAIN
