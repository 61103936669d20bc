// SPDX-License-Identifier: GPL-2.0
/*
 * The wait of the calling thread: other threads run on, signals are deferred, and the
 * child runs on if SIGKILL ends the wait.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "spawnctl_test.h"
#include "storm.h"

#define EXEC_SET	(SIGBIT(SIGHUP) | SIGBIT(60))

/* A child that has all signals blocked in the window */
static const struct spawnctl_clone all_blocked = {
	.size = sizeof(all_blocked),
	.flags = SPAWNCTL_WINDOW_MASK,
	.window_mask = SPAWNCTL_SIGSET_ALL,
	.exit_signal = SIGCHLD,
};

FIXTURE(wait) {
	int fd;
};

FIXTURE_SETUP(wait)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, exec_pending(self->fd));
}

FIXTURE_TEARDOWN(wait)
{
	EXPECT_EQ(0, exec_pending(self->fd));
	close(self->fd);
}

/* A parent that will be killed, and its child; in memory that outlives both */
struct round {
	int fd;
	int report;
	unsigned int linger_us;
	int outlives;	/* the child lingers until the parent is dead */
	int calling;
	int returned;
	int killed;
	pid_t child;
	int ends;
};

static int linger_then_report(void *arg)
{
	struct round *round = arg;

	WRITE_ONCE(round->child, raw_syscall(SYS_getpid));
	while (round->outlives && !READ_ONCE(round->killed))
		raw_sleep_us(100);
	raw_sleep_us(round->linger_us);
	if (round->ends)
		return 5;
	exec_program("report", round->report);
	return 127;
}

static void parent(struct round *round)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.exec_mask = EXEC_SET,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	WRITE_ONCE(round->calling, 1);
	pid = spawnctl_thread(round->fd, &clone, linger_then_report, round);
	WRITE_ONCE(round->returned, pid > 0 ? 1 : -1);
	for (;;)
		pause();
}

/*
 * Kills the parent @delay_us after its call has begun, or, if the child is to outlive
 * the parent, after the child has begun. If the child exists, it must run to its end
 * undisturbed. Returns whether the parent was in the wait.
 */
static int kill_parent(struct __test_metadata *_metadata, struct round *round, int *report,
		       unsigned int delay_us)
{
	struct signal_status status;
	int in_wait, born = 0, ret;
	pid_t pid, child;

	WRITE_ONCE(round->calling, 0);
	WRITE_ONCE(round->returned, 0);
	WRITE_ONCE(round->killed, 0);
	WRITE_ONCE(round->child, 0);
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		parent(round);
	while (!READ_ONCE(round->calling) || (round->outlives && !READ_ONCE(round->child)))
		raw_sleep_us(10);
	raw_sleep_us(delay_us);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ret = wait_status(pid);
	ASSERT_TRUE(WIFSIGNALED(ret));
	ASSERT_EQ(SIGKILL, WTERMSIG(ret));
	WRITE_ONCE(round->killed, 1);
	/* The parent's child, if there is one, is reparented to this process */
	child = waitpid(-1, &ret, __WALL);
	if (child > 0) {
		born = 1;
		EXPECT_EQ(round->child, child);
		EXPECT_EQ(round->ends ? 5 << 8 : 0, ret);
	} else {
		ASSERT_EQ(ECHILD, errno);
		EXPECT_EQ(0, round->child);
	}
	in_wait = born && !round->returned;
	EXPECT_LE(0, round->returned);
	if (born && !round->ends) {
		ASSERT_EQ((ssize_t)sizeof(status), read(report[0], &status, sizeof(status)));
		EXPECT_EQ(EXEC_SET, status.blocked);
	}
	return in_wait;
}

