// SPDX-License-Identifier: GPL-2.0
/*
 * Pending signals: the child does not inherit the caller's, and those that are sent to
 * the child in the window reach the program that it executes.
 */
#include <pthread.h>

#include "program.h"
#include "spawnctl_test.h"

#define QUEUED		5
#define QUEUED_SIGNAL	40
#define PLAIN		(SIGBIT(SIGTERM) | SIGBIT(SIGUSR1) | SIGBIT(SIGINT) | SIGBIT(SIGTSTP))

static int send_queued(pid_t pid, int sig, int value)
{
	return sigqueue(pid, sig, (union sigval) { .sival_int = value });
}

FIXTURE(pending) {
	int fd;
	int report[2];
	struct signal_status *child;
};

FIXTURE_SETUP(pending)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe(self->report));
	self->child = shared_alloc(sizeof(*self->child));
	ASSERT_NE(NULL, self->child);
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, ~0ULL, NULL));
}

FIXTURE_TEARDOWN(pending)
{
	EXPECT_EQ(0, exec_pending(self->fd));
	close(self->fd);
}

static int see_status(void *arg)
{
	return read_signal_status("/proc/self/status", arg);
}

static int become_report(void *arg)
{
	exec_program("report", *(int *)arg);
	return 127;
}

/*
 * The child inherits no pending signal of the caller, and the caller keeps them all:
 * thread-directed and process-directed, standard and queued.
 */
TEST_F(pending, not_inherited)
{
	static const unsigned long commands[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };
	static const struct { __u32 flags; __u64 mask; } windows[] = {
		{ 0, 0 }, { SPAWNCTL_WINDOW_MASK, ~0ULL }, { SPAWNCTL_WINDOW_MASK, 0 },
	};
	static const struct timespec now;
	struct spawnctl_clone clone = { .size = sizeof(clone) };
	struct signal_status before, after, program;
	__u64 queued = SIGBIT(QUEUED_SIGNAL);
	unsigned int i, taken = 0;
	siginfo_t info;
	pid_t pid;

	ASSERT_EQ(0, kill(getpid(), SIGTERM));
	ASSERT_EQ(0, kill(getpid(), 50));
	for (i = 0; i < QUEUED; i++)
		ASSERT_EQ(0, send_queued(getpid(), QUEUED_SIGNAL, i));
	ASSERT_EQ(0, raw_syscall(SYS_tgkill, getpid(), raw_syscall(SYS_gettid), SIGUSR1));
	ASSERT_EQ(0, raw_syscall(SYS_tgkill, getpid(), raw_syscall(SYS_gettid), 51));
	ASSERT_EQ(0, read_signal_status("/proc/self/status", &before));
	/* Without these pending signals the test would show nothing */
	ASSERT_EQ(SIGBIT(SIGUSR1) | SIGBIT(51), before.pending);
	ASSERT_EQ(SIGBIT(SIGTERM) | SIGBIT(50) | queued, before.shared_pending);

	/* A mask narrower than the caller's makes none of them deliverable to the caller */
	for (i = 0; i < 6; i++) {
		clone.flags = windows[i / 2].flags;
		clone.window_mask = windows[i / 2].mask;
		memset(self->child, 0xff, sizeof(*self->child));
		pid = start_child(self->fd, commands[i % 2], &clone, see_status, self->child);
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, wait_status(pid));
		EXPECT_EQ(i / 2 == 2 ? 0 : ~UNBLOCKABLE, self->child->blocked);
		EXPECT_EQ(0, self->child->pending);
		EXPECT_EQ(0, self->child->shared_pending);
	}

	clone.flags = SPAWNCTL_EXEC_MASK;
	clone.window_mask = 0;
	clone.exec_mask = ~0ULL;
	pid = spawnctl_thread(self->fd, &clone, become_report, &self->report[1]);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, wait_status(pid));
	ASSERT_EQ((ssize_t)sizeof(program), read(self->report[0], &program, sizeof(program)));
	EXPECT_EQ(0, program.pending);
	EXPECT_EQ(0, program.shared_pending);

	/* The caller still has its pending signals, and each of the queued ones */
	ASSERT_EQ(0, read_signal_status("/proc/self/status", &after));
	EXPECT_EQ(before.pending, after.pending);
	/* The program's end sends SIGCHLD: exec always makes that the exit signal */
	EXPECT_EQ(before.shared_pending | SIGBIT(SIGCHLD), after.shared_pending);
	while (raw_syscall(SYS_rt_sigtimedwait, &queued, &info, &now, SIGMASK_SIZE) > 0)
		EXPECT_EQ((int)taken++, info.si_value.sival_int);
	EXPECT_EQ(QUEUED, taken);
}

