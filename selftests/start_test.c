// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl_spawn_start(): the call returns when the child has been made, the child does its steps
 * from copies, and the caller learns later what has come of it.
 */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "spawn_fixture.h"

#define FIFO	"/tmp/start_test_fifo"

static const struct timespec at_once, minute = { .tv_sec = 60 };

static char *nothing[] = { "true", NULL };

/* Adds an action that opens FIFO at @fd, in which the child waits for let_go() */
static int wait_for_fifo(spawnctl_file_actions_t *actions, int fd)
{
	unlink(FIFO);
	if (mkfifo(FIFO, 0600))
		return -1;
	return spawnctl_file_actions_addopen(actions, fd, FIFO, O_RDONLY, 0);
}

/* A start whose child waits in its first action, until FIFO is opened for writing */
static int start_held(FIXTURE_SELF(spawn) self, spawnctl_start_t **start, const char *path)
{
	if (wait_for_fifo(self->actions, 3))
		return -1;
	return spawnctl_spawn_start(start, path, self->actions, self->attr, nothing, environ);
}

static void let_go(void)
{
	int fd = open(FIFO, O_WRONLY | O_CLOEXEC);

	unlink(FIFO);
	close(fd);
}

TEST_F(spawn, start_returns_before_exec)
{
	spawnctl_start_t *start;
	pid_t pid;

	ASSERT_EQ(0, start_held(self, &start, "/bin/true"));
	pid = spawnctl_start_pid(start);
	EXPECT_LT(0, pid);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &(struct timespec){ 0, 20000000 },
						 &self->result));
	let_go();
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error);
	EXPECT_EQ(pid, self->result.pid);
	EXPECT_EQ(-1, self->result.pidfd);
	/* Each further call has the same result */
	self->result.pid = 0;
	EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(pid, self->result.pid);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(pid));
}

TEST_F(spawn, start_reports_the_failed_step)
{
	spawnctl_start_t *start;

	ASSERT_EQ(0, start_held(self, &start, "/none"));
	let_go();
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(ENOENT, self->result.error);
	EXPECT_EQ(SPAWNCTL_STEP_EXEC, self->result.step);
	EXPECT_EQ(-1, self->result.pid);
	/* It has been reaped, once */
	EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(ENOENT, self->result.error);
	spawnctl_start_free(start);

	ASSERT_EQ(0, spawnctl_file_actions_addfchdir(self->actions, 99));
	ASSERT_EQ(0, start_held(self, &start, "/bin/true"));
	let_go();
	EXPECT_EQ(0, spawnctl_start_wait(start, &minute, &self->result));
	EXPECT_EQ(EBADF, self->result.error);
	EXPECT_EQ(SPAWNCTL_STEP_ACTION, self->result.step);
	EXPECT_EQ(1, self->result.action);
	spawnctl_start_free(start);
}

/* All inputs may be changed as soon as the call has returned, descriptors included */
TEST_F(spawn, start_copies_its_inputs)
{
	char path[] = "/bin/sh", directory[] = "/tmp", variable[] = "VALUE=right";
	char script[] = "echo $VALUE $1 `pwd` `umask` >&4", word[] = "word";
	char *argv[] = { "sh", "-c", script, "sh", word, NULL }, *envp[] = { variable, NULL };
	char text[64] = "", fifo[] = FIFO;
	spawnctl_file_actions_t *actions;
	spawnctl_start_t *start;
	int copy;
	pid_t pid;

	unlink(FIFO);
	ASSERT_EQ(0, mkfifo(FIFO, 0600));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 3, fifo, O_RDONLY, 0));
	copy = dup(self->report[1]);
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, copy, 4));
	ASSERT_EQ(0, spawnctl_file_actions_addchdir(actions, directory));
	umask(0027);
	ASSERT_EQ(0, spawnctl_spawn_start(&start, path, actions, self->attr, argv, envp));
	spawnctl_file_actions_destroy(actions);
	close(copy);
	memset(path, 'x', sizeof(path));
	memset(directory, 'x', sizeof(directory));
	memset(variable, 'x', sizeof(variable));
	memset(script, 'x', sizeof(script));
	memset(word, 'x', sizeof(word));
	memset(fifo, 'x', sizeof(fifo));
	memset(argv, 0, sizeof(argv));
	memset(envp, 0, sizeof(envp));
	FLAGS(SPAWNCTL_SPAWN_SETSID);
	umask(0077);
	let_go();
	pid = spawnctl_start_pid(start);
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error)
		TH_LOG("%s", spawnctl_step_name(self->result.step));
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_LT(0, read(self->report[0], text, sizeof(text) - 1));
	EXPECT_EQ(0, strcmp(text, "right word /tmp 0027\n"));
	spawnctl_start_free(start);
}

