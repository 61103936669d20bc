// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptor that the library keeps or inherits: the library never takes another file for
 * the device, and a program that closes the descriptor can still spawn.
 */
#include "spawnctl_test.h"

#include <dirent.h>
#include <spawnctl/rfork.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "filter.h"
#include "mounts.h"
#include "own_calls.h"

extern char **environ;

static char *true_argv[] = { "true", NULL };

static int spawn_true(const spawnctl_attr_t *attr)
{
	pid_t pid;
	int error = spawnctl_spawn(&pid, "/bin/true", NULL, attr, true_argv, environ);

	return error ? error : wait_status(pid);
}

static void spawn_and_wait(void *arg)
{
	spawn_true(NULL);
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

/* The library opens the device once and keeps one descriptor, close-on-exec. */
TEST_F(device, descriptor_is_kept)
{
	int fd;

	EXPECT_EQ(-1, device_fd(0));
	EXPECT_EQ(0, spawn_true(self->attr));
	fd = device_fd(0);
	/* Above the program's own low numbers, and below 64, where the table need not grow */
	EXPECT_LE(32, fd);
	EXPECT_GT(64, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, spawn_true(self->attr));
	EXPECT_EQ(-1, device_fd(fd + 1));
	/* The ioctl, and the wait4(2) of this test: nothing is blocked or restored */
	EXPECT_EQ(2, own_calls(spawn_and_wait, NULL));
}

/* spawnctl_get_backend() opens the device again if the program has closed the kept descriptor. */
TEST_F(device, reopened_after_close)
{
	enum spawnctl_backend backend;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, spawnctl_get_backend(self->attr, &backend));
		EXPECT_EQ(SPAWNCTL_BACKEND_DEVICE, backend);
		EXPECT_EQ(0, close(device_fd(0)));
	}
}

/* closefrom still works if a filter denies close_range(2) after the library has used it once. */
TEST_F(device, close_range_denied_later)
{
	spawnctl_file_actions_t *actions;
	pid_t pid;
	int i;

	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/true", actions, NULL, true_argv, environ));
		EXPECT_EQ(0, wait_status(pid));
		if (!i)
			ASSERT_EQ(0, filter(436, SECCOMP_RET_ERRNO | EPERM));
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
	spawnctl_file_actions_destroy(actions);
}

/*
 * A file that has taken the kept descriptor's number stays open, and the library keeps no second
 * descriptor beside it. Otherwise threads with tables of their own would leak descriptors.
 */
TEST_F(device, reused_number)
{
	int others[4], fd, i;

	others[0] = open("/dev/null", O_RDWR);
	others[1] = eventfd(5, 0);
	others[2] = open("/proc/self/stat", O_RDONLY);
	others[3] = socket(AF_UNIX, SOCK_STREAM, 0);
	EXPECT_EQ(0, spawn_true(self->attr));
	fd = device_fd(0);
	ASSERT_LE(0, fd);
	for (i = 0; i < 4; i++) {
		struct stat before, after;

		ASSERT_EQ(fd, dup2(others[i], fd));
		ASSERT_EQ(0, fstat(fd, &before));
		EXPECT_EQ(0, spawn_true(self->attr));
		EXPECT_EQ(-1, device_fd(0));
		EXPECT_EQ(0, fstat(fd, &after));
		EXPECT_EQ(before.st_ino, after.st_ino);
		/* Once the number is free, the library uses it again */
		close(fd);
		EXPECT_EQ(0, spawn_true(self->attr));
		EXPECT_EQ(fd, device_fd(0));
		EXPECT_EQ(-1, device_fd(fd + 1));
	}
}

/* A descriptor that is demanded is the only one tried: if it is closed or wrong, a spawn fails. */
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

/*
 * Runs in the program that run_inheriting_as() starts. Returns 7 if the inherited descriptor was
 * used
 */
