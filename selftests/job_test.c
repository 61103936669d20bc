// SPDX-License-Identifier: GPL-2.0
/*
 * The children of an open file as a job: LIMIT bounds how many are alive at a time, exactly and
 * also under a race, and the last close can kill those that are left.
 */
#include <pthread.h>

#include <spawnctl/spawn.h>

#include "contract.h"

#define THREADS	16
#define LIVE	4

FIXTURE(job)
{
	int fd;
	int ready[2];	/* a child writes a byte once it has closed its copy of the device */
	int release[2];	/* a child ends when the last writer of this pipe is closed */
	int (*step)(FIXTURE_SELF(job) self);
};

FIXTURE_SETUP(job)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pipe(self->ready));
	ASSERT_EQ(0, pipe(self->release));
	/* For children whose parent has ended */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	raw_sigprocmask(SIG_SETMASK, ODD_MASK, NULL);
}

FIXTURE_TEARDOWN(job)
{
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
	EXPECT_EQ(ECHILD, errno);
	close(self->fd);
}

static int live_limit(int fd, __u64 live)
{
	return spawnctl_narrow(fd, LIMIT(.flags = SPAWNCTL_LIMIT_LIVE, .live = live));
}

static int kill_at_close(int fd)
{
	return spawnctl_narrow(fd, LIMIT(.flags = SPAWNCTL_LIMIT_KILL));
}

/* A child: keeps nothing open that the parent waits for, and waits until it is released */
static int await_release(void *arg)
{
	FIXTURE_SELF(job) self = arg;
	char byte;

	raw_syscall(SYS_close, self->fd);
	raw_syscall(SYS_close, self->release[1]);
	if (self->step && self->step(self))
		return 2;
	if (raw_syscall(SYS_write, self->ready[1], "", 1) != 1)
		return 3;
	return raw_syscall(SYS_read, self->release[0], &byte, 1) ? 4 : 0;
}

/* Waits until the child @pid is ready. Returns @pid, or -1 */
static pid_t ready(FIXTURE_SELF(job) self, pid_t pid)
{
	char byte;

	return pid > 0 && read(self->ready[0], &byte, 1) == 1 ? pid : -1;
}

static pid_t start(FIXTURE_SELF(job) self)
{
	return ready(self, start_child(self->fd, SPAWNCTL_IOC_FORK, CLONE(.exit_signal = SIGCHLD),
				       await_release, self));
}

static void release(FIXTURE_SELF(job) self)
{
	close(self->release[1]);
	self->release[1] = -1;
}

static int is_sigkill(int status)
{
	return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int is_killed(pid_t pid)
{
	return is_sigkill(wait_status(pid));
}

TEST_F(job, live)
{
	pid_t pid[LIVE];
	int i;

	ASSERT_EQ(0, live_limit(self->fd, LIVE));
	EXPECT_EQ(LIVE + 0ULL, info_of(self->fd).most_live);
	for (i = 0; i < LIVE; i++) {
		EXPECT_EQ(0U, info_of(self->fd).refusal);
		EXPECT_EQ(i + 0ULL, info_of(self->fd).live);
		pid[i] = start(self);
		ASSERT_LT(0, pid[i]);
	}
	EXPECT_EQ(LIVE + 0ULL, info_of(self->fd).live);
	EXPECT_EQ(EAGAIN + 0U, info_of(self->fd).refusal);
	for (i = 0; i < ARRAY_SIZE(births); i++)
		EXPECT_EQ(-EAGAIN, raw_spawn_exit(self->fd, births[i], CLONE()));
	/* One that has ended makes room for one, before it is waited for */
	ASSERT_EQ(0, kill(pid[0], SIGKILL));
	ASSERT_EQ(0, waitid(P_PID, pid[0], NULL, WEXITED | WNOWAIT));
	EXPECT_EQ(LIVE - 1ULL, info_of(self->fd).live);
	ASSERT_TRUE(is_killed(pid[0]));
	pid[0] = start(self);
	ASSERT_LT(0, pid[0]);
	EXPECT_EQ(-EAGAIN, raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, CLONE()));
	release(self);
	for (i = 0; i < LIVE; i++)
		EXPECT_TRUE(exited_with(pid[i], 0));
	EXPECT_EQ(0ULL, info_of(self->fd).live);
	/* Children that end one after another never count together */
	for (i = 0; i < 3 * LIVE; i++)
		both_accept(_metadata, self->fd, CLONE(), "one at a time");
	EXPECT_EQ(0ULL, info_of(self->fd).live);
}

