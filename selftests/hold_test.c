// SPDX-License-Identifier: GPL-2.0
/*
 * SPAWNCTL_HOLD: signals stay blocked when SPAWN returns if, and only if, the child has asked for
 * it. SPAWNCTL_PARENT_SETTID: the child's id is stored before the child runs.
 */
#include "contract.h"

#include <pthread.h>

#define BEFORE	(SIGBIT(SIGUSR2) | SIGBIT(40))

struct shared {
	struct spawnctl_hold hold;
	__s32 tid;
	int wanted;
	int tid_seen;
	int handled;
};

static struct shared *shared;

static void handler(int sig)
{
	shared->handled++;
}

static int child(void *arg)
{
	pid_t pid = raw_syscall(SYS_getpid);

	shared->tid_seen = shared->tid == pid;
	shared->hold.wanted = shared->wanted;
	/* Pending in the caller from now on */
	raw_syscall(SYS_kill, raw_syscall(SYS_getppid), SIGUSR1);
	return 3;
}

FIXTURE(hold) {
	int fd;
	struct spawnctl_clone clone;
};

FIXTURE_SETUP(hold)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	shared = shared_alloc(sizeof(*shared));
	ASSERT_NE(NULL, shared);
	self->clone = (struct spawnctl_clone){
		.size = sizeof(self->clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_HOLD | SPAWNCTL_PARENT_SETTID,
		.window_mask = ~0ULL,
		.exit_signal = SIGCHLD,
		.hold = (uintptr_t)&shared->hold,
		.parent_tid = (uintptr_t)&shared->tid,
	};
	signal(SIGUSR1, handler);
	raw_sigprocmask(SIG_SETMASK, BEFORE, NULL);
}

FIXTURE_TEARDOWN(hold)
{
	close(self->fd);
}

/* If the child sets @wanted, the caller returns with its signals blocked and no handler run. */
TEST_F(hold, stays_blocked_if_wanted)
{
	pid_t pid;

	shared->wanted = 1;
	shared->hold.mask = 5;
	pid = spawnctl_thread(self->fd, &self->clone, child, NULL);
	EXPECT_EQ(pid, shared->tid);
	EXPECT_TRUE(shared->tid_seen);
	EXPECT_EQ(~UNBLOCKABLE, current_mask());
	EXPECT_EQ(BEFORE, shared->hold.mask);
	EXPECT_EQ(0, shared->handled);
	EXPECT_TRUE(exited_with(pid, 3));
	EXPECT_EQ(0, shared->handled);
	raw_sigprocmask(SIG_SETMASK, shared->hold.mask, NULL);
	EXPECT_EQ(1, shared->handled);
}

/* The control: if the child does not set @wanted, the handler has run when the call returns. */
TEST_F(hold, control_not_wanted)
{
	pid_t pid;

	shared->hold.mask = 5;
	pid = spawnctl_thread(self->fd, &self->clone, child, NULL);
	EXPECT_EQ(1, shared->handled);
	EXPECT_EQ(BEFORE, current_mask());
	EXPECT_EQ(5ULL, shared->hold.mask);
	EXPECT_EQ(pid, shared->tid);
	EXPECT_TRUE(exited_with(pid, 3));
}

static void *read_byte(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) == 1 ? arg : NULL;
}

static int child_beside_a_thread(void *arg)
{
	pid_t parent = raw_syscall(SYS_getppid);

	shared->hold.wanted = 1;
	return raw_syscall(SYS_tgkill, parent, parent, SIGTERM);
}

/*
 * A caller with other threads does not block ignored signals during the call, as they have no
 * effect. On return it must hold them nevertheless. A signal that would end the caller must be
 * blocked during the call as well.
 */
