// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl_spawn() on each backend: the state that the new program begins with, and the
 * errors.
 */
#include "program.h"
#include "spawn_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int spawn_shell(FIXTURE_SELF(spawn) self, const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	int error;

	errno = 12345;
	error = spawnctl_spawnp_result(&self->result, "sh", self->actions, self->attr, argv,
				       environ);
	if (errno != 12345)
		return -2;
	if (error)
		return 1000 + error;
	return WEXITSTATUS(wait_status(self->result.pid));
}

/* The signal state that the new program reports, on its descriptor 9 */
static struct signal_status reported(struct __test_metadata *_metadata,
				     FIXTURE_SELF(spawn) self)
{
	char *argv[] = { "program", "report", "009", NULL };
	struct signal_status status = { 0 };
	pid_t pid;

	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
	ASSERT_EQ(0, spawnctl_spawn(&pid, program_path, self->actions, self->attr, argv, environ));
	ASSERT_EQ(0, wait_status(pid));
	ASSERT_EQ((ssize_t)sizeof(status), read(self->report[0], &status, sizeof(status)));
	return status;
}

static void nothing(int sig)
{
}

TEST_F(spawn, exit_status)
{
	EXPECT_EQ(3, spawn_shell(self, "exit 3"));
	EXPECT_EQ(SPAWNCTL_STEP_NONE, self->result.step);
}

/*
 * By default, caught signals are reset, ignored ones stay ignored, and the mask is the
 * caller's, for all 64 signals.
 */
TEST_F(spawn, default_signal_state)
{
	__u64 mask = SIGBIT(SIGTERM) | SIGBIT(33) | SIGBIT(64), old;
	struct signal_status status;

	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	raw_sigprocmask(SIG_SETMASK, mask, &old);
	status = reported(_metadata, self);
	EXPECT_EQ(mask, current_mask());
	raw_sigprocmask(SIG_SETMASK, old, NULL);
	signal(SIGUSR2, SIG_DFL);
	EXPECT_EQ(mask, status.blocked);
	EXPECT_EQ(0ULL, status.caught);
	EXPECT_TRUE(status.ignored & SIGBIT(SIGUSR2));
	EXPECT_FALSE(status.ignored & SIGBIT(SIGUSR1));
}

TEST_F(spawn, requested_signal_state)
{
	struct signal_status status;
	sigset_t def, ign, mask, got;
	__u64 bits;

	sigemptyset(&def);
	sigemptyset(&ign);
	sigemptyset(&mask);
	sigaddset(&def, SIGUSR2);
	sigaddset(&ign, SIGHUP);
	sigaddset(&mask, SIGINT);
	memcpy(&bits, &mask, sizeof(bits));
	bits |= SIGBIT(32) | SIGBIT(33);
	memcpy(&mask, &bits, sizeof(bits));
	signal(SIGUSR2, SIG_IGN);
	EXPECT_EQ(0, spawnctl_attr_setsigdefault(self->attr, &def));
	EXPECT_EQ(0, spawnctl_attr_setsigignore(self->attr, &ign));
	EXPECT_EQ(0, spawnctl_attr_setsigmask(self->attr, &mask));
	EXPECT_EQ(0, spawnctl_attr_getsigignore(self->attr, &got));
	EXPECT_TRUE(sigismember(&got, SIGHUP) && !sigismember(&got, SIGINT));
	FLAGS(SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGIGN | SPAWNCTL_SPAWN_SETSIGMASK);
	status = reported(_metadata, self);
	signal(SIGUSR2, SIG_DFL);
	/* As with sigprocmask(3), signals that libc reserves for itself are left out */
	EXPECT_EQ(SIGBIT(SIGINT), status.blocked);
	EXPECT_TRUE(status.ignored & SIGBIT(SIGHUP));
	EXPECT_FALSE(status.ignored & SIGBIT(SIGUSR2));

	sigaddset(&ign, SIGUSR2);
	EXPECT_EQ(0, spawnctl_attr_setsigignore(self->attr, &ign));
	/* Refused before a signal is blocked: the caller's mask is unchanged */
	raw_sigprocmask(SIG_SETMASK, SIGBIT(SIGTERM), NULL);
	EXPECT_EQ(1000 + EINVAL, spawn_shell(self, "exit 0"));
	EXPECT_EQ(SIGBIT(SIGTERM), current_mask());
	raw_sigprocmask(SIG_SETMASK, 0, NULL);
	EXPECT_EQ(SPAWNCTL_STEP_CLONE, self->result.step);
	sigaddset(&ign, SIGKILL);
	EXPECT_EQ(EINVAL, spawnctl_attr_setsigignore(self->attr, &ign));
}