/* Arguments that do not fit into a usual mapping */
TEST_F(spawn, start_with_many_arguments)
{
	char *argv[2002], *big = malloc(1000);
	spawnctl_start_t *start;
	int i;

	memset(big, 'a', 999);
	big[999] = '\0';
	argv[0] = "true";
	for (i = 1; i < 2001; i++)
		argv[i] = big;
	argv[2001] = NULL;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, spawnctl_spawnp_start(&start, "true", NULL, self->attr, argv,
						   environ));
		EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
		EXPECT_EQ(0, self->result.error);
		spawnctl_start_free(start);
		EXPECT_EQ(0, wait_status(self->result.pid));
	}
	free(big);
}

TEST_F(spawn, start_searches_path)
{
	spawnctl_start_t *start;

	ASSERT_EQ(0, spawnctl_spawnp_start(&start, "true", NULL, self->attr, nothing, environ));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(self->result.pid));
	ASSERT_EQ(0, spawnctl_spawnp_start(&start, "no such program", NULL, self->attr, nothing,
					   environ));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(ENOENT, self->result.error);
	spawnctl_start_free(start);
}

TEST_F(spawn, start_is_pollable)
{
	struct pollfd poller = { .events = POLLIN };
	spawnctl_start_t *start;

	FLAGS(SPAWNCTL_SPAWN_POLL);
	ASSERT_EQ(0, start_held(self, &start, "/bin/true"));
	poller.fd = spawnctl_start_fd(start);
	ASSERT_LE(0, poller.fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(poller.fd, F_GETFD));
	EXPECT_EQ(0, poll(&poller, 1, 20));
	let_go();
	EXPECT_EQ(1, poll(&poller, 1, 60000));
	EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(0, self->result.error);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(self->result.pid));
	EXPECT_EQ(EINVAL, spawnctl_spawn(NULL, "/bin/true", NULL, self->attr, nothing, environ));
	EXPECT_EQ(EINVAL, spawnctl_spawn_result(&self->result, "/bin/true", NULL, self->attr,
						nothing, environ));
}

/* Actions that name the numbers of the pipe do not reach it, and the program does not have it */
TEST_F(spawn, start_hides_its_pipe)
{
	char *argv[] = { "sh", "-c", "echo /proc/self/fd/* >&9", NULL };
	struct pollfd poller = { .events = POLLIN };
	spawnctl_start_t *start;
	char text[256] = "";
	int fd;

	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
	for (fd = 3; fd < 30; fd++)
		if (fd != 9)
			ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, 0, fd));
	for (fd = 3; fd < 9; fd++)
		ASSERT_EQ(0, spawnctl_file_actions_addclose(self->actions, fd));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 10));
	FLAGS(SPAWNCTL_SPAWN_POLL);
	ASSERT_EQ(0, wait_for_fifo(self->actions, 8));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/sh", self->actions, self->attr, argv,
					  environ));
	poller.fd = spawnctl_start_fd(start);
	/* The child has closed the pipe if it has done so at all: it waits in its last action */
	while (process_state(spawnctl_start_pid(start)) != 'S')
		usleep(1000);
	EXPECT_EQ(0, poll(&poller, 1, 20));
	let_go();
	EXPECT_EQ(1, poll(&poller, 1, 60000));
	EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(0, self->result.error);
	EXPECT_EQ(0, wait_status(self->result.pid));
	EXPECT_LT(0, read(self->report[0], text, sizeof(text) - 1));
	for (fd = 3; fd < 40; fd++) {
		char name[32];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		/* The shell's own descriptor of the directory is above 9 or the lowest free one */
		if (fd != 8 && fd != 9 && fd != 3 && fd != 10)
			EXPECT_EQ(NULL, strstr(text, name)) TH_LOG("%s", text);
	}
	spawnctl_start_free(start);
}

