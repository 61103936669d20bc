// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl_spawn() on each backend, raced by signals, cancellations, other threads and
 * stops.
 */
#include "spawn_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <spawnctl/rfork.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "filter.h"
#include "storm.h"

static struct {
	pid_t reaped;
	pid_t *pid;
	int unset;
	int ran;
} heard;

/* Like the handler of a program that reaps any child */
static void reap_any(int sig)
{
	int saved = errno;
	pid_t pid;

	heard.ran++;
	heard.unset += *heard.pid == -7;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		heard.reaped = pid;
	errno = saved;
}

/*
 * If a spawn fails, a handler of SIGCHLD finds no child. If it succeeds, the handler
 * finds the process id already stored.
 */
TEST_F_TIMEOUT(spawn, handlers_run_after_the_result, 600)
{
	struct sigaction action = { .sa_handler = reap_any };
	unsigned int i, n = scaled(8000, 300, "spawns");
	char *argv[] = { "true", NULL };
	pid_t pid;

	heard.pid = &pid;
	sigaction(SIGCHLD, &action, NULL);
	for (i = 0; i < n; i++) {
		bool fails = i % 2;
		int error;

		pid = -7;
		heard.reaped = 0;
		heard.unset = 0;
		error = spawnctl_spawn(&pid, fails ? "/none" : "/bin/true", NULL, self->attr,
				       argv, environ);
		ASSERT_EQ(fails ? ENOENT : 0, error);
		if (fails) {
			ASSERT_EQ(0, heard.reaped) TH_LOG("spawn %u", i);
			ASSERT_EQ(-7, pid);
			continue;
		}
		while (!__atomic_load_n(&heard.reaped, __ATOMIC_SEQ_CST) &&
		       !waitpid(pid, NULL, WNOHANG))
			usleep(100);
		ASSERT_EQ(0, heard.unset) TH_LOG("spawn %u", i);
	}
	signal(SIGCHLD, SIG_DFL);
	EXPECT_LE(n, heard.ran);
}

static int failed_child_seen;

static void see_failed_child(int sig)
{
	siginfo_t info = { 0 };

	heard.ran++;
	if (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
		failed_child_seen = 1;
}

/*
 * SIGTRAP is one of the signals that a fault raises. If another process sends it while the child
 * is busy, its handler finds no failed child either.
 */
TEST_F(spawn, handler_of_a_fault_runs_after_the_result)
{
	struct sigaction action = { .sa_handler = see_failed_child };
	char dir[] = "/tmp/spawnctl-XXXXXX", first[40], second[40];
	spawnctl_file_actions_t *actions;
	char *argv[] = { "none", NULL };
	pid_t parent = getpid(), sender;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(first, sizeof(first), "%s/first", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	ASSERT_EQ(0, mkfifo(first, 0600));
	ASSERT_EQ(0, mkfifo(second, 0600));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 8, first, O_RDONLY, 0));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 9, second, O_RDONLY, 0));
	heard.ran = 0;
	failed_child_seen = 0;
	sigaction(SIGTRAP, &action, NULL);
	sender = fork();
	ASSERT_LE(0, sender);
	if (!sender) {
		/* Each open waits for that of the spawn's child */
		if (open(first, O_WRONLY) >= 0 && !kill(parent, SIGTRAP))
			open(second, O_WRONLY);
		/* This process must not be the child that has ended */
		for (;;)
			pause();
	}
	EXPECT_EQ(ENOENT, spawnctl_spawn(NULL, "/none", actions, self->attr, argv, environ));
	EXPECT_EQ(1, heard.ran);
	/* With clone3 the library does not block SIGTRAP: the handler runs when the wait ends */
	if (variant->backend != SPAWNCTL_BACKEND_CLONE3)
		EXPECT_EQ(0, failed_child_seen);
	signal(SIGTRAP, SIG_DFL);
	kill(sender, SIGKILL);
	EXPECT_EQ(SIGKILL, wait_status(sender));
	spawnctl_file_actions_destroy(actions);
	unlink(first);
	unlink(second);
	rmdir(dir);
}

static struct spawnctl_result early, seen;

static void see_result(int sig)
{
	seen = early;
}

