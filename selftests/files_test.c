// SPDX-License-Identifier: GPL-2.0
/*
 * The child's descriptor table: a copy or, with SPAWNCTL_SHARE_FILES, the caller's own. In a shared
 * table the child can close any descriptor, even the device on which the call was made.
 */
#include <sched.h>
#include <sys/stat.h>
#include "spawnctl_test.h"
#include "tail.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

struct shared {
	int device;	/* the descriptor that the child closes */
	long opened;	/* the descriptor that the child opens */
	long error;
};

FIXTURE(files)
{
	int fd;
	struct spawnctl_clone clone;
	struct shared *shared;
};

FIXTURE_VARIANT(files)
{
	unsigned long command;
};

FIXTURE_VARIANT_ADD(files, spawn)
{
	.command = SPAWNCTL_IOC_SPAWN,
};

FIXTURE_VARIANT_ADD(files, fork)
{
	.command = SPAWNCTL_IOC_FORK,
};

FIXTURE_SETUP(files)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->clone = (struct spawnctl_clone){
		.size = sizeof(self->clone),
		.exit_signal = SIGCHLD,
		.flags = SPAWNCTL_SHARE_FILES,
	};
	self->shared = shared_alloc(4096);
	ASSERT_NE(NULL, self->shared);
	self->shared->device = self->fd;
}

FIXTURE_TEARDOWN(files)
{
	close(self->fd);
}

static int open_one(void *arg)
{
	struct shared *shared = arg;

	shared->opened = raw_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
	return shared->opened < 0;
}

/* A descriptor that the child opens in a shared table is open in the caller. */
TEST_F(files, opened_by_the_child)
{
	struct stat null, seen;
	pid_t pid;

	ASSERT_EQ(0, stat("/dev/null", &null));
	pid = start_child(self->fd, variant->command, &self->clone, open_one, self->shared);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(exited_with(pid, 0));
	ASSERT_EQ(0, fstat(self->shared->opened, &seen));
	EXPECT_EQ(null.st_rdev, seen.st_rdev);
	close(self->shared->opened);
	/* The control: without the flag the child has a copy. */
	self->clone.flags = 0;
	pid = start_child(self->fd, variant->command, &self->clone, open_one, self->shared);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(exited_with(pid, 0));
	EXPECT_EQ(-1, fstat(self->shared->opened, &seen));
	EXPECT_EQ(EBADF, errno);
}

static int close_device(void *arg)
{
	struct shared *shared = arg;

	shared->error = raw_syscall(SYS_close, shared->device);
	/* Keep the caller in its call for a while after the last close. */
	raw_sleep_us(2000);
	return shared->error != 0;
}

/* Preempts callers until one is in its tail (tail.h), and unloads the module under it. */
static void tail_race(struct __test_metadata *_metadata, unsigned long command)
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
	ASSERT_EQ(0, tail_urgent(1));
	/* With few tries, and beside other load, the right moment may not be found yet */
	for (i = 0; !wrong && (i < count || (preempts && !moments[TAIL_CAUGHT] && i < 20 * count));
	     i++) {
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
		if (tail->mover > 0)
			EXPECT_TRUE(exited_with(tail->mover, 0));
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
	ASSERT_EQ(0, tail_urgent(0));
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

/*
 * In a table with one user, ioctl(2) takes no reference on the open file. When the child closes
 * the last descriptor, the file, the device and the module must last until the call is over.
 */
TEST_F_TIMEOUT(files, device_closed_in_the_call, 600)
{
	unsigned int count = scaled(2000, 100, "children that close the device");
	struct spawnctl_info info = { .size = sizeof(info) };
	unsigned int i;
	pid_t pid;

	close(self->fd);
	for (i = 0; i < count; i++) {
		self->fd = spawnctl_open();
		self->shared->device = self->fd;
		ASSERT_LE(0, self->fd);
		pid = start_child(self->fd, variant->command, &self->clone, close_device,
				  self->shared);
		ASSERT_LT(0, pid);
		ASSERT_TRUE(exited_with(pid, 0));
		ASSERT_EQ(-1, fcntl(self->fd, F_GETFD));
		ASSERT_EQ(EBADF, errno);
	}
	/* The device still works when it is opened again. */
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, spawnctl_get_info(self->fd, &info));
	close(self->fd);
	tail_race(_metadata, variant->command);
	self->fd = -1;
}

