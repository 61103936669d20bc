// SPDX-License-Identifier: GPL-2.0
/*
 * A job-control stop (Ctrl-Z) in the window. With all signals blocked until exec, and
 * the wanted mask from exec on, the new program takes the stop, and the parent goes on.
 * With posix_spawn(3) the child takes it before exec, and the parent hangs.
 */
#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>

#include "spawnctl_test.h"

#define FIFO	"/tmp/spawnctl_stop_test"

/* The new program, which exits at once */
static char * const program[] = { "program", "nothing", "0", NULL };

struct spawner {
	int fd;
	pid_t tid;
	pid_t child;
	int returned;
	int ret;
};

FIXTURE(stop) {
	struct spawner spawner;
	pthread_t thread;
};

FIXTURE_SETUP(stop)
{
	self->spawner.fd = spawnctl_open();
	ASSERT_LE(0, self->spawner.fd);
	/*
	 * The kernel drops a stop signal in an orphaned group. This one is not orphaned: the
	 * harness is in the same session.
	 */
	ASSERT_EQ(0, own_group());
	unlink(FIFO);
	ASSERT_EQ(0, mkfifo(FIFO, 0600));
}

FIXTURE_TEARDOWN(stop)
{
	EXPECT_EQ(0, exec_pending(self->spawner.fd));
	unlink(FIFO);
	close(self->spawner.fd);
}

static int await_state(pid_t pid, char state)
{
	int i;

	for (i = 0; i < 5000 && process_state(pid) != state; i++)
		raw_sleep_us(1000);
	return process_state(pid) == state ? 0 : -1;
}

/* Whether the process has executed the new program, or -1 */
static int is_program(pid_t pid)
{
	char path[64], text[64] = "";
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = read(fd, text, sizeof(text) - 1);
	close(fd);
	return ret > 10 && !strcmp(text + strlen(text) + 1, "nothing");
}

/* The only child of thread @tid: posix_spawn() does not return its pid while it hangs */
static pid_t find_child(pid_t tid)
{
	char path[64], text[32] = "";
	int fd, i;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", tid);
	for (i = 0; i < 5000; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -1;
		if (read(fd, text, sizeof(text) - 1) > 0) {
			close(fd);
			return atoi(text);
		}
		close(fd);
		raw_sleep_us(1000);
	}
	return -1;
}

static int open_fifo_then_exec(void *arg)
{
	struct spawner *spawner = arg;

	WRITE_ONCE(spawner->child, raw_syscall(SYS_getpid));
	if (raw_syscall(SYS_openat, AT_FDCWD, FIFO, O_RDONLY | O_CLOEXEC) < 0)
		return 126;
	raw_syscall(SYS_execve, program_path, program, environ);
	return 127;
}

static void *call_spawnctl(void *arg)
{
	struct spawner *spawner = arg;
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.exec_mask = 0,
		.exit_signal = SIGCHLD,
	};

	spawner->ret = spawnctl_thread(spawner->fd, &clone, open_fifo_then_exec, spawner);
	WRITE_ONCE(spawner->returned, 1);
	return NULL;
}

static void *call_posix_spawn(void *arg)
{
	struct spawner *spawner = arg;
	posix_spawn_file_actions_t actions;
	sigset_t none;
	posix_spawnattr_t attr;
	pid_t pid;

	/* As usual: the wanted mask, and job-control signals at SIG_DFL */
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 9, FIFO, O_RDONLY, 0);
	WRITE_ONCE(spawner->tid, raw_syscall(SYS_gettid));
	spawner->ret = posix_spawn(&pid, program_path, &actions, &attr, program, environ);
	WRITE_ONCE(spawner->returned, 1);
	return NULL;
}

static int await_return(struct spawner *spawner, unsigned int us)
{
	__u64 end = raw_now_us() + us;

	while (!READ_ONCE(spawner->returned) && raw_now_us() < end)
		raw_sleep_us(1000);
	return READ_ONCE(spawner->returned) ? 0 : -1;
}

TEST_F_TIMEOUT(stop, taken_by_the_program, 60)
{
	struct spawner *spawner = &self->spawner;
	int writer, status;

	ASSERT_EQ(0, pthread_create(&self->thread, NULL, call_spawnctl, spawner));
	while (!READ_ONCE(spawner->child))
		raw_sleep_us(1000);
	ASSERT_EQ(0, await_state(spawner->child, 'S'));
	ASSERT_EQ(0, kill(spawner->child, SIGTSTP));
	raw_sleep_us(50000);
	/* The stop is deferred: the child still waits for the writer */
	EXPECT_EQ('S', process_state(spawner->child));
	EXPECT_EQ(0, READ_ONCE(spawner->returned));

	writer = open(FIFO, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, writer);
	EXPECT_EQ(0, await_return(spawner, 5000000));
	EXPECT_EQ(spawner->child, spawner->ret);
	ASSERT_EQ(spawner->child, waitpid(spawner->child, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTSTP, WSTOPSIG(status));
	EXPECT_EQ(1, is_program(spawner->child));

	ASSERT_EQ(0, kill(spawner->child, SIGCONT));
	EXPECT_EQ(0, wait_status(spawner->child));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	close(writer);
}

/* Control: libc's posix_spawn(3) hangs until the child is continued */
TEST_F_TIMEOUT(stop, control_posix_spawn, 60)
{
	struct spawner *spawner = &self->spawner;
	int writer;
	pid_t child;

	ASSERT_EQ(0, pthread_create(&self->thread, NULL, call_posix_spawn, spawner));
	while (!READ_ONCE(spawner->tid))
		raw_sleep_us(1000);
	child = find_child(spawner->tid);
	ASSERT_LT(0, child);
	ASSERT_EQ(0, await_state(child, 'S'));
	ASSERT_EQ(0, kill(child, SIGTSTP));
	writer = open(FIFO, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, writer);
	ASSERT_EQ(0, await_state(child, 'T'));
	EXPECT_EQ(-1, await_return(spawner, 1000000));
	EXPECT_EQ(0, is_program(child));
	/* The caller could not wait for it either: the call has not returned its pid */
	ASSERT_EQ(0, kill(child, SIGCONT));
	EXPECT_EQ(0, await_return(spawner, 5000000));
	EXPECT_EQ(0, spawner->ret);
	EXPECT_EQ(0, wait_status(child));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	close(writer);
}

TEST_HARNESS_MAIN