TEST_F(spawn, attributes)
{
	const struct sched_param wrong = { .sched_priority = 1 }, never = { .sched_priority = 100 };
	enum spawnctl_backend backend;
	int fd = -7;

	FLAGS(SPAWNCTL_SPAWN_SETSID);
	EXPECT_EQ(0, spawn_shell(self, "read p c s pp g sid r </proc/$$/stat; [ $sid = $$ ]"));
	FLAGS(SPAWNCTL_SPAWN_SETPGROUP);
	EXPECT_EQ(0, spawn_shell(self, "read p c s pp g sid r </proc/$$/stat; [ $g = $$ ]"));
	/* The session is still the caller's */
	EXPECT_EQ(1, spawn_shell(self, "read p c s pp g sid r </proc/$$/stat; [ $sid = $$ ]"));
	/* As in glibc the session is made first, and its leader cannot change its group */
	FLAGS(SPAWNCTL_SPAWN_SETSID | SPAWNCTL_SPAWN_SETPGROUP);
	EXPECT_EQ(1000 + EPERM, spawn_shell(self, ""));
	EXPECT_EQ(SPAWNCTL_STEP_SETPGROUP, self->result.step);
	EXPECT_EQ(0, spawnctl_attr_setpgroup(self->attr, getpgrp()));
	EXPECT_EQ(1000 + EPERM, spawn_shell(self, ""));
	EXPECT_EQ(SPAWNCTL_STEP_SETPGROUP, self->result.step);
	EXPECT_EQ(0, spawnctl_attr_setpgroup(self->attr, 1));
	EXPECT_EQ(1000 + EPERM, spawn_shell(self, ""));
	EXPECT_EQ(SPAWNCTL_STEP_SETPGROUP, self->result.step);
	FLAGS(SPAWNCTL_SPAWN_NO_NEW_PRIVS);
	EXPECT_EQ(0, spawn_shell(self, "grep -q 'NoNewPrivs:.1' /proc/self/status"));
	FLAGS(0);
	EXPECT_EQ(1, spawn_shell(self, "grep -q 'NoNewPrivs:.1' /proc/self/status"));
	FLAGS(SPAWNCTL_SPAWN_SETSCHEDPARAM);
	EXPECT_EQ(0, spawnctl_attr_setschedparam(self->attr, &wrong));
	EXPECT_EQ(1000 + EINVAL, spawn_shell(self, ""));
	EXPECT_EQ(SPAWNCTL_STEP_SCHED, self->result.step);
	FLAGS(SPAWNCTL_SPAWN_RESETIDS);
	EXPECT_EQ(0, spawn_shell(self, ""));
	EXPECT_EQ(0, spawnctl_attr_getbackend(self->attr, &backend));
	EXPECT_EQ(variant->backend, backend);
	EXPECT_EQ(0, spawnctl_attr_getdevice(self->attr, &fd));
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, 3));
	EXPECT_EQ(0, spawnctl_attr_getdevice(self->attr, &fd));
	EXPECT_EQ(3, fd);
	EXPECT_EQ(EINVAL, spawnctl_attr_setflags(self->attr, 0x200));
	EXPECT_EQ(EINVAL, spawnctl_attr_setpgroup(self->attr, -1));
	EXPECT_EQ(EINVAL, spawnctl_attr_setschedpolicy(self->attr, 99));
	EXPECT_EQ(EINVAL, spawnctl_attr_setschedparam(self->attr, &never));
	EXPECT_EQ(EINVAL, spawnctl_attr_setbackend(self->attr, (enum spawnctl_backend)4));
	EXPECT_EQ(EBADF, spawnctl_attr_setcgroup(self->attr, -1));
}