TEST_F(spawn, start_closes_all_but_its_pipe)
{
	char *argv[] = { "sh", "-c", "exit 3", NULL };
	struct pollfd poller = { .events = POLLIN };
	spawnctl_start_t *start;

	FLAGS(SPAWNCTL_SPAWN_POLL | SPAWNCTL_SPAWN_CLOEXEC_DEFAULT);
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/sh", NULL, self->attr, argv, environ));
	poller.fd = spawnctl_start_fd(start);
	EXPECT_EQ(1, poll(&poller, 1, 60000));
	EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(0, self->result.error);
	EXPECT_TRUE(exited_with(self->result.pid, 3));
	spawnctl_start_free(start);
}

static unsigned int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	int c;

	while ((c = getc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

/* A start that is freed early: the child goes on, and its memory is used again later */
TEST_F(spawn, start_freed_early)
{
	spawnctl_start_t *start;
	unsigned int before = 0, i;
	pid_t pids[60];

	ASSERT_EQ(0, wait_for_fifo(self->actions, 3));
	for (i = 0; i < 2; i++) {
		unsigned int k;
		int fd;

		for (k = 0; k < ARRAY_SIZE(pids); k++) {
			char script[16], *argv[] = { "sh", "-c", script, NULL };

			/* All wait at a time, each with its own arguments on its own mapping */
			snprintf(script, sizeof(script), "exit %u", k);
			ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/sh", self->actions,
							  self->attr, argv, environ));
			memset(script, 'x', sizeof(script));
			pids[k] = spawnctl_start_pid(start);
			spawnctl_start_free(start);
		}
		/* A writer for as long as some child may open it */
		fd = open(FIFO, O_RDWR | O_CLOEXEC);
		for (k = 0; k < ARRAY_SIZE(pids); k++)
			EXPECT_TRUE(exited_with(pids[k], k));
		close(fd);
		if (!i)
			before = mappings();
	}
	/* Each start looks at a few of those that were freed */
	for (i = 0; i < 60; i++) {
		ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
						  environ));
		EXPECT_EQ(0, wait_status(spawnctl_start_pid(start)));
		spawnctl_start_free(start);
	}
	EXPECT_GE(before, mappings());
	unlink(FIFO);
}

/* The caller's mask is its own again, and the program has it; handlers do not run in the child */
TEST_F(spawn, start_and_the_mask)
{
	char *argv[] = { "sed", "-n", "s/^SigBlk:[[:space:]]*//p", "/proc/self/status", NULL };
	spawnctl_start_t *start;
	char text[32] = "";

	raw_sigprocmask(SIG_SETMASK, SIGBIT(SIGUSR1) | SIGBIT(40), NULL);
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 1));
	ASSERT_EQ(0, spawnctl_spawnp_start(&start, "sed", self->actions, self->attr, argv,
					   environ));
	EXPECT_EQ(SIGBIT(SIGUSR1) | SIGBIT(40), current_mask());
	EXPECT_EQ(0, wait_status(spawnctl_start_pid(start)));
	EXPECT_LT(0, read(self->report[0], text, sizeof(text) - 1));
	EXPECT_EQ(SIGBIT(SIGUSR1) | SIGBIT(40), strtoull(text, NULL, 16));
	spawnctl_start_free(start);
}

/* Nothing is mapped or opened anew for each start */
TEST_F(spawn, start_reuses_memory)
{
	spawnctl_start_t *start;
	unsigned int before = 0, i;

	FLAGS(SPAWNCTL_SPAWN_PIDFD);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, spawnctl_spawn_start(&start, i % 2 ? "/bin/true" : "/none", NULL,
						  self->attr, nothing, environ));
		EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
		if (i % 2) {
			EXPECT_LE(0, self->result.pidfd);
			close(self->result.pidfd);
			EXPECT_EQ(0, wait_status(self->result.pid));
		} else {
			EXPECT_EQ(-1, self->result.pidfd);
		}
		spawnctl_start_free(start);
		if (i == 5)
			before = mappings();
	}
	EXPECT_EQ(before, mappings());
	/* The pidfd of a start whose outcome nobody has asked for */
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing, environ));
	EXPECT_EQ(0, wait_status(spawnctl_start_pid(start)));
	spawnctl_start_free(start);
}

