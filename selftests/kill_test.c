// SPDX-License-Identifier: GPL-2.0
/*
 * With all signals in both masks, SIGKILL still ends the child and the program that
 * it executes, and SIGSTOP still stops them.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "spawnctl_test.h"

#define CGROUP	"/sys/fs/cgroup/spawnctl_kill_test"

enum how { KILL, CGROUP_KILL };

/* A child that stays in the window, or executes a program with all signals blocked */
struct target {
	pid_t pid;
	int exec;
	int ready;
};

static int live(void *arg)
{
	struct target *target = arg;

	WRITE_ONCE(target->pid, raw_syscall(SYS_getpid));
	if (target->exec)
		exec_program("linger", target->ready);
	raw_sleep_us(20 * 1000000);
	return 1;
}

FIXTURE(kill) {
	int fd;
	int ready[2];
	int cgroup;
};

FIXTURE_VARIANT(kill) {
	unsigned long command;
	int exec;
};

FIXTURE_VARIANT_ADD(kill, window) {
	.command = SPAWNCTL_IOC_SPAWN,
};

FIXTURE_VARIANT_ADD(kill, program) {
	.command = SPAWNCTL_IOC_SPAWN,
	.exec = 1,
};

FIXTURE_VARIANT_ADD(kill, fork) {
	.command = SPAWNCTL_IOC_FORK,
};

FIXTURE_VARIANT_ADD(kill, fork_program) {
	.command = SPAWNCTL_IOC_FORK,
	.exec = 1,
};

FIXTURE_SETUP(kill)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe(self->ready));
	ASSERT_TRUE(mkdir(CGROUP, 0755) == 0 || errno == EEXIST);
	self->cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->cgroup);
}

FIXTURE_TEARDOWN(kill)
{
	EXPECT_EQ(0, exec_pending(self->fd));
	close(self->cgroup);
	EXPECT_EQ(0, rmdir(CGROUP));
	close(self->fd);
}

struct hand {
	struct target *target;
	enum how how;
	int exec;
	int ready;
	int ret;
};

/* Waits until the target is in the window or in its program, then kills it */
static void *strike(void *arg)
{
	struct hand *hand = arg;
	char byte;

	while (!READ_ONCE(hand->target->pid))
		raw_sleep_us(100);
	if (hand->exec) {
		if (read(hand->ready, &byte, 1) != 1) {
			hand->ret = -1;
			return NULL;
		}
	} else {
		raw_sleep_us(20000);
	}
	hand->ret = hand->how == CGROUP_KILL ? write_file(CGROUP "/cgroup.kill", "1") :
					       kill(hand->target->pid, SIGKILL);
	return NULL;
}