/* Each getter returns what was set, which is not the default */
TEST_F(spawn, attribute_getters)
{
	const struct sched_param seven = { .sched_priority = 7 }, low = { .sched_priority = -1 };
	const struct sched_param highest = { .sched_priority = 99 };
	unsigned int flags = SPAWNCTL_SPAWN_SETSID | SPAWNCTL_SPAWN_AUTOREAP, got = 0;
	struct sched_param param = { 0 };
	sigset_t set[3], got_set;
	pid_t pgroup = 0;
	int number = 0, i;

	for (i = 0; i < 3; i++) {
		sigemptyset(&set[i]);
		sigaddset(&set[i], SIGUSR1 + i);
		sigaddset(&set[i], 50 + i);
	}
	FLAGS(flags);
	EXPECT_EQ(0, spawnctl_attr_getflags(self->attr, &got));
	EXPECT_EQ(flags, got);
	EXPECT_EQ(0, spawnctl_attr_setpgroup(self->attr, 12));
	EXPECT_EQ(0, spawnctl_attr_getpgroup(self->attr, &pgroup));
	EXPECT_EQ(12, pgroup);
	EXPECT_EQ(0, spawnctl_attr_setsigdefault(self->attr, &set[0]));
	EXPECT_EQ(0, spawnctl_attr_setsigignore(self->attr, &set[1]));
	EXPECT_EQ(0, spawnctl_attr_setsigmask(self->attr, &set[2]));
	EXPECT_EQ(0, spawnctl_attr_getsigdefault(self->attr, &got_set));
	EXPECT_EQ(0, memcmp(&set[0], &got_set, sizeof(__u64)));
	EXPECT_EQ(0, spawnctl_attr_getsigignore(self->attr, &got_set));
	EXPECT_EQ(0, memcmp(&set[1], &got_set, sizeof(__u64)));
	EXPECT_EQ(0, spawnctl_attr_getsigmask(self->attr, &got_set));
	EXPECT_EQ(0, memcmp(&set[2], &got_set, sizeof(__u64)));
	EXPECT_EQ(0, spawnctl_attr_setschedpolicy(self->attr, SCHED_RR));
	EXPECT_EQ(0, spawnctl_attr_getschedpolicy(self->attr, &number));
	EXPECT_EQ(SCHED_RR, number);
	EXPECT_EQ(0, spawnctl_attr_setschedpolicy(self->attr, SCHED_FIFO));
	EXPECT_EQ(0, spawnctl_attr_setschedparam(self->attr, &seven));
	EXPECT_EQ(0, spawnctl_attr_getschedparam(self->attr, &param));
	EXPECT_EQ(7, param.sched_priority);
	sigaddset(&set[1], SIGSTOP);
	EXPECT_EQ(EINVAL, spawnctl_attr_setsigignore(self->attr, &set[1]));
	EXPECT_EQ(EINVAL, spawnctl_attr_setschedparam(self->attr, &low));
	EXPECT_EQ(0, spawnctl_attr_setschedparam(self->attr, &highest));
	EXPECT_EQ(0, spawnctl_attr_setcgroup(self->attr, 5));
	EXPECT_EQ(0, spawnctl_attr_getcgroup(self->attr, &number));
	EXPECT_EQ(5, number);
}

#define CGROUP	"/sys/fs/cgroup/spawnctl_spawn_test"

TEST_F(spawn, cgroup)
{
	char *argv[] = { "grep", "-q", "^0::/spawnctl_spawn_test$", "/proc/self/cgroup", NULL };
	int cgroup, status = -1, error;
	pid_t pid;

	ASSERT_TRUE(mkdir(CGROUP, 0755) == 0 || errno == EEXIST);
	cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, cgroup);
	EXPECT_EQ(0, spawnctl_attr_setcgroup(self->attr, cgroup));
	FLAGS(SPAWNCTL_SPAWN_SETCGROUP);
	error = spawnctl_spawnp(&pid, "grep", NULL, self->attr, argv, environ);
	EXPECT_EQ(variant->backend == SPAWNCTL_BACKEND_CLONE ? EOPNOTSUPP : 0, error);
	if (!error)
		status = wait_status(pid);
	EXPECT_EQ(error ? -1 : 0, status);
	/* Control: the attribute without its flag */
	FLAGS(0);
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "grep", NULL, self->attr, argv, environ));
	EXPECT_TRUE(exited_with(pid, 1));
	close(cgroup);
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* Returns the scheduling policy of a new program, which is killed after that */
static int scheduled(FIXTURE_SELF(spawn) self, unsigned int flags, int *priority)
{
	char *argv[] = { "sleep", "100", NULL };
	struct sched_param param = { 0 };
	int policy;
	pid_t pid;

	if (spawnctl_attr_setflags(self->attr, flags) ||
	    spawnctl_spawnp(&pid, "sleep", NULL, self->attr, argv, environ))
		return -1;
	policy = sched_getscheduler(pid);
	sched_getparam(pid, &param);
	*priority = param.sched_priority;
	kill(pid, SIGKILL);
	wait_status(pid);
	return policy;
}

TEST_F(spawn, scheduling)
{
	const struct sched_param three = { .sched_priority = 3 }, five = { .sched_priority = 5 };
	int priority;

	EXPECT_EQ(0, spawnctl_attr_setschedpolicy(self->attr, SCHED_RR));
	EXPECT_EQ(0, spawnctl_attr_setschedparam(self->attr, &three));
	EXPECT_EQ(SCHED_OTHER, scheduled(self, 0, &priority));
	EXPECT_EQ(SCHED_RR, scheduled(self, SPAWNCTL_SPAWN_SETSCHEDULER, &priority));
	EXPECT_EQ(3, priority);
	EXPECT_EQ(SCHED_RR, scheduled(self, SPAWNCTL_SPAWN_SETSCHEDULER |
					    SPAWNCTL_SPAWN_SETSCHEDPARAM, &priority));
	EXPECT_EQ(3, priority);
	/* The parameter alone leaves the caller's policy */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &five));
	EXPECT_EQ(SCHED_FIFO, scheduled(self, 0, &priority));
	EXPECT_EQ(5, priority);
	EXPECT_EQ(SCHED_FIFO, scheduled(self, SPAWNCTL_SPAWN_SETSCHEDPARAM, &priority));
	EXPECT_EQ(3, priority);
}