/* The child stores its pid, and waits in the window until all signals have been sent */
struct window {
	pid_t pid;
	int sent;
	int report;
};

static int wait_then_collect(void *arg)
{
	struct window *window = arg;

	WRITE_ONCE(window->pid, raw_syscall(SYS_getpid));
	while (!READ_ONCE(window->sent))
		raw_sleep_us(100);
	exec_program("collect", window->report);
	return 127;
}

static void await_pid(struct window *window)
{
	while (!READ_ONCE(window->pid))
		raw_sleep_us(100);
}

static void *send_all(void *arg)
{
	struct window *window = arg;
	int i, failed = 0;

	await_pid(window);
	for (i = 0; i < QUEUED; i++)
		failed |= send_queued(window->pid, QUEUED_SIGNAL, 1000 + i);
	failed |= send_queued(window->pid, SIGUSR1, 77);
	failed |= kill(window->pid, SIGTERM);
	failed |= kill(window->pid, SIGTSTP);
	/* The child has one thread, so its pid is its thread id too */
	failed |= raw_syscall(SYS_tgkill, window->pid, window->pid, SIGINT);
	WRITE_ONCE(window->sent, 1);
	return failed ? arg : NULL;
}

/*
 * Signals sent in the window reach the program, with sender and value; none of the queued
 * ones is lost, and they keep their order.
 */
TEST_F(pending, sent_in_the_window)
{
	struct window window = { .report = self->report[1] };
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = ~0ULL,
		.exec_mask = ~0ULL,
	};
	unsigned int queued = 0;
	struct taken taken;
	pthread_t sender;
	__u64 seen = 0;
	void *failed;
	pid_t pid;

	ASSERT_EQ(0, pthread_create(&sender, NULL, send_all, &window));
	pid = spawnctl_thread(self->fd, &clone, wait_then_collect, &window);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, pthread_join(sender, &failed));
	ASSERT_EQ(NULL, failed);
	ASSERT_EQ(0, wait_status(pid));
	close(self->report[1]);
	while (read(self->report[0], &taken, sizeof(taken)) == sizeof(taken)) {
		EXPECT_EQ(getpid(), taken.pid);
		if (taken.sig == QUEUED_SIGNAL) {
			EXPECT_EQ(SI_QUEUE, taken.code);
			EXPECT_EQ(1000 + (int)queued++, taken.value);
			continue;
		}
		EXPECT_EQ(0, seen & SIGBIT(taken.sig));
		seen |= SIGBIT(taken.sig);
		if (taken.sig == SIGUSR1) {
			EXPECT_EQ(SI_QUEUE, taken.code);
			EXPECT_EQ(77, taken.value);
		} else {
			EXPECT_EQ(taken.sig == SIGINT ? SI_TKILL : SI_USER, taken.code);
		}
	}
	EXPECT_EQ(QUEUED, queued);
	EXPECT_EQ(PLAIN, seen);
}

static void *send_one(void *arg)
{
	struct window *window = arg;
	int sig = window->sent;

	WRITE_ONCE(window->sent, 0);
	await_pid(window);
	kill(window->pid, sig);
	WRITE_ONCE(window->sent, 1);
	return NULL;
}