TEST_F(spawn, start_child_killed_or_stopped)
{
	spawnctl_start_t *start;
	int status;
	pid_t pid;

	ASSERT_EQ(0, start_held(self, &start, "/bin/true"));
	pid = spawnctl_start_pid(start);
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	while (process_state(pid) != 'T')
		usleep(1000);
	EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &at_once, &self->result));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(0, spawnctl_start_wait(start, &minute, &self->result));
	EXPECT_EQ(0, self->result.error);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	spawnctl_start_free(start);
	unlink(FIFO);
}

/* The kernel then clears no word of this child, as if its write had failed */
static int forget_the_word(void *arg)
{
	return raw_syscall(SYS_set_tid_address, 0) < 0;
}

/* A start whose child waits for let_go(), and whose word stays 1 */
static pid_t start_without_word(struct __test_metadata *_metadata, FIXTURE_SELF(spawn) self,
				spawnctl_start_t **start)
{
	spawnctl_file_actions_destroy(self->actions);
	ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, forget_the_word, NULL));
	ASSERT_EQ(0, start_held(self, start, "/bin/true"));
	return spawnctl_start_pid(*start);
}

static void end_without_word(struct __test_metadata *_metadata, spawnctl_start_t *start, pid_t pid)
{
	let_go();
	while (process_state(pid) != 'Z')
		usleep(1000);
	/* The first member of the struct */
	EXPECT_EQ(1, *(int *)start);
}

/* Also with a pidfd, and if the child has been reaped before */
TEST_F(spawn, start_whose_word_is_not_cleared)
{
	const struct timespec *timeouts[] = { &minute, &at_once };
	spawnctl_start_t *start;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(timeouts) * 3; i++) {
		FLAGS(i % 3 == 1 ? SPAWNCTL_SPAWN_PIDFD : 0);
		pid = start_without_word(_metadata, self, &start);
		end_without_word(_metadata, start, pid);
		if (i % 3 == 2)
			EXPECT_EQ(0, wait_status(pid));
		EXPECT_EQ(0, spawnctl_start_wait(start, timeouts[i / 3], &self->result));
		EXPECT_EQ(0, self->result.error);
		EXPECT_EQ(pid, self->result.pid);
		if (i % 3 < 2)
			EXPECT_EQ(0, wait_status(pid));
		if (i % 3 == 1)
			close(self->result.pidfd);
		spawnctl_start_free(start);
	}
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	signals++;
}

/* Signals that come more often than the waiter looks do not keep it from looking */
TEST_F(spawn, start_whose_word_is_not_cleared_beside_signals)
{
	const struct itimerval often = { { 0, 100000 }, { 0, 100000 } }, never = { 0 };
	const struct sigaction action = { .sa_handler = count_signal };
	spawnctl_start_t *start;
	pid_t pid;

	pid = start_without_word(_metadata, self, &start);
	end_without_word(_metadata, start, pid);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	EXPECT_LT(1, signals);
	EXPECT_EQ(0, wait_status(pid));
	spawnctl_start_free(start);
}

/* The kernel reports the exec: the wait is not for the program's end */
TEST_F(spawn, start_of_a_long_program)
{
	char *argv[] = { "sleep", "1000", NULL };
	spawnctl_start_t *start;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/sleep", NULL, self->attr, argv, environ));
	pid = spawnctl_start_pid(start);
	EXPECT_EQ(0, spawnctl_start_wait(start, &minute, &self->result));
	EXPECT_EQ(0, self->result.error);
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(SIGKILL, wait_status(pid));
	spawnctl_start_free(start);
}

