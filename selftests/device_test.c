// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptor that the library keeps, or is given: no other file is ever taken
 * for it, and a program that closes it loses nothing.
 */
#include "spawnctl_test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawnctl/spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

extern char **environ;

static char *true_argv[] = { "true", NULL };

static int spawn_true(const spawnctl_attr_t *attr)
{
	pid_t pid;
	int error = spawnctl_spawn(&pid, "/bin/true", NULL, attr, true_argv, environ);

	return error ? error : wait_status(pid);
}

/* The first descriptor of the device from @from on, or -1 */
static int device_fd(int from)
{
	char name[64], target[64];
	ssize_t n;

	for (; from < 1024; from++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", from);
		n = readlink(name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, "/dev/spawnctl"))
			return from;
	}
	return -1;
}

FIXTURE(device) {
	spawnctl_attr_t *attr;
};

FIXTURE_SETUP(device)
{
	ASSERT_EQ(0, spawnctl_attr_init(&self->attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(self->attr, SPAWNCTL_BACKEND_DEVICE));
}

FIXTURE_TEARDOWN(device)
{
	spawnctl_attr_destroy(self->attr);
}

TEST_F(device, is_kept)
{
	int fd;

	EXPECT_EQ(-1, device_fd(0));
	EXPECT_EQ(0, spawn_true(self->attr));
	fd = device_fd(0);
	EXPECT_LE(100, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, spawn_true(self->attr));
	EXPECT_EQ(-1, device_fd(fd + 1));
}

/* Whatever file has its number now */
TEST_F(device, number_is_anothers)
{
	int others[4], round, fd, i;

	others[0] = open("/dev/null", O_RDWR);
	others[1] = eventfd(5, 0);
	others[2] = open("/proc/self/stat", O_RDONLY);
	others[3] = socket(AF_UNIX, SOCK_STREAM, 0);
	for (round = 0; round < 5; round++) {
		EXPECT_EQ(0, spawn_true(self->attr));
		fd = device_fd(0);
		ASSERT_LE(0, fd);
		for (i = 100; i < 1024; i++)
			close(i);
		if (round < 4)
			ASSERT_EQ(fd, dup2(others[round], fd));
		EXPECT_EQ(0, spawn_true(self->attr));
		/* That file is where it was, and the device is another one */
		if (round < 4) {
			EXPECT_NE(-1, fcntl(fd, F_GETFD));
			EXPECT_NE(fd, device_fd(0));
			EXPECT_LE(0, device_fd(0));
		}
	}
}

TEST_F(device, in_a_forks_child)
{
	pid_t pid;

	EXPECT_EQ(0, spawn_true(self->attr));
	pid = fork();
	if (!pid)
		_exit(spawn_true(self->attr) ? 1 : 7);
	EXPECT_TRUE(exited_with(pid, 7));
}

TEST_F(device, demanded_descriptor)
{
	int fd = spawnctl_open(), null = open("/dev/null", O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	EXPECT_EQ(0, spawn_true(self->attr));
	EXPECT_EQ(fd, device_fd(0));
	EXPECT_EQ(-1, device_fd(fd + 1));
	close(fd);
	EXPECT_EQ(EBADF, spawn_true(self->attr));
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, null));
	EXPECT_EQ(ENOTTY, spawn_true(self->attr));
	EXPECT_EQ(EBADF, spawnctl_attr_setdevice(self->attr, -2));
}

/* In a program of its own, as the environment is read once */
static int given(char *name, char *value)
{
	int fd = spawnctl_open(), found;
	spawnctl_attr_t *attr;

	if (fd != 3)
		return 20;
	fcntl(fd, F_SETFD, 0);
	setenv(name, value, 1);
	spawnctl_attr_init(&attr);
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	if (spawn_true(attr))
		return 21;
	found = device_fd(4);
	return found < 0 ? 7 : 8;
}

