// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWNCTL_CGROUP: the child starts in the cgroup of @cgroup, or the call fails with each of the
 * documented errors.
 */
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sched.h>
#include "contract.h"

#ifndef CGROUP2_SUPER_MAGIC
#define CGROUP2_SUPER_MAGIC 0x63677270
#endif

#define ROOT	"/sys/fs/cgroup"
#define GROUP	ROOT "/spawnctl_cgroup_test"

/* Removes what any test made below GROUP. This process leaves it first; its children have ended. */
static void clean_up(void)
{
	write_file(ROOT "/cgroup.procs", "0");
	rmdir(GROUP "/child");
	rmdir(GROUP "/other");
	rmdir(GROUP);
}

FIXTURE(cgroup)
{
	int fd;
	int cgroup;
	struct spawnctl_clone clone;
};

FIXTURE_SETUP(cgroup)
{
	struct statfs fs;

	ASSERT_EQ(0, statfs(ROOT, &fs));
	ASSERT_EQ(CGROUP2_SUPER_MAGIC, fs.f_type)
		TH_LOG(ROOT " is not cgroup v2");
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, ODD_MASK, NULL));
	clean_up();
	ASSERT_EQ(0, write_file(ROOT "/cgroup.subtree_control", "+pids"));
	ASSERT_EQ(0, mkdir(GROUP, 0755));
	self->cgroup = open(GROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->cgroup);
	self->clone = *CLONE(.flags = SPAWNCTL_CGROUP, .cgroup = self->cgroup);
}

FIXTURE_TEARDOWN(cgroup)
{
	clean_up();
}

/* Reads the child's /proc/self/cgroup into @arg, a zeroed buffer of 4096 bytes. */
static int child_reads_cgroup(void *arg)
{
	long fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/cgroup", O_RDONLY);
	long length = raw_syscall(SYS_read, fd, arg, 4095);

	return length > 0 ? 0 : 1;
}

TEST_F(cgroup, child_starts_in_the_cgroup)
{
	static char text[4096];
	int status;
	pid_t pid;

	pid = spawnctl_thread(self->fd, &self->clone, child_reads_cgroup, text);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_NE(NULL, strstr(text, "0::/spawnctl_cgroup_test\n"))
		TH_LOG("%s", text);
	/* The caller stays where it was. */
	memset(text, 0, sizeof(text));
	EXPECT_EQ(0, child_reads_cgroup(text));
	EXPECT_EQ(NULL, strstr(text, "spawnctl_cgroup_test"));

	/* An O_PATH descriptor is sufficient. */
	self->clone.cgroup = open(GROUP, O_PATH | O_CLOEXEC);
	both_accept(_metadata, self->fd, &self->clone, "O_PATH");

	/* FORK's child does not share the buffer: it reports by its exit status. */
	self->clone.cgroup = self->cgroup;
	pid = ioctl(self->fd, SPAWNCTL_IOC_FORK, &self->clone);
	if (pid == 0) {
		char own[4096] = "";

		child_reads_cgroup(own);
		_exit(strstr(own, "0::/spawnctl_cgroup_test\n") ? 17 : 1);
	}
	ASSERT_LT(0, pid);
	status = wait_status(pid);
	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 17);
}

TEST_F(cgroup, ebadf)
{
	struct spawnctl_clone *clone = &self->clone;

	clone->cgroup = -1;
	both_refuse(_metadata, self->fd, clone, EBADF, "cgroup -1");
	clone->cgroup = INT_MIN;
	both_refuse(_metadata, self->fd, clone, EBADF, "cgroup INT_MIN");
	clone->cgroup = 999;
	both_refuse(_metadata, self->fd, clone, EBADF, "a closed descriptor");
	clone->cgroup = INT_MAX;
	both_refuse(_metadata, self->fd, clone, EBADF, "cgroup INT_MAX");
	clone->cgroup = open("/dev/null", O_RDONLY);
	both_refuse(_metadata, self->fd, clone, EBADF, "/dev/null");
	clone->cgroup = open("/proc/self", O_RDONLY | O_DIRECTORY);
	both_refuse(_metadata, self->fd, clone, EBADF, "a directory outside cgroup v2");
	clone->cgroup = open(GROUP "/cgroup.procs", O_RDWR);
	ASSERT_LE(0, clone->cgroup);
	both_refuse(_metadata, self->fd, clone, EBADF, "cgroup.procs");
	clone->cgroup = self->fd;
	both_refuse(_metadata, self->fd, clone, EBADF, "the device itself");
}