struct racer {
	FIXTURE_SELF(job) self;
	pthread_barrier_t *start;
	pthread_t thread;
	pid_t pid;
	int error;
};

static int await_the_end(void *arg)
{
	FIXTURE_SELF(job) self = arg;
	char byte;

	raw_syscall(SYS_close, self->release[1]);
	return raw_syscall(SYS_read, self->release[0], &byte, 1) ? 4 : 0;
}

static void *race(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->start);
	racer->pid = start_child(racer->self->fd, SPAWNCTL_IOC_FORK,
				 CLONE(.exit_signal = SIGCHLD), await_the_end, racer->self);
	racer->error = racer->pid < 0 ? errno : 0;
	return NULL;
}

/* Of 16 threads that each make a child at once, 4 succeed in each round */
TEST_F_TIMEOUT(job, live_is_exact_under_race, 300)
{
	unsigned int rounds = scaled(1000, 50, "rounds"), round, made, i;
	struct racer racer[THREADS];
	pthread_barrier_t start;

	ASSERT_EQ(0, live_limit(self->fd, LIVE));
	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, THREADS));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < THREADS; i++) {
			racer[i] = (struct racer){ .self = self, .start = &start };
			ASSERT_EQ(0, pthread_create(&racer[i].thread, NULL, race, &racer[i]));
		}
		for (made = 0, i = 0; i < THREADS; i++) {
			pthread_join(racer[i].thread, NULL);
			made += racer[i].pid > 0;
			if (racer[i].pid < 0)
				EXPECT_EQ(EAGAIN, racer[i].error);
		}
		EXPECT_EQ(LIVE + 0U, made);
		EXPECT_EQ(LIVE + 0ULL, info_of(self->fd).live);
		release(self);
		for (i = 0; i < THREADS; i++)
			if (racer[i].pid > 0)
				EXPECT_TRUE(exited_with(racer[i].pid, 0));
		ASSERT_EQ(0ULL, info_of(self->fd).live);
		close(self->release[0]);
		ASSERT_EQ(0, pipe(self->release));
	}
}

/* A call that makes no child does not count */
TEST_F(job, failed_calls_do_not_count)
{
	int i;

	ASSERT_EQ(0, live_limit(self->fd, 1));
	for (i = 0; i < ARRAY_SIZE(births); i++)
		refused(_metadata, self->fd, births[i],
			CLONE(.flags = SPAWNCTL_PIDFD, .pidfd = 8), EFAULT, "a bad pidfd");
	EXPECT_EQ(0ULL, info_of(self->fd).live);
	both_accept(_metadata, self->fd, CLONE(), "after calls that failed");
}

TEST_F(job, smallest_limit_applies)
{
	ASSERT_EQ(0, live_limit(self->fd, 5));
	ASSERT_EQ(0, live_limit(self->fd, 2));
	ASSERT_EQ(0, live_limit(self->fd, 9));
	EXPECT_EQ(2ULL, info_of(self->fd).most_live);
	ASSERT_EQ(0, live_limit(self->fd, 0));
	both_refuse(_metadata, self->fd, CLONE(), EAGAIN, "none may be alive");
	EXPECT_EQ(EAGAIN + 0U, info_of(self->fd).refusal);
}

