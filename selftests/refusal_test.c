// SPDX-License-Identifier: GPL-2.0
/*
 * The errors in <linux/spawnctl.h> that do not depend on the request: the caller is
 * under a seccomp filter, or a limit is reached.
 */
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "contract.h"

/* In strict mode, which allows only read, write, exit and sigreturn, any ioctl is fatal */
TEST_F(contract, seccomp_strict)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(births); i++) {
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			raw_spawn_exit(self->fd, births[i], CLONE());
			raw_syscall(SYS_exit, 1);
		}
		status = wait_status(pid);
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

TEST_F(contract, eagain_rlimit_nproc)
{
	struct rlimit limit = { 1, 1 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &limit));
	both_accept(_metadata, self->fd, CLONE(), "RLIMIT_NPROC does not apply to root");
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	both_refuse(_metadata, self->fd, CLONE(), EAGAIN, "RLIMIT_NPROC");
}

static int write_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return write_file(path, text);
}

static long long read_number(const char *path)
{
	long long number = -1;
	FILE *file = fopen(path, "r");

	if (file && fscanf(file, "%lld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

TEST_F(contract, eagain_threads_max)
{
	static const char path[] = "/proc/sys/kernel/threads-max";
	long long limit = read_number(path);
	long spawn, fork;

	ASSERT_LT(0, limit);
	/* The lowest value that can be set. There are more kernel threads than that. */
	ASSERT_EQ(0, write_number(path, 20));
	spawn = raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, CLONE());
	fork = raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, CLONE());
	ASSERT_EQ(0, write_number(path, limit));
	EXPECT_EQ(-EAGAIN, spawn);
	EXPECT_EQ(-EAGAIN, fork);
	nothing_left(_metadata, "threads-max");
	both_accept(_metadata, self->fd, CLONE(), "limit restored");
}

TEST_F(contract, emfile_pidfd)
{
	int pidfd = -1;
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_PIDFD, .pidfd = (uintptr_t)&pidfd);
	struct rlimit limit;
	unsigned int i;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = first_free_descriptor();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		EXPECT_EQ(-EMFILE, raw_spawn_exit(self->fd, births[i], clone));
		nothing_left(_metadata, "no descriptor left");
	}
	EXPECT_EQ(-1, pidfd);
	both_accept(_metadata, self->fd, CLONE(), "no pidfd requested");
}

TEST_F(contract, enfile_pidfd)
{
	static const char path[] = "/proc/sys/fs/file-max";
	long long limit = read_number(path);
	int pidfd = -1;
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_PIDFD, .pidfd = (uintptr_t)&pidfd);
	int lower, restore, length;
	long ret[2] = { 0, 0 };
	char text[32];

	ASSERT_LT(0, limit);
	lower = open(path, O_WRONLY);
	restore = open(path, O_WRONLY);
	ASSERT_LE(0, restore);
	length = snprintf(text, sizeof(text), "%lld", limit);
	/* The limit does not apply to root, so another user id makes the calls */
	ASSERT_EQ(1, write(lower, "0", 1));
	if (!setresuid(-1, UNPRIVILEGED, 0)) {
		ret[0] = raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, clone);
		ret[1] = raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, clone);
	}
	setresuid(-1, 0, -1);
	ASSERT_EQ(length, write(restore, text, length));
	EXPECT_EQ(limit, read_number(path));
	EXPECT_EQ(-ENFILE, ret[0]);
	EXPECT_EQ(-ENFILE, ret[1]);
	EXPECT_EQ(-1, pidfd);
	nothing_left(_metadata, "file-max");
}

TEST_F(contract, enomem_init_is_gone)
{
	pid_t init;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	init = fork();
	if (init == 0)
		_exit(0);
	ASSERT_EQ(0, wait_status(init));
	both_refuse(_metadata, self->fd, CLONE(), ENOMEM, "pid namespace without an init");
}

TEST_HARNESS_MAIN
