// SPDX-License-Identifier: GPL-2.0
/*
 * The exec mask: the signal mask of the program that the child executes, and the record that the
 * module keeps until then.
 */
#include <sched.h>
#include <sys/stat.h>

#include "program.h"
#include "spawnctl_test.h"

#define SOME	(SIGBIT(SIGTERM) | SIGBIT(37) | SIGBIT(32) | SIGBIT(64))
#define OTHERS	(SIGBIT(SIGHUP) | SIGBIT(SIGCHLD) | SIGBIT(33))

/* All signals blocked in the window, SOME from exec on */
static const struct spawnctl_clone all_then_some = {
	.size = sizeof(all_then_some),
	.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
	.window_mask = ~0ULL,
	.exec_mask = SOME,
	.exit_signal = SIGCHLD,
};

FIXTURE(exec_mask) {
	int fd;
	int report[2];
};

FIXTURE_SETUP(exec_mask)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe(self->report));
	ASSERT_EQ(0, exec_pending(self->fd));
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, 0, NULL));
}

FIXTURE_TEARDOWN(exec_mask)
{
	EXPECT_EQ(0, exec_pending(self->fd));
	close(self->fd);
}

static int become_report(void *arg)
{
	exec_program("report", *(int *)arg);
	return 127;
}

/* Waits until the reporting program has ended. Returns the mask that it had. */
static __u64 reported(struct __test_metadata *_metadata, int fd, pid_t pid)
{
	struct signal_status status;

	ASSERT_EQ(0, wait_status(pid));
	ASSERT_EQ((ssize_t)sizeof(status), read(fd, &status, sizeof(status)));
	return status.blocked;
}

/* The new program's mask, for each way to give a window mask and an exec mask. */
TEST_F(exec_mask, each_combination)
{
	static const struct {
		__u32 flags;
		__u64 window;
		__u64 exec;
		__u64 program;
	} table[] = {
		{ 0, 0, 0, OTHERS },
		{ SPAWNCTL_WINDOW_MASK, SOME, 0, SOME },
		{ SPAWNCTL_WINDOW_MASK, ~0ULL, 0, ~UNBLOCKABLE },
		{ SPAWNCTL_EXEC_MASK, 0, SOME, SOME },
		{ SPAWNCTL_EXEC_MASK, 0, 0, 0 },
		{ SPAWNCTL_EXEC_MASK, 0, ~0ULL, ~UNBLOCKABLE },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK, ~0ULL, 0, 0 },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK, ~0ULL, SOME, SOME },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK, 0, ~0ULL, ~UNBLOCKABLE },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK, SOME, OTHERS | UNBLOCKABLE,
		  OTHERS },
		{ SPAWNCTL_EXEC_KEEP_MASK, 0, 0, OTHERS },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_KEEP_MASK, ~0ULL, 0, OTHERS },
		{ SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_KEEP_MASK, 0, 0, OTHERS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct spawnctl_clone clone = {
			.size = sizeof(clone),
			.flags = table[i].flags,
			.window_mask = table[i].window,
			.exec_mask = table[i].exec,
			.exit_signal = SIGCHLD,
		};
		pid_t pid;

		raw_sigprocmask(SIG_SETMASK, OTHERS, NULL);
		pid = spawnctl_thread(self->fd, &clone, become_report, &self->report[1]);
		ASSERT_LT(0, pid);
		EXPECT_EQ(OTHERS, current_mask());
		EXPECT_EQ(table[i].program, reported(_metadata, self->report[0], pid)) {
			TH_LOG("combination %u", i);
		}
	}
}

static int change_mask_then_report(void *arg)
{
	raw_sigprocmask(SIG_SETMASK, OTHERS, NULL);
	return become_report(arg);
}

/* The exec mask replaces a mask that the child has set itself. */
TEST_F(exec_mask, overrides_the_childs_mask)
{
	pid_t pid;

	pid = spawnctl_thread(self->fd, &all_then_some, change_mask_then_report, &self->report[1]);
	ASSERT_LT(0, pid);
	EXPECT_EQ(SOME, reported(_metadata, self->report[0], pid));
}

static int fail_to_exec_then_report(void *arg)
{
	char * const argv[] = { "none", NULL };

	if (raw_syscall(SYS_execve, "/nonexistent/program", argv, argv + 1) != -ENOENT)
		return 1;
	return become_report(arg);
}

/* A failed execve(2) does not use up the exec mask. */
TEST_F(exec_mask, after_a_failed_exec)
{
	pid_t pid;

	pid = spawnctl_thread(self->fd, &all_then_some, fail_to_exec_then_report, &self->report[1]);
	ASSERT_LT(0, pid);
	EXPECT_EQ(SOME, reported(_metadata, self->report[0], pid));
}