TEST_F_TIMEOUT(wait, parent_killed, 900)
{
	unsigned int count = scaled(divisor_of_counts() == 1 ? 10000 : 1000, 50,
				    "parents killed in the wait");
	unsigned int killed = 0, rounds;
	struct round *round = shared_alloc(sizeof(*round));
	int report[2];

	ASSERT_NE(NULL, round);
	ASSERT_EQ(0, pipe(report));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	round->fd = self->fd;
	round->report = report[1];
	srandom(3);
	/* Alternately in the wait, and at any moment from before the call until after it */
	for (rounds = 0; rounds < 2 * count; rounds++) {
		int in_wait;

		round->outlives = rounds % 2;
		round->linger_us = random() % 3000;
		round->ends = rounds % 8 >= 6;
		in_wait = kill_parent(_metadata, round, report, random() % 3000);
		killed += in_wait;
		if (round->outlives)
			EXPECT_TRUE(in_wait);
	}
	TH_LOG("%u of %u parents were killed in the wait", killed, rounds);
	EXPECT_EQ(0, exec_pending(self->fd));
}

#define QUEUED	5

static unsigned long handled;

static void handler(int sig)
{
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

struct deferred {
	pid_t parent;
	char path[32];
	int failed;
	unsigned long in_wait;
	struct signal_status status;
};

/* Sends its parent each kind of signal, and records the parent's signal state */
static int signal_parent(void *arg)
{
	struct deferred *deferred = arg;
	siginfo_t info = { .si_signo = 60, .si_code = SI_QUEUE };
	pid_t pid = deferred->parent;
	int i;

	info.si_pid = raw_syscall(SYS_getpid);
	for (i = 0; i < QUEUED; i++)
		deferred->failed |= raw_syscall(SYS_rt_sigqueueinfo, pid, 60, &info);
	deferred->failed |= raw_syscall(SYS_kill, pid, SIGINT);
	deferred->failed |= raw_syscall(SYS_tgkill, pid, pid, SIGUSR1);
	raw_sleep_us(50000);
	deferred->in_wait = READ_ONCE(handled);
	deferred->failed |= read_signal_status(deferred->path, &deferred->status);
	return 0;
}

/* The calling thread gets the signals of the window mask after the call, and none is lost */
TEST_F(wait, signals_deferred)
{
	struct deferred deferred = { .parent = getpid() };
	struct spawnctl_clone clone = all_blocked;
	pid_t pid;

	snprintf(deferred.path, sizeof(deferred.path), "/proc/%d/status", deferred.parent);
	ASSERT_EQ(0, set_handlers(SIGBIT(60) | SIGBIT(SIGINT) | SIGBIT(SIGUSR1), handler, 0));
	pid = spawnctl_thread(self->fd, &clone, signal_parent, &deferred);
	ASSERT_LT(0, pid);
	EXPECT_EQ(QUEUED + 2, handled);
	EXPECT_EQ(0, deferred.failed);
	EXPECT_EQ(0, deferred.in_wait);
	EXPECT_EQ(~UNBLOCKABLE, deferred.status.blocked);
	EXPECT_EQ(SIGBIT(SIGUSR1), deferred.status.pending);
	EXPECT_EQ(SIGBIT(60) | SIGBIT(SIGINT), deferred.status.shared_pending);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, current_mask());
}

static int signal_parents_process(void *arg)
{
	struct deferred *deferred = arg;

	deferred->failed = raw_syscall(SYS_kill, deferred->parent, SIGUSR1);
	return 0;
}

static int signal_parents_thread(void *arg)
{
	struct deferred *deferred = arg;

	deferred->failed = raw_syscall(SYS_tgkill, deferred->parent, deferred->parent, SIGUSR1);
	return 0;
}

/* A single signal, for the process or for the thread, is handled before the call returns */
TEST_F(wait, one_signal_deferred)
{
	int (* const children[])(void *arg) = { signal_parents_process, signal_parents_thread };
	struct deferred deferred = { .parent = getpid() };
	struct spawnctl_clone clone = all_blocked;
	unsigned int i;
	pid_t pid;

	/* A SIGCHLD would have the kernel look for pending signals */
	clone.exit_signal = 0;
	ASSERT_EQ(0, set_handlers(SIGBIT(SIGUSR1), handler, 0));
	for (i = 0; i < ARRAY_SIZE(children); i++) {
		handled = 0;
		pid = spawnctl_thread(self->fd, &clone, children[i], &deferred);
		EXPECT_EQ(1, handled)
			TH_LOG("sent to the %s", i ? "thread" : "process");
		EXPECT_EQ(0, deferred.failed);
		EXPECT_TRUE(exited_with(pid, 0));
	}
}

