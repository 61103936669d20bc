// SPDX-License-Identifier: GPL-2.0
/*
 * rfork(2) and rfork_thread(3): what each flag does, and which flags are refused.
 */
#include "filter.h"
#include "spawnctl_test.h"

#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <spawnctl/rfork.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>

#define STACK	65536
#define UNKNOWN	0x70068f8bU

static char stack[STACK] __attribute__((__aligned__(16)));
static volatile int shared;

static void handler(int sig)
{
	shared += 100;
}

/* The values of FreeBSD's <sys/unistd.h> */
_Static_assert(RFFDG == 0x4 && RFPROC == 0x10 && RFMEM == 0x20 && RFNOWAIT == 0x40, "");
_Static_assert(RFCFDG == 0x1000 && RFTHREAD == 0x2000 && RFSIGSHARE == 0x4000, "");
_Static_assert(RFLINUXTHPN == 0x10000 && RFTSIGZMB == 0x80000 && RFSPAWN == 0x80000000U, "");
_Static_assert(RFTSIGFLAGS(12) == 12 << 20 && RFTSIGNUM(RFTSIGFLAGS(12)) == 12, "");

static int refused(int flags, int error)
{
	errno = 0;
	return rfork(flags) == -1 && errno == error;
}

TEST(invalid_flags_are_refused)
{
	unsigned int bit;

	for (bit = 0; bit < 31; bit++)
		EXPECT_TRUE(refused((int)(RFSPAWN | 1U << bit), EINVAL));
	/* FreeBSD names some of these flags, but does not use them, or not for programs */
	for (bit = 0; bit < 31; bit++)
		if (UNKNOWN & (1U << bit))
			EXPECT_TRUE(refused(RFPROC | 1 << bit, EINVAL));
	EXPECT_TRUE(refused(RFPROC | RFFDG | RFCFDG, EINVAL));
	EXPECT_TRUE(refused(RFFDG | RFCFDG, EINVAL));
	EXPECT_TRUE(refused(RFMEM, EINVAL));
	EXPECT_TRUE(refused(RFPROC | RFTSIGFLAGS(10), EINVAL));
	EXPECT_TRUE(refused(RFPROC | RFTSIGZMB | RFTSIGFLAGS(65), EINVAL));
	EXPECT_TRUE(refused(RFPROC | RFMEM, EOPNOTSUPP));
	EXPECT_TRUE(refused(RFPROC | RFSIGSHARE, EOPNOTSUPP));
	EXPECT_EQ(-1, rfork_thread(RFPROC, NULL, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, rfork_thread(RFMEM, stack + STACK, (int (*)(void *))1, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
}

/* Whether a descriptor that the child opens is open in the parent too: they share the table */
static int opens(int flags)
{
	int fd = dup(0), status;
	pid_t pid;

	close(fd);
	pid = rfork(flags);
	if (!pid)
		_exit(dup2(0, fd) == fd ? 0 : 1);
	status = wait_status(pid);
	if (!is_exit(status, 0))
		return -1;
	return close(fd) == 0;
}

TEST(descriptor_table)
{
	pid_t pid;

	EXPECT_EQ(0, opens(RFPROC | RFFDG));
	EXPECT_EQ(1, opens(RFPROC));
	EXPECT_EQ(1, opens(RFPROC | RFTHREAD));
	pid = rfork(RFPROC | RFCFDG);
	if (!pid)
		_exit(fcntl(0, F_GETFD) == -1 && fcntl(1, F_GETFD) == -1 ? 7 : 8);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_NE(-1, fcntl(0, F_GETFD));
}

TEST(acts_on_the_caller)
{
	pid_t pid = fork();

	if (!pid) {
		if (rfork(0) || rfork(RFFDG) || fcntl(0, F_GETFD) == -1)
			_exit(1);
		_exit(rfork(RFCFDG) == 0 && fcntl(0, F_GETFD) == -1 ? 7 : 2);
	}
	EXPECT_TRUE(exited_with(pid, 7));
	/* In a table that the child has shared with this process until then */
	pid = rfork(RFPROC);
	if (!pid)
		_exit(rfork(RFFDG) == 0 && close(0) == 0 ? 7 : 1);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_NE(-1, fcntl(0, F_GETFD));
	pid = rfork(RFPROC);
	if (!pid)
		_exit(rfork(RFCFDG) == 0 && fcntl(0, F_GETFD) == -1 ? 7 : 1);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_NE(-1, fcntl(0, F_GETFD));
}

TEST(memory_is_a_copy)
{
	pid_t pid;

	shared = 1;
	pid = rfork(RFPROC | RFFDG);
	if (!pid) {
		pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

		shared = 2;
		/* As with fork(3), libc knows the new thread's id: a mutex stores it */
		pthread_mutex_lock(&own);
		_exit(own.__data.__owner == gettid() && raise(0) == 0 ? 7 : 8);
	}
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_EQ(1, shared);
}

static void *join_and_exit(void *arg)
{
	_exit(pthread_join(*(pthread_t *)arg, NULL) ? 2 : 7);
}

/* When the child's first thread ends, the kernel clears the word that pthread_join() waits for */
TEST(first_thread_can_be_joined)
{
	pid_t pid = rfork(RFPROC | RFFDG);

	if (!pid) {
		pthread_t first = pthread_self(), second;

		signal(SIGALRM, SIG_DFL);
		alarm(10);
		if (pthread_create(&second, NULL, join_and_exit, &first))
			_exit(1);
		raw_syscall(SYS_exit, 0);
	}
	EXPECT_TRUE(exited_with(pid, 7));
}

static int set_shared(void *arg)
{
	WRITE_ONCE(shared, 5);
	return 7;
}

TEST(rfork_thread_shares_what_the_flags_say)
{
	pid_t pid;

	shared = 1;
	pid = rfork_thread(RFPROC | RFMEM, stack + STACK, set_shared, NULL);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_EQ(5, READ_ONCE(shared));
	shared = 1;
	pid = rfork_thread(RFPROC | RFFDG, stack + STACK, set_shared, NULL);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_EQ(1, READ_ONCE(shared));
	pid = rfork_thread(RFPROC | RFMEM | RFSIGSHARE | RFCFDG, stack + STACK, set_shared, NULL);
	EXPECT_TRUE(exited_with(pid, 7));
	EXPECT_NE(-1, fcntl(0, F_GETFD));
	shared = 1;
	pid = rfork_thread((int)RFSPAWN, stack + STACK, set_shared, NULL);
	/* With RFSPAWN the call has waited for the child */
	EXPECT_EQ(5, READ_ONCE(shared));
	EXPECT_TRUE(exited_with(pid, 7));
}

/* A filter may refuse clone3(2) with any of these: clone(2) makes the child */
TEST(rfork_thread_where_clone3_is_refused)
{
	static const int errors[] = { ENOSYS, EPERM, EACCES, EOPNOTSUPP };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		pid_t pid = fork();

		if (!pid) {
			if (filter(SYS_clone3, SECCOMP_RET_ERRNO | errors[i]))
				_exit(1);
			pid = rfork_thread(RFPROC | RFFDG, stack + STACK, set_shared, NULL);
			_exit(exited_with(pid, 7) ? 0 : 2);
		}
		EXPECT_TRUE(exited_with(pid, 0)) TH_LOG("%s", strerror(errors[i]));
	}
}

TEST(exit_signal)
{
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = rfork(RFPROC | RFFDG | RFLINUXTHPN);
	if (!pid)
		_exit(0);
	EXPECT_EQ(SIGUSR1, sigwaitinfo(&set, NULL));
	EXPECT_TRUE(exited_with(pid, 0));
	pid = rfork(RFPROC | RFFDG | RFTSIGZMB | RFTSIGFLAGS(SIGUSR2));
	if (!pid)
		_exit(0);
	EXPECT_EQ(SIGUSR2, sigwaitinfo(&set, NULL));
	EXPECT_EQ(-1, waitpid(pid, NULL, 0));
	EXPECT_TRUE(exited_with(pid, 0));
	pid = rfork(RFPROC | RFFDG | RFTSIGZMB);
	if (!pid)
		_exit(0);
	EXPECT_TRUE(exited_with(pid, 0));
	sigpending(&set);
	EXPECT_EQ(0, sigismember(&set, SIGCHLD));
	pid = rfork(RFPROC | RFFDG);
	if (!pid)
		_exit(0);
	EXPECT_TRUE(exited_with(pid, 0));
	sigpending(&set);
	EXPECT_EQ(1, sigismember(&set, SIGCHLD));
}

TEST(nowait_leaves_no_zombie)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int fd = spawnctl_open();
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, spawnctl_get_info(fd, &info));
	if (!(info.spawn_flags & SPAWNCTL_AUTOREAP)) {
		EXPECT_FALSE(kernel_at_least(7, 0));
		EXPECT_TRUE(refused(RFPROC | RFFDG | RFNOWAIT, EOPNOTSUPP));
		EXPECT_EQ(-1, rfork_thread(RFPROC | RFMEM | RFNOWAIT, stack + STACK, set_shared,
					   NULL));
		EXPECT_EQ(EOPNOTSUPP, errno);
		return;
	}
	pid = rfork(RFPROC | RFFDG | RFNOWAIT);
	if (!pid)
		_exit(0);
	EXPECT_LT(0, pid);
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL));
	EXPECT_EQ(ECHILD, errno);
}

