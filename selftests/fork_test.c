// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl_fork(): its child has a clean signal state, and a libc that works as far as promised.
 */
#include <pthread.h>
#include <sys/wait.h>
#include "filter.h"
#include "spawnctl_test.h"

#define ODD_ERRNO	4711
/* Reserved by glibc for pthread_cancel(3), and for setuid(2) in all threads. */
#define LIBC_SIGNALS	(SIGBIT(32) | SIGBIT(33))

struct robust_head {
	struct robust_head *next;
	long futex_offset;
	struct robust_head *pending;
};

FIXTURE(fork)
{
	int fd;
};

FIXTURE_SETUP(fork)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fork)
{
	close(self->fd);
}

/* In the child: returns 17, or the number of the check that failed. */
static int check_signals(void)
{
	struct signal_status status;

	if (read_signal_status("/proc/self/status", &status))
		return 1;
	if (status.blocked)
		return 2;
	if (status.ignored)
		return 3;
	if (status.caught & ~LIBC_SIGNALS)
		return 4;
	return status.pending || status.shared_pending ? 5 : 17;
}

static void handler(int sig)
{
	(void)sig;
}

/*
 * In the child no signal is blocked, ignored or pending, and only libc's own ones are caught. The
 * parent's signal state is unchanged.
 */
TEST_F(fork, signal_state)
{
	struct signal_status before, after;
	int sig, status;
	pid_t pid;

	/* A third each ignored, caught and default; all blocked; some pending. */
	for (sig = 1; sig <= NSIGNALS; sig++) {
		struct kernel_sigaction action = { .handler = 1 };

		if (SIGBIT(sig) & (UNBLOCKABLE | LIBC_SIGNALS))
			continue;
		if (sig % 3 == 0)
			raw_sigaction(sig, &action, NULL);
		else if (sig % 3 == 1)
			signal(sig, handler);
	}
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, ~0ULL, NULL));
	kill(getpid(), SIGUSR1);
	raise(SIGRTMIN + 3);
	ASSERT_EQ(0, read_signal_status("/proc/self/status", &before));
	ASSERT_NE(0ULL, before.ignored);
	ASSERT_NE(0ULL, before.caught);
	ASSERT_EQ(~UNBLOCKABLE, before.blocked);
	ASSERT_NE(0ULL, before.pending | before.shared_pending);

	errno = ODD_ERRNO;
	pid = spawnctl_fork(self->fd);
	if (pid == 0)
		_exit(errno == ODD_ERRNO ? check_signals() : 6);
	EXPECT_EQ(ODD_ERRNO, errno);
	status = wait_status(pid);
	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 17)
		TH_LOG("status %#x", status);
	ASSERT_EQ(0, read_signal_status("/proc/self/status", &after));
	/* Except for the child's SIGCHLD, which is pending now. */
	after.shared_pending &= ~SIGBIT(SIGCHLD);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

static void *return_it(void *arg)
{
	return arg;
}

static int same_libc_handlers(const struct kernel_sigaction *wanted)
{
	struct kernel_sigaction action;
	int i;

	for (i = 0; i < 2; i++)
		if (raw_sigaction(32 + i, NULL, &action) ||
		    memcmp(&action, &wanted[i], sizeof(action)))
			return 0;
	return 1;
}

/* The child has libc's own handlers: libc installs them once and relies on them. */
TEST_F(fork, libc_handlers_are_kept)
{
	struct kernel_sigaction action[2] = {};
	pthread_t thread;
	pid_t pid;

	/* Have libc install them: cancel a thread, and change an id. */
	ASSERT_EQ(0, pthread_create(&thread, NULL, return_it, NULL));
	pthread_cancel(thread);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, setgid(0));
	ASSERT_EQ(0, raw_sigaction(32, NULL, &action[0]));
	ASSERT_EQ(0, raw_sigaction(33, NULL, &action[1]));
	ASSERT_NE(0ULL, action[0].handler | action[1].handler);
	pid = spawnctl_fork(self->fd);
	if (pid == 0)
		_exit(same_libc_handlers(action) ? 17 : 1);
	EXPECT_TRUE(exited_with(pid, 17));
	EXPECT_TRUE(same_libc_handlers(action));
}

/*
 * libc's handler drops such a signal from another process. The signal must not reach the child
 * before the handler is there: its default action would kill the child.
 */
