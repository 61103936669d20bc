// SPDX-License-Identifier: GPL-2.0
/*
 * libspawnctl does what <spawnctl.h> promises. spawnctl_fork() is tested in
 * fork_test.c.
 */
#include <alloca.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#define ODD_ERRNO 4711

#define __noipa __attribute__((__noipa__))

FIXTURE(library)
{
	int fd;
};

FIXTURE_SETUP(library)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(library)
{
	close(self->fd);
}

static int killed_by(pid_t pid, int sig)
{
	int status = pid > 0 ? wait_status(pid) : -1;

	return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static int child_reports(void *fd)
{
	exec_program("report", (intptr_t)fd);
	return 127;
}

static int return_it(void *arg)
{
	return (intptr_t)arg;
}

TEST_F(library, open_and_get_info)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int fd;

	errno = ODD_ERRNO;
	fd = spawnctl_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(ODD_ERRNO, errno);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	errno = ODD_ERRNO;
	EXPECT_EQ(0, spawnctl_get_info(fd, &info));
	EXPECT_EQ(ODD_ERRNO, errno);
	EXPECT_EQ(SPAWNCTL_ABI + 0U, info.abi);
	close(fd);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	EXPECT_EQ(-1, spawnctl_open());
	EXPECT_EQ(EACCES, errno);
}

/* Each function refuses a descriptor that is not the device, and makes no child */
TEST_F(library, wrong_descriptor)
{
	int wrong[] = { -1, 999, open("/dev/null", O_RDWR), open("/proc/self/exe", O_RDONLY), -1 };
	int error[] = { EBADF, EBADF, ENOTTY, ENOTTY, ENOTTY };
	struct spawnctl_info info = { .size = sizeof(info) };
	unsigned int i;
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	wrong[4] = pipes[0];
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		pid_t pid;

		errno = 0;
		EXPECT_EQ(-1, spawnctl_get_info(wrong[i], &info));
		EXPECT_EQ(error[i], errno);
		errno = 0;
		EXPECT_EQ(-1, spawnctl_thread(wrong[i], NULL, return_it, NULL));
		EXPECT_EQ(error[i], errno);
		errno = 0;
		pid = spawnctl_vfork(wrong[i]);
		if (pid == 0)
			_exit(1);
		EXPECT_EQ(-1, pid);
		EXPECT_EQ(error[i], errno);
		errno = 0;
		pid = spawnctl_fork(wrong[i]);
		if (pid == 0)
			_exit(1);
		EXPECT_EQ(-1, pid);
		EXPECT_EQ(error[i], errno);
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
	EXPECT_EQ(ECHILD, errno);
}

TEST_F(library, thread_result)
{
	static const int results[] = { 0, 1, 17, 127, 255, 256, 259, -1 };
	unsigned int i;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(results); i++) {
		errno = ODD_ERRNO;
		pid = spawnctl_thread(self->fd, NULL, return_it, (void *)(intptr_t)results[i]);
		EXPECT_EQ(ODD_ERRNO, errno);
		EXPECT_TRUE(exited_with(pid, results[i] & 255));
	}
}

static int spoil_errno(void *arg)
{
	(void)arg;
	close(-1);
	return errno == EBADF ? 17 : 1;
}

/* The child writes errno, which it shares with the caller: the caller keeps its own value */
TEST_F(library, errno_is_preserved)
{
	pid_t pid;

	errno = ODD_ERRNO;
	pid = spawnctl_thread(self->fd, NULL, spoil_errno, NULL);
	EXPECT_EQ(ODD_ERRNO, errno);
	EXPECT_TRUE(exited_with(pid, 17));
}

/* A size above a page is refused unread: the second page of the struct is not readable */
TEST_F(library, thread_size_above_a_page)
{
	long page = sysconf(_SC_PAGESIZE);
	struct spawnctl_clone *clone;
	char *map;

	map = mmap(NULL, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map, page, PROT_READ | PROT_WRITE));
	clone = (void *)map;
	clone->size = 2 * page;
	clone->exit_signal = SIGCHLD;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, clone, return_it, NULL));
	EXPECT_EQ(E2BIG, errno);
	munmap(map, 2 * page);
}