/*
 * Makes a child that sends itself a signal that the parent catches, and returns its status.
 * The signal must end a child of rfork(RFSPAWN). A child of vfork(), the control, runs the
 * parent's handler.
 */
static int signaled(pid_t (*make)(void))
{
	struct sigaction action = { .sa_handler = handler }, old;
	int status;
	pid_t pid;

	sigaction(SIGUSR1, &action, &old);
	shared = 0;
	pid = make();
	status = wait_status(pid);
	sigaction(SIGUSR1, &old, NULL);
	return status;
}

static __attribute__((__noinline__)) pid_t by_rfork(void)
{
	pid_t pid = rfork((int)RFSPAWN);

	if (!pid) {
		raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGUSR1);
		_exit(9);
	}
	return pid;
}

static __attribute__((__noinline__)) pid_t by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGUSR1);
		_exit(9);
	}
	return pid;
}

TEST(rfspawn_drops_handlers)
{
	int status = signaled(by_rfork), i;

	EXPECT_TRUE(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	EXPECT_EQ(0, shared);
	/* Control: the handler runs in a child of vfork() */
	EXPECT_TRUE(is_exit(signaled(by_vfork), 9));
	EXPECT_EQ(100, shared);
	for (i = 0; i < 200; i++) {
		pid_t pid = rfork((int)RFSPAWN);

		if (!pid)
			_exit(i);
		ASSERT_TRUE(exited_with(pid, i));
	}
}

static pthread_mutex_t *mutex;

static int lock_and_end(void *arg)
{
	pthread_mutex_lock(mutex);
	return 7;
}

static int handled, frames;

static void count_frames(int sig)
{
	void *addresses[64];

	frames = backtrace(addresses, 64);
	handled++;
}

/* A handler that runs at the end of the wait can unwind the stack, as a profiler's does */
TEST(handler_unwinds_from_the_wait)
{
	void *addresses[64];
	int outside, status;
	pid_t pid;

	/* The first call loads a library */
	outside = backtrace(addresses, 64);
	signal(SIGUSR1, count_frames);
	pid = rfork(RFSPAWN);
	if (!pid) {
		raw_syscall(SYS_kill, raw_syscall(SYS_getppid), SIGUSR1);
		_exit(0);
	}
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(1, handled);
#ifdef ARCH_VFORK_UNWINDS
	/* The handler, the frame of the signal, rfork() */
	EXPECT_LE(outside + 3, frames);
#endif
	TH_LOG("%d frames, %d outside", frames, outside);
}

/* If the child ends with a robust mutex locked, the next thread gets it with EOWNERDEAD */
TEST(robust_mutexes)
{
	struct timespec soon;
	pthread_mutexattr_t attr;
	pid_t pid;
	int i;

	mutex = shared_alloc(sizeof(*mutex));
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_mutex_init(mutex, &attr));
		if (i) {
			pid = rfork_thread(RFPROC | RFFDG, stack + STACK, lock_and_end, NULL);
		} else {
			pid = rfork(RFPROC | RFFDG);
			if (!pid)
				_exit(lock_and_end(NULL));
		}
		EXPECT_TRUE(exited_with(pid, 7));
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_sec += 5;
		EXPECT_EQ(EOWNERDEAD, pthread_mutex_timedlock(mutex, &soon));
	}
}