/* A stop of a child that this process traces is no end */
TEST_F(spawn, start_traced_before_exec)
{
	spawnctl_start_t *start, *next;
	int status, traceme;
	pid_t pid;

	for (traceme = 0; traceme < 2; traceme++) {
		FLAGS(SPAWNCTL_SPAWN_STOP | (traceme ? SPAWNCTL_SPAWN_TRACEME : 0));
		ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
						  environ));
		pid = spawnctl_start_pid(start);
		if (!traceme) {
			ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
			ASSERT_EQ(0, ptrace(PTRACE_ATTACH, pid, NULL, NULL));
		}
		while (process_state(pid) != 't')
			usleep(1000);
		EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &at_once, &self->result));
		EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &(struct timespec){ 1, 100000000 },
							 &self->result));
		spawnctl_start_free(start);
		FLAGS(0);
		ASSERT_EQ(0, spawnctl_spawn_start(&next, "/bin/true", NULL, self->attr, nothing,
						  environ));
		EXPECT_NE(start, next);
		EXPECT_EQ(0, wait_status(spawnctl_start_pid(next)));
		spawnctl_start_free(next);
		ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, NULL, NULL));
		ASSERT_EQ(0, kill(pid, SIGCONT));
		EXPECT_EQ(0, wait_status(pid));
	}
}

/* Its memory is used again, whether it is freed after the child's end or before */
TEST_F(spawn, start_freed_whose_word_is_not_cleared)
{
	spawnctl_start_t *start, *next;
	int early;
	pid_t pid;

	for (early = 0; early < 2; early++) {
		pid = start_without_word(_metadata, self, &start);
		if (early)
			spawnctl_start_free(start);
		end_without_word(_metadata, start, pid);
		if (!early)
			spawnctl_start_free(start);
		EXPECT_EQ(0, wait_status(pid));
		ASSERT_EQ(0, spawnctl_spawn_start(&next, "/bin/true", NULL, self->attr, nothing,
						  environ));
		EXPECT_EQ(start, next);
		EXPECT_EQ(0, wait_status(spawnctl_start_pid(next)));
		spawnctl_start_free(next);
	}
}

/* Killed before its first instruction, whether it could tell the kernel about the word or not */
TEST_F_TIMEOUT(spawn, start_killed_at_birth, 120)
{
	unsigned int i, count = scaled(2000, 100, "children");
	spawnctl_start_t *start;

	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
						  environ));
		kill(spawnctl_start_pid(start), SIGKILL);
		ASSERT_EQ(0, spawnctl_start_wait(start, &minute, &self->result));
		wait_status(self->result.pid);
		spawnctl_start_free(start);
	}
}

/* In the child of a fork, the handle is another process's, and new starts work */
TEST_F(spawn, start_and_fork)
{
	spawnctl_start_t *start, *own;
	pid_t pid;

	FLAGS(SPAWNCTL_SPAWN_POLL);
	ASSERT_EQ(0, start_held(self, &start, "/bin/true"));
	pid = fork();
	if (!pid) {
		if (spawnctl_start_wait(start, NULL, &self->result) != ECHILD ||
		    spawnctl_start_pid(start) != -1 || spawnctl_start_fd(start) != -1)
			_exit(1);
		spawnctl_start_free(start);
		if (spawnctl_spawn_start(&own, "/bin/true", NULL, self->attr, nothing, environ) ||
		    spawnctl_start_wait(own, &minute, &self->result) || self->result.error)
			_exit(2);
		_exit(wait_status(self->result.pid));
	}
	EXPECT_EQ(0, wait_status(pid));
	let_go();
	EXPECT_EQ(0, spawnctl_start_wait(start, &minute, &self->result));
	EXPECT_EQ(0, self->result.error);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(self->result.pid));
}

/* The caller ends, executes another program or is killed while its child is in the window */
TEST_F(spawn, start_outlives_its_caller)
{
	char *argv[] = { "sh", "-c", "echo alive >&9", NULL };
	int way;

	for (way = 0; way < 3; way++) {
		spawnctl_start_t *start;
		char text[8] = "";
		pid_t pid;

		spawnctl_file_actions_destroy(self->actions);
		ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
		ASSERT_EQ(0, wait_for_fifo(self->actions, 3));
		pid = fork();
		if (!pid) {
			if (spawnctl_spawn_start(&start, "/bin/sh", self->actions, self->attr, argv,
						 environ))
				_exit(1);
			if (way == 1)
				execl("/bin/true", "true", NULL);
			if (way == 2)
				raise(SIGKILL);
			_exit(0);
		}
		EXPECT_EQ(way == 2 ? SIGKILL : 0, wait_status(pid));
		let_go();
		EXPECT_EQ(6, read(self->report[0], text, sizeof(text) - 1));
		EXPECT_EQ(0, strcmp(text, "alive\n"));
	}
}