static int become_again(void *arg)
{
	exec_program("again", *(int *)arg);
	return 127;
}

/* The exec mask applies to the first exec only: a second one keeps the program's mask, as usual. */
TEST_F(exec_mask, first_exec_only)
{
	pid_t pid;

	pid = spawnctl_thread(self->fd, &all_then_some, become_again, &self->report[1]);
	ASSERT_LT(0, pid);
	EXPECT_EQ(AGAIN_MASK, reported(_metadata, self->report[0], pid));
}

static int fork_then_report(void *arg)
{
	long pid;
	int status;

	pid = raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		exec_program("report", *(int *)arg);
		raw_syscall(SYS_exit_group, 127);
	}
	if (pid < 0 || raw_syscall(SYS_wait4, pid, &status, 0, 0) != pid || status)
		return 1;
	return 0;
}

/* The child's own child, made by clone(2), has no exec mask. */
TEST_F(exec_mask, is_not_inherited)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = OTHERS,
		.exec_mask = SOME,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	pid = spawnctl_thread(self->fd, &clone, fork_then_report, &self->report[1]);
	ASSERT_LT(0, pid);
	EXPECT_EQ(OTHERS, reported(_metadata, self->report[0], pid));
}

/* Sleeps until it is ended from outside, long before the 20 s are over. */
static int linger(void *arg)
{
	raw_sleep_us(20 * 1000000);
	return 1;
}

static char thread_stack[65536];

static int exec_by_a_thread(void *arg)
{
	/* libc's clone() touches libc's state only on failure, where it sets errno. */
	if (clone(become_report, thread_stack + sizeof(thread_stack),
		  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		  arg) < 0)
		return 1;
	return linger(NULL);
}

/* The exec mask also applies if a second thread of the child executes, which SPAWN did not make. */
TEST_F(exec_mask, by_a_second_thread)
{
	pid_t pid;
	int i;

	for (i = 0; i < 20; i++) {
		pid = spawnctl_thread(self->fd, &all_then_some, exec_by_a_thread, &self->report[1]);
		ASSERT_LT(0, pid);
		EXPECT_EQ(SOME, reported(_metadata, self->report[0], pid));
		EXPECT_EQ(0, exec_pending(self->fd));
	}
}

struct nest {
	int fd;
	int report;
	int depth;
	long pending;
	int failed;
};

static const __u64 nest_mask[] = { SOME, OTHERS, ~UNBLOCKABLE, SIGBIT(SIGINT) };

/* Spawns the next child, inside the call that made this one, then executes the program. */
static int nest_child(void *arg)
{
	struct nest *nest = arg;
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = ~0ULL,
		.exit_signal = SIGCHLD,
	};
	int status;
	pid_t pid;

	if (nest->depth < (int)ARRAY_SIZE(nest_mask) - 1) {
		clone.exec_mask = nest_mask[++nest->depth];
		pid = spawnctl_thread(nest->fd, &clone, nest_child, nest);
		if (pid <= 0 || raw_syscall(SYS_wait4, pid, &status, 0, 0) != pid || status)
			nest->failed++;
	} else {
		nest->pending = exec_pending(nest->fd);
	}
	return become_report(&nest->report);
}

/* Each of several nested spawns has its own record and exec mask. */
TEST_F(exec_mask, nested)
{
	struct nest nest = { .fd = self->fd, .report = self->report[1] };
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = ~0ULL,
		.exec_mask = nest_mask[0],
		.exit_signal = SIGCHLD,
	};
	struct signal_status status;
	pid_t pid;
	int i;

	pid = spawnctl_thread(self->fd, &clone, nest_child, &nest);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, nest.failed);
	EXPECT_EQ((long)ARRAY_SIZE(nest_mask), nest.pending);
	/* The innermost reports first. */
	for (i = ARRAY_SIZE(nest_mask) - 1; i > 0; i--) {
		ASSERT_EQ((ssize_t)sizeof(status),
			  read(self->report[0], &status, sizeof(status)));
		EXPECT_EQ(nest_mask[i], status.blocked);
	}
	EXPECT_EQ(nest_mask[0], reported(_metadata, self->report[0], pid));
}

static int count_pending(void *arg)
{
	long *pending = arg;

	/* On entry *pending is the descriptor. */
	*pending = exec_pending(*pending);
	return 0;
}

/*
 * INFO counts a child with an exec mask while it lives, and not after it has ended without an
 * exec. The control: a child without an exec mask is not counted.
 */
TEST_F(exec_mask, child_that_never_execs)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_EXEC_MASK,
		.exec_mask = SOME,
		.exit_signal = SIGCHLD,
	};
	long pending = self->fd;
	pid_t pid;

	pid = spawnctl_thread(self->fd, &clone, count_pending, &pending);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, pending);
	ASSERT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, exec_pending(self->fd));

	clone.flags = 0;
	clone.exec_mask = 0;
	pending = self->fd;
	pid = spawnctl_thread(self->fd, &clone, count_pending, &pending);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, pending);
	ASSERT_EQ(0, wait_status(pid));
}