static int use_inherited(void)
{
	spawnctl_attr_t *attr;
	int found, i;

	spawnctl_attr_init(&attr);
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	if (spawn_true(attr))
		return 21;
	found = device_fd(4);
	if (found >= 0)
		return 8;
	/* The parent uses its descriptor even after a child has closed it in a table of its own */
	for (i = 0; i < 2; i++) {
		pid_t pid = vfork();

		if (!pid) {
			raw_syscall(SYS_close, 3);
			spawn_true(NULL);
			_exit(0);
		}
		if (wait_status(pid) || spawn_true(attr) || device_fd(4) >= 0)
			return 9;
		/* No descriptor above 3: what the child has opened is in the child's table alone */
	}
	return 7;
}

static bool another;	/* LISTEN_PID is that of another process */

/* Runs this program at @path, with the device as descriptor 3. Returns its exit status */
static int run_inheriting_as(const char *path, uid_t uid, char *name, char *value)
{
	pid_t pid = fork();

	if (!pid) {
		char text[16];
		int fd;

		for (fd = 3; fd < 1024; fd++)
			close(fd);
		fd = spawnctl_open();
		if (fd != 3)
			_exit(20);
		fcntl(fd, F_SETFD, 0);
		snprintf(text, sizeof(text), "%d", getpid());
		setenv("LISTEN_PID", another ? "1" : text, 1);
		setenv("LISTEN_FDS", "2", 1);
		setenv(name, value, 1);
		if (uid && setuid(uid))
			_exit(23);
		execl(path, "device_test", "--inherited", NULL);
		_exit(22);
	}
	return WEXITSTATUS(wait_status(pid));
}

static int run_inheriting(char *name, char *value)
{
	return run_inheriting_as("/proc/self/exe", 0, name, value);
}

/* A set-user-ID program ignores SPAWNCTL_FD and LISTEN_FDS, which its caller controls. */
TEST_F(device, environment_ignored_at_secure)
{
	char path[] = "/tmp/device_testXXXXXX";

	close(mkstemp(path));
	ASSERT_EQ(0, copy_file("/proc/self/exe", path, 0755));
	EXPECT_EQ(7, run_inheriting_as(path, 0, "SPAWNCTL_FD", "3"));
	ASSERT_EQ(0, chmod(path, 04755));
	/* 8: the library opened the device itself, with the rights that the program gained */
	EXPECT_EQ(8, run_inheriting_as(path, 65534, "SPAWNCTL_FD", "3"));
	EXPECT_EQ(8, run_inheriting_as(path, 65534, "LISTEN_FDNAMES", "spawnctl"));
	unlink(path);
}