/* The kernel reaps a child whose parent ignores SIGCHLD */
TEST_F(job, reaped_by_the_kernel)
{
	ASSERT_EQ(0, live_limit(self->fd, 1));
	signal(SIGCHLD, SIG_IGN);
	ASSERT_LT(0, start(self));
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	release(self);
	EXPECT_EQ(-1, waitpid(-1, NULL, 0));
	EXPECT_EQ(0ULL, info_of(self->fd).live);
	signal(SIGCHLD, SIG_DFL);
}

static void *await_release_in_thread(void *arg)
{
	raw_syscall(SYS_exit_group, await_release(arg));
	return NULL;
}

/* A process whose first thread has ended still counts, and is still killed */
static int end_first_thread(FIXTURE_SELF(job) self)
{
	pthread_t thread;

	self->step = NULL;
	if (pthread_create(&thread, NULL, await_release_in_thread, self))
		return 1;
	raw_syscall(SYS_exit, 0);
	return 1;
}

static pid_t start_without_first_thread(FIXTURE_SELF(job) self)
{
	pid_t pid = spawnctl_fork(self->fd);

	if (pid == 0)
		_exit(end_first_thread(self));
	pid = ready(self, pid);
	while (pid > 0 && process_state(pid) != 'Z')
		raw_sleep_us(1000);
	return pid;
}

TEST_F(job, counts_until_the_last_thread_ends)
{
	pid_t pid;

	ASSERT_EQ(0, live_limit(self->fd, 1));
	pid = start_without_first_thread(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	release(self);
	EXPECT_TRUE(exited_with(pid, 0));
	EXPECT_EQ(0ULL, info_of(self->fd).live);
}

TEST_F(job, kills_a_process_without_first_thread)
{
	pid_t pid;

	ASSERT_EQ(0, kill_at_close(self->fd));
	pid = start_without_first_thread(self);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_killed(pid));
}

static int linger(void *arg)
{
	FIXTURE_SELF(job) self = arg;

	return exec_program("linger", self->ready[1]);
}

/* Starts a program by SPAWN, with a pending exec mask until then. It checks the mask. */
static pid_t start_program_by(FIXTURE_SELF(job) self, int (*fn)(void *arg))
{
	return ready(self, spawnctl_thread(self->fd,
					   CLONE(.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
						 .exec_mask = ~0ULL, .exit_signal = SIGCHLD),
					   fn, self));
}

static pid_t start_program(FIXTURE_SELF(job) self)
{
	return start_program_by(self, linger);
}

TEST_F(job, counts_after_exec)
{
	pid_t pid;

	ASSERT_EQ(0, live_limit(self->fd, 1));
	pid = start_program(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	EXPECT_EQ(0, exec_pending(self->fd));
	EXPECT_EQ(-EAGAIN, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, CLONE()));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(is_killed(pid));
	EXPECT_EQ(0ULL, info_of(self->fd).live);
	EXPECT_EQ(1, module_references());
}

TEST_F(job, last_close_kills)
{
	pid_t by_fork, by_spawn;
	int copy;

	ASSERT_EQ(0, kill_at_close(self->fd));
	EXPECT_EQ(SPAWNCTL_LIMIT_KILL | SPAWNCTL_LIMIT_NO_NEW_PRIVS, info_of(self->fd).limits);
	by_fork = start(self);
	ASSERT_LT(0, by_fork);
	by_spawn = start_program(self);
	ASSERT_LT(0, by_spawn);
	EXPECT_EQ(2ULL, info_of(self->fd).live);
	/* Not the last close */
	copy = fcntl(self->fd, F_DUPFD_CLOEXEC, 0);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(2ULL, info_of(copy).live);
	ASSERT_EQ(0, close(copy));
	EXPECT_TRUE(is_killed(by_fork));
	EXPECT_TRUE(is_killed(by_spawn));
	EXPECT_EQ(0, module_references());
}