/* Which effective ids of the new program differ from the real ones, IDS_*; or 99 */
static int changed_ids(FIXTURE_SELF(spawn) self, unsigned int flags)
{
	/* Not a shell, which resets its ids itself */
	char *argv[] = { "program", "ids", "0", NULL };
	pid_t pid;

	if (spawnctl_attr_setflags(self->attr, flags) ||
	    spawnctl_spawn(&pid, program_path, NULL, self->attr, argv, environ))
		return 99;
	return WEXITSTATUS(wait_status(pid));
}

/* A descriptor is checked when its action is added, against the limit at that moment */
TEST_F(spawn, actions_are_checked)
{
	spawnctl_file_actions_t *actions = self->actions;
	struct rlimit limit;
	int fds[] = { -1, INT_MIN, 100, INT_MAX, 0, 99 };
	unsigned int i;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 100;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		int error = i < 4 ? EBADF : 0, fd = fds[i];

		EXPECT_EQ(error, spawnctl_file_actions_addclose(actions, fd));
		EXPECT_EQ(error, spawnctl_file_actions_adddup2(actions, fd, 0));
		EXPECT_EQ(error, spawnctl_file_actions_adddup2(actions, 0, fd));
		EXPECT_EQ(error, spawnctl_file_actions_addopen(actions, fd, "/", O_RDONLY, 0));
		EXPECT_EQ(error, spawnctl_file_actions_addfchdir(actions, fd));
		EXPECT_EQ(error, spawnctl_file_actions_addclosefrom(actions, fd));
		EXPECT_EQ(error, spawnctl_file_actions_addtcsetpgrp(actions, fd));
	}
	EXPECT_EQ(EFAULT, spawnctl_file_actions_addopen(actions, 0, NULL, O_RDONLY, 0));
	EXPECT_EQ(EFAULT, spawnctl_file_actions_addchdir(actions, NULL));
}

/* To close a number is an error, as in glibc, if it is above the limit at the spawn */
TEST_F(spawn, close_above_the_limit)
{
	char *argv[] = { "true", NULL };
	struct rlimit limit;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 200;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_EQ(0, spawnctl_file_actions_addclose(self->actions, 99));
	ASSERT_EQ(0, spawnctl_file_actions_addclose(self->actions, 100));
	limit.rlim_cur = 100;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(EBADF, spawnctl_spawn_result(&self->result, "/bin/true", self->actions,
					       self->attr, argv, environ));
	EXPECT_EQ(1, self->result.action);
}

TEST_F(spawn, ids_are_reset)
{
	int fd = spawnctl_open();
	pid_t pid;

	/* The fork's child has no descriptor of the library's, and may not open the device */
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE)
		ASSERT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	pid = fork();
	if (!pid) {
		if (setegid(1000) || seteuid(1000))
			_exit(1);
		/* Control: without the flag both ids stay as they are */
		if (changed_ids(self, 0) != (IDS_USER | IDS_GROUP))
			_exit(2);
		_exit(10 + changed_ids(self, SPAWNCTL_SPAWN_RESETIDS));
	}
	EXPECT_TRUE(exited_with(pid, 10));
	close(fd);
}

/*
 * Becomes the leader of a session with a terminal, and spawns. If @give is set, a file action
 * makes the child's group the foreground group of the terminal. Returns 0 if the child's
 * group is the foreground group, 1 if not, or another error.
 */
static int terminal_group(FIXTURE_SELF(spawn) self, bool give)
{
	static const char script[] = "read p c s pp g sid tty tpgid r </proc/$$/stat; "
				     "[ $tpgid = $$ ]";
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (setsid() < 0 || master < 0 || grantpt(master) || unlockpt(master))
		return 90;
	slave = open(ptsname(master), O_RDWR);
	if (slave < 0 || tcgetpgrp(slave) != getpid())
		return 91;
	if (give && spawnctl_file_actions_addtcsetpgrp(self->actions, slave))
		return 92;
	if (spawnctl_attr_setflags(self->attr, SPAWNCTL_SPAWN_SETPGROUP))
		return 93;
	return spawn_shell(self, script);
}