static int run_given(char *name, char *value)
{
	pid_t pid = fork();

	if (!pid) {
		char text[16];
		int fd;

		for (fd = 3; fd < 1024; fd++)
			close(fd);
		snprintf(text, sizeof(text), "%d", getpid());
		setenv("LISTEN_PID", strcmp(name, "LISTEN_FDNAMES") ? "1" : text, 1);
		setenv("LISTEN_FDS", "2", 1);
		_exit(given(name, value));
	}
	return WEXITSTATUS(wait_status(pid));
}

TEST_F(device, of_the_environment)
{
	/* 7: that one was used; 8: one was opened */
	EXPECT_EQ(7, run_given("SPAWNCTL_FD", "3"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", "0"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", "500"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", "3x"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", "-3"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", "99999999999999999999"));
	EXPECT_EQ(8, run_given("SPAWNCTL_FD", ""));
	EXPECT_EQ(7, run_given("LISTEN_FDNAMES", "spawnctl:other"));
	EXPECT_EQ(8, run_given("LISTEN_FDNAMES", "other:spawnctl"));
	EXPECT_EQ(8, run_given("LISTEN_FDNAMES", "spawnctlx"));
	EXPECT_EQ(8, run_given("LISTEN_FDNAMES", "a:b:spawnctl"));
	/* Not this process's */
	EXPECT_EQ(8, run_given("LISTEN_FDNAMES_", "spawnctl"));
}

static int filter(unsigned int nr, unsigned int answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* An ioctl that is answered 0 in the caller is no child. */
TEST_F(device, answered_zero)
{
	int fd = spawnctl_open();

	ASSERT_EQ(0, spawn_true(self->attr));
	ASSERT_EQ(0, filter(SYS_ioctl, SECCOMP_RET_ERRNO | 0));
	/* The kept one is given up, and no other is to be had under a filter */
	EXPECT_EQ(EACCES, spawn_true(self->attr));
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	EXPECT_EQ(ENOTTY, spawn_true(self->attr));
	EXPECT_EQ(-1, spawnctl_thread(fd, NULL, (int (*)(void *))abort, NULL));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(0, spawn_true(NULL));
}

TEST_F(device, ladder)
{
	enum spawnctl_backend backend;

	EXPECT_EQ(0, spawnctl_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_DEVICE, backend);
	/* The device refuses whoever is under a filter */
	ASSERT_EQ(0, filter(SYS_getsid, SECCOMP_RET_ALLOW));
	EXPECT_EQ(EACCES, spawn_true(self->attr));
	EXPECT_EQ(EACCES, spawnctl_backend(self->attr, &backend));
	EXPECT_EQ(0, spawnctl_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_CLONE3, backend);
	EXPECT_EQ(0, spawn_true(NULL));
	ASSERT_EQ(0, filter(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS));
	EXPECT_EQ(0, spawnctl_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_CLONE, backend);
	EXPECT_EQ(0, spawn_true(NULL));
	EXPECT_EQ(0, spawnctl_attr_setbackend(self->attr, SPAWNCTL_BACKEND_CLONE3));
	EXPECT_EQ(ENOSYS, spawn_true(self->attr));
}

/* A filter without close_range(2): closefrom is done another way */
TEST_F(device, no_close_range)
{
	spawnctl_file_actions_t *actions;
	char *argv[] = { "sh", "-c", "set -- /proc/self/fd/*; [ $# -le 4 ]", NULL };
	int i;
	pid_t pid;

	for (i = 0; i < 100; i++)
		dup(0);
	spawnctl_file_actions_init(&actions);
	spawnctl_file_actions_addclosefrom(actions, 3);
	ASSERT_EQ(0, filter(436, SECCOMP_RET_ERRNO | ENOSYS));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, NULL, argv, environ));
		EXPECT_EQ(0, wait_status(pid));
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
	spawnctl_file_actions_destroy(actions);
}

TEST_HARNESS_MAIN