static void *wait_for_start(void *arg)
{
	struct spawnctl_result result = { .size = sizeof(result) };

	return (void *)(long)(spawnctl_start_wait(arg, &minute, &result) || result.error != ENOENT);
}

TEST_F(spawn, start_threads_wait)
{
	pthread_t threads[8];
	spawnctl_start_t *start;
	unsigned int i;
	void *wrong;

	ASSERT_EQ(0, start_held(self, &start, "/none"));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, wait_for_start, start));
	usleep(20000);
	let_go();
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		pthread_join(threads[i], &wrong);
		EXPECT_EQ(NULL, wrong);
	}
	spawnctl_start_free(start);
}

static bool stop_forking;

/* Children that live on, with copies of all descriptors */
static void *keep_forking(void *arg)
{
	const pid_t group = getpid();
	int *left = arg;

	while (!READ_ONCE(stop_forking) && (*left)--) {
		pid_t pid = fork();

		if (!pid) {
			setpgid(0, group);
			pause();
			_exit(0);
		}
		usleep(500);
	}
	return NULL;
}

/* No child of a fork that another thread makes meanwhile has the pipe */
TEST_F_TIMEOUT(spawn, start_pipe_beside_forks, 120)
{
	struct pollfd poller = { .events = POLLIN };
	spawnctl_start_t *start;
	pthread_t thread;
	int left = 200, starts = 0;
	pid_t pid;

	FLAGS(SPAWNCTL_SPAWN_POLL);
	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_forking, &left));
	while (READ_ONCE(left) > 0) {
		ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
						  environ));
		poller.fd = spawnctl_start_fd(start);
		ASSERT_EQ(1, poll(&poller, 1, 20000));
		ASSERT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
		ASSERT_EQ(0, self->result.error);
		spawnctl_start_free(start);
		EXPECT_EQ(0, wait_status(self->result.pid));
		starts++;
	}
	pthread_join(thread, NULL);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	do {
		pid = waitpid(-1, NULL, 0);
	} while (pid > 0);
	TH_LOG("%d starts", starts);
}

static int may_go_on;

/* Closes the pipe, as execve(2) does on Linux 6.12 before it leaves the memory */
static int close_all_then_wait(void *arg)
{
	int fd;

	for (fd = 3; fd < 64; fd++)
		raw_syscall(SYS_close, fd);
	while (!READ_ONCE(may_go_on))
		raw_sleep_us(1000);
	return 0;
}

static void *let_go_on(void *arg)
{
	raw_sleep_us(100000);
	WRITE_ONCE(may_go_on, 1);
	return NULL;
}

/* When poll(2) has reported the start, a wait has its outcome, even if it may not wait long */
TEST_F(spawn, start_pipe_is_closed_before_the_word)
{
	spawnctl_start_t *start;
	struct pollfd poller;
	pthread_t thread;

	FLAGS(SPAWNCTL_SPAWN_POLL);
	WRITE_ONCE(may_go_on, 0);
	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, close_all_then_wait, NULL));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", self->actions, self->attr, nothing,
					  environ));
	poller = (struct pollfd){ .fd = spawnctl_start_fd(start), .events = POLLIN };
	ASSERT_EQ(1, poll(&poller, 1, 20000));
	ASSERT_EQ(0, pthread_create(&thread, NULL, let_go_on, NULL));
	EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
	EXPECT_EQ(0, self->result.error);
	pthread_join(thread, NULL);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(self->result.pid));
}

static int close_all_and_forget_the_word(void *arg)
{
	return forget_the_word(NULL) ? 1 : close_all_then_wait(arg);
}

static __u64 killed_at;

static void *kill_soon(void *start)
{
	raw_sleep_us(100000);
	kill(spawnctl_start_pid(start), SIGKILL);
	killed_at = raw_now_us();
	return NULL;
}

/*
 * A killed child closes its pipe before it is a zombie. A wait in between is short, even if the
 * word is not cleared. Several attempts, because a busy machine delays some.
 */
