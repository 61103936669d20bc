// SPDX-License-Identifier: GPL-2.0
/*
 * File actions: what spawn_files_test cannot see, as it compares only the resulting
 * descriptor tables and errors.
 */
#include "spawn_fixture.h"

#include <sys/resource.h>

#include "filter.h"

/* The exit status of a shell that runs @script, or 1000 plus the error */
static int shell(FIXTURE_SELF(spawn) self, const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	pid_t pid;
	int error = spawnctl_spawn(&pid, "/bin/sh", self->actions, self->attr, argv, environ);

	return error ? 1000 + error : WEXITSTATUS(wait_status(pid));
}

/* An open action first closes its descriptor, which makes room for the file in a full table */
TEST_F(spawn, open_in_a_full_table)
{
	char *argv[] = { "true", NULL };
	struct rlimit limit;
	int fd, error;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_file_actions_addopen(self->actions, 0, "/dev/null", O_RDONLY, 0));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 20;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	/* Close-on-exec, so that the program has room for its libraries */
	while ((fd = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0)
		;
	EXPECT_EQ(EMFILE, errno);
	error = spawnctl_spawn(&pid, "/bin/true", self->actions, self->attr, argv, environ);
	EXPECT_EQ(0, error);
	if (!error)
		EXPECT_EQ(0, wait_status(pid));
	self->fds = open_fds();
}

/* The path is copied: the caller's string may have changed by the time of the spawn */
TEST_F(spawn, path_is_copied)
{
	char path[] = "/etc/passwd";

	ASSERT_EQ(0, spawnctl_file_actions_addopen(self->actions, 20, path, O_RDONLY, 0));
	memset(path, 'x', sizeof(path) - 1);
	EXPECT_EQ(0, shell(self, "[ /proc/self/fd/20 -ef /etc/passwd ]"));
}

/*
 * If a filter answers close_range(2) with ENOSYS, all descriptors but those that an action
 * names are closed one by one.
 */
TEST(cloexec_default_without_close_range)
{
	char *argv[] = { "sh", "-c", "[ -e /proc/self/fd/50 ] && [ ! -e /proc/self/fd/40 ] &&"
			 "[ ! -e /proc/self/fd/60 ]", NULL };
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_CLOEXEC_DEFAULT));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	for (fd = 0; fd < 3; fd++)
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, fd, fd));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, 0, 50));
	ASSERT_EQ(40, dup2(0, 40));
	ASSERT_EQ(60, dup2(0, 60));
	ASSERT_EQ(0, filter(436, SECCOMP_RET_ERRNO | ENOSYS));
	ASSERT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	spawnctl_file_actions_destroy(actions);
	spawnctl_attr_destroy(attr);
}

TEST_HARNESS_MAIN