TEST_F(hold, with_another_thread)
{
	const struct timespec now = { 0 };
	pthread_t thread;
	sigset_t set;
	int ends[2];
	void *ret;
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_byte, ends));
	pid = spawnctl_thread(self->fd, &self->clone, child_beside_a_thread, NULL);
	EXPECT_EQ(~UNBLOCKABLE, current_mask());
	EXPECT_EQ(BEFORE, shared->hold.mask);
	EXPECT_TRUE(exited_with(pid, 0));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	EXPECT_EQ(SIGTERM, sigtimedwait(&set, NULL, &now));
	raw_sigprocmask(SIG_SETMASK, shared->hold.mask, NULL);
	EXPECT_EQ(1, write(ends[1], "", 1));
	EXPECT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ((void *)ends, ret);
}

/* Returns a read-only page and a writable page, after which nothing is mapped */
static char *bad_pages(void)
{
	const size_t size = page_size();
	char *page = mmap(NULL, 3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	memset(page, 1, 3 * size);
	if (mprotect(page, size, PROT_READ) || munmap(page + 2 * size, size))
		return NULL;
	return page;
}

/* A hold that cannot be read and written is refused before a child is made. */
TEST_F(hold, bad_addresses)
{
	char *page = bad_pages();
	const __u64 bad[] = {
		0, 8, 1ULL << 63, ~0ULL - 7, (uintptr_t)page + 1,
		/* The first word can be read, the second is not mapped */
		(uintptr_t)page + 2 * page_size() - 8,
	};
	unsigned int i;

	ASSERT_NE(NULL, page);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->clone.hold = bad[i];
		EXPECT_EQ(-1, spawnctl_thread(self->fd, &self->clone, child, NULL));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(BEFORE, current_mask());
		EXPECT_EQ(0, shared->tid);
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
	EXPECT_EQ(ECHILD, errno);
}

/* Address 0 is refused even if a page is mapped there. */
TEST_F(hold, address_0_is_refused)
{
	void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	self->clone.hold = 0;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &self->clone, child, NULL));
	EXPECT_EQ(EFAULT, errno);
	/* The control: the page can be read and written. */
	self->clone.hold = 8;
	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, &self->clone, child, NULL), 3));
}

static int child_unmaps(void *arg)
{
	raw_syscall(SYS_munmap, arg, page_size());
	return 3;
}

/* If the child unmaps the struct, nothing is held back, although @wanted was set. */
TEST_F(hold, unmapped_by_the_child)
{
	struct spawnctl_hold *hold = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, hold);
	hold->wanted = 1;
	self->clone.hold = (uintptr_t)hold;
	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, &self->clone, child_unmaps, hold), 3));
	EXPECT_EQ(BEFORE, current_mask());
}

/* As with clone(2), it is no error if the process id cannot be stored. */
TEST_F(hold, bad_parent_tid)
{
	const __u64 bad[] = { 0, 8, 1ULL << 63, ~0ULL - 7 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->clone.parent_tid = bad[i];
		EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, &self->clone, child, NULL), 3));
		EXPECT_EQ(BEFORE, current_mask());
	}
}

/* A call that fails holds nothing back and stores no process id. */
TEST_F(hold, failed_call_holds_nothing)
{
	shared->hold.wanted = 1;
	self->clone.flags |= SPAWNCTL_CGROUP;
	self->clone.cgroup = -1;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &self->clone, child, NULL));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(BEFORE, current_mask());
	EXPECT_EQ(0ULL, shared->hold.mask);
	EXPECT_EQ(0, shared->tid);
}

/* FORK stores the process id, too. */
TEST_F(hold, fork_stores_parent_tid)
{
	pid_t pid;

	self->clone.flags = SPAWNCTL_PARENT_SETTID;
	self->clone.window_mask = 0;
	self->clone.hold = 0;
	pid = start_child(self->fd, SPAWNCTL_IOC_FORK, &self->clone, child, NULL);
	EXPECT_EQ(pid, shared->tid);
	EXPECT_TRUE(exited_with(pid, 3));
}

TEST_HARNESS_MAIN