TEST_F(spawn, start_pipe_is_closed_and_the_word_is_not_cleared)
{
	unsigned int attempts;
	__u64 late = ~0ULL;

	for (attempts = 0; attempts < 5 && late > 500000; attempts++) {
		spawnctl_start_t *start;
		struct pollfd poller;
		pthread_t thread;
		__u64 began;

		FLAGS(SPAWNCTL_SPAWN_POLL);
		WRITE_ONCE(may_go_on, 0);
		spawnctl_file_actions_destroy(self->actions);
		ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
		ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions,
							   close_all_and_forget_the_word, NULL));
		ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", self->actions, self->attr,
						  nothing, environ));
		poller = (struct pollfd){ .fd = spawnctl_start_fd(start), .events = POLLIN };
		ASSERT_EQ(1, poll(&poller, 1, 20000));
		ASSERT_EQ(0, pthread_create(&thread, NULL, kill_soon, start));
		began = raw_now_us();
		EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
		late = raw_now_us();
		pthread_join(thread, NULL);
		/* Else a look each second would not be late, either */
		late = killed_at - began < 300000 ? late - killed_at : ~0ULL;
		EXPECT_EQ(SIGKILL, wait_status(self->result.pid));
		spawnctl_start_free(start);
	}
	EXPECT_GT(500000ULL, late);
}

/* A child in another cgroup would expose its caller to the OOM killer there: the call waits */
TEST_F(spawn, start_in_a_cgroup_waits)
{
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spawnctl_start_t *start;
	int error;

	ASSERT_EQ(0, spawnctl_attr_setcgroup(self->attr, cgroup));
	FLAGS(SPAWNCTL_SPAWN_SETCGROUP);
	error = spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing, environ);
	if (variant->backend == SPAWNCTL_BACKEND_CLONE) {
		EXPECT_EQ(EOPNOTSUPP, error);
	} else {
		ASSERT_EQ(0, error);
		EXPECT_EQ(0, spawnctl_start_wait(start, &at_once, &self->result));
		EXPECT_EQ(0, self->result.error);
		EXPECT_EQ(0, wait_status(spawnctl_start_pid(start)));
		spawnctl_start_free(start);
	}
	close(cgroup);
}

/* If the program has reaped a child that has failed, no other is reaped in its place */
TEST_F(spawn, start_reaped_by_the_program)
{
	spawnctl_start_t *start;

	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/none", NULL, self->attr, nothing, environ));
	EXPECT_TRUE(exited_with(spawnctl_start_pid(start), 127));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(ENOENT, self->result.error);
	spawnctl_start_free(start);
	signal(SIGCHLD, SIG_IGN);
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/none", NULL, self->attr, nothing, environ));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(ENOENT, self->result.error);
	spawnctl_start_free(start);
	signal(SIGCHLD, SIG_DFL);
}

/*
 * The number of an abandoned start's pidfd can name another file: that file's process is not taken
 * for the child, whose stack the next start would get. The children run only when this process
 * waits.
 */
TEST_F(spawn, start_freed_with_its_pidfd)
{
	const struct sched_param param = { .sched_priority = 1 };
	char *argv[] = { program_path, "exit", "3", NULL };
	spawnctl_start_t *first, *second;
	int other, status, codes = 0;
	cpu_set_t cpus;
	pid_t pid;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
	FLAGS(SPAWNCTL_SPAWN_PIDFD);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &param));
	ASSERT_EQ(0, spawnctl_spawn_start(&first, program_path, NULL, self->attr, argv, environ));
	spawnctl_start_free(first);
	other = syscall(SYS_pidfd_open, getpid(), 0);
	argv[2] = "4";
	ASSERT_EQ(0, spawnctl_spawn_start(&second, program_path, NULL, self->attr, argv, environ));
	EXPECT_EQ(0, spawnctl_start_wait(second, NULL, &self->result));
	EXPECT_EQ(0, self->result.error);
	while ((pid = waitpid(-1, &status, 0)) > 0)
		codes = 10 * codes + (WIFEXITED(status) ? WEXITSTATUS(status) : 9);
	EXPECT_TRUE(codes == 34 || codes == 43) TH_LOG("%d", codes);
	close(self->result.pidfd);
	close(other);
	spawnctl_start_free(second);
}