/* A handler of SIGCHLD finds the whole result of a spawn that has failed */
TEST_F(spawn, result_before_handlers)
{
	struct sigaction action = { .sa_handler = see_result };
	char *argv[] = { "none", NULL };

	sigaction(SIGCHLD, &action, NULL);
	early = (struct spawnctl_result){ .size = sizeof(early), .action = 7 };
	EXPECT_EQ(ENOENT, spawnctl_spawn_result(&early, "/none", NULL, self->attr, argv, environ));
	signal(SIGCHLD, SIG_DFL);
	EXPECT_EQ(ENOENT, seen.error);
	EXPECT_EQ(SPAWNCTL_STEP_EXEC, seen.step);
	EXPECT_EQ(-1, seen.action);
	EXPECT_EQ(-1, seen.pid);
}

static struct spawnctl_result forgotten;

/* Like the handler of a program that keeps a record of the children it has started */
static void forget_child(int sig)
{
	int saved = errno;

	if (forgotten.pid > 0 && waitpid(forgotten.pid, NULL, 0) == forgotten.pid) {
		forgotten.pid = 0;
		close(forgotten.pidfd);
		forgotten.pidfd = -2;
	}
	errno = saved;
}

/*
 * The library does not undo what a handler has done to the results. The signal is
 * sent, and deferred, while the child waits for the other end of a FIFO. So the handler
 * runs as soon as the caller's signals are unblocked.
 */
TEST_F(spawn, handler_may_change_the_results)
{
	const pid_t parent = getpid();
	struct sigaction action = { .sa_handler = forget_child };
	char dir[] = "/tmp/spawn_testXXXXXX", fifo[32];
	char *argv[] = { "true", NULL };
	pid_t helper;
	int i;

	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	ASSERT_EQ(0, mkfifo(fifo, 0600));
	FLAGS(SPAWNCTL_SPAWN_PIDFD);
	EXPECT_EQ(0, spawnctl_file_actions_addopen(self->actions, 8, fifo, O_RDONLY, 0));
	sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < 10; i++) {
		forgotten.size = sizeof(forgotten);
		helper = fork();
		if (!helper) {
			/* A vfork wait: in this test nothing else is in state D */
			while (process_state(parent) != 'D')
				usleep(1000);
			kill(parent, SIGALRM);
			_exit(open(fifo, O_WRONLY) < 0);
		}
		ASSERT_EQ(0, spawnctl_spawn_result(&forgotten, "/bin/true", self->actions,
						   self->attr, argv, environ));
		ASSERT_EQ(0, forgotten.pid);
		ASSERT_EQ(-2, forgotten.pidfd);
		EXPECT_TRUE(exited_with(helper, 0));
	}
	unlink(fifo);
	rmdir(dir);
}

/*
 * A spawn that fails causes one SIGCHLD, as with libc. One that succeeds causes none while
 * its program runs.
 */
TEST_F(spawn, one_sigchld)
{
	char *argv[] = { "sleep", "100", NULL };
	const struct timespec now = { 0 };
	siginfo_t info;
	sigset_t set;
	pid_t pid;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 50; i++) {
		EXPECT_EQ(ENOENT, i % 2 ? posix_spawn(&pid, "/none", NULL, NULL, argv, environ) :
			  spawnctl_spawn(&pid, "/none", NULL, self->attr, argv, environ));
		ASSERT_EQ(SIGCHLD, sigtimedwait(&set, &info, &now));
		EXPECT_EQ(CLD_EXITED, info.si_code);
		EXPECT_EQ(127, info.si_status);
		ASSERT_EQ(-1, sigtimedwait(&set, &info, &now));
	}
	EXPECT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 3));
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "sleep", self->actions, self->attr, argv, environ));
	EXPECT_EQ(-1, sigtimedwait(&set, &info, &now));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(SIGCHLD, sigtimedwait(&set, &info, &now));
}

/* How many of @n failing spawns have left their pidfd open, or given a wrong result */
static unsigned int lost_pidfds(FIXTURE_SELF(spawn) self, unsigned int n)
{
	char *argv[] = { "none", NULL };
	unsigned int i, before, wrong = 0;

	spawnctl_attr_setflags(self->attr, SPAWNCTL_SPAWN_PIDFD);
	before = open_fds();
	for (i = 0; i < n; i++)
		wrong += spawnctl_spawn_result(&self->result, "/none", NULL, self->attr, argv,
					       environ) != ENOENT ||
			 self->result.pidfd != -1;
	return wrong + open_fds() - before;
}

/* If SIGCHLD is ignored, the kernel reaps the child of a spawn that fails */
TEST_F(spawn, fails_with_sigchld_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	EXPECT_EQ(0U, lost_pidfds(self, 100));
	signal(SIGCHLD, SIG_DFL);
}