/* Controls: children that are not killed */
TEST_F(job, children_from_before_the_limit)
{
	pid_t pid = start(self);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_KILL |
							      SPAWNCTL_LIMIT_LIVE)));
	EXPECT_EQ(0ULL, info_of(self->fd).live);
	ASSERT_EQ(0, close(self->fd));
	release(self);
	EXPECT_TRUE(exited_with(pid, 0));
}

TEST_F(job, live_alone_kills_none)
{
	pid_t pid;

	ASSERT_EQ(0, live_limit(self->fd, 2));
	pid = start(self);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, close(self->fd));
	release(self);
	EXPECT_TRUE(exited_with(pid, 0));
}

/* Otherwise a program that has gained privileges could be killed by a task that may not kill it */
TEST_F(job, children_from_before_the_kill)
{
	pid_t pid;

	ASSERT_EQ(0, live_limit(self->fd, 2));
	pid = start(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	ASSERT_EQ(0, kill_at_close(self->fd));
	ASSERT_EQ(0, close(self->fd));
	release(self);
	EXPECT_TRUE(exited_with(pid, 0));
}

static int narrow_then_linger(void *arg)
{
	FIXTURE_SELF(job) self = arg;
	const struct spawnctl_limit limit = {
		.size = sizeof(limit), .flags = SPAWNCTL_LIMIT_KILL,
	};

	if (raw_syscall(SYS_ioctl, self->fd, SPAWNCTL_IOC_LIMIT, &limit))
		return 2;
	return linger(arg);
}

/* The limit is set during the call that makes the child, by the child itself */
TEST_F(job, child_that_sets_the_kill)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, live_limit(self->fd, 2));
	pid = start_program_by(self, narrow_then_linger);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	EXPECT_LT(0U, info_of(self->fd).limits & SPAWNCTL_LIMIT_KILL);
	ASSERT_EQ(0, close(self->fd));
	/* After a SIGKILL it would not stop */
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(is_killed(pid));
}

static int has_no_new_privs(FIXTURE_SELF(job) self)
{
	return raw_syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

TEST_F(job, kill_implies_no_new_privs)
{
	pid_t pid;

	self->step = has_no_new_privs;
	ASSERT_EQ(0, kill_at_close(self->fd));
	pid = start(self);
	ASSERT_LT(0, pid);
	release(self);
	EXPECT_TRUE(exited_with(pid, 0));
}

/* A child of another user, in another session and in namespaces of its own */
static int leave(FIXTURE_SELF(job) self)
{
	return raw_syscall(SYS_setsid) < 0 ||
	       raw_syscall(SYS_unshare, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) ||
	       raw_syscall(SYS_setresgid, 65534, 65534, 65534) ||
	       raw_syscall(SYS_setresuid, 65534, 65534, 65534) ||
	       raw_syscall(SYS_unshare, CLONE_NEWUSER);
}

TEST_F(job, kills_a_child_that_has_left)
{
	pid_t pid;

	self->step = leave;
	ASSERT_EQ(0, kill_at_close(self->fd));
	pid = start(self);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_killed(pid));
}

/* The kernel kills, not the task that closes the descriptor */
TEST_F(job, kills_what_the_closer_may_not_kill)
{
	pid_t closer, pid;
	int report[2];

	ASSERT_EQ(0, kill_at_close(self->fd));
	ASSERT_EQ(0, pipe(report));
	closer = fork();
	if (closer == 0) {
		pid = start(self);
		if (write(report[1], &pid, sizeof(pid)) != sizeof(pid) ||
		    setresuid(65534, 65534, 65534))
			_exit(1);
		_exit(kill(pid, SIGKILL) == -1 && errno == EPERM ? 0 : 2);
	}
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(sizeof(pid), read(report[0], &pid, sizeof(pid)));
	EXPECT_TRUE(exited_with(closer, 0));
	EXPECT_TRUE(is_killed(pid));
}