/* The library uses the descriptor that SPAWNCTL_FD or LISTEN_FDS names, if it is the device. */
TEST_F(device, named_by_environment)
{
	/* 7: the inherited descriptor was used; 8: the library opened the device itself */
	EXPECT_EQ(7, run_inheriting("SPAWNCTL_FD", "3"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", "0"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", "500"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", "3x"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", "-3"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", "99999999999999999999"));
	EXPECT_EQ(8, run_inheriting("SPAWNCTL_FD", ""));
	EXPECT_EQ(7, run_inheriting("LISTEN_FDNAMES", "spawnctl:other"));
	EXPECT_EQ(8, run_inheriting("LISTEN_FDNAMES", "other:spawnctl"));
	EXPECT_EQ(8, run_inheriting("LISTEN_FDNAMES", "spawnctlx"));
	EXPECT_EQ(8, run_inheriting("LISTEN_FDNAMES", "eight_of"));
	EXPECT_EQ(8, run_inheriting("LISTEN_FDNAMES", "a:b:spawnctl"));
	/* LISTEN_PID is another process's */
	another = true;
	EXPECT_EQ(8, run_inheriting("LISTEN_FDNAMES", "spawnctl"));
}

/* A caller whose ioctl a filter answers with 0 does not go on as the child. */
TEST_F(device, ioctl_returns_zero)
{
	int fd = spawnctl_open();

	ASSERT_EQ(0, spawn_true(self->attr));
	ASSERT_EQ(0, filter(SYS_ioctl, SECCOMP_RET_ERRNO | 0));
	EXPECT_EQ(ENOTTY, spawn_true(self->attr));
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	EXPECT_EQ(ENOTTY, spawn_true(self->attr));
	EXPECT_EQ(-1, spawnctl_thread(fd, NULL, (int (*)(void *))abort, NULL));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(0, spawn_true(NULL));
}

/* If a backend is denied, the library tries the next one, unless the denied one was demanded. */
TEST_F(device, next_backend_if_denied)
{
	enum spawnctl_backend backend;

	EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_DEVICE, backend);
	/* The device refuses a filtered task */
	ASSERT_EQ(0, filter(SYS_getsid, SECCOMP_RET_ALLOW));
	EXPECT_EQ(EACCES, spawn_true(self->attr));
	EXPECT_EQ(EACCES, spawnctl_get_backend(self->attr, &backend));
	EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_CLONE3, backend);
	EXPECT_EQ(0, spawn_true(NULL));
	ASSERT_EQ(0, filter(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS));
	EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_CLONE, backend);
	EXPECT_EQ(0, spawn_true(NULL));
	EXPECT_EQ(0, spawnctl_attr_setbackend(self->attr, SPAWNCTL_BACKEND_CLONE3));
	EXPECT_EQ(ENOSYS, spawn_true(self->attr));
}

/* Opens 100 descriptors, and makes a list with closefrom(3) */
static void many_descriptors(spawnctl_file_actions_t **actions)
{
	int i;

	for (i = 0; i < 100; i++)
		dup(0);
	spawnctl_file_actions_init(actions);
	spawnctl_file_actions_addclosefrom(*actions, 3);
}

/* Three new programs have the standard descriptors alone, and no other child is left */
static void close_from_3(struct __test_metadata *_metadata, spawnctl_file_actions_t *actions)
{
	char *argv[] = { "sh", "-c", "set -- /proc/self/fd/*; [ $# -le 4 ]", NULL };
	pid_t pid;
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, NULL, argv, environ));
		EXPECT_EQ(0, wait_status(pid));
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
}

/* Under a filter that denies close_range(2), closefrom works another way. */
TEST_F(device, no_close_range)
{
	spawnctl_file_actions_t *actions;
	char *sleeper[] = { "sleep", "100", NULL };
	const struct timespec now = { 0 };
	sigset_t set;
	pid_t pid;

	many_descriptors(&actions);
	ASSERT_EQ(0, filter(436, SECCOMP_RET_ERRNO | ENOSYS));
	/* The fallback makes no second child, not even the first time: no SIGCHLD comes */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "sleep", actions, NULL, sleeper, environ));
	EXPECT_EQ(-1, sigtimedwait(&set, NULL, &now));
	kill(pid, SIGKILL);
	wait_status(pid);
	close_from_3(_metadata, actions);
	spawnctl_file_actions_destroy(actions);
}

/* If unshare(2) is denied too, a second child has a copy of the table; the first one is reaped. */
TEST_F(device, no_close_range_or_unshare)
{
	spawnctl_file_actions_t *actions;

	many_descriptors(&actions);
	ASSERT_EQ(0, filter(436, SECCOMP_RET_ERRNO | EPERM));
	ASSERT_EQ(0, filter(SYS_unshare, SECCOMP_RET_ERRNO | EPERM));
	close_from_3(_metadata, actions);
	spawnctl_file_actions_destroy(actions);
}

/*
 * While the device cannot be used, a spawn falls back to clone3, or fails if it demands the device.
 * Neither leaves a descriptor open.
 */
