// SPDX-License-Identifier: GPL-2.0
/*
 * The child as a process: its ids, its parent, its exit signal, its pidfd, its
 * no_new_privs, and what it shares with the caller.
 */
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

struct report {
	long pid;
	long ppid;
	long pgid;
	long sid;
	long no_new_privs;
	long pidfd_flags;	/* of the number of the parent's pidfd, in the child */
	int pidfd;
};

FIXTURE(process)
{
	int fd;
	struct spawnctl_clone clone;
	struct report *report;	/* shared with children of FORK too */
};

FIXTURE_SETUP(process)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->clone = (struct spawnctl_clone){
		.size = sizeof(self->clone),
		.exit_signal = SIGCHLD,
	};
	self->report = shared_alloc(4096);
	ASSERT_NE(NULL, self->report);
}

FIXTURE_TEARDOWN(process)
{
	close(self->fd);
}

static int fill_report(void *arg)
{
	struct report *report = arg;

	report->pid = raw_syscall(SYS_getpid);
	report->ppid = raw_syscall(SYS_getppid);
	report->pgid = raw_syscall(SYS_getpgid, 0);
	report->sid = raw_syscall(SYS_getsid, 0);
	report->no_new_privs = raw_syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	report->pidfd_flags = raw_syscall(SYS_fcntl, report->pidfd, F_GETFD);
	return 17;
}

static int exec_exit(void *arg)
{
	return exec_program("exit", 17);
}

FIXTURE_VARIANT(process)
{
	unsigned long command;
};

FIXTURE_VARIANT_ADD(process, spawn)
{
	.command = SPAWNCTL_IOC_SPAWN,
};

FIXTURE_VARIANT_ADD(process, fork)
{
	.command = SPAWNCTL_IOC_FORK,
};

TEST_F(process, ids_and_groups)
{
	pid_t pid;

	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(pid, self->report->pid);
	EXPECT_EQ(getpid(), self->report->ppid);
	EXPECT_EQ(getpgid(0), self->report->pgid);
	EXPECT_EQ(getsid(0), self->report->sid);
}

/* The caller gets the child's id in the caller's own pid namespace */
TEST_F(process, ids_in_a_new_pid_namespace)
{
	pid_t pid;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(1, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(1, self->report->pid);
	EXPECT_EQ(0, self->report->ppid);
}

TEST_F(process, exit_signal)
{
	static const int signals[] = { 0, SIGUSR1, SIGCHLD, 50 };
	struct timespec none = { 0, 0 };
	siginfo_t info;
	unsigned int i;
	sigset_t all;
	pid_t pid;

	sigfillset(&all);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, &all, NULL));
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		self->clone.exit_signal = signals[i];
		pid = start_child(self->fd, variant->command, &self->clone, fill_report,
				  self->report);
		ASSERT_LT(0, pid);
		/* A plain wait does not find a child whose exit signal is not SIGCHLD */
		if (signals[i] != SIGCHLD) {
			EXPECT_EQ(-1, waitpid(pid, NULL, 0));
			EXPECT_EQ(ECHILD, errno);
		}
		EXPECT_TRUE(is_exit(wait_status(pid), 17));
		memset(&info, 0, sizeof(info));
		if (signals[i]) {
			EXPECT_EQ(signals[i], sigtimedwait(&all, &info, &none));
			EXPECT_EQ(pid, info.si_pid);
		}
		EXPECT_EQ(-1, sigtimedwait(&all, &info, &none));
	}
}

TEST_F(process, exec_makes_the_exit_signal_sigchld)
{
	struct timespec none = { 0, 0 };
	siginfo_t info;
	sigset_t all;
	int status;
	pid_t pid;

	sigfillset(&all);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, &all, NULL));
	self->clone.exit_signal = SIGUSR1;
	pid = start_child(self->fd, variant->command, &self->clone, exec_exit, NULL);
	ASSERT_LT(0, pid);
	status = wait_status(pid);
	EXPECT_TRUE(is_exit(status, 17))
		TH_LOG("status %#x", status);
	EXPECT_EQ(SIGCHLD, sigtimedwait(&all, &info, &none));
	EXPECT_EQ(-1, sigtimedwait(&all, &info, &none));
}

TEST_F(process, pidfd)
{
	siginfo_t info = { .si_pid = 0 };
	char path[64], line[128];
	int of_pid = -1;
	FILE *file;
	pid_t pid;

	self->report->pidfd = -1;
	self->clone.flags = SPAWNCTL_PIDFD;
	self->clone.pidfd = (uintptr_t)&self->report->pidfd;
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	ASSERT_LE(0, self->report->pidfd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->report->pidfd, F_GETFD));

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->report->pidfd);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Pid: %d", &of_pid) == 1)
			break;
	fclose(file);
	EXPECT_EQ(pid, of_pid);

	ASSERT_EQ(0, waitid(P_PIDFD, self->report->pidfd, &info, WEXITED));
	EXPECT_EQ(pid, info.si_pid);
	EXPECT_EQ(CLD_EXITED, info.si_code);
	EXPECT_EQ(17, info.si_status);
	/* The child's table was copied before the pidfd was made */
	EXPECT_EQ(-EBADF, self->report->pidfd_flags);
}