/* So many that some are in the same chain of the module's table */
TEST_F(job, kills_many)
{
	pid_t pid[400];
	int i;

	ASSERT_EQ(0, kill_at_close(self->fd));
	for (i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = start(self);
		ASSERT_LT(0, pid[i]);
	}
	EXPECT_EQ(ARRAY_SIZE(pid), info_of(self->fd).live);
	ASSERT_EQ(0, close(self->fd));
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		EXPECT_TRUE(is_killed(pid[i]));
}

/* The first process of a pid namespace gets no signal from inside, but this one is from outside */
TEST_F(job, kills_the_init_of_a_pid_namespace)
{
	pid_t pid;

	ASSERT_EQ(0, kill_at_close(self->fd));
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	pid = start(self);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_killed(pid));
}

/* The children die with the process that had the only descriptor */
TEST_F(job, dies_with_its_holder)
{
	pid_t holder, child[3];
	int i, report[2];

	ASSERT_EQ(0, kill_at_close(self->fd));
	ASSERT_EQ(0, pipe(report));
	holder = fork();
	if (holder == 0) {
		for (i = 0; i < ARRAY_SIZE(child); i++)
			child[i] = i ? start(self) : start_program(self);
		if (write(report[1], child, sizeof(child)) == sizeof(child))
			pause();
		_exit(1);
	}
	ASSERT_LT(0, holder);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(sizeof(child), read(report[0], child, sizeof(child)));
	ASSERT_EQ(0, kill(holder, SIGKILL));
	EXPECT_TRUE(is_killed(holder));
	for (i = 0; i < ARRAY_SIZE(child); i++)
		EXPECT_TRUE(is_killed(child[i]));
}

static int make_child(FIXTURE_SELF(job) self)
{
	pid_t pid = raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid)
		return pid < 0;
	self->step = NULL;
	return 0;
}

/* Descendants of the children do not belong to the job */
TEST_F(job, descendants_are_not_killed)
{
	pid_t pid;
	int status;
	char byte;

	self->step = make_child;
	ASSERT_EQ(0, kill_at_close(self->fd));
	pid = start(self);
	ASSERT_LT(0, pid);
	ASSERT_EQ(1, read(self->ready[0], &byte, 1));
	EXPECT_EQ(1ULL, info_of(self->fd).live);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_killed(pid));
	release(self);
	EXPECT_LT(0, waitpid(-1, &status, 0));
	EXPECT_TRUE(is_exit(status, 0));
}

/*
 * Narrows the descriptor, and starts a child that runs @fn beside its caller, with a pending
 * exec mask of all signals
 */
static pid_t start_beside(FIXTURE_SELF(job) self, struct spawnctl_limit *limit,
			  int (*fn)(void *arg))
{
	static __s32 child_tid = 1;
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK |
						      SPAWNCTL_NO_WAIT,
					     .exec_mask = ~0ULL, .exit_signal = SIGCHLD);

	clone->stack_size = 65536;
	clone->stack = (uintptr_t)shared_alloc(clone->stack_size);
	clone->child_tid = (uintptr_t)&child_tid;
	limit->flags |= SPAWNCTL_LIMIT_FLAGS;
	limit->clone_flags = clone->flags;
	if (spawnctl_narrow(self->fd, limit))
		return -1;
	return spawnctl_thread(self->fd, clone, fn, self);
}

/* A child whose exec mask is pending: it still holds the module until it has been killed */
TEST_F(job, killed_before_exec)
{
	struct spawnctl_limit *kill = LIMIT(.flags = SPAWNCTL_LIMIT_KILL);
	pid_t pid;
	char byte;

	pid = start_beside(self, kill, await_release);
	ASSERT_LT(0, pid);
	ASSERT_EQ(1, read(self->ready[0], &byte, 1));
	EXPECT_EQ(1, exec_pending(self->fd));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(is_killed(pid));
	EXPECT_EQ(0, module_references());
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(0, exec_pending(self->fd));
}

/* The same without the kill: the mask takes effect after the job has ended */
static int go_then_linger(void *arg)
{
	return await_release(arg) ? 126 : linger(arg);
}