TEST_F(library, thread_size)
{
	struct {
		struct spawnctl_clone clone;
		char more[64];
	} large = { .clone.size = sizeof(large), .clone.exit_signal = SIGCHLD };

	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, &large.clone, return_it, NULL), 0));
	large.more[63] = 1;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &large.clone, return_it, NULL));
	EXPECT_EQ(E2BIG, errno);
	large.clone.size = SPAWNCTL_CLONE_SIZE_VER0;
	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, &large.clone, return_it, NULL), 0));
	large.clone.size = SPAWNCTL_CLONE_SIZE_VER0 - 1;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &large.clone, return_it, NULL));
	EXPECT_EQ(EINVAL, errno);
	large.clone.size = 0;
	EXPECT_EQ(-1, spawnctl_thread(self->fd, &large.clone, return_it, NULL));
	EXPECT_EQ(EINVAL, errno);
}

static __noipa int use_stack(unsigned int bytes)
{
	char *block = alloca(bytes);
	unsigned int i;

	/* From the top down, as a stack grows, with a store to each page */
	for (i = bytes; i > 0; i -= i < 1024 ? i : 1024)
		__atomic_store_n(&block[i - 1], (char)i, __ATOMIC_SEQ_CST);
	return 17;
}

static int use_part_of_stack(void *arg)
{
	return use_stack((uintptr_t)arg);
}

/*
 * A stack overrun ends the child, and damages nothing of the caller's. Before 5.16 a
 * signal that dumps core ends all processes that share the memory, as with vfork(2):
 * there it ends the caller too.
 */
TEST_F(library, guard_page)
{
	const unsigned long size = SPAWNCTL_STACK_SIZE;
	int caller_lives = kernel_at_least(5, 16);
	pid_t pid, caller;

	pid = spawnctl_thread(self->fd, NULL, use_part_of_stack, (void *)(size - 2048));
	EXPECT_TRUE(exited_with(pid, 17));
	caller = fork();
	if (caller == 0) {
		pid = spawnctl_thread(self->fd, NULL, use_part_of_stack, (void *)(size + 1024));
		if (!killed_by(pid, SIGSEGV))
			_exit(1);
		pid = spawnctl_thread(self->fd, NULL, return_it, (void *)1);
		_exit(exited_with(pid, 1) ? 17 : 2);
	}
	EXPECT_TRUE(caller_lives ? exited_with(caller, 17) : killed_by(caller, SIGSEGV));
}

static unsigned int mappings(void)
{
	unsigned int count = 0;
	FILE *file = fopen("/proc/self/maps", "r");
	int c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

TEST_F_TIMEOUT(library, own_stack_is_unmapped, 120)
{
	unsigned int count = scaled(1000, 100, "stacks mapped");
	unsigned int before, i;

	/* The first call maps stdio's buffers */
	mappings();
	before = mappings();
	ASSERT_LT(0U, before);
	for (i = 0; i < count; i++) {
		ASSERT_TRUE(exited_with(spawnctl_thread(self->fd, NULL, return_it, NULL), 0));
		/* A call that fails has mapped a stack too */
		ASSERT_EQ(-1, spawnctl_thread(-1, NULL, return_it, NULL));
	}
	EXPECT_EQ(before, mappings());
}

TEST_F(library, no_memory_for_a_stack)
{
	struct rlimit limit = { SPAWNCTL_STACK_SIZE / 2, SPAWNCTL_STACK_SIZE / 2 };

	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	EXPECT_EQ(-1, spawnctl_thread(self->fd, NULL, return_it, NULL));
	EXPECT_EQ(ENOMEM, errno);
}

/* The child overwrites the stack below the frame that it shares with its parent */
static __noipa int scribble(unsigned char value)
{
	unsigned char block[8192];

	memset(block, value, sizeof(block));
	__asm__ volatile("" : : "r" (block) : "memory");
	return block[17];
}

TEST_F(library, vfork_and_exit)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		pid_t pid;

		errno = ODD_ERRNO;
		pid = spawnctl_vfork(self->fd);
		if (pid == 0)
			_exit(scribble(i));
		EXPECT_EQ(ODD_ERRNO, errno);
		EXPECT_TRUE(exited_with(pid, i));
	}
}

TEST_F(library, vfork_and_exec)
{
	char * const argv[] = { "sh", "-c", "exit 23", NULL };
	pid_t pid = spawnctl_vfork(self->fd);

	if (pid == 0) {
		execv("/bin/sh", argv);
		_exit(127);
	}
	EXPECT_TRUE(exited_with(pid, 23));
}