/* A fatal signal that only the window mask blocks ends the program, not the child before exec */
TEST_F(pending, fatal_to_the_program)
{
	static const int fatal[] = { SIGHUP, SIGTERM, SIGSEGV, SIGUSR2, 32, 33, 34, 64 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fatal); i++) {
		struct window window = { .sent = fatal[i], .report = self->report[1] };
		struct spawnctl_clone clone = {
			.size = sizeof(clone),
			.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
			.window_mask = ~0ULL,
			.exec_mask = ~SIGBIT(fatal[i]),
		};
		pthread_t sender;
		int status;
		pid_t pid;

		ASSERT_EQ(0, pthread_create(&sender, NULL, send_one, &window));
		while (READ_ONCE(window.sent))
			raw_sleep_us(100);
		pid = spawnctl_thread(self->fd, &clone, wait_then_collect, &window);
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, pthread_join(sender, NULL));
		status = wait_status(pid);
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(fatal[i], WTERMSIG(status));
		EXPECT_EQ(1, window.sent);
	}
}

/* Id of the thread that has taken the signal for which the caller was the first choice */
static long taker;

static void take(int sig)
{
	WRITE_ONCE(taker, raw_syscall(SYS_gettid));
}

/* Two missing pages: the first is for the caller's struct, the second for its child's pid */
struct pages {
	char *page;
	size_t size;
	int fd;
	const struct spawnctl_clone *clone;
	bool taken_early;
	bool taken_in_window;
	int failed;
};

static void give_page(struct pages *pages, int nr, const void *source)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)pages->page + nr * pages->size,
		.src = (uintptr_t)source,
		.len = pages->size,
	};

	pages->failed |= ioctl(pages->fd, UFFDIO_COPY, &copy);
}

static void *serve_pages(void *arg)
{
	struct pages *pages = arg;
	char *source = aligned_alloc(pages->size, pages->size);
	struct uffd_msg message;
	int i;

	memset(source, 0, pages->size);
	memcpy(source, pages->clone, sizeof(*pages->clone));
	/*
	 * The caller waits for its struct. The kernel directs a signal for the process to
	 * the caller, as the main thread is the kernel's first choice.
	 */
	pages->failed |= read(pages->fd, &message, sizeof(message)) != sizeof(message);
	pages->failed |= kill(getpid(), SIGUSR1);
	raw_sleep_us(10000);
	pages->taken_early = READ_ONCE(taker);
	give_page(pages, 0, source);
	/* The caller has made its child, and has blocked all that the child blocks */
	pages->failed |= read(pages->fd, &message, sizeof(message)) != sizeof(message);
	for (i = 0; i < 5000 && !READ_ONCE(taker); i++)
		raw_sleep_us(1000);
	pages->taken_in_window = READ_ONCE(taker) == raw_syscall(SYS_gettid);
	give_page(pages, 1, source);
	free(source);
	return NULL;
}

/* A pending signal that the caller was to take, and now blocks, is taken by another thread */
TEST_F(pending, retargeted_to_another_thread)
{
	struct pages pages = { .size = sysconf(_SC_PAGESIZE) };
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_PARENT_SETTID,
		.window_mask = ~0ULL,
	};
	struct sigaction action = { .sa_handler = take, .sa_flags = SA_RESTART };
	pthread_t server;
	pid_t pid;

	pages.page = mmap(NULL, 2 * pages.size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages.page);
	pages.fd = own_page(pages.page, 2 * pages.size);
	ASSERT_LE(0, pages.fd);
	clone.parent_tid = (uintptr_t)pages.page + pages.size;
	pages.clone = &clone;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, raw_sigprocmask(SIG_UNBLOCK, SIGBIT(SIGUSR1), NULL));
	ASSERT_EQ(0, pthread_create(&server, NULL, serve_pages, &pages));
	pid = raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, pages.page);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, pthread_join(server, NULL));
	ASSERT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, pages.failed);
	EXPECT_FALSE(pages.taken_early);
	EXPECT_TRUE(pages.taken_in_window);
	close(pages.fd);
}

TEST_HARNESS_MAIN
