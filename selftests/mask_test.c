// SPDX-License-Identifier: GPL-2.0
/*
 * The signal mask of the child, and the caller's mask after the call.
 */
#include <sys/resource.h>

#include "spawnctl_test.h"

#define SOME	(SIGBIT(SIGTERM) | SIGBIT(37) | SIGBIT(32) | SIGBIT(64))
#define OTHERS	(SIGBIT(SIGHUP) | SIGBIT(SIGCHLD) | SIGBIT(33))

FIXTURE(mask) {
	int fd;
	__u64 *seen;
};

FIXTURE_SETUP(mask)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->seen = shared_alloc(sizeof(*self->seen));
	ASSERT_NE(NULL, self->seen);
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, 0, NULL));
}

FIXTURE_TEARDOWN(mask)
{
	close(self->fd);
}

static int see_mask(void *arg)
{
	struct signal_status status;

	if (read_signal_status("/proc/self/status", &status))
		return 1;
	*(__u64 *)arg = status.blocked;
	return 0;
}

static __u64 random_mask(void)
{
	return (__u64)random() << 33 ^ (__u64)random() << 16 ^ random();
}

static void check_window(struct __test_metadata *_metadata, int fd, __u64 *seen,
			 unsigned long command, __u64 mask)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK,
		.window_mask = mask,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	*seen = 0x123;
	pid = start_child(fd, command, &clone, see_mask, seen);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, wait_status(pid));
	EXPECT_EQ(mask & ~UNBLOCKABLE, *seen);
}

TEST_F_TIMEOUT(mask, with_window_mask, 120)
{
	static const unsigned long commands[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };
	unsigned int i;
	int sig;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		raw_sigprocmask(SIG_SETMASK, i ? OTHERS : 0, NULL);
		check_window(_metadata, self->fd, self->seen, commands[i], 0);
		check_window(_metadata, self->fd, self->seen, commands[i], ~0ULL);
		for (sig = 1; sig <= NSIGNALS; sig++) {
			check_window(_metadata, self->fd, self->seen, commands[i], SIGBIT(sig));
			check_window(_metadata, self->fd, self->seen, commands[i], ~SIGBIT(sig));
		}
		srandom(2);
		for (sig = 0; sig < 32; sig++)
			check_window(_metadata, self->fd, self->seen, commands[i], random_mask());
		EXPECT_EQ(i ? OTHERS : 0, current_mask());
	}
}

/* Without a window mask the child has the caller's, even if signals are reset or ignored */
TEST_F(mask, without_window_mask)
{
	static const unsigned long commands[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };
	static const __u64 own[] = { 0, SOME, OTHERS, ~UNBLOCKABLE };
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	unsigned int i, j, k;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		for (j = 0; j < ARRAY_SIZE(own); j++) {
			for (k = 0; k < 3; k++) {
				raw_sigprocmask(SIG_SETMASK, own[j], NULL);
				clone.sig_default = k == 1 ? ~0ULL : 0;
				clone.sig_ignore = k == 2 ? ~UNBLOCKABLE : 0;
				*self->seen = 0x123;
				pid = start_child(self->fd, commands[i], &clone, see_mask,
						  self->seen);
				ASSERT_LT(0, pid);
				ASSERT_EQ(0, wait_status(pid));
				EXPECT_EQ(own[j], *self->seen);
				EXPECT_EQ(own[j], current_mask());
			}
		}
	}
}

/*
 * A call that fails, early, in the middle or late, leaves the caller's mask unchanged, holds
 * the module no longer, and does nothing to the caller's next child.
 */
TEST_F(mask, callers_mask_after_failure)
{
	static const unsigned long commands[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };
	static const __u64 own[] = { 0, SOME, ~UNBLOCKABLE };
	struct rlimit none = { 0, 4096 }, old;
	const int held = module_references();
	unsigned int i, j;
	__s32 pidfd;
	pid_t pid;

	ASSERT_LT(0, held);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none.rlim_max = old.rlim_max;
	for (i = 0; i < ARRAY_SIZE(commands) * ARRAY_SIZE(own); i++) {
		unsigned long command = commands[i % 2];
		__u64 mask = own[i / 2];
		struct spawnctl_clone good = {
			.size = sizeof(good),
			.flags = SPAWNCTL_WINDOW_MASK,
			.window_mask = ~0ULL,
			.sig_default = SOME,
			.exit_signal = SIGCHLD,
		};
		struct spawnctl_clone bad[6] = { good, good, good, good, good, good };

		bad[0].size = 1;
		bad[1].flags |= 1U << 31;
		bad[2].sig_ignore = SIGBIT(SIGKILL);
		bad[3].flags |= SPAWNCTL_PIDFD;
		bad[3].pidfd = 8;
		bad[4].flags |= SPAWNCTL_CGROUP;
		bad[4].cgroup = -1;
		if (command == SPAWNCTL_IOC_SPAWN)
			bad[4].flags |= SPAWNCTL_EXEC_MASK;
		bad[5].flags |= SPAWNCTL_PIDFD;
		bad[5].pidfd = (unsigned long)&pidfd;
		raw_sigprocmask(SIG_SETMASK, mask, NULL);
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			static const int expected[] = {
				-EINVAL, -EINVAL, -EINVAL, -EFAULT, -EBADF, -EMFILE
			};

			if (j == 5)
				ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
			EXPECT_EQ(expected[j], raw_spawn_exit(self->fd, command, &bad[j]));
			EXPECT_EQ(mask, current_mask());
			EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
			EXPECT_EQ(ECHILD, errno);
			/* libc's fork() would set the child's mask itself */
			pid = raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
			if (!pid)
				raw_syscall(SYS_exit_group, current_mask() == mask ? 7 : 8);
			EXPECT_TRUE(exited_with(pid, 7));
		}
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
		EXPECT_EQ(held, module_references());
		EXPECT_EQ(-EFAULT, raw_spawn_exit(self->fd, command, (void *)8));
		EXPECT_EQ(mask, current_mask());
	}
}

TEST_HARNESS_MAIN