static int dawdle(void *arg)
{
	int i;

	WRITE_ONCE(shared, 6);
	while (READ_ONCE(shared) != 7)
		raw_sleep_us(1000);
	/* Cancellation points */
	for (i = 0; i < 5; i++)
		usleep(5000);
	return 7;
}

static void *rfspawn(void *arg)
{
	*(pid_t *)arg = rfork_thread((int)RFSPAWN, stack + STACK, dawdle, NULL);
	return NULL;
}

/* A cancellation request is the calling thread's, not the child's, which shares its memory */
TEST(cancellation_stays_in_the_caller)
{
	pthread_t thread;
	pid_t pid = 0;

	shared = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, rfspawn, &pid));
	while (READ_ONCE(shared) != 6)
		sched_yield();
	pthread_cancel(thread);
	WRITE_ONCE(shared, 7);
	pthread_join(thread, NULL);
	EXPECT_TRUE(exited_with(pid, 7));
}

/* A stack at a low address is accepted too */
TEST(stack_at_a_low_address)
{
	char *low = mmap((void *)0x10000, 0x20000, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	ASSERT_NE(MAP_FAILED, low);
	EXPECT_TRUE(exited_with(rfork_thread(RFPROC | RFFDG, low + 0x20000, set_shared, NULL), 7));
}

/* A child that shares the table but not the memory, and spawns, leaves no descriptor in it */
TEST(no_descriptor_left_in_shared_table)
{
	char *argv[] = { "true", NULL };
	unsigned int i, before = open_fds();
	pid_t pid, grandchild;

	for (i = 0; i < 5; i++) {
		pid = rfork(RFPROC);
		if (!pid)
			_exit(spawnctl_spawn(&grandchild, "/bin/true", NULL, NULL, argv,
					     argv + 1) || wait_status(grandchild) ? 8 : 7);
		EXPECT_TRUE(exited_with(pid, 7));
	}
	EXPECT_EQ(before, open_fds());
}

TEST_HARNESS_MAIN