TEST_F(spawn, tcsetpgrp_action)
{
	pid_t pid = fork();

	if (!pid)
		_exit(10 + terminal_group(self, false));
	EXPECT_TRUE(exited_with(pid, 11));
	pid = fork();
	if (!pid)
		_exit(10 + terminal_group(self, true));
	EXPECT_TRUE(exited_with(pid, 10));
}

TEST_F(spawn, pidfd)
{
	struct spawnctl_result *result = &self->result;
	char *argv[] = { "sh", "-c", "exit 4", NULL };
	struct pollfd poll_fd = { .events = POLLIN };
	siginfo_t info = { 0 };
	pid_t pid = -7;

	FLAGS(SPAWNCTL_SPAWN_PIDFD);
	/* Closefrom makes the child share the descriptor table at first */
	EXPECT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 3));
	ASSERT_EQ(0, spawnctl_spawn_result(result, "/bin/sh", self->actions, self->attr, argv,
					   environ));
	poll_fd.fd = result->pidfd;
	EXPECT_EQ(1, poll(&poll_fd, 1, -1));
	EXPECT_EQ(FD_CLOEXEC, fcntl(result->pidfd, F_GETFD));
	EXPECT_EQ(0, waitid(P_PIDFD, result->pidfd, &info, WEXITED));
	EXPECT_EQ(4, info.si_status);
	EXPECT_EQ(result->pid, info.si_pid);
	close(result->pidfd);
	EXPECT_EQ(ENOENT, spawnctl_spawn_result(result, "/none", self->actions, self->attr, argv,
						environ));
	EXPECT_EQ(-1, result->pidfd);
	/* A function without a place for it makes no child */
	EXPECT_EQ(EINVAL, spawnctl_spawn(&pid, "/bin/true", NULL, self->attr, argv, environ));
	EXPECT_EQ(-7, pid);
}

/* All that a result says, also of a spawn that fails before there is a child */
TEST_F(spawn, members_of_result)
{
	struct {
		struct spawnctl_result result;
		int after;
	} later = { .result.size = sizeof(later), .after = 7 };
	struct spawnctl_result *result = &later.result;
	char *argv[] = { "true", NULL };

	memset(&result->error, 0x55, sizeof(*result) - sizeof(result->size));
	EXPECT_EQ(0, spawnctl_spawn_result(result, "/bin/true", NULL, self->attr, argv, environ));
	EXPECT_EQ(0, result->error);
	EXPECT_EQ(0, wait_status(result->pid));
	EXPECT_EQ(-1, result->pidfd);
	EXPECT_EQ(SPAWNCTL_STEP_NONE, result->step);
	EXPECT_EQ(-1, result->action);
	EXPECT_EQ(sizeof(later), result->size);
	EXPECT_EQ(7, later.after);

	EXPECT_EQ(EBADF, spawnctl_attr_setdevice(self->attr, -2));
	EXPECT_EQ(0, spawnctl_attr_setdevice(self->attr, 999));
	EXPECT_EQ(EBADF, spawnctl_spawn_result(result, "/bin/true", NULL, self->attr, argv,
					       environ));
	EXPECT_EQ(EBADF, result->error);
	EXPECT_EQ(-1, result->pid);
	EXPECT_EQ(SPAWNCTL_STEP_CLONE, result->step);
	EXPECT_EQ(-1, result->action);

	/* A struct that is too short for the first version is not touched */
	memset(result, 0x55, sizeof(*result));
	result->size = SPAWNCTL_RESULT_SIZE_VER0 - 1;
	EXPECT_EQ(EINVAL, spawnctl_spawn_result(result, "/bin/true", NULL, NULL, argv, environ));
	EXPECT_EQ(0x55555555, result->pid);
	EXPECT_EQ(0x55555555, result->error);
}

TEST(step_names)
{
	EXPECT_STREQ("none", spawnctl_step_name(SPAWNCTL_STEP_NONE));
	EXPECT_STREQ("no_new_privs", spawnctl_step_name(SPAWNCTL_STEP_NO_NEW_PRIVS));
	EXPECT_STREQ("exec", spawnctl_step_name(SPAWNCTL_STEP_EXEC));
	EXPECT_STREQ("unknown", spawnctl_step_name((enum spawnctl_step)(SPAWNCTL_STEP_EXEC + 1)));
	EXPECT_STREQ("unknown", spawnctl_step_name((enum spawnctl_step)-1));
}

TEST_F(spawn, autoreap)
{
	char *argv[] = { "true", NULL };
	int error;
	pid_t pid;

	FLAGS(SPAWNCTL_SPAWN_AUTOREAP);
	error = spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, environ);
	if (!kernel_at_least(7, 0) || variant->backend == SPAWNCTL_BACKEND_CLONE) {
		EXPECT_EQ(EOPNOTSUPP, error);
		return;
	}
	EXPECT_EQ(0, error);
	EXPECT_EQ(-1, waitpid(pid, NULL, __WALL));
	EXPECT_EQ(ECHILD, errno);
}

