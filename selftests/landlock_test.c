// SPDX-License-Identifier: GPL-2.0
/*
 * A task that Landlock restricts can use a descriptor that was passed to it. It cannot open
 * the device, or, if only ioctls on devices are restricted, cannot use a descriptor that
 * it opens itself. A kernel that does not know the access right refuses the ruleset, and
 * nothing is restricted.
 */
#include <linux/types.h>
#include <spawnctl/spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "contract.h"

/* From <linux/landlock.h>, which some kernel headers lack, or have without the last */
#define CREATE_RULESET		444
#define RESTRICT_SELF		446
#define CREATE_RULESET_VERSION	(1U << 0)
#define FS_WRITE_FILE		(1ULL << 1)
#define FS_IOCTL_DEV		(1ULL << 15)

FIXTURE(landlock)
{
	int fd;
	int abi;	/* 0 on a kernel without Landlock */
};

FIXTURE_VARIANT(landlock)
{
	__u64 rights;
	int since;
};

FIXTURE_VARIANT_ADD(landlock, files)
{
	.rights = FS_WRITE_FILE,
	.since = 1,
};

FIXTURE_VARIANT_ADD(landlock, device_ioctls)
{
	.rights = FS_IOCTL_DEV,
	.since = 5,
};

FIXTURE_SETUP(landlock)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->abi = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	if (self->abi < 0) {
		ASSERT_TRUE(errno == ENOSYS || errno == EOPNOTSUPP);
		self->abi = 0;
	}
	TH_LOG("Landlock's ABI is %d", self->abi);
	/* True for the kernels that META names, in Debian's configuration */
	EXPECT_EQ(kernel_at_least(5, 13), self->abi >= 1);
	EXPECT_EQ(kernel_at_least(6, 10), self->abi >= 5);
}

FIXTURE_TEARDOWN(landlock)
{
	close(self->fd);
}

/* Gives up @rights. Returns false if this kernel does not know them (ABI below @since). */
static bool give_up(struct __test_metadata *_metadata, int abi, __u64 rights, int since)
{
	int ruleset = syscall(CREATE_RULESET, &rights, sizeof(rights), 0);

	if (abi < since) {
		EXPECT_EQ(-1, ruleset);
		if (abi)
			EXPECT_EQ(EINVAL, errno);
		return false;
	}
	EXPECT_LE(0, ruleset);
	EXPECT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT_EQ(0, syscall(RESTRICT_SELF, ruleset, 0));
	close(ruleset);
	return true;
}

/*
 * Opens the device and calls each command with a NULL struct. Returns the errno of open(),
 * or the first errno of a command that is not EACCES; EACCES if all commands give that.
 */
static int use_opened(void *arg)
{
	long fd = raw_syscall(SYS_openat, AT_FDCWD, "/dev/spawnctl", O_RDWR | O_CLOEXEC);
	long ret = 0;
	unsigned int nr;

	if (fd < 0)
		return -fd;
	for (nr = SPAWNCTL_CMD_INFO; nr <= SPAWNCTL_CMD_LIMIT; nr++) {
		ret = raw_syscall(SYS_ioctl, fd, _IO(SPAWNCTL_MAGIC, nr), NULL);
		if (ret != -EACCES)
			break;
	}
	raw_syscall(SYS_close, fd);
	return -ret;
}

TEST_F(landlock, passed_descriptor)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	unsigned int i;

	give_up(_metadata, self->abi, variant->rights, variant->since);
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
		pid_t pid = raw_spawn_exit(self->fd, births[i], &clone);

		EXPECT_TRUE(exited_with(pid, 0))
			TH_LOG("%s: %d", birth_name(births[i]), pid);
	}
	EXPECT_EQ(0, spawnctl_get_info(self->fd, &info));
	EXPECT_EQ(0, info.refusal);
}

TEST_F(landlock, opened_descriptor)
{
	bool restricted = give_up(_metadata, self->abi, variant->rights, variant->since);

	/* EFAULT: the call was permitted, and failed to read its struct */
	EXPECT_EQ(restricted ? EACCES : EFAULT, use_opened(NULL));
}

/* A child of either command is restricted as its parent is */
TEST_F(landlock, restricts_children)
{
	bool restricted = give_up(_metadata, self->abi, variant->rights, variant->since);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(births); i++) {
		struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
		pid_t pid = start_child(self->fd, births[i], &clone, use_opened, NULL);

		EXPECT_TRUE(exited_with(pid, restricted ? EACCES : EFAULT))
			TH_LOG("%s: %d", birth_name(births[i]), pid);
	}
}

/* The library uses another backend, unless the program demands the device */
TEST_F(landlock, library_uses_next_backend)
{
	char * const argv[] = { program_path, "nothing", "0", NULL };
	bool restricted = give_up(_metadata, self->abi, variant->rights, variant->since);
	unsigned int before = open_fds();
	enum spawnctl_backend backend;
	spawnctl_attr_t *attr;
	pid_t pid;
	int fd, i;

	fd = spawnctl_open();
	EXPECT_EQ(restricted, fd == -1);
	if (fd == -1)
		EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE));
	for (i = 0; i < 5; i++) {
		int error = spawnctl_spawn(&pid, program_path, NULL, attr, argv, argv + 3);

		EXPECT_EQ(restricted ? EACCES : 0, error);
		if (!error)
			EXPECT_TRUE(exited_with(pid, 0));
		EXPECT_EQ(error, spawnctl_get_backend(attr, &backend));
		EXPECT_EQ(0, spawnctl_spawn(&pid, program_path, NULL, NULL, argv, argv + 3));
		EXPECT_TRUE(exited_with(pid, 0));
		EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
		EXPECT_EQ(restricted ? SPAWNCTL_BACKEND_CLONE3 : SPAWNCTL_BACKEND_DEVICE, backend);
	}
	/* A device that cannot be used is not kept open */
	if (restricted)
		EXPECT_EQ(before, open_fds());
	ASSERT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_ANY));
	ASSERT_EQ(0, spawnctl_attr_setdevice(attr, self->fd));
	EXPECT_EQ(0, spawnctl_spawn(&pid, program_path, NULL, attr, argv, argv + 3));
	EXPECT_TRUE(exited_with(pid, 0));
	spawnctl_attr_destroy(attr);
}

TEST_HARNESS_MAIN
