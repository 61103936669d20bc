// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints, read as text from tracefs.
 */
#include <sys/wait.h>
#include "contract.h"

#define TRACING	"/sys/kernel/tracing/"

static struct spawnctl_clone sigchld = { .size = sizeof(sigchld), .exit_signal = SIGCHLD };

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

FIXTURE(trace)
{
	int fd;
	char text[65536];
};

FIXTURE_SETUP(trace)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, put(TRACING "trace", "\n"));
	ASSERT_EQ(0, put(TRACING "events/spawnctl/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	put(TRACING "events/spawnctl/enable", "0");
	put(TRACING "trace", "\n");
	close(self->fd);
}

/* Number of lines of the trace that are this thread's and contain @what */
static unsigned int traced(FIXTURE_SELF(trace) self, const char *what)
{
	int fd = open(TRACING "trace", O_RDONLY);
	unsigned int count = 0;
	size_t length = 0;
	char *line, *rest, own[32];
	ssize_t n;

	while (length < sizeof(self->text) - 1 &&
	       (n = read(fd, self->text + length, sizeof(self->text) - 1 - length)) > 0)
		length += n;
	close(fd);
	self->text[length] = '\0';
	snprintf(own, sizeof(own), "-%d ", getpid());
	for (line = self->text; (rest = strchr(line, '\n')); line = rest + 1) {
		*rest = '\0';
		count += strstr(line, own) && strstr(line, what);
	}
	return count;
}

TEST_F(trace, a_spawn)
{
	struct spawnctl_clone clone = sigchld;
	char line[128];
	pid_t child;

	clone.flags = SPAWNCTL_WINDOW_MASK;
	child = raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &clone);
	ASSERT_TRUE(exited_with(child, 0));
	snprintf(line, sizeof(line), "spawnctl_clone: child=%d command=SPAWN flags=0x1", child);
	EXPECT_EQ(1U, traced(self, line));
	snprintf(line, sizeof(line), "spawnctl_release: child=%d wait=", child);
	EXPECT_EQ(1U, traced(self, line));
	EXPECT_EQ(2U, traced(self, "spawnctl_"));
}

TEST_F(trace, a_fork)
{
	char line[128];
	pid_t child;

	child = raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld);
	ASSERT_TRUE(exited_with(child, 0));
	snprintf(line, sizeof(line), "spawnctl_clone: child=%d command=FORK flags=0x0", child);
	EXPECT_EQ(1U, traced(self, line));
	EXPECT_EQ(1U, traced(self, "spawnctl_"));
}

TEST_F(trace, a_refusal)
{
	ASSERT_EQ(-EINVAL, raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, CLONE(.flags = 1U << 31)));
	EXPECT_EQ(1U, traced(self, "spawnctl_refused: command=FORK flags=0x80000000 errno=22"));
	ASSERT_EQ(-EFAULT, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, NULL));
	EXPECT_EQ(1U, traced(self, "spawnctl_refused: command=SPAWN flags=0x0 errno=14"));
	EXPECT_EQ(2U, traced(self, "spawnctl_"));
}

static bool is_in_file(const char *path, const char *what)
{
	char text[4096] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, what);
}

/* perf and trace-cmd evaluate the format without the module's headers: it names no constant */
TEST_F(trace, format_names_no_constant)
{
	static const char * const formats[] = {
		TRACING "events/spawnctl/spawnctl_clone/format",
		TRACING "events/spawnctl/spawnctl_refused/format",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		EXPECT_TRUE(is_in_file(formats[i], "\"SPAWN\""));
		EXPECT_FALSE(is_in_file(formats[i], "SPAWNCTL_CMD"));
	}
}

/* A fork(2) that does not go through the module is not traced */
TEST_F(trace, plain_fork_is_not_traced)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	ASSERT_TRUE(exited_with(child, 0));
	EXPECT_EQ(0U, traced(self, "spawnctl_"));
}

/* The module can be unloaded while its events are enabled */
TEST_F(trace, unload_while_enabled)
{
	ASSERT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &sigchld), 0));
	close(self->fd);
	/* ftrace does not hold the module: its events are removed with it */
	ASSERT_EQ(0, system("modprobe -r spawnctl"));
	EXPECT_EQ(-1, access(TRACING "events/spawnctl", F_OK));
	ASSERT_EQ(0, system("modprobe spawnctl"));
	self->fd = open("/dev/spawnctl", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &sigchld), 0));
	EXPECT_EQ(0U, traced(self, "spawnctl_release"));
}

TEST_HARNESS_MAIN
