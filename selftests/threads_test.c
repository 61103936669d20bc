// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads at once. Each gets its own child with the state that it requests,
 * whatever the others request on the same descriptor at the same time. A thread that
 * rewrites the struct of a call while the call is in progress does not confuse it.
 */
#include <pthread.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#define THREADS	16

FIXTURE(threads)
{
	int fd;
};

FIXTURE_VARIANT(threads)
{
	unsigned long command;
	int own_descriptor;
};

FIXTURE_VARIANT_ADD(threads, spawn_on_one_descriptor)
{
	.command = SPAWNCTL_IOC_SPAWN,
};

FIXTURE_VARIANT_ADD(threads, spawn_on_own_descriptors)
{
	.command = SPAWNCTL_IOC_SPAWN,
	.own_descriptor = 1,
};

FIXTURE_VARIANT_ADD(threads, fork_on_one_descriptor)
{
	.command = SPAWNCTL_IOC_FORK,
};

FIXTURE_VARIANT_ADD(threads, fork_on_own_descriptors)
{
	.command = SPAWNCTL_IOC_FORK,
	.own_descriptor = 1,
};

FIXTURE_SETUP(threads)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(threads)
{
	close(self->fd);
}

struct worker {
	pthread_t thread;
	int fd;
	unsigned int number;
	unsigned int rounds;
	unsigned long command;
	/* Counted by the thread itself, and read after it has ended */
	unsigned int right;
	unsigned int refused;
	unsigned int wrong;
};

/* In the child: the exit status is 17 if its mask is the one at @arg */
static int check_mask(void *arg)
{
	__u64 mask = current_mask();

	return mask == *(__u64 *)arg ? 17 : 1;
}

/* Each thread requests another mask in each round */
static void *make_children(void *arg)
{
	struct worker *worker = arg;
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK,
	};
	unsigned int i;
	int status;
	__u64 mask;
	pid_t pid;

	for (i = 0; i < worker->rounds; i++) {
		mask = SIGBIT(33 + worker->number) | SIGBIT(1 + i % 8);
		mask &= ~UNBLOCKABLE;
		clone.window_mask = mask;
		pid = start_child(worker->fd, worker->command, &clone, check_mask, &mask);
		if (pid <= 0) {
			worker->refused++;
			continue;
		}
		status = wait_status(pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 17)
			worker->right++;
		else
			worker->wrong++;
	}
	return NULL;
}

TEST_F_TIMEOUT(threads, each_gets_its_own_child, 600)
{
	unsigned int rounds = scaled(10000, 512, "children of 16 threads") / THREADS;
	struct worker workers[THREADS] = {};
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		workers[i].number = i;
		workers[i].rounds = rounds;
		workers[i].command = variant->command;
		workers[i].fd = variant->own_descriptor ? spawnctl_open() : self->fd;
		ASSERT_LE(0, workers[i].fd);
	}
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, make_children, &workers[i]));
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		EXPECT_EQ(rounds, workers[i].right);
		EXPECT_EQ(0U, workers[i].refused);
		EXPECT_EQ(0U, workers[i].wrong);
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
	EXPECT_EQ(ECHILD, errno);
	EXPECT_EQ(0, exec_pending(self->fd));
}

struct race {
	struct spawnctl_clone clone;
	int stop;
	unsigned int rewrites;
};

/*
 * Switches between two valid structs. A mix of both is invalid, as it has a mask
 * without its flag. In between, the struct is too short, which is never valid.
 */
static void *rewrite(void *arg)
{
	struct race *race = arg;

	while (!READ_ONCE(race->stop)) {
		WRITE_ONCE(race->clone.window_mask, 0);
		WRITE_ONCE(race->clone.flags, 0);
		WRITE_ONCE(race->clone.sig_ignore, SIGBIT(40));
		WRITE_ONCE(race->clone.size, 8);
		WRITE_ONCE(race->clone.size, sizeof(race->clone));
		WRITE_ONCE(race->clone.sig_ignore, 0);
		WRITE_ONCE(race->clone.flags, SPAWNCTL_WINDOW_MASK);
		WRITE_ONCE(race->clone.window_mask, SIGBIT(41) | SIGBIT(42));
		race->rewrites++;
	}
	return NULL;
}

struct seen {
	__u64 mask;
	__u64 handler;
};

static int note_state(void *arg)
{
	struct kernel_sigaction action = { .handler = 99 };
	struct seen *seen = arg;

	seen->mask = current_mask();
	raw_sigaction(40, NULL, &action);
	seen->handler = action.handler;
	return 17;
}

/*
 * The struct is read once. If a call read it again after the check, it could make a
 * child that no valid struct describes: with a mask whose flag was not given, or with
 * half a mask. Each child has the mask or none, and each refusal is EINVAL.
 */
TEST_F_TIMEOUT(threads, struct_is_read_once, 600)
{
	unsigned int count = scaled(20000, 500, "calls while the struct is rewritten");
	unsigned int with = 0, without = 0, refused = 0, made = 0, i;
	struct race *race = shared_alloc(sizeof(*race));
	struct seen *seen = shared_alloc(sizeof(*seen));
	pthread_t thread;

	ASSERT_NE(NULL, race);
	ASSERT_NE(NULL, seen);
	race->clone.size = sizeof(race->clone);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rewrite, race));
	/* Until calls have succeeded and failed (up to a bound): otherwise there was no race */
	for (i = 0; i < count || ((!refused || !made) && i < 20 * count); i++) {
		pid_t pid;

		/* Not by the library, which copies the struct first: the module is tested */
		if (variant->command == SPAWNCTL_IOC_SPAWN) {
			pid = raw_spawn_exit(self->fd, variant->command, &race->clone);
		} else {
			pid = raw_syscall(SYS_ioctl, self->fd, variant->command, &race->clone);
			if (pid == 0)
				raw_syscall(SYS_exit_group, note_state(seen));
		}
		if (pid < 0) {
			ASSERT_EQ(-EINVAL, pid);
			refused++;
			continue;
		}
		made++;
		ASSERT_NE(-1, wait_status(pid));
		if (variant->command == SPAWNCTL_IOC_SPAWN)
			continue;
		ASSERT_TRUE(seen->handler == (__u64)(uintptr_t)SIG_DFL ||
			    seen->handler == (__u64)(uintptr_t)SIG_IGN);
		if (seen->mask == (SIGBIT(41) | SIGBIT(42)))
			with++;
		else if (seen->mask == 0)
			without++;
		else
			ASSERT_EQ(0ULL, seen->mask);
	}
	WRITE_ONCE(race->stop, 1);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	TH_LOG("%u refused, %u made, of FORK's %u with a mask and %u without, %u rewrites",
	       refused, made, with, without, race->rewrites);
	EXPECT_LT(0U, race->rewrites);
	EXPECT_LT(0U, refused);
	EXPECT_LT(0U, made);
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
}

TEST_HARNESS_MAIN