static int taking = 1;

/* Another thread of the caller, which blocks no signal */
static void *take_signals(void *arg)
{
	while (READ_ONCE(taking))
		raw_sleep_us(1000);
	return NULL;
}

static int interrupt_parent(void *arg)
{
	struct deferred *deferred = arg;
	__u64 end = raw_now_us() + 5000000;

	deferred->failed |= raw_syscall(SYS_kill, deferred->parent, SIGINT);
	while (!READ_ONCE(handled) && raw_now_us() < end)
		raw_sleep_us(1000);
	deferred->in_wait = READ_ONCE(handled);
	return 0;
}

TEST_F(wait, signals_taken_by_other_threads)
{
	struct deferred deferred = { .parent = getpid() };
	struct spawnctl_clone clone = all_blocked;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, set_handlers(SIGBIT(SIGINT), handler, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, take_signals, NULL));
	pid = spawnctl_thread(self->fd, &clone, interrupt_parent, &deferred);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, deferred.failed);
	EXPECT_EQ(1, deferred.in_wait);
	EXPECT_EQ(0, wait_status(pid));
	WRITE_ONCE(taking, 0);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/*
 * Another thread of the caller, in a system call that fails with EINTR for any signal
 * that wakes the thread, whatever the signal's action is.
 */
struct sleeper {
	int epoll;
	int wake;
	long ret;
};

static void *sleep_in_epoll(void *arg)
{
	struct sleeper *sleeper = arg;
	struct epoll_event event;

	sleeper->ret = raw_syscall(SYS_epoll_pwait, sleeper->epoll, &event, 1, -1);
	return NULL;
}

/*
 * Whether a thread of this process is in epoll_pwait(2). Looks at all threads, as /proc may
 * show the thread ids of another pid namespace.
 */
static int one_is_in_epoll(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int found = 0;

	while (tasks && (task = readdir(tasks))) {
		char path[300], text[32] = "";
		int fd, nr;

		snprintf(path, sizeof(path), "/proc/self/task/%s/syscall", task->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
		    sscanf(text, "%d ", &nr) == 1)
			found |= nr == SYS_epoll_pwait;
		close(fd);
	}
	closedir(tasks);
	return found;
}

static int start_sleeper(struct sleeper *sleeper, pthread_t *thread)
{
	struct epoll_event event = { .events = EPOLLIN };

	sleeper->ret = 0;
	sleeper->epoll = epoll_create1(EPOLL_CLOEXEC);
	sleeper->wake = eventfd(0, EFD_CLOEXEC);
	if (epoll_ctl(sleeper->epoll, EPOLL_CTL_ADD, sleeper->wake, &event) ||
	    pthread_create(thread, NULL, sleep_in_epoll, sleeper))
		return -1;
	while (!one_is_in_epoll())
		raw_sleep_us(1000);
	return 0;
}

struct barrage {
	pid_t parent;
	__u64 signals;
	struct signal_status own;
	int failed;
};

#define AT_DEFAULT	(SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
#define AT_IGNORE	(SIGBIT(SIGPIPE) | SIGBIT(SIGUSR1) | SIGBIT(50))

static int send_barrage(void *arg)
{
	struct barrage *barrage = arg;
	pid_t self = raw_syscall(SYS_getpid);
	int sig, i;

	for (i = 0; i < 20; i++)
		for (sig = 1; sig <= NSIGNALS; sig++)
			if (barrage->signals & SIGBIT(sig))
				barrage->failed |= raw_syscall(SYS_kill, barrage->parent, sig) != 0;
	/* A signal that this child blocks stays pending, although the child ignores it */
	for (sig = 1; sig <= NSIGNALS; sig++)
		if (barrage->signals & SIGBIT(sig))
			barrage->failed |= raw_syscall(SYS_kill, self, sig) != 0;
	barrage->failed |= read_signal_status("/proc/self/status", &barrage->own);
	return 0;
}