TEST_F_TIMEOUT(fork, stray_signal_of_libc, 600)
{
	unsigned int i, count = scaled(2000, 100, "forks under signal 33");
	struct kernel_sigaction action = {};
	pid_t group = getpid(), sender;
	pthread_t thread;

	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, pthread_create(&thread, NULL, return_it, NULL));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, raw_sigaction(33, NULL, &action));
	ASSERT_NE(0ULL, action.handler);
	sender = fork();
	if (!sender) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		for (;;) {
			raw_syscall(SYS_kill, -group, 33);
			raw_sleep_us(500);
		}
	}
	for (i = 0; i < count; i++) {
		pid_t pid = spawnctl_fork(self->fd);

		if (pid == 0) {
			raw_sleep_us(1000);
			_exit(17);
		}
		EXPECT_TRUE(exited_with(pid, 17))
			break;
	}
	kill(sender, SIGKILL);
	EXPECT_NE(-1, wait_status(sender));
}

/* Returns the thread id that libc has cached, as the owner field of a mutex shows it, or -1. */
static int cached_tid(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;
	int owner;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&mutex, &attr);
	pthread_mutex_lock(&mutex);
	owner = mutex.__data.__owner;
	/* libc knows the owner by the cached id, and so answers EDEADLK. */
	if (pthread_mutex_lock(&mutex) != EDEADLK || pthread_mutex_unlock(&mutex))
		return -1;
	return owner;
}

static int check_tid(int fd)
{
	pid_t pid = spawnctl_fork(fd);

	if (pid == 0)
		_exit(cached_tid() == raw_syscall(SYS_gettid) &&
		      raw_syscall(SYS_gettid) == raw_syscall(SYS_getpid) ? 17 : 1);
	return exited_with(pid, 17);
}

/* libc's cached thread id is the child's own, not its parent's. */
TEST_F(fork, cached_thread_id)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	int own = cached_tid();
	pid_t pid;

	ASSERT_EQ(own, raw_syscall(SYS_gettid));
	EXPECT_TRUE(check_tid(self->fd));
	/* The control: a bare ioctl leaves the parent's id in the child. */
	pid = raw_syscall(SYS_ioctl, self->fd, SPAWNCTL_IOC_FORK, &clone);
	if (pid == 0)
		raw_syscall(SYS_exit_group, cached_tid() == own ? 17 : 1);
	EXPECT_TRUE(exited_with(pid, 17));
	EXPECT_EQ(own, cached_tid());
}

static pthread_mutex_t *shared_robust_mutex(void)
{
	pthread_mutex_t *mutex = shared_alloc(sizeof(*mutex));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &attr);
	return mutex;
}

/* The child's robust list is empty at first and then works; the parent's is unchanged. */
TEST_F(fork, robust_list)
{
	pthread_mutex_t *of_parent = shared_robust_mutex();
	pthread_mutex_t *of_child = shared_robust_mutex();
	struct robust_head *own = NULL;
	size_t length = 0;
	pid_t pid;

	ASSERT_EQ(0, pthread_mutex_lock(of_parent));
	ASSERT_EQ(0, raw_syscall(SYS_get_robust_list, 0, &own, &length));
	ASSERT_NE(NULL, own);
	ASSERT_NE(own, own->next);
	pid = spawnctl_fork(self->fd);
	if (pid == 0) {
		struct robust_head *head = NULL;
		size_t size = 0;

		raw_syscall(SYS_get_robust_list, 0, &head, &size);
		if (head != own || size != length)
			_exit(1);
		if (head->next != head || head->pending)
			_exit(2);
		/* Still locked when the child ends: the kernel must find it in the list. */
		if (pthread_mutex_lock(of_child))
			_exit(3);
		_exit(head->next == head ? 4 : 17);
	}
	EXPECT_TRUE(exited_with(pid, 17));
	EXPECT_EQ(EOWNERDEAD, pthread_mutex_lock(of_child));
	/* The parent's list and mutex are unchanged. */
	EXPECT_NE(own, own->next);
	EXPECT_EQ(EBUSY, pthread_mutex_trylock(of_parent));
	EXPECT_EQ(0, pthread_mutex_unlock(of_parent));
}

static int atfork_runs;

static void count_atfork(void)
{
	atfork_runs++;
}

TEST_F(fork, atfork_handlers_do_not_run)
{
	pid_t pid;

	ASSERT_EQ(0, pthread_atfork(count_atfork, count_atfork, count_atfork));
	pid = spawnctl_fork(self->fd);
	if (pid == 0)
		_exit(atfork_runs ? 1 : 17);
	EXPECT_TRUE(exited_with(pid, 17));
	EXPECT_EQ(0, atfork_runs);
	/* The control: with fork() they do. */
	pid = fork();
	if (pid == 0)
		_exit(atfork_runs == 2 ? 17 : 1);
	EXPECT_TRUE(exited_with(pid, 17));
	EXPECT_EQ(2, atfork_runs);
}