TEST_F(job, exec_mask_outlives_the_job)
{
	struct spawnctl_limit *one = LIMIT(.flags = SPAWNCTL_LIMIT_LIVE, .live = 1);
	pid_t pid;
	char byte;

	pid = start_beside(self, one, go_then_linger);
	ASSERT_LT(0, pid);
	ASSERT_EQ(1, read(self->ready[0], &byte, 1));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(1, module_references());
	release(self);
	/* It has the mask, or it would end without this byte */
	EXPECT_EQ(1, read(self->ready[0], &byte, 1));
	EXPECT_EQ(0, module_references());
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(is_killed(pid));
}

/* Jobs that end while their children end, and while other jobs begin */
struct churn {
	pthread_t thread;
	unsigned int rounds;
	unsigned int killed;
	unsigned int wrong;
};

/* Closes its copies of the descriptors of all jobs, so that their parents can end them */
static int end_at_some_moment(void *arg)
{
	int fd;

	for (fd = 3; fd < 64; fd++)
		raw_syscall(SYS_close, fd);
	raw_sleep_us((uintptr_t)arg);
	return 0;
}

/* One child ends at once, one at about the same time as its job, and one only with its job */
static void one_job(struct churn *churn, unsigned int round)
{
	const uintptr_t sleeps[] = { 0, round * 37 % 2000, 60 * 1000000 };
	int fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC), status;
	pid_t pid[ARRAY_SIZE(sleeps)];
	unsigned int i;

	churn->wrong += fd < 0 || kill_at_close(fd);
	for (i = 0; i < ARRAY_SIZE(sleeps); i++) {
		pid[i] = start_child(fd, SPAWNCTL_IOC_FORK, CLONE(.exit_signal = SIGCHLD),
				     end_at_some_moment, (void *)sleeps[i]);
		churn->wrong += pid[i] < 0;
	}
	close(fd);
	for (i = 0; i < ARRAY_SIZE(sleeps); i++) {
		status = wait_status(pid[i]);
		if (is_sigkill(status))
			churn->killed++;
		else
			churn->wrong += !is_exit(status, 0) || i == 2;
	}
}

static void *churn(void *arg)
{
	struct churn *churn = arg;
	unsigned int round;

	for (round = 0; round < churn->rounds; round++)
		one_job(churn, round);
	return NULL;
}

TEST_F_TIMEOUT(job, many_at_once, 300)
{
	unsigned int rounds = scaled(1000, 50, "jobs for each thread"), i;
	struct churn churns[4];

	for (i = 0; i < ARRAY_SIZE(churns); i++) {
		churns[i] = (struct churn){ .rounds = rounds };
		ASSERT_EQ(0, pthread_create(&churns[i].thread, NULL, churn, &churns[i]));
	}
	for (i = 0; i < ARRAY_SIZE(churns); i++) {
		pthread_join(churns[i].thread, NULL);
		EXPECT_EQ(0U, churns[i].wrong);
		EXPECT_LE(rounds, churns[i].killed);
		TH_LOG("%u of %u children killed", churns[i].killed, 3 * rounds);
	}
	EXPECT_EQ(1, module_references());
}

/* The library passes EAGAIN on, and does not go around the limit by another backend */
TEST_F(job, library)
{
	char * const argv[] = { program_path, "nothing", "0", NULL };
	spawnctl_attr_t *attr;
	pid_t pid, other;

	ASSERT_EQ(0, live_limit(self->fd, 1));
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setdevice(attr, self->fd));
	pid = start(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(EAGAIN, spawnctl_spawn(&other, program_path, NULL, attr, argv, environ));
	release(self);
	ASSERT_TRUE(exited_with(pid, 0));
	ASSERT_EQ(0, spawnctl_spawn(&other, program_path, NULL, attr, argv, environ));
	EXPECT_TRUE(exited_with(other, 0));
	spawnctl_attr_destroy(attr);
}

TEST_HARNESS_MAIN