static void fails(struct __test_metadata *_metadata, FIXTURE_SELF(spawn) self,
		  const posix_spawn_file_actions_t *libcs, int error, enum spawnctl_step step,
		  const char *path)
{
	char *argv[] = { "x", NULL };
	pid_t pid = -7;

	EXPECT_EQ(error, spawnctl_spawn(&pid, path, self->actions, self->attr, argv, environ));
	EXPECT_EQ(error, spawnctl_spawn_result(&self->result, path, self->actions, self->attr, argv,
					       environ));
	EXPECT_EQ(error, self->result.error);
	EXPECT_EQ(step, self->result.step);
	EXPECT_EQ(error, posix_spawn(&pid, path, libcs, NULL, argv, environ));
	EXPECT_EQ(-7, pid);
}

#define FAILS(error, step, path) \
	fails(_metadata, self, &libcs, error, SPAWNCTL_STEP_##step, path)

/* Each error is the one that glibc gives, is reported with its step, and leaves nothing */
TEST_F_TIMEOUT(spawn, errors, 600)
{
	char *argv[] = { "x", NULL }, *many[2] = { NULL };
	char script[] = "/tmp/spawn_testXXXXXX";
	int fd = mkstemp(script);
	unsigned int i, n = scaled(20000, 300, "failures");
	/* The compiler must not know that it is NULL */
	const char * volatile no_path = NULL;
	posix_spawn_file_actions_t libcs;
	struct rlimit limit;
	pid_t pid = -7;

	posix_spawn_file_actions_init(&libcs);

	FAILS(ENOENT, EXEC, "/none");
	FAILS(ENOENT, EXEC, "");
	FAILS(EFAULT, EXEC, no_path);
	FAILS(EFAULT, EXEC, (char *)8);
	FAILS(EACCES, EXEC, "/etc/passwd");
	FAILS(EACCES, EXEC, "/");
	FAILS(ENOTDIR, EXEC, "/etc/passwd/x");
	ASSERT_EQ(6, write(fd, "exit 0", 6));
	ASSERT_EQ(0, fchmod(fd, 0700));
	close(fd);
	FAILS(ENOEXEC, EXEC, script);
	unlink(script);
	EXPECT_EQ(-1, self->result.action);
	EXPECT_EQ(ENOENT, spawnctl_spawnp(&pid, "no-such-program", NULL, self->attr, argv,
					  environ));
	EXPECT_EQ(ENOENT, spawnctl_spawnp(&pid, "", NULL, self->attr, argv, environ));
	EXPECT_EQ(EFAULT, spawnctl_spawnp(&pid, NULL, NULL, self->attr, argv, environ));
	many[0] = malloc(8 << 20);
	memset(many[0], 'a', (8 << 20) - 1);
	many[0][(8 << 20) - 1] = '\0';
	EXPECT_EQ(E2BIG, spawnctl_spawn(&pid, "/bin/sh", NULL, self->attr, many, environ));
	many[0][300] = '\0';
	EXPECT_EQ(ENAMETOOLONG, spawnctl_spawnp(&pid, many[0], NULL, self->attr, argv, environ));
	free(many[0]);

	EXPECT_EQ(0, spawnctl_file_actions_addclose(self->actions, 77));
	EXPECT_EQ(0, spawnctl_file_actions_adddup2(self->actions, 77, 5));
	EXPECT_EQ(0, posix_spawn_file_actions_addclose(&libcs, 77));
	EXPECT_EQ(0, posix_spawn_file_actions_adddup2(&libcs, 77, 5));
	FAILS(EBADF, ACTION, "/bin/true");
	EXPECT_EQ(1, self->result.action);
	for (i = 0; i < n; i++)
		FAILS(EBADF, ACTION, "/bin/true");
	EXPECT_EQ(-7, pid);

	/* A program can be started with a full descriptor table */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 10;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (dup(0) >= 0)
		;
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = self->report[1] + 1; i < 10; i++)
		close(i);
	posix_spawn_file_actions_destroy(&libcs);
}

/* PATH is searched as in glibc */
#define FIFO	"/tmp/spawn_test_fifo"

/* Signals the only other child of the parent, which FIFO holds up, and then lets it go on */
static void signal_sibling(int sig)
{
	char path[64];
	pid_t parent = getppid(), pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	while (!pid) {
		FILE *children = fopen(path, "r");

		while (fscanf(children, "%d", &pid) == 1 && pid == getpid())
			pid = 0;
		fclose(children);
	}
	kill(pid, sig);
	/* A writer for as long as the helper lives; as a reader too it does not wait for one */
	open(FIFO, O_RDWR);
	for (;;)
		pause();
}