/*
 * The kernel drops signals that the process ignores, as at any other time, and wakes no
 * other thread. @expected: the result of epoll_pwait(2) in another thread.
 */
static void barrage(struct __test_metadata *_metadata, int fd, struct spawnctl_clone *clone,
		    __u64 signals, long expected)
{
	struct barrage barrage = { .parent = getpid(), .signals = signals };
	struct sleeper sleeper;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, start_sleeper(&sleeper, &thread));
	pid = spawnctl_thread(fd, clone, send_barrage, &barrage);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, barrage.failed);
	EXPECT_EQ(clone->window_mask & ~UNBLOCKABLE, barrage.own.blocked);
	EXPECT_EQ(signals & clone->window_mask, barrage.own.shared_pending & signals);
	/* A thread that was woken, but has not run yet, would find the event first */
	while (!READ_ONCE(sleeper.ret) && !one_is_in_epoll())
		raw_sleep_us(1000);
	ASSERT_EQ(8, write(sleeper.wake, &(__u64){ 1 }, 8));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(expected, sleeper.ret);
	EXPECT_EQ(0, current_mask());
	close(sleeper.epoll);
	close(sleeper.wake);
}

TEST_F(wait, ignored_signals_wake_no_thread)
{
	struct spawnctl_clone clone = all_blocked;

	ASSERT_EQ(0, set_handlers(AT_IGNORE, SIG_IGN, 0));
	barrage(_metadata, self->fd, &clone, AT_DEFAULT, 1);
	barrage(_metadata, self->fd, &clone, AT_IGNORE, 1);
	/* Reset in the child, these signals are ignored there by default */
	clone.sig_default = AT_DEFAULT;
	barrage(_metadata, self->fd, &clone, AT_DEFAULT, 1);
	ASSERT_EQ(0, set_handlers(AT_DEFAULT & ~SIGBIT(SIGCHLD), SIG_IGN, 0));
	barrage(_metadata, self->fd, &clone, AT_DEFAULT, 1);
	/* Control: a signal that has an action in the child is blocked, and so queued */
	clone.sig_default = SIGBIT(SIGUSR1);
	barrage(_metadata, self->fd, &clone, SIGBIT(SIGUSR1), -EINTR);
}

static int terminate_parent(void *arg)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGUSR1, 40 };
	pid_t parent = raw_syscall(SYS_getppid);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (raw_syscall(SYS_kill, parent, signals[i]))
			return 1;
	return 0;
}

/* In the init process of a pid namespace, with a second thread: 7 if no signal reached them */
static int spawn_as_init(int fd)
{
	struct spawnctl_clone clone = all_blocked;
	struct sleeper sleeper;
	pthread_t thread;
	pid_t pid;

	if (start_sleeper(&sleeper, &thread))
		return 1;
	pid = spawnctl_thread(fd, &clone, terminate_parent, NULL);
	if (wait_status(pid) || write(sleeper.wake, &(__u64){ 1 }, 8) != 8 ||
	    pthread_join(thread, NULL))
		return 2;
	return sleeper.ret == 1 ? 7 : 3;
}

/*
 * The kernel drops a signal that an init has no handler for, but only if it is not
 * blocked. If the call blocked it, the kernel would choose another thread for it, and
 * the namespace would end.
 */
TEST_F(wait, init_of_a_namespace_is_not_killed)
{
	pid_t pid = fork(), init;

	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(1);
		init = fork();
		if (!init)
			_exit(spawn_as_init(self->fd));
		_exit(exited_with(init, 7) ? 0 : 2);
	}
	EXPECT_EQ(0, wait_status(pid));
}

TEST_HARNESS_MAIN