/* If the parent has one thread, all of libc works in the child: malloc(3), threads, fork(3). */
TEST_F(fork, libc_in_the_child)
{
	pid_t pid = spawnctl_fork(self->fd);

	if (pid == 0) {
		pthread_t thread;
		void *ret = NULL;
		char *memory = malloc(100000);

		if (!memory || pthread_create(&thread, NULL, return_it, memory) ||
		    pthread_join(thread, &ret) || ret != memory)
			_exit(1);
		free(memory);
		pid = fork();
		if (pid == 0)
			_exit(17);
		_exit(exited_with(pid, 17) ? 17 : 2);
	}
	EXPECT_TRUE(exited_with(pid, 17));
}

static void *join_and_exit(void *arg)
{
	_exit(pthread_join(*(pthread_t *)arg, NULL) ? 2 : 17);
}

/*
 * pthread_join(3) waits until the kernel clears a word at the thread's end. In a child without
 * clear_child_tid, a join of the first thread would never return.
 */
TEST_F(fork, first_thread_can_be_joined)
{
	pid_t pid = spawnctl_fork(self->fd);
	int status;

	if (pid == 0) {
		pthread_t first = pthread_self(), second;

		signal(SIGALRM, SIG_DFL);
		alarm(10);
		if (pthread_create(&second, NULL, join_and_exit, &first))
			_exit(1);
		raw_syscall(SYS_exit, 0);
	}
	status = wait_status(pid);
	EXPECT_TRUE(is_exit(status, 17))
		TH_LOG("status %#x", status);
}

static int stop_threads;

static void *use_malloc(void *arg)
{
	void *blocks[32] = {};
	unsigned int i = 0;

	(void)arg;
	while (!READ_ONCE(stop_threads)) {
		free(blocks[i % 32]);
		blocks[i % 32] = malloc(64 + i % 4000);
		i++;
	}
	for (i = 0; i < 32; i++)
		free(blocks[i]);
	return NULL;
}

struct forker {
	int fd;
	unsigned int rounds;
	unsigned int right;
	unsigned int tids;
};

/* Each child makes async-signal-safe calls, which no lock of another thread may block. */
static void *fork_repeatedly(void *arg)
{
	struct forker *forker = arg;
	unsigned int i;

	for (i = 0; i < forker->rounds; i++) {
		int pipes[2];
		char byte = 0;
		pid_t pid;

		if (pipe(pipes))
			break;
		pid = spawnctl_fork(forker->fd);
		if (pid == 0) {
			signal(SIGALRM, SIG_DFL);
			alarm(20);
			_exit(write(pipes[1], "x", 1) == 1 ? 17 : 1);
		}
		close(pipes[1]);
		forker->right += read(pipes[0], &byte, 1) == 1 && byte == 'x' &&
				 exited_with(pid, 17);
		close(pipes[0]);
		forker->tids += check_tid(forker->fd);
	}
	return NULL;
}

/* Children of a process with busy threads run, and have the right cached thread id. */
TEST_F_TIMEOUT(fork, many_threads, 600)
{
	struct forker main_thread = { .fd = self->fd };
	struct forker second = { .fd = self->fd };
	pthread_t users[3], thread;
	unsigned int i;

	main_thread.rounds = scaled(2000, 100, "forks of a busy process");
	second.rounds = main_thread.rounds;
	for (i = 0; i < ARRAY_SIZE(users); i++)
		ASSERT_EQ(0, pthread_create(&users[i], NULL, use_malloc, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, fork_repeatedly, &second));
	fork_repeatedly(&main_thread);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	WRITE_ONCE(stop_threads, 1);
	for (i = 0; i < ARRAY_SIZE(users); i++)
		ASSERT_EQ(0, pthread_join(users[i], NULL));
	EXPECT_EQ(main_thread.rounds, main_thread.right);
	EXPECT_EQ(second.rounds, second.right);
	EXPECT_EQ(main_thread.rounds, main_thread.tids);
	EXPECT_EQ(second.rounds, second.tids);
}

/* The 0 of a filter, or of another driver, is not taken for the 0 of a child */
TEST_F(fork, a_filter_answers_0)
{
	pid_t pid = getpid();

	ASSERT_EQ(0, filter(SYS_ioctl, SECCOMP_RET_ERRNO | 0));
	errno = 0;
	EXPECT_EQ(-1, spawnctl_fork(self->fd));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(pid, getpid());
	EXPECT_EQ(-1, waitpid(-1, NULL, 0));
	EXPECT_EQ(ECHILD, errno);
}

TEST_HARNESS_MAIN