static volatile sig_atomic_t ran;

static void run_handler(int sig)
{
	ran++;
}

/*
 * A signal that is sent to the child before exec waits for the new program, which ignores,
 * blocks or dies of it as was asked. The caller's handler never runs for it in the child.
 */
TEST_F(spawn, signal_before_exec)
{
	char *argv[] = { "true", NULL };
	sigset_t set;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	unlink(FIFO);
	ASSERT_EQ(0, mkfifo(FIFO, 0600));
	EXPECT_EQ(0, spawnctl_file_actions_addopen(self->actions, 9, FIFO, O_RDONLY, 0));
	EXPECT_EQ(0, spawnctl_attr_setsigmask(self->attr, &set));
	signal(SIGUSR1, run_handler);
	for (i = 0; i < 2; i++) {
		pid_t pid, helper = fork();

		if (!helper)
			signal_sibling(SIGUSR1);
		FLAGS(i ? SPAWNCTL_SPAWN_SETSIGMASK : 0);
		EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/true", self->actions, self->attr, argv,
					    environ));
		EXPECT_EQ(i ? 0 : SIGUSR1, wait_status(pid));
		kill(helper, SIGKILL);
		EXPECT_EQ(SIGKILL, wait_status(helper));
	}
	EXPECT_EQ(0, ran);
	/* With the device a stop signal, too, waits for the program, and does not stop the child */
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE) {
		pid_t pid, helper = fork();
		int status;

		if (!helper)
			signal_sibling(SIGTSTP);
		/* In a group that is not orphaned: there the signal would have no effect */
		FLAGS(SPAWNCTL_SPAWN_SETPGROUP);
		EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/true", self->actions, self->attr, argv,
					    environ));
		EXPECT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
		kill(pid, SIGCONT);
		EXPECT_EQ(0, wait_status(pid));
		kill(helper, SIGKILL);
		EXPECT_EQ(SIGKILL, wait_status(helper));
	}
	unlink(FIFO);
}

/* Kills all that is in the frozen cgroup, as soon as something is */
static void kill_frozen(void)
{
	char text[16] = "";
	pid_t pid = 0;

	while (!pid) {
		int fd = open(CGROUP "/cgroup.procs", O_RDONLY);

		if (read(fd, text, sizeof(text) - 1) > 0)
			pid = atoi(text);
		close(fd);
	}
	_exit(kill(pid, SIGKILL));
}

/* A child that is killed before its first instruction is a child nevertheless. */
TEST_F(spawn, killed_before_it_runs)
{
	char *argv[] = { "true", NULL };
	pid_t pid = -7, helper;
	int cgroup, freeze;

	if (variant->backend == SPAWNCTL_BACKEND_CLONE)
		return;
	ASSERT_TRUE(mkdir(CGROUP, 0755) == 0 || errno == EEXIST);
	freeze = open(CGROUP "/cgroup.freeze", O_WRONLY | O_CLOEXEC);
	ASSERT_EQ(1, write(freeze, "1", 1));
	cgroup = open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(0, spawnctl_attr_setcgroup(self->attr, cgroup));
	FLAGS(SPAWNCTL_SPAWN_SETCGROUP);
	helper = fork();
	if (!helper)
		kill_frozen();
	EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/true", NULL, self->attr, argv, environ));
	EXPECT_EQ(SIGKILL, wait_status(pid));
	EXPECT_EQ(0, wait_status(helper));
	close(cgroup);
	close(freeze);
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_F(spawn, search_in_path)
{
	char *argv[] = { "true", NULL }, **none = argv + 1;
	char *big = malloc(1 << 20), *old = strdup(getenv("PATH"));
	pid_t pid;

	memset(big, 'd', 1 << 20);
	big[5000] = ':';
	snprintf(big + (1 << 20) - 100, 100, ":/etc/passwd:/none:/etc:/usr/bin:/bin");
	setenv("PATH", big, 1);
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, wait_status(pid));
	/* The longest possible name, and a longer one; a failure does not change @pid */
	big[NAME_MAX] = '\0';
	setenv("PATH", "/none:/etc", 1);
	pid = -7;
	EXPECT_EQ(ENOENT, spawnctl_spawnp(&pid, big, NULL, self->attr, argv, none));
	big[NAME_MAX] = 'd';
	big[NAME_MAX + 1] = '\0';
	EXPECT_EQ(ENAMETOOLONG, spawnctl_spawnp(&pid, big, NULL, self->attr, argv, none));
	EXPECT_EQ(-7, pid);
	/* Name and directory are long, and together longer than any path */
	big[NAME_MAX + 1] = 'd';
	big[5000] = '\0';
	setenv("PATH", big + 1000, 1);
	big[1000] = '\0';
	EXPECT_EQ(ENAMETOOLONG, spawnctl_spawnp(&pid, big, NULL, self->attr, argv, none));
	/* No directory is short enough for a candidate, and yet the name is too long */
	big[11000] = '\0';
	setenv("PATH", big + 6000, 1);
	EXPECT_EQ(ENAMETOOLONG, spawnctl_spawnp(&pid, big, NULL, self->attr, argv, none));
	/* A path is not searched for */
	setenv("PATH", "/none", 1);
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "/bin/true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, wait_status(pid));
	/* A candidate that may not be executed does not end the search */
	ASSERT_EQ(0, mkdir("/tmp/spawn_test", 0755));
	close(open("/tmp/spawn_test/true", O_CREAT | O_WRONLY, 0644));
	setenv("PATH", "/tmp/spawn_test:/bin", 1);
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, wait_status(pid));
	unlink("/tmp/spawn_test/true");
	rmdir("/tmp/spawn_test");
	/* EACCES for a candidate is returned if no other candidate is found */
	setenv("PATH", "/etc:/none", 1);
	EXPECT_EQ(EACCES, spawnctl_spawnp(&pid, "passwd", NULL, self->attr, argv, none));
	unsetenv("PATH");
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, wait_status(pid));
	setenv("PATH", "", 1);
	EXPECT_EQ(ENOENT, spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, chdir("/bin"));
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "true", NULL, self->attr, argv, none));
	EXPECT_EQ(0, wait_status(pid));
	setenv("PATH", old, 1);
	free(old);
	free(big);
}