TEST_F(cgroup, eacces)
{
	/* The caller's credentials are checked, not those of the task that opened the directory. */
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, 0));
	both_refuse(_metadata, self->fd, &self->clone, EACCES, "another user's cgroup");
	ASSERT_EQ(0, setresuid(0, 0, 0));
	both_accept(_metadata, self->fd, &self->clone, "own cgroup");
}

TEST_F(cgroup, enoent_removed)
{
	ASSERT_EQ(0, rmdir(GROUP));
	both_refuse(_metadata, self->fd, &self->clone, ENOENT, "a removed cgroup");
}

TEST_F(cgroup, ebusy_subtree_control)
{
	/* Only a domain controller, such as memory, forbids processes in the cgroup itself. */
	ASSERT_EQ(0, write_file(ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, write_file(GROUP "/cgroup.subtree_control", "+memory"));
	both_refuse(_metadata, self->fd, &self->clone, EBUSY,
		    "memory controller enabled for children");
	ASSERT_EQ(0, write_file(GROUP "/cgroup.subtree_control", "-memory"));
	both_accept(_metadata, self->fd, &self->clone, "memory controller disabled again");
	EXPECT_EQ(0, write_file(ROOT "/cgroup.subtree_control", "-memory"));
}

TEST_F(cgroup, eopnotsupp_invalid_domain)
{
	ASSERT_EQ(0, mkdir(GROUP "/child", 0755));
	ASSERT_EQ(0, write_file(GROUP "/child/cgroup.type", "threaded"));
	ASSERT_EQ(0, mkdir(GROUP "/other", 0755));
	self->clone.cgroup = open(GROUP "/other", O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, self->clone.cgroup);
	both_refuse(_metadata, self->fd, &self->clone, EOPNOTSUPP, "an invalid domain");
}

TEST_F(cgroup, eagain_pids_max)
{
	int pidfd = 0;

	/* The four children that are accepted below. A call that pids.max refuses does not count */
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN,
						     .children = 4)));
	ASSERT_EQ(0, write_file(GROUP "/pids.max", "0"));
	both_refuse(_metadata, self->fd, &self->clone, EAGAIN, "pids.max of the child's cgroup");
	both_accept(_metadata, self->fd, CLONE(), "the caller's own cgroup has no limit");
	/* A descriptor number that was stored before the failure is replaced by -1. */
	self->clone.flags |= SPAWNCTL_PIDFD;
	self->clone.pidfd = (uintptr_t)&pidfd;
	both_refuse(_metadata, self->fd, &self->clone, EAGAIN, "pids.max, with a pidfd");
	EXPECT_EQ(-1, pidfd);
	/* The limit of the caller's own cgroup. */
	ASSERT_EQ(0, write_file(GROUP "/pids.max", "1"));
	ASSERT_EQ(0, write_file(GROUP "/cgroup.procs", "0"));
	both_refuse(_metadata, self->fd, CLONE(), EAGAIN, "pids.max of the caller's cgroup");
	/* One place is free, as each refused call has given its place back. */
	ASSERT_EQ(0, write_file(GROUP "/pids.max", "2"));
	both_accept(_metadata, self->fd, CLONE(), "pids.max has room for one child");
	both_refuse(_metadata, self->fd, CLONE(), EDQUOT, "a fifth child");
}

TEST_HARNESS_MAIN
