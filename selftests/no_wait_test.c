// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWNCTL_NO_WAIT: the call returns when the child has been made. The word at @child_tid tells
 * when the child no longer uses the memory.
 */
#include "contract.h"

#include <linux/futex.h>

#define STACK	8192
#define MANY	500

/* One child: its stack and what it shares with its parent */
struct room {
	__s32 word;
	__s32 tid;
	int go;			/* pipe that the child reads before it goes on */
	int report;		/* descriptor for the program */
	int error;		/* of an execve(2) that fails */
	__s32 word_after_error;
	__u64 mask;
	char stack[STACK] __attribute__((__aligned__(16)));
};

FIXTURE(no_wait) {
	int fd;
	int pipe[2];
	struct room *room;
	struct spawnctl_clone clone;
};

static void use_room(struct spawnctl_clone *clone, struct room *room)
{
	room->word = 1;
	clone->stack = (uintptr_t)room->stack;
	clone->stack_size = sizeof(room->stack);
	clone->child_tid = (uintptr_t)&room->word;
	clone->parent_tid = (uintptr_t)&room->tid;
}

FIXTURE_SETUP(no_wait)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
	self->room = shared_alloc(MANY * sizeof(*self->room));
	ASSERT_NE(NULL, self->room);
	self->room->go = self->pipe[0];
	self->clone = (struct spawnctl_clone){
		.size = sizeof(self->clone),
		.flags = SPAWNCTL_NO_WAIT | SPAWNCTL_WINDOW_MASK | SPAWNCTL_PARENT_SETTID,
		.window_mask = ~0ULL,
		.exit_signal = SIGCHLD,
	};
	use_room(&self->clone, self->room);
}

/* The program gets a pipe, of which @reader receives the other end, and blocks all signals */
static int report_to(FIXTURE_SELF(no_wait) self, int *reader)
{
	int report[2];

	if (pipe(report))
		return -1;
	*reader = report[0];
	self->room->report = report[1];
	self->clone.flags |= SPAWNCTL_EXEC_MASK;
	self->clone.exec_mask = ~0ULL;
	return 0;
}

FIXTURE_TEARDOWN(no_wait)
{
	EXPECT_EQ(0, exec_pending(self->fd));
	close(self->fd);
}

/* Waits until the kernel has cleared the word; -1 after a minute */
static int await_word(struct room *room)
{
	const struct timespec minute = { .tv_sec = 60 };
	__s32 word;

	while ((word = READ_ONCE(room->word)))
		if (syscall(SYS_futex, &room->word, FUTEX_WAIT, word, &minute, NULL, 0) &&
		    errno == ETIMEDOUT)
			return -1;
	return 0;
}

static int let_go(int fd)
{
	return write(fd, "", 1) == 1 ? 0 : -1;
}

static int read_then_end(void *arg)
{
	struct room *room = arg;
	__u64 none = 0;
	char byte;

	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, &room->mask, sizeof(none));
	return raw_syscall(SYS_read, room->go, &byte, 1) == 1 ? 7 : 8;
}

static int read_then_exec(void *arg)
{
	struct room *room = arg;
	char byte;

	if (raw_syscall(SYS_read, room->go, &byte, 1) != 1)
		return 126;
	room->error = -raw_syscall(SYS_execve, "/none", environ, environ);
	room->word_after_error = READ_ONCE(room->word);
	exec_program("linger", room->report);
	return 127;
}

TEST_F(no_wait, returns_before_the_child_ends)
{
	pid_t pid = spawnctl_thread(self->fd, &self->clone, read_then_end, self->room);

	ASSERT_LT(0, pid);
	EXPECT_EQ(pid, self->room->tid);
	EXPECT_EQ(1, READ_ONCE(self->room->word));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	ASSERT_EQ(0, let_go(self->pipe[1]));
	EXPECT_EQ(0, await_word(self->room));
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_EQ(~UNBLOCKABLE, self->room->mask);
}