static void is_absent(struct __test_metadata *_metadata, spawnctl_attr_t *demanded, int error)
{
	enum spawnctl_backend backend;
	unsigned int before = open_fds();
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, spawn_true(NULL));
		EXPECT_EQ(error, spawn_true(demanded));
		EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
		EXPECT_EQ(SPAWNCTL_BACKEND_CLONE3, backend);
		EXPECT_EQ(error, spawnctl_get_backend(demanded, &backend));
	}
	EXPECT_EQ(before, open_fds());
	EXPECT_EQ(-1, device_fd(0));
}

#define STMT(...)	((struct sock_filter)BPF_STMT(__VA_ARGS__))
#define JEQ(...)	((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __VA_ARGS__))

/* Allows SPAWN on @fd. Kills a process that makes another ioctl, or a child in another way */
static int filter_all_but_spawn(int fd)
{
	static const int killed[] = {
#ifdef SYS_fork
		SYS_fork, SYS_vfork,
#endif
		SYS_clone, SYS_clone3,
	};
	struct sock_filter code[16] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .filter = code };
	unsigned int i, n = 1;

	for (i = 0; i < ARRAY_SIZE(killed); i++) {
		code[n++] = JEQ(killed[i], 0, 1);
		code[n++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	code[n++] = JEQ(SYS_ioctl, 0, 5);
	code[n++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
	code[n++] = JEQ(fd, 0, 2);
	code[n++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
	code[n++] = JEQ(SPAWNCTL_IOC_SPAWN, 1, 0);
	code[n++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	return install_filter(&program);
}

/*
 * Under that filter any other ioctl is fatal. So the library must make none: not in a spawn
 * that succeeds, in one that fails, or in spawnctl_get_backend(). It must not fall back to clone(2)
 * for what LIMIT has taken away.
 */
static int in_a_filter(int fd)
{
	char number[16];
	char * const missing_argv[] = { "missing", NULL };
	spawnctl_file_actions_t *actions;
	enum spawnctl_backend backend;
	struct rlimit none = { 0, 0 };
	int i, status;
	pid_t pid;

	snprintf(number, sizeof(number), "%d", fd);
	if (!getenv("SPAWNCTL_FD") || strcmp(getenv("SPAWNCTL_FD"), number))
		return 10;
	if (filter_all_but_spawn(fd))
		return 11;
	if (spawnctl_get_backend(NULL, &backend) || backend != SPAWNCTL_BACKEND_DEVICE)
		return 12;
	for (i = 0; i < 2; i++)
		if (spawn_true(NULL))
			return 13;
	if (spawnctl_spawn(&pid, "/missing", NULL, NULL, missing_argv, environ) != ENOENT)
		return 14;
	pid = rfork(RFSPAWN);
	if (!pid)
		_exit(7);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !is_exit(status, 7))
		return 15;
	/* closefrom needs SPAWNCTL_SHARE_FILES, if LIMIT has left it */
	spawnctl_file_actions_init(&actions);
	spawnctl_file_actions_addclosefrom(actions, 3);
	if (spawnctl_spawn(&pid, "/bin/true", actions, NULL, true_argv, environ) ||
	    wait_status(pid))
		return 19;
	if (setrlimit(RLIMIT_NPROC, &none) || setresuid(65534, 65534, 65534))
		return 16;
	if (spawn_true(NULL) != EAGAIN)
		return 17;
	if (rfork(RFSPAWN) != -1 || errno != EAGAIN)
		return 18;
	return 0;
}

static int spent_in_a_filter(int fd)
{
	if (filter_all_but_spawn(fd))
		return 20;
	if (spawn_true(NULL) != EDQUOT)
		return 21;
	if (rfork(RFSPAWN) != -1 || errno != EDQUOT)
		return 22;
	return 0;
}

static int taken_in_a_filter(int fd)
{
	enum spawnctl_backend backend;

	if (filter_all_but_spawn(fd))
		return 30;
	if (spawn_true(NULL) != EPERM)
		return 31;
	if (rfork(RFSPAWN) != -1 || errno != EPERM)
		return 32;
	return spawnctl_get_backend(NULL, &backend) != EPERM;
}

/* Runs this program in the mode @what, with @fd as its only descriptor of the device */
static int run_with(int fd, char *what)
{
	char number[16], name[32];
	char * const argv[] = { "device_test", what, number, NULL };
	char * const env[] = { name, NULL };
	pid_t pid;

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(name, sizeof(name), "SPAWNCTL_FD=%d", fd);
	pid = fork();
	if (!pid) {
		fcntl(fd, F_SETFD, 0);
		execve("/proc/self/exe", argv, env);
		_exit(99);
	}
	return wait_status(pid);
}

/* Without SHARE_FILES a plain spawn has a copy of the table; one that needs the flag fails */
TEST_F(device, share_files_is_taken_away)
{
	struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_FLAGS,
		.clone_flags = SPAWNCTL_FLAGS_OF_SPAWN & ~SPAWNCTL_SHARE_FILES,
	};
	spawnctl_file_actions_t *actions;
	int fd = spawnctl_open(), error;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_narrow(fd, &limit));
	ASSERT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	EXPECT_EQ(0, spawn_true(self->attr));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	error = spawnctl_spawn(&pid, "/bin/true", actions, self->attr, true_argv, environ);
	/* It needs the flag unless close_range(2) makes a wrong table, as on Linux 5.10.223 */
	EXPECT_EQ(error || kernel_at_least(5, 16) ? EPERM : 0, error ? error : wait_status(pid));
	spawnctl_file_actions_destroy(actions);
	close(fd);
}

/* The library works under a filter that allows SPAWN on one descriptor and no other child. */
TEST_F(device, filter_allows_only_spawn)
{
	struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_COMMANDS | SPAWNCTL_LIMIT_FLAGS |
			 SPAWNCTL_LIMIT_CHILDREN | SPAWNCTL_LIMIT_FILTERED,
		.commands = 1 << SPAWNCTL_CMD_SPAWN | 1 << SPAWNCTL_CMD_LIMIT,
		.clone_flags = SPAWNCTL_FLAGS_OF_SPAWN,
		.children = 6,	/* in_a_filter() leaves one */
	};
	struct spawnctl_info info = { .size = sizeof(info) };
	int fd = spawnctl_open();
	pid_t pid;

	ASSERT_EQ(0, spawnctl_narrow(fd, &limit));
	EXPECT_EQ(0, run_with(fd, "--filter"));
	ASSERT_EQ(0, ioctl(fd, SPAWNCTL_IOC_INFO, &info));
	/* A child whose exec failed is counted, too. */
	EXPECT_EQ(1ULL, info.children);
	limit.children = 0;
	ASSERT_EQ(0, spawnctl_narrow(fd, &limit));
	EXPECT_EQ(0, run_with(fd, "--spent"));
	limit.commands = 0;
	ASSERT_EQ(0, spawnctl_narrow(fd, &limit));
	EXPECT_EQ(0, run_with(fd, "--taken"));
	/* The same with the name hidden, as in a sandbox */
	ASSERT_EQ(0, hide_device());
	EXPECT_EQ(0, run_with(fd, "--taken"));
	/* The control: the filter kills a process that calls INFO. */
	pid = fork();
	if (!pid) {
		filter_all_but_spawn(fd);
		ioctl(fd, SPAWNCTL_IOC_INFO, &info);
		_exit(0);
	}
	EXPECT_EQ(SIGSYS, wait_status(pid) & 0x7f);
}

