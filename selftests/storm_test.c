// SPDX-License-Identifier: GPL-2.0
/*
 * A storm of every catchable signal on the process group: no handler of the parent ever
 * runs in a child. In children of vfork() and fork(), the controls, handlers do run.
 */
#include "spawnctl_test.h"
#include "storm.h"

#define CATCHABLE	(~UNBLOCKABLE)
#define CORE		(SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | \
			 SIGBIT(SIGBUS) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) | SIGBIT(SIGXCPU) | \
			 SIGBIT(SIGXFSZ) | SIGBIT(SIGSYS))
#define GAP_US		200

/* Where the handler ran. Shared memory, so that a child with a copy of the memory counts too. */
static struct {
	pid_t parent;
	unsigned long in_parent;
	unsigned long in_child;
} *ran;

static void handler(int sig)
{
	if (raw_syscall(SYS_getpid) == ran->parent)
		__atomic_fetch_add(&ran->in_parent, 1, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_add(&ran->in_child, 1, __ATOMIC_SEQ_CST);
}

FIXTURE(storm) {
	int fd;
	struct storm *storm;
};

FIXTURE_SETUP(storm)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ran = shared_alloc(sizeof(*ran));
	ASSERT_NE(NULL, ran);
	ran->parent = getpid();
	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, set_handlers(CATCHABLE, handler, SA_RESTART));
}

/*
 * The signals that can be sent to a child that shares the memory and blocks nothing.
 * Before 5.16 a core dump ended all processes that share the dumped memory, also with
 * vfork().
 */
static __u64 survivable(void)
{
	return kernel_at_least(5, 16) ? CATCHABLE : CATCHABLE & ~CORE;
}

FIXTURE_TEARDOWN(storm)
{
	long sent = storm_stop(self->storm);

	TH_LOG("%ld signals, handlers run: %lu in the parent, %lu in children",
	       sent, ran->in_parent, ran->in_child);
	EXPECT_LT(0, sent);
	EXPECT_LT(0, ran->in_parent);
	close(self->fd);
}

/* In a child: waits until a handler has run in it, or @us microseconds have passed */
static void linger(unsigned int us)
{
	unsigned long before = READ_ONCE(ran->in_child);
	__u64 end = raw_now_us() + us;

	while (READ_ONCE(ran->in_child) == before && raw_now_us() < end)
		;
}

/* In a child: waits until a handler has run in it. If none ever does, the test times out. */
static void linger_until_handled(void)
{
	unsigned long before = READ_ONCE(ran->in_child);

	while (READ_ONCE(ran->in_child) == before)
		;
}

/* Control: in a child of vfork() that waits for it, the handler runs */
TEST_F_TIMEOUT(storm, control_vfork, 120)
{
	int i, count = 50;
	pid_t pid;

	self->storm = storm_start(-getpid(), CATCHABLE, GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = vfork();
		if (pid == 0) {
			linger_until_handled();
			_exit(0);
		}
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, wait_status(pid));
	}
	EXPECT_LE(count, ran->in_child);
}

/* Control: the same for fork() */
TEST_F_TIMEOUT(storm, control_fork, 120)
{
	int i, count = 50;
	pid_t pid;

	self->storm = storm_start(-getpid(), CATCHABLE, GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = fork();
		if (pid == 0) {
			linger_until_handled();
			_exit(0);
		}
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, wait_status(pid));
	}
	EXPECT_LE(count, ran->in_child);
}

/* A signal that is not blocked ends, stops or continues the child, by its default action */
static int linger_child(void *arg)
{
	linger(500);
	return 0;
}

/* One child in eight executes a program, whose report is discarded */
struct exec {
	unsigned int children;
	int report;
};

static int linger_then_exec(void *arg)
{
	struct exec *exec = arg;

	linger(500);
	if (exec->children++ % 8)
		return 0;
	exec_program("report", exec->report);
	return 127;
}

static void check_children(struct __test_metadata *_metadata, unsigned int count,
			   unsigned int killed)
{
	TH_LOG("%u children, %u ended by a signal", count, killed);
	EXPECT_EQ(0, READ_ONCE(ran->in_child));
}

TEST_F_TIMEOUT(storm, thread_child_runs_no_handler, 600)
{
	unsigned int i, killed = 0, count = scaled(10000, 500, "spawns");
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	int status;
	pid_t pid;

	self->storm = storm_start(-getpid(), survivable(), GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = spawnctl_thread(self->fd, &clone, linger_child, NULL);
		ASSERT_LT(0, pid);
		status = wait_status(pid);
		ASSERT_TRUE(status == 0 || WIFSIGNALED(status));
		killed += WIFSIGNALED(status);
	}
	check_children(_metadata, count, killed);
	/* The storm has reached the children */
	EXPECT_LT(0, killed);
}

/* With all signals blocked, also after exec, no signal ends a child */
TEST_F_TIMEOUT(storm, blocked_child_survives, 600)
{
	unsigned int i, count = scaled(10000, 500, "spawns");
	struct exec exec = { .report = open("/dev/null", O_WRONLY) };
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.exec_mask = SPAWNCTL_SIGSET_ALL,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	ASSERT_LE(0, exec.report);
	self->storm = storm_start(-getpid(), CATCHABLE, GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = spawnctl_thread(self->fd, &clone, linger_then_exec, &exec);
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, wait_status(pid));
	}
	check_children(_metadata, count, 0);
	EXPECT_EQ(count, exec.children);
}

TEST_F_TIMEOUT(storm, vfork_child_runs_no_handler, 600)
{
	unsigned int i, killed = 0, count = scaled(10000, 500, "spawns");
	int status;
	pid_t pid;

	self->storm = storm_start(-getpid(), survivable(), GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = spawnctl_vfork(self->fd);
		if (pid == 0) {
			linger(500);
			_exit(0);
		}
		ASSERT_LT(0, pid);
		status = wait_status(pid);
		ASSERT_TRUE(status == 0 || WIFSIGNALED(status));
		killed += WIFSIGNALED(status);
	}
	check_children(_metadata, count, killed);
	EXPECT_LT(0, killed);
}

TEST_F_TIMEOUT(storm, fork_child_runs_no_handler, 600)
{
	unsigned int i, killed = 0, count = scaled(10000, 500, "forks");
	int status;
	pid_t pid;

	/* spawnctl_fork() keeps the handlers of these two in its child, as they are libc's */
	ASSERT_EQ(0, set_handlers(SIGBIT(32) | SIGBIT(33), SIG_IGN, 0));
	self->storm = storm_start(-getpid(), CATCHABLE, GAP_US);
	ASSERT_NE(NULL, self->storm);
	for (i = 0; i < count; i++) {
		pid = spawnctl_fork(self->fd);
		if (pid == 0) {
			linger(500);
			_exit(0);
		}
		ASSERT_LT(0, pid);
		status = wait_status(pid);
		ASSERT_TRUE(status == 0 || WIFSIGNALED(status));
		killed += WIFSIGNALED(status);
	}
	check_children(_metadata, count, killed);
	EXPECT_LT(0, killed);
}

TEST_HARNESS_MAIN