/* The control: without the flag the call returns when the child has ended. */
TEST_F(no_wait, control_waits)
{
	pid_t pid;

	self->clone.flags &= ~SPAWNCTL_NO_WAIT;
	self->clone.child_tid = 0;
	ASSERT_EQ(0, let_go(self->pipe[1]));
	pid = spawnctl_thread(self->fd, &self->clone, read_then_end, self->room);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, self->room->word);
	EXPECT_EQ(~UNBLOCKABLE, READ_ONCE(self->room->mask));
	EXPECT_TRUE(exited_with(pid, 7));
}

/* A failed execve(2) leaves the word. The program, which still runs, has the exec mask. */
TEST_F(no_wait, word_is_cleared_at_exec)
{
	int report;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, report_to(self, &report));
	self->clone.window_mask = SIGBIT(SIGUSR1);
	pid = spawnctl_thread(self->fd, &self->clone, read_then_exec, self->room);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, exec_pending(self->fd));
	ASSERT_EQ(0, let_go(self->pipe[1]));
	EXPECT_EQ(0, await_word(self->room));
	EXPECT_EQ(ENOENT, self->room->error);
	EXPECT_EQ(1, self->room->word_after_error);
	/* "linger" writes this if all signals are blocked */
	EXPECT_EQ(1, read(report, &byte, 1));
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

static void handler(int sig)
{
	_exit(99);
}

/* The child blocks nothing: a signal that the caller catches has its default action */
TEST_F(no_wait, child_runs_no_handler)
{
	int status;
	pid_t pid;

	signal(SIGUSR1, handler);
	self->clone.window_mask = 0;
	pid = spawnctl_thread(self->fd, &self->clone, read_then_end, self->room);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(0, await_word(self->room));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGUSR1, WTERMSIG(status));
}

TEST_F(no_wait, callers_mask_is_restored)
{
	pid_t pid;

	raw_sigprocmask(SIG_SETMASK, ODD_MASK, NULL);
	pid = spawnctl_thread(self->fd, &self->clone, read_then_end, self->room);
	EXPECT_EQ(ODD_MASK, current_mask());
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, let_go(self->pipe[1]));
	EXPECT_TRUE(exited_with(pid, 7));
}

/* Makes a child that lingers, in the process @child, which then ends, executes or is killed */
static void leave_child(FIXTURE_SELF(no_wait) self, struct __test_metadata *_metadata, int way)
{
	char * const argv[] = { "program", "nothing", "0", NULL };
	int report;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, report_to(self, &report));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		spawnctl_thread(self->fd, &self->clone, read_then_exec, self->room);
		if (way == 1)
			execv(program_path, argv);
		if (way == 2)
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	/* The memory is the child's alone by now */
	ASSERT_LT(0, self->room->tid);
	ASSERT_EQ(0, let_go(self->pipe[1]));
	EXPECT_EQ(1, read(report, &byte, 1));
	EXPECT_EQ(ENOENT, self->room->error);
	EXPECT_EQ(0, kill(self->room->tid, SIGKILL));
}

TEST_F(no_wait, caller_ends)
{
	leave_child(self, _metadata, 0);
}

TEST_F(no_wait, caller_executes)
{
	leave_child(self, _metadata, 1);
}

TEST_F(no_wait, caller_is_killed)
{
	leave_child(self, _metadata, 2);
}

TEST_F_TIMEOUT(no_wait, many_at_a_time, 120)
{
	pid_t pids[MANY];
	int i;

	for (i = 0; i < MANY; i++) {
		self->room[i].go = self->pipe[0];
		use_room(&self->clone, &self->room[i]);
		pids[i] = spawnctl_thread(self->fd, &self->clone, read_then_end, &self->room[i]);
		ASSERT_LT(0, pids[i]);
	}
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(1, READ_ONCE(self->room[i].word));
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, let_go(self->pipe[1]));
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(0, await_word(&self->room[i]));
		EXPECT_TRUE(exited_with(pids[i], 7));
	}
}

/* The library maps no stack, because it would not know when to unmap it */
TEST_F(no_wait, stack_is_needed)
{
	self->clone.stack = 0;
	self->clone.stack_size = 0;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &self->clone, read_then_end, self->room));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