#define THREAD_STACK	(256 << 10)

struct job {
	FIXTURE_SELF(spawn) self;
	char *low;
	int error;
};

/* The library's canary, below the child's stack (userlib/spawn.c) */
#define CANARY	0x5ca1ab1e0ddba11ULL

static void *spawn_on_own_stack(void *arg)
{
	char *argv[] = { "true", NULL };
	struct job *job = arg;
	pid_t pid;

	job->error = spawnctl_spawn(&pid, "/bin/true", job->self->actions, job->self->attr, argv,
				    environ);
	if (!job->error)
		job->error = wait_status(pid);
	return NULL;
}

/*
 * Waits for the canary below the stack of a waiting child. Searches from the top: further
 * down there can be a saved register with the same value.
 */
static volatile unsigned long long *find_canary(char *stack)
{
	volatile unsigned long long *word;
	char *at;

	/* On i386 its alignment is that of a long */
	for (;; usleep(1000))
		for (at = stack + THREAD_STACK - sizeof(*word); at >= stack; at -= sizeof(long)) {
			word = (void *)at;
			if (*word == CANARY)
				return word;
		}
}

/*
 * Spawns a child that waits in open(2) for the other end of the FIFO. While the parent waits
 * for the child, clears the canary if @overrun is set.
 */
static int spawn_overrun(FIXTURE_SELF(spawn) self, bool overrun)
{
	const struct rlimit no_core = { 0, 0 };
	struct job job = { .self = self };
	volatile unsigned long long *canary;
	pthread_attr_t attr;
	pthread_t thread;

	setrlimit(RLIMIT_CORE, &no_core);
	job.low = mmap(NULL, THREAD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (spawnctl_file_actions_addopen(self->actions, 9, FIFO, O_RDONLY, 0) ||
	    pthread_attr_init(&attr) || pthread_attr_setstack(&attr, job.low, THREAD_STACK) ||
	    pthread_create(&thread, &attr, spawn_on_own_stack, &job))
		return 1;
	canary = find_canary(job.low);
	if (overrun)
		*canary = 0;
	if (open(FIFO, O_WRONLY) < 0)
		return 2;
	pthread_join(thread, NULL);
	return job.error ? 3 : 7;
}

/* If a child has written below its stack, into the program's memory, a trap ends the program */
TEST_F(spawn, stack_overrun_traps)
{
	int status;
	pid_t pid;

	ASSERT_TRUE(mkfifo(FIFO, 0600) == 0 || errno == EEXIST);
	pid = fork();
	if (!pid)
		_exit(spawn_overrun(self, true));
	status = wait_status(pid);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == ARCH_TRAP_SIGNAL)
		TH_LOG("status %#x", status);
	/* Control: without an overrun the program runs on */
	pid = fork();
	if (!pid)
		_exit(spawn_overrun(self, false));
	EXPECT_TRUE(exited_with(pid, 7));
	unlink(FIFO);
}

TEST_HARNESS_MAIN