static int close_device_and_look(void *arg)
{
	struct shared *shared = arg;
	char text[16] = "";
	long fd;

	shared->error = raw_syscall(SYS_close, shared->device);
	fd = raw_syscall(SYS_openat, AT_FDCWD, "/sys/module/spawnctl/refcnt", O_RDONLY);
	if (raw_syscall(SYS_read, fd, text, sizeof(text) - 1) < 1)
		return 1;
	shared->opened = text[0] - '0';
	return raw_syscall(SYS_close, fd) ? 1 : 0;
}

/*
 * After the last descriptor is closed, the call holds the file, and the file holds the module.
 * (FORK's caller does not wait for its child; see ptrace: descriptor_closed_at_an_event.)
 */
TEST(module_is_held_in_the_call)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone), .flags = SPAWNCTL_SHARE_FILES, .exit_signal = SIGCHLD,
	};
	struct shared shared = { .device = spawnctl_open() };

	ASSERT_LE(0, shared.device);
	EXPECT_TRUE(exited_with(spawnctl_thread(shared.device, &clone, close_device_and_look,
						&shared), 0));
	EXPECT_EQ(0, shared.error);
	EXPECT_EQ(1, shared.opened);
	/* The control: after the call the module is no longer held. */
	EXPECT_EQ(0, close_device_and_look(&shared));
	EXPECT_EQ(-EBADF, shared.error);
	EXPECT_EQ(0, shared.opened);
}

static int exec_and_close_device(void *arg)
{
	static char * const argv[] = { "true", NULL };
	int ret = close_device(arg);

	if (ret)
		return ret;
	return raw_syscall(SYS_execve, "/bin/true", argv, argv + 1);
}

/* The same for a child that executes a program. With an exec mask its record holds the module. */
TEST_F(files, device_closed_before_exec)
{
	unsigned int i;
	pid_t pid;

	if (variant->command == SPAWNCTL_IOC_SPAWN) {
		self->clone.flags |= SPAWNCTL_EXEC_MASK;
		self->clone.exec_mask = SIGBIT(SIGUSR1);
	}
	close(self->fd);
	for (i = 0; i < 20; i++) {
		self->fd = spawnctl_open();
		self->shared->device = self->fd;
		ASSERT_LE(0, self->fd);
		pid = start_child(self->fd, variant->command, &self->clone, exec_and_close_device,
				  self->shared);
		ASSERT_LT(0, pid);
		ASSERT_TRUE(exited_with(pid, 0));
		ASSERT_EQ(-1, fcntl(self->fd, F_GETFD));
	}
	self->fd = spawnctl_open();
	EXPECT_EQ(0, exec_pending(self->fd));
}

static int close_all_unshared(void *arg)
{
	struct shared *shared = arg;

	shared->error = raw_syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE);
	if (shared->error)
		return 1;
	/* Nothing is open in this table anymore. */
	if (raw_syscall(SYS_fcntl, shared->device, F_GETFD) != -EBADF)
		return 2;
	shared->opened = raw_syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
	return shared->opened == 0 ? 0 : 3;
}

/* A child that shares the table can get an empty one of its own with CLOSE_RANGE_UNSHARE. */
TEST_F(files, table_unshared_by_close_range)
{
	struct stat before, after;
	pid_t pid;
	int i;

	ASSERT_EQ(0, fstat(0, &before));
	for (i = 0; i < 20; i++) {
		pid = start_child(self->fd, variant->command, &self->clone, close_all_unshared,
				  self->shared);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(exited_with(pid, 0));
		EXPECT_EQ(0, self->shared->error);
	}
	/* The caller's table is unchanged: its descriptor 0 is not the child's /dev/null. */
	ASSERT_EQ(0, fstat(0, &after));
	EXPECT_EQ(before.st_ino, after.st_ino);
	EXPECT_EQ(before.st_rdev, after.st_rdev);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
}

TEST_HARNESS_MAIN