static void none_is_ours(struct __test_metadata *_metadata, spawnctl_attr_t *attr)
{
	struct dirent *entry;
	unsigned int tried = 0;
	struct stat st;
	DIR *dir = opendir("/dev");

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		int fd;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISCHR(st.st_mode) || major(st.st_rdev) != 10 ||
		    !strcmp(entry->d_name, "spawnctl") || !strncmp(entry->d_name, "watchdog", 8))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		ASSERT_EQ(0, spawnctl_attr_setdevice(attr, fd));
		EXPECT_EQ(ENOTTY, spawn_true(attr))
			TH_LOG("/dev/%s", entry->d_name);
		close(fd);
		tried++;
	}
	closedir(dir);
	EXPECT_LT(0U, tried);
}

/*
 * Another device with the same major number is never taken for ours, whatever it answers,
 * also if the name of ours is hidden, so that nothing can be compared with it.
 */
TEST_F(device, other_device_is_rejected)
{
	none_is_ours(_metadata, self->attr);
	ASSERT_EQ(0, hide_device());
	none_is_ours(_metadata, self->attr);
	ASSERT_EQ(0, umount("/dev/spawnctl"));
	/* As ours answers a caller that LIMIT or a filter refuses */
	ASSERT_EQ(0, filter(SYS_ioctl, SECCOMP_RET_ERRNO | EPERM));
	none_is_ours(_metadata, self->attr);
}