static void check_end(struct __test_metadata *_metadata, int fd, unsigned long command,
		      int exec, int *ready, int cgroup, enum how how)
{
	struct target *target = shared_alloc(sizeof(*target));
	struct hand hand = { .target = target, .how = how, .exec = exec, .ready = ready[0] };
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_CGROUP,
		.window_mask = ~0ULL,
		.cgroup = cgroup,
		.exit_signal = SIGCHLD,
	};
	pthread_t striker;
	int status;
	pid_t pid;

	ASSERT_NE(NULL, target);
	target->exec = exec;
	target->ready = ready[1];
	if (command == SPAWNCTL_IOC_SPAWN) {
		clone.flags |= SPAWNCTL_EXEC_MASK;
		clone.exec_mask = ~0ULL;
	}
	ASSERT_EQ(0, pthread_create(&striker, NULL, strike, &hand));
	pid = start_child(fd, command, &clone, live, target);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, pthread_join(striker, NULL));
	EXPECT_EQ(0, hand.ret);
	status = wait_status(pid);
	EXPECT_EQ(pid, target->pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

TEST_F(kill, by_sigkill)
{
	check_end(_metadata, self->fd, variant->command, variant->exec, self->ready,
		  self->cgroup, KILL);
}

/* cgroup.kill exists since 5.14; an older kernel must not have the file */
TEST_F(kill, by_cgroup)
{
	if (!kernel_at_least(5, 14)) {
		ASSERT_EQ(-1, access(CGROUP "/cgroup.kill", F_OK));
		ASSERT_EQ(ENOENT, errno);
		return;
	}
	check_end(_metadata, self->fd, variant->command, variant->exec, self->ready,
		  self->cgroup, CGROUP_KILL);
}

/* SIGSTOP, which cannot be blocked, stops the child in the window and after exec */
TEST_F(kill, stopped_by_sigstop)
{
	struct target *target = shared_alloc(sizeof(*target));
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK,
		.window_mask = ~0ULL,
		.exit_signal = SIGCHLD,
	};
	pid_t pid, helper;
	char byte;
	int status;

	if (variant->command == SPAWNCTL_IOC_SPAWN) {
		clone.flags |= SPAWNCTL_EXEC_MASK;
		clone.exec_mask = ~0ULL;
	}
	ASSERT_NE(NULL, target);
	target->exec = variant->exec;
	target->ready = self->ready[1];
	/* In the window this process sleeps, so another one has to signal the child */
	helper = fork();
	ASSERT_LE(0, helper);
	if (helper == 0) {
		int i;

		while (!READ_ONCE(target->pid))
			raw_sleep_us(100);
		if (variant->exec && read(self->ready[0], &byte, 1) != 1)
			_exit(1);
		if (kill(target->pid, SIGSTOP))
			_exit(2);
		for (i = 0; i < 1000 && process_state(target->pid) != 'T'; i++)
			raw_sleep_us(2000);
		if (i == 1000)
			_exit(4);
		_exit(kill(target->pid, SIGCONT) || kill(target->pid, SIGKILL) ? 5 : 0);
	}
	pid = start_child(self->fd, variant->command, &clone, live, target);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, wait_status(helper));
	status = wait_status(pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

struct waiter {
	int ready[2];
	int go[2];
};

static int wait_to_go(void *arg)
{
	struct waiter *waiter = arg;
	char byte = 0;

	raw_syscall(SYS_write, waiter->ready[1], &byte, 1);
	return raw_syscall(SYS_read, waiter->go[0], &byte, 1);
}

/*
 * While the caller waits for its child, it blocks the signals that the child blocks,
 * ignores or resets, which include all of @expected. SIGKILL still ends the caller.
 */
static void check_caller(struct __test_metadata *_metadata, const struct spawnctl_clone *clone,
			 __u64 expected)
{
	int fd = spawnctl_open(), status = -1;
	struct signal_status caller;
	struct waiter waiter;
	char path[64], byte;
	__u64 end;
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(waiter.ready));
	ASSERT_EQ(0, pipe(waiter.go));
	pid = fork();
	if (!pid) {
		close(waiter.go[1]);
		spawnctl_thread(fd, clone, wait_to_go, &waiter);
		_exit(1);
	}
	ASSERT_EQ(1, read(waiter.ready[0], &byte, 1));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	ASSERT_EQ(0, read_signal_status(path, &caller));
	EXPECT_EQ(expected, caller.blocked & expected);
	EXPECT_EQ(0ULL, caller.blocked & UNBLOCKABLE);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	end = raw_now_us() + 5000000;
	while (!waitpid(pid, &status, WNOHANG) && raw_now_us() < end)
		usleep(1000);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		TH_LOG("status %#x", status);
	/* The child reads EOF and exits */
	close(waiter.go[1]);
	close(waiter.go[0]);
	close(fd);
}

TEST(caller_in_its_wait)
{
	const __u64 some = SIGBIT(SIGTERM) | SIGBIT(SIGUSR1) | SIGBIT(40);
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };

	clone.sig_default = ~0ULL;
	check_caller(_metadata, &clone, some);
	clone.sig_default = 0;
	clone.sig_ignore = some;
	check_caller(_metadata, &clone, some);
	clone.sig_ignore = 0;
	clone.flags = SPAWNCTL_WINDOW_MASK;
	clone.window_mask = ~0ULL;
	check_caller(_metadata, &clone, some);
}

TEST_HARNESS_MAIN