static int kill_itself(void *arg)
{
	raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGKILL);
	return linger(NULL);
}

/* The record of a child that is killed before its exec is dropped. */
TEST_F(exec_mask, child_that_is_killed)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = ~0ULL,
		.exec_mask = ~0ULL,
		.exit_signal = SIGCHLD,
	};
	int status;
	pid_t pid;

	pid = spawnctl_thread(self->fd, &clone, kill_itself, NULL);
	ASSERT_LT(0, pid);
	status = wait_status(pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(0, exec_pending(self->fd));
}

#define COPY "/tmp/spawnctl-exec-mask-program"

static int become_copy(void *arg)
{
	char number[] = { '0' + *(int *)arg / 10, '0' + *(int *)arg % 10, '\0' };
	char * const argv[] = { "program", "report", number, NULL };

	raw_syscall(SYS_execve, COPY, argv, argv + 3);
	return 127;
}

/* Returns the mask of the copy, executed by a child of an unprivileged caller. */
static __u64 copy_reports(struct __test_metadata *_metadata, int fd, int *report, __u64 window)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = window,
		.exec_mask = SOME,
		.exit_signal = SIGCHLD,
	};
	pid_t caller = fork();

	if (!caller) {
		if (setuid(65534))
			_exit(1);
		_exit(wait_status(spawnctl_thread(fd, &clone, become_copy, &report[1])) ? 2 : 0);
	}
	return reported(_metadata, report[0], caller);
}

/*
 * The exec mask blocks no signal in a program that gains rights, unless it was blocked before.
 * An LSM may have emptied the mask to protect that program, as SELinux does. The control: a
 * program that gains none has the exec mask.
 */
TEST_F(exec_mask, program_that_gains_rights)
{
	ASSERT_EQ(0, copy_file(program_path, COPY, 0755));
	EXPECT_EQ(SOME, copy_reports(_metadata, self->fd, self->report, 0))
		TH_LOG("control: a program that gains no rights");
	ASSERT_EQ(0, copy_file(program_path, COPY, 04755));
	EXPECT_EQ(0, copy_reports(_metadata, self->fd, self->report, 0));
	EXPECT_EQ(SOME, copy_reports(_metadata, self->fd, self->report, ~0ULL));
	unlink(COPY);
}

struct crowd {
	unsigned int there;
	int go[2];	/* a pipe, closed when all may go on */
	int report;
};

static int wait_and_report(void *arg)
{
	struct crowd *crowd = arg;
	char c;

	__atomic_fetch_add(&crowd->there, 1, __ATOMIC_SEQ_CST);
	raw_syscall(SYS_read, crowd->go[0], &c, 1);
	exec_program("report", crowd->report);
	return 127;
}

#define CROWD	320	/* at least one of the module's 64 buckets exceeds the 4 births it keeps */

static int one_of_the_crowd(int fd, struct crowd *crowd)
{
	int i;

	close(crowd->go[1]);
	/* Later rounds reuse the births of the first one, as far as the module keeps them */
	for (i = 0; i < 3; i++)
		if (wait_status(spawnctl_thread(fd, &all_then_some, wait_and_report, crowd)))
			return 1;
	return 0;
}

/* Many children are in the window at once. Each gets its exec mask, and no record is left. */
TEST_F_TIMEOUT(exec_mask, many_children_at_once, 120)
{
	struct crowd *crowd = shared_alloc(sizeof(*crowd));
	struct signal_status status;
	pid_t pids[CROWD];
	int i;

	ASSERT_NE(NULL, crowd);
	crowd->report = self->report[1];
	ASSERT_EQ(0, pipe(crowd->go));
	/* Make room for all reports */
	ASSERT_LT(0, fcntl(self->report[1], F_SETPIPE_SZ, 1 << 20));
	for (i = 0; i < CROWD; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(one_of_the_crowd(self->fd, crowd));
		ASSERT_LT(0, pids[i]);
	}
	while (__atomic_load_n(&crowd->there, __ATOMIC_SEQ_CST) < CROWD)
		usleep(1000);
	EXPECT_EQ(CROWD, exec_pending(self->fd));
	close(crowd->go[1]);
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(0, wait_status(pids[i]));
	EXPECT_EQ(0, exec_pending(self->fd));
	for (i = 0; i < 3 * CROWD; i++) {
		ASSERT_EQ((ssize_t)sizeof(status), read(self->report[0], &status, sizeof(status)));
		EXPECT_EQ(SOME, status.blocked);
	}
}

TEST_HARNESS_MAIN