static struct {
	int stop;
	unsigned int reaped;
} reaper;

static void *reap_all(void *arg)
{
	while (!READ_ONCE(reaper.stop))
		reaper.reaped += waitpid(-1, NULL, __WALL) > 0;
	return arg;
}

/* Another thread reaps some of the children of spawns that fail */
TEST_F_TIMEOUT(spawn, failed_child_reaped_by_a_thread, 120)
{
	unsigned int wanted = scaled(400, 20, "children reaped by another thread");
	unsigned int lost = 0, n = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reap_all, NULL));
	for (; READ_ONCE(reaper.reaped) < wanted; n += 100)
		lost += lost_pidfds(self, 100);
	EXPECT_EQ(0U, lost) TH_LOG("of %u failing spawns", n);
	WRITE_ONCE(reaper.stop, 1);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/*
 * If waitid(2) refuses P_PIDFD, by a filter or on a kernel before 5.4, the library waits for
 * the child by its id.
 */
TEST_F(spawn, fails_without_p_pidfd)
{
	ASSERT_EQ(0, filter(SYS_waitid, SECCOMP_RET_ERRNO | EINVAL));
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE)
		ASSERT_EQ(0, spawnctl_attr_setbackend(self->attr, SPAWNCTL_BACKEND_ANY));
	EXPECT_EQ(0U, lost_pidfds(self, 10));
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
}

/*
 * If another thread has closed the pidfd (EBADF), its number may now be that of another file,
 * so the library does not close it.
 */
TEST_F(spawn, fails_with_closed_pidfd)
{
	ASSERT_EQ(0, filter(SYS_waitid, SECCOMP_RET_ERRNO | EBADF));
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE)
		ASSERT_EQ(0, spawnctl_attr_setbackend(self->attr, SPAWNCTL_BACKEND_ANY));
	EXPECT_EQ(10U, lost_pidfds(self, 10));
	self->fds += 10;
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
}

struct canceled {
	FIXTURE_SELF(spawn) self;
	pid_t pid;
	int begun;
};

static void *spawn_until_canceled(void *arg)
{
	struct canceled *job = arg;
	char *argv[] = { "true", NULL };

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	WRITE_ONCE(job->begun, 1);
	for (;;) {
		WRITE_ONCE(job->pid, 0);
		spawnctl_spawn(&job->pid, "/bin/true", NULL, job->self->attr, argv, environ);
		while (READ_ONCE(job->pid) && waitpid(READ_ONCE(job->pid), NULL, 0) < 0)
			;
	}
	return NULL;
}

/* Cancels @n spawning threads. Returns how many children they left whose id is not stored. */
static unsigned int cancel_spawns(FIXTURE_SELF(spawn) self, unsigned int n)
{
	unsigned int i, unknown = 0;

	for (i = 0; i < n; i++) {
		struct canceled job = { .self = self };
		pthread_t thread;

		if (pthread_create(&thread, NULL, spawn_until_canceled, &job))
			return n;
		while (!READ_ONCE(job.begun))
			sched_yield();
		usleep(rand() % 5000);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
		if (job.pid > 0)
			waitpid(job.pid, NULL, 0);
		while (waitpid(-1, NULL, 0) > 0)
			unknown++;
	}
	return unknown;
}

/* A thread that is canceled at a random moment leaves no child whose id is not stored */
TEST_F_TIMEOUT(spawn, canceled_thread_leaves_no_child, 600)
{
	EXPECT_EQ(0U, cancel_spawns(self, scaled(4000, 100, "cancellations")));
}

/*
 * A canceled thread leaves no descriptor either. Here each spawn opens one, as the process
 * shares its table with its parent, which does not know that descriptor.
 */
TEST_F_TIMEOUT(spawn, canceled_in_a_shared_table, 600)
{
	unsigned int n = scaled(2000, 100, "cancellations");
	pid_t child = rfork(RFPROC);

	ASSERT_LE(0, child);
	if (!child)
		_exit(cancel_spawns(self, n) != 0);
	EXPECT_EQ(0, wait_status(child));
}

static int sigchlds;

static void count(int sig)
{
	__atomic_fetch_add(&sigchlds, 1, __ATOMIC_SEQ_CST);
}