/*
 * Calls spawnctl_vfork() at each level of a recursion, with locals in registers and
 * on the stack. When the parent continues, its child has used the same stack. All
 * frames must be intact, and the return addresses must be the parent's.
 */
static __noipa unsigned long descend(int fd, unsigned int depth, unsigned long seed, int *failed)
{
	unsigned long local[8];
	unsigned long sum = 0;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(local); i++)
		local[i] = seed * (i + 3);
	pid = spawnctl_vfork(fd);
	if (pid == 0)
		_exit(scribble(depth));
	if (!exited_with(pid, depth))
		(*failed)++;
	if (depth)
		sum = descend(fd, depth - 1, seed + 1, failed);
	for (i = 0; i < ARRAY_SIZE(local); i++)
		sum += local[i];
	return sum;
}

TEST_F(library, vfork_deep_in_calls)
{
	unsigned long expected = 0, seed;
	unsigned int depth = 40, i;
	int failed = 0;

	for (seed = 7; seed <= 7 + depth; seed++)
		for (i = 0; i < 8; i++)
			expected += seed * (i + 3);
	EXPECT_EQ(expected, descend(self->fd, depth, 7, &failed));
	EXPECT_EQ(0, failed);
}

/* A child of vfork() may make a child of its own, on the same stack further down */
static __noipa int vfork_nested(int fd, int depth)
{
	pid_t pid = spawnctl_vfork(fd);

	if (pid == 0)
		_exit(depth ? vfork_nested(fd, depth - 1) : 17);
	return exited_with(pid, 17) ? 17 : 1;
}

TEST_F(library, vfork_in_the_child)
{
	EXPECT_EQ(17, vfork_nested(self->fd, 3));
}

/* Shared by two threads and a child; the child sets @child */
struct canceled {
	int fd;
	pid_t child;
	int canceled;
	pid_t result;
};

/* Calls cancellation points after the parent's thread has been canceled */
static int child_of_canceled(void *arg)
{
	struct canceled *shared = arg;
	int fd;

	__atomic_store_n(&shared->child, (pid_t)raw_syscall(SYS_getpid), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&shared->canceled, __ATOMIC_ACQUIRE))
		raw_sleep_us(1000);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return write(fd, "x", 1) == 1 ? 5 : 6;
}

static void *spawning_thread(void *arg)
{
	struct canceled *shared = arg;

	shared->result = spawnctl_thread(shared->fd, NULL, child_of_canceled, arg);
	pthread_testcancel();
	return NULL;
}

/*
 * The child shares the thread's control block, which holds the cancellation request.
 * The child must not act on it; the thread must, once it has returned.
 */
TEST_F(library, a_thread_canceled_while_it_waits)
{
	struct canceled shared = { .fd = self->fd };
	pthread_t thread;
	void *result = NULL;

	ASSERT_EQ(0, pthread_create(&thread, NULL, spawning_thread, &shared));
	while (!__atomic_load_n(&shared.child, __ATOMIC_ACQUIRE))
		raw_sleep_us(1000);
	ASSERT_EQ(0, pthread_cancel(thread));
	raw_sleep_us(20000);
	__atomic_store_n(&shared.canceled, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(PTHREAD_CANCELED, result);
	EXPECT_EQ(shared.child, shared.result);
	EXPECT_TRUE(exited_with(shared.result, 5));
}

static int quit_itself(void *arg)
{
	raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGQUIT);
	return current_mask() == ~UNBLOCKABLE ? 4 : 5;
}

/*
 * By default all signals are blocked until exec: on kernels before 5.16 a core dump
 * of the child would end its parent too.
 */
TEST_F(library, default_thread_blocks_sigquit)
{
	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, NULL, quit_itself, NULL), 4));
}

/* The new program has the caller's mask, not the window mask */
TEST_F(library, default_thread_restores_the_mask_at_exec)
{
	struct signal_status status;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, SIGBIT(SIGUSR1) | SIGBIT(40), NULL));
	EXPECT_TRUE(exited_with(spawnctl_thread(self->fd, NULL, child_reports,
						(void *)(intptr_t)ends[1]), 0));
	ASSERT_EQ(sizeof(status), read(ends[0], &status, sizeof(status)));
	EXPECT_EQ(SIGBIT(SIGUSR1) | SIGBIT(40), status.blocked);
}

TEST_HARNESS_MAIN