TEST_F(process, pidfd_in_a_shared_table)
{
	pid_t pid;

	self->report->pidfd = -1;
	self->clone.flags = SPAWNCTL_PIDFD | SPAWNCTL_SHARE_FILES;
	self->clone.pidfd = (uintptr_t)&self->report->pidfd;
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(FD_CLOEXEC, self->report->pidfd_flags);
}

TEST_F(process, no_new_privs)
{
	pid_t pid;

	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(0, self->report->no_new_privs);
	self->clone.flags = SPAWNCTL_NO_NEW_PRIVS;
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(1, self->report->no_new_privs);
	EXPECT_EQ(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	/* It is inherited regardless of the request */
	self->clone.flags = 0;
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(1, self->report->no_new_privs);
}

TEST_F(process, autoreap)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	struct pollfd end;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_get_info(self->fd, &info));
	self->report->pidfd = -1;
	self->clone.exit_signal = 0;
	self->clone.flags = SPAWNCTL_AUTOREAP | SPAWNCTL_PIDFD;
	self->clone.pidfd = (uintptr_t)&self->report->pidfd;
	pid = start_child(self->fd, variant->command, &self->clone, fill_report,
			  self->report);
	if (!(info.spawn_flags & SPAWNCTL_AUTOREAP)) {
		EXPECT_EQ(-1, pid);
		EXPECT_EQ(EOPNOTSUPP, errno);
		EXPECT_EQ(-1, self->report->pidfd);
		return;
	}
	ASSERT_LT(0, pid);
	end = (struct pollfd){ .fd = self->report->pidfd, .events = POLLIN };
	EXPECT_EQ(1, poll(&end, 1, -1));
	EXPECT_EQ(-1, waitpid(pid, NULL, __WALL));
	EXPECT_EQ(ECHILD, errno);
	EXPECT_EQ(pid, self->report->pid);
}

static int write_word(void *arg)
{
	/* Long enough that a parent that does not wait looks too early */
	raw_sleep_us(50000);
	*(int *)arg = 1;
	return 17;
}

TEST_F(process, memory_is_shared_or_copied)
{
	int word = 0;
	pid_t pid;

	pid = start_child(self->fd, variant->command, &self->clone, write_word, &word);
	ASSERT_LT(0, pid);
	/* SPAWN: the memory is shared, and the caller has waited. FORK: it is a copy. */
	EXPECT_EQ(variant->command == SPAWNCTL_IOC_SPAWN, word);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	EXPECT_EQ(variant->command == SPAWNCTL_IOC_SPAWN, word);
}

static int leave_directory(void *arg)
{
	(void)arg;
	raw_syscall(SYS_umask, 0123);
	return raw_syscall(SYS_chdir, "/proc") ? 1 : 17;
}

/* The working directory and the umask are copied, even if the descriptor table is shared */
TEST_F(process, directory_and_umask_are_copied)
{
	char before[PATH_MAX], after[PATH_MAX];
	pid_t pid;

	umask(077);
	self->clone.flags = SPAWNCTL_SHARE_FILES;
	ASSERT_NE(NULL, getcwd(before, sizeof(before)));
	pid = start_child(self->fd, variant->command, &self->clone, leave_directory, NULL);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(is_exit(wait_status(pid), 17));
	ASSERT_NE(NULL, getcwd(after, sizeof(after)));
	EXPECT_STREQ(before, after);
	EXPECT_EQ(077U, umask(0));
}

#define DEPTH 3

struct nest {
	int fd;
	unsigned long command[DEPTH];	/* by which each level makes the next */
	struct spawnctl_clone clone;
	unsigned int depth;
	struct report *report;		/* DEPTH + 1 of them, shared */
};

static int make_next(void *arg)
{
	struct nest nest = *(struct nest *)arg;
	pid_t pid;

	fill_report(&nest.report[nest.depth]);
	if (nest.depth == DEPTH)
		return 17;
	nest.depth++;
	pid = start_child(nest.fd, nest.command[nest.depth - 1], &nest.clone, make_next, &nest);
	return pid > 0 && is_exit(wait_status(pid), 17) ? 17 : nest.depth;
}

TEST_F(process, children_of_children)
{
	static const unsigned long commands[][DEPTH] = {
		{ SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_SPAWN },
		{ SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK, SPAWNCTL_IOC_SPAWN },
		{ SPAWNCTL_IOC_FORK, SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK },
	};
	struct nest nest = { .fd = self->fd, .clone = self->clone, .report = self->report };
	unsigned int i, level;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		memcpy(nest.command, commands[i], sizeof(nest.command));
		memset(self->report, 0, 4096);
		pid = start_child(self->fd, variant->command, &self->clone, make_next, &nest);
		ASSERT_LT(0, pid);
		status = wait_status(pid);
		EXPECT_TRUE(is_exit(status, 17))
			TH_LOG("mix %u, status %#x", i, status);
		EXPECT_EQ(getpid(), self->report[0].ppid);
		for (level = 1; level <= DEPTH; level++) {
			EXPECT_LT(0, self->report[level].pid);
			EXPECT_EQ(self->report[level - 1].pid, self->report[level].ppid);
		}
	}
}

TEST_HARNESS_MAIN