/* A child that is killed after it has failed: its exit status is not that of a failure */
TEST_F(spawn, start_not_reaped)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
	struct rlimit none = { 0 };
	spawnctl_start_t *start;
	int i, status;

	/* The core dump would end this process, too */
	if (!kernel_at_least(5, 16))
		return;
	setrlimit(RLIMIT_CORE, &none);
	ASSERT_EQ(0, spawnctl_attr_setseccomp(self->attr, &program));
	ASSERT_EQ(0, spawnctl_attr_setflags(self->attr, SPAWNCTL_SPAWN_NO_NEW_PRIVS));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/none", NULL, self->attr, nothing, environ));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
		EXPECT_EQ(ENOENT, self->result.error);
		EXPECT_EQ(spawnctl_start_pid(start), self->result.pid);
	}
	EXPECT_EQ(self->result.pid, waitpid(self->result.pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(-1, self->result.pid);
	spawnctl_start_free(start);
}

/*
 * dlclose(3) leaves the library where a child may run its code. A copy is loaded, as this program
 * is linked to the library itself.
 */
TEST_F(spawn, start_and_dlclose)
{
	char path[] = "/tmp/start_testXXXXXX";
	__typeof__(spawnctl_spawn_start) *start_it;
	__typeof__(spawnctl_start_free) *free_it;
	__typeof__(spawnctl_start_pid) *pid_of;
	spawnctl_start_t *start;
	Dl_info info;
	void *library;
	pid_t pid;

	ASSERT_NE(0, dladdr((void *)spawnctl_open, &info));
	close(mkstemp(path));
	ASSERT_EQ(0, copy_file(info.dli_fname, path, 0600));
	library = dlopen(path, RTLD_NOW);
	ASSERT_NE(NULL, library)
		TH_LOG("%s", dlerror());
	start_it = (__typeof__(start_it))dlsym(library, "spawnctl_spawn_start");
	free_it = (__typeof__(free_it))dlsym(library, "spawnctl_start_free");
	pid_of = (__typeof__(pid_of))dlsym(library, "spawnctl_start_pid");
	ASSERT_EQ(0, wait_for_fifo(self->actions, 3));
	ASSERT_EQ(0, start_it(&start, "/bin/true", self->actions, NULL, nothing, environ));
	pid = pid_of(start);
	free_it(start);
	ASSERT_EQ(0, dlclose(library));
	let_go();
	EXPECT_EQ(0, wait_status(pid));
	unlink(path);
	/* The copy's kept descriptor */
	self->fds = open_fds();
}

TEST_F(spawn, start_without_resources)
{
	struct rlimit limit, none = { 0 };
	spawnctl_start_t *start = (void *)1;

	getrlimit(RLIMIT_AS, &limit);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_AS, &none);
	EXPECT_EQ(ENOMEM, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
					       environ));
	setrlimit(RLIMIT_AS, &limit);
	EXPECT_EQ(NULL, start);
	getrlimit(RLIMIT_NOFILE, &limit);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	FLAGS(SPAWNCTL_SPAWN_POLL);
	EXPECT_EQ(EMFILE, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
					       environ));
	setrlimit(RLIMIT_NOFILE, &limit);
	EXPECT_EQ(NULL, start);
}

TEST_F(spawn, start_bad_input)
{
	const struct timespec bad[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 } };
	spawnctl_start_t *start;
	unsigned int i;
	sigset_t usr1;

	/* A signal cannot be both reset and ignored */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	ASSERT_EQ(0, spawnctl_attr_setsigdefault(self->attr, &usr1));
	ASSERT_EQ(0, spawnctl_attr_setsigignore(self->attr, &usr1));
	FLAGS(SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGIGN);
	EXPECT_EQ(EINVAL, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, nothing,
					       environ));
	EXPECT_EQ(NULL, start);
	FLAGS(0);
	ASSERT_EQ(0, spawnctl_spawn_start(&start, NULL, NULL, self->attr, NULL, NULL));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(EINVAL, spawnctl_start_wait(start, &bad[i], &self->result));
	self->result.size = SPAWNCTL_RESULT_SIZE_VER0 - 1;
	EXPECT_EQ(EINVAL, spawnctl_start_wait(start, NULL, &self->result));
	self->result.size = sizeof(self->result);
	EXPECT_EQ(-1, spawnctl_start_fd(start));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(EFAULT, self->result.error);
	spawnctl_start_free(start);
	spawnctl_start_free(NULL);
}

TEST_HARNESS_MAIN