/* Under a fast timer each spawn succeeds or fails as it should: no signal interrupts it */
TEST_F_TIMEOUT(spawn, no_failure_under_a_timer, 600)
{
	const struct itimerval fast = { { 0, 2000 }, { 0, 2000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = count };
	unsigned int i, n = scaled(6000, 300, "spawns");
	char *argv[] = { "true", NULL };
	pid_t pid;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	for (i = 0; i < n; i++) {
		int error = spawnctl_spawn(&pid, i % 2 ? "/bin/true" : "/none", NULL, self->attr,
					   argv, environ);

		if (error != (i % 2 ? 0 : ENOENT))
			break;
		if (!error && wait_status(pid) != 0)
			break;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	EXPECT_EQ(n, i);
	EXPECT_LT(0, sigchlds);
}

/* A new program ignores these by default */
#define HARMLESS	(SIGBIT(SIGWINCH) | SIGBIT(SIGURG))

static struct {
	pid_t parent;
	int in_parent;
	int in_child;
} *ran;

static void where_it_ran(int sig)
{
	int *n = raw_syscall(SYS_getpid) == ran->parent ? &ran->in_parent : &ran->in_child;

	__atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
}

/* As in storm_test, whose controls show that the handlers do run in a child of vfork(2) */
static void weather_a_storm(struct __test_metadata *_metadata, FIXTURE_SELF(spawn) self)
{
	unsigned int i, n = scaled(8000, 300, "spawns");
	char *argv[] = { "true", NULL };
	struct storm *storm;
	pid_t pid;

	ran = shared_alloc(sizeof(*ran));
	ran->parent = getpid();
	ASSERT_EQ(0, own_group());
	ASSERT_EQ(0, set_handlers(HARMLESS, where_it_ran, SA_RESTART));
	storm = storm_start(-getpid(), HARMLESS, 400);
	ASSERT_NE(NULL, storm);
	/* Many actions make the window longer, so that signals arrive in it */
	for (i = 0; i < 30; i++)
		EXPECT_EQ(0, spawnctl_file_actions_adddup2(self->actions, 0, 7));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, spawnctl_spawn(&pid, "/bin/true", self->actions, self->attr, argv,
					    environ));
		ASSERT_EQ(0, wait_status(pid));
	}
	EXPECT_LT(0, storm_stop(storm));
	EXPECT_LT(0, ran->in_parent);
	EXPECT_EQ(0, ran->in_child);
}

TEST_F_TIMEOUT(spawn, no_handler_in_the_child, 600)
{
	weather_a_storm(_metadata, self);
}

/* The same without clone3(2), as under RestrictNamespaces= of systemd */
TEST_F_TIMEOUT(spawn, no_handler_in_a_filtered_child, 600)
{
	const struct spawnctl_limit marked = {
		.size = sizeof(marked), .flags = SPAWNCTL_LIMIT_FILTERED,
	};
	int fd = spawnctl_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, spawnctl_narrow(fd, &marked));
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE)
		ASSERT_EQ(0, spawnctl_attr_setdevice(self->attr, fd));
	ASSERT_EQ(0, filter(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS));
	if (variant->backend == SPAWNCTL_BACKEND_CLONE3) {
		EXPECT_EQ(ENOSYS, spawnctl_spawn(NULL, "/bin/true", NULL, self->attr,
						 (char *[]){ "true", NULL }, environ));
	} else {
		weather_a_storm(_metadata, self);
	}
	close(fd);
}

struct worker {
	FIXTURE_SELF(spawn) self;
	pthread_t thread;
	unsigned int count;
	unsigned int wrong;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	char *argv[] = { "sh", "-c", "exit $0", NULL, NULL }, number[4];
	unsigned int i;
	pid_t pid;

	argv[3] = number;
	for (i = 0; i < worker->count; i++) {
		int error;

		snprintf(number, sizeof(number), "%u", i % 100);
		error = spawnctl_spawnp(&pid, i % 5 ? "sh" : "no-such-program",
					worker->self->actions, worker->self->attr, argv, environ);
		if (error != (i % 5 ? 0 : ENOENT) || (!error && !exited_with(pid, i % 100)))
			worker->wrong++;
	}
	return NULL;
}

/* Threads spawn with the same objects, while the process forks and the children spawn too */
TEST_F_TIMEOUT(spawn, threads_share_objects, 600)
{
	unsigned int i, n = scaled(8000, 160, "spawns in 8 threads");
	struct worker workers[8];

	EXPECT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 3));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker){ .self = self, .count = n / 8 };
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct worker own = { .self = self, .count = 10 };

			work(&own);
			_exit(own.wrong ? 8 : 7);
		}
		EXPECT_TRUE(exited_with(pid, 7));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0U, workers[i].wrong);
	}
}

TEST_HARNESS_MAIN