/* If a filter denies ioctl(2) with EPERM, a spawn falls back to clone3. */
TEST_F(device, ioctl_denied_by_filter)
{
	enum spawnctl_backend backend;
	unsigned int kept, i;

	ASSERT_EQ(0, spawn_true(self->attr));
	kept = open_fds();
	ASSERT_EQ(0, filter(SYS_ioctl, SECCOMP_RET_ERRNO | EPERM));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, spawn_true(NULL));
		EXPECT_EQ(EPERM, spawn_true(self->attr));
		EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
		EXPECT_EQ(SPAWNCTL_BACKEND_CLONE3, backend);
	}
	EXPECT_EQ(kept, open_fds());
}

/* Another file at the device's name counts as an absent device. */
TEST_F(device, another_file_at_the_name)
{
	ASSERT_EQ(0, hide_device());
	is_absent(_metadata, self->attr, ENOTTY);
	ASSERT_EQ(0, umount("/dev/spawnctl"));
	/* A container gets a directory there if its host has no such node */
	ASSERT_EQ(0, mount("tmpfs", "/dev", "tmpfs", 0, NULL));
	ASSERT_EQ(0, mkdir("/dev/spawnctl", 0700));
	is_absent(_metadata, self->attr, EISDIR);
}

/*
 * An absent device is not looked for at each spawn, but is found once the module is loaded. The
 * four system calls are block, clone3(2), unblock, and this test's wait4(2).
 */
TEST_F(device, module_loaded_later)
{
	unsigned int ms = 0;

	ASSERT_EQ(0, own_mounts());
	ASSERT_EQ(0, mount("tmpfs", "/dev", "tmpfs", 0, NULL));
	EXPECT_EQ(4, own_calls(spawn_and_wait, NULL));
	EXPECT_EQ(0, spawn_true(NULL));
	EXPECT_EQ(-1, device_fd(0));
	ASSERT_EQ(0, umount("/dev"));
	/* A spawn that demands the device finds it at once */
	EXPECT_EQ(0, spawn_true(self->attr));
	close(device_fd(0));
	while (device_fd(0) < 0) {
		EXPECT_EQ(0, spawn_true(NULL));
		usleep(10000);
		ms += 10;
	}
	TH_LOG("used again after %u ms or more", ms);
}

static int run_mode(char **argv)
{
	if (!strcmp(argv[0], "--inherited"))
		return use_inherited();
	if (!strcmp(argv[0], "--filter"))
		return in_a_filter(atoi(argv[1]));
	if (!strcmp(argv[0], "--spent"))
		return spent_in_a_filter(atoi(argv[1]));
	return taken_in_a_filter(atoi(argv[1]));
}

TEST_HARNESS_MAIN_OR(run_mode)
