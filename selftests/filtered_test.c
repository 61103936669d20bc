// SPDX-License-Identifier: GPL-2.0
/*
 * A task under a seccomp filter cannot make a child through the device, regardless of when and by
 * whom it was opened, unless a task without a filter has marked the descriptor
 * (SPAWNCTL_LIMIT_FILTERED).
 */
#include <pthread.h>
#include <sys/prctl.h>
#include "contract.h"
#include "filter.h"
#include "parked.h"
#include "ring.h"

#define PARAMETER	"/sys/module/spawnctl/parameters/allow_filtered"

static int mark(int fd)
{
	return spawnctl_narrow(fd, LIMIT(.flags = SPAWNCTL_LIMIT_FILTERED)) ? -errno : 0;
}

static unsigned int refusal(int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };

	return ioctl(fd, SPAWNCTL_IOC_INFO, &info) ? ~0U : info.refusal;
}

static int open_error(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* Checks that SPAWN, FORK, LIMIT and INFO all succeed, or all report @error if it is not 0. */
static void all_are(struct __test_metadata *_metadata, int fd, int error, const char *what)
{
	if (error) {
		both_refuse(_metadata, fd, CLONE(), error, what);
		/* Before the struct is read, so that a library can probe with NULL. */
		both_refuse(_metadata, fd, NULL, error, what);
	} else {
		both_accept(_metadata, fd, CLONE(), what);
		both_refuse(_metadata, fd, NULL, EFAULT, what);
	}
	EXPECT_EQ(error ? -1 : 0, spawnctl_narrow(fd, LIMIT()));
	if (error)
		EXPECT_EQ(error, errno);
	EXPECT_EQ((unsigned int)error, refusal(fd));
}

/* Under a filter a marked descriptor works, and one that is not marked does not. */
TEST_F(contract, marked)
{
	int unmarked = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	char path[32];

	ASSERT_LE(0, unmarked);
	ASSERT_EQ(0, mark(self->fd));
	all_are(_metadata, unmarked, 0, "no filter yet");
	ASSERT_EQ(0, filter_allow_all(0));
	all_are(_metadata, self->fd, 0, "marked");
	all_are(_metadata, unmarked, EACCES, "not marked");
	/* A marked descriptor does not help to mark or open another one. */
	EXPECT_EQ(-EACCES, mark(unmarked));
	EXPECT_EQ(-EACCES, mark(self->fd));
	EXPECT_EQ(EACCES, open_error("/dev/spawnctl"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_EQ(EACCES, open_error(path));
}

/* The mark widens what a descriptor allows. Once LIMIT is taken away, it cannot be set. */
TEST_F(contract, mark_requires_limit)
{
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS,
						     .commands = 1 << SPAWNCTL_CMD_SPAWN)));
	EXPECT_EQ(-EPERM, mark(self->fd));
	ASSERT_EQ(0, filter_allow_all(0));
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), EACCES, "not marked");
	/* The filter's EACCES comes before the command's EPERM, as it applies to any request. */
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(), EACCES, "not marked");
}

/* A marked descriptor is still subject to its other limits. */
TEST_F(contract, marked_and_narrowed)
{
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS |
							     SPAWNCTL_LIMIT_CHILDREN |
							     SPAWNCTL_LIMIT_FILTERED,
						    .commands = 1 << SPAWNCTL_CMD_SPAWN,
						    .children = 1)));
	ASSERT_EQ(0, filter_allow_all(0));
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(), EPERM, "FORK was taken away");
	accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "SPAWN is allowed");
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), EDQUOT, "no child left");
}

/* In a child of a filtered task: it has inherited the filter, and is refused as its parent is. */
static int child_is_bound(void *arg)
{
	int *fds = arg;

	if (raw_spawn_exit(fds[1], SPAWNCTL_IOC_SPAWN, CLONE()) != -EACCES)
		return 1;
	if (raw_syscall(SYS_openat, AT_FDCWD, "/dev/spawnctl", O_RDWR) != -EACCES)
		return 2;
	return raw_syscall(SYS_prctl, PR_GET_SECCOMP) != SECCOMP_MODE_FILTER;
}

TEST_F(contract, children_are_filtered)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	int fds[2] = { self->fd, open("/dev/spawnctl", O_RDWR | O_CLOEXEC) };
	unsigned int i;

	ASSERT_LE(0, fds[1]);
	ASSERT_EQ(0, mark(fds[0]));
	ASSERT_EQ(0, filter_allow_all(0));
	for (i = 0; i < ARRAY_SIZE(births); i++)
		EXPECT_TRUE(exited_with(start_child(fds[0], births[i], &clone, child_is_bound,
						    fds), 0));
}

struct nest {
	int fd;
	unsigned long command;
	long result;
};

/* In a child of SPAWN, which shares the memory: makes a child of its own */
static int make_another(void *arg)
{
	struct nest *nest = arg;

	nest->result = raw_spawn_exit(nest->fd, nest->command, CLONE());
	return 0;
}

static long nested(struct __test_metadata *_metadata, int fd, unsigned long command)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	struct nest nest = { .fd = fd, .command = command };
	pid_t pid = spawnctl_thread(fd, &clone, make_another, &nest);

	EXPECT_TRUE(exited_with(pid, 0));
	return nest.result;
}

static int look_at_refusal(void *arg)
{
	struct nest *nest = arg;

	nest->result = refusal(nest->fd);
	return 0;
}

/* Calls @fn in a child of vfork(2), which libc makes */
static __attribute__((__noinline__)) long in_vfork(int (*fn)(void *arg), int fd)
{
	struct nest nest = { .fd = fd, .command = SPAWNCTL_IOC_SPAWN, .result = -1 };
	pid_t pid = vfork();

	if (!pid)
		_exit(fn(&nest));
	waitpid(pid, NULL, 0);
	return nest.result;
}

/*
 * A filtered child cannot make another child in the memory of its parent, which waits for it: if it
 * were killed in its own wait, the two others would run at the same time, as threads. The
 * controls: without a filter, by FORK, and where threads are allowed (NO_WAIT).
 */
TEST_F(contract, no_child_in_a_window)
{
	int threads = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, threads);
	ASSERT_EQ(0, mark(self->fd));
	ASSERT_EQ(0, spawnctl_narrow(threads, LIMIT(.flags = SPAWNCTL_LIMIT_FILTERED |
							     SPAWNCTL_LIMIT_FLAGS,
						    .clone_flags = 2 * SPAWNCTL_NO_WAIT - 1)));
	EXPECT_LT(0, nested(_metadata, self->fd, SPAWNCTL_IOC_SPAWN));
	ASSERT_EQ(0, filter_allow_all(0));
	EXPECT_EQ(-EPERM, nested(_metadata, self->fd, SPAWNCTL_IOC_SPAWN));
	EXPECT_EQ(-EPERM, in_vfork(make_another, self->fd));
	EXPECT_LT(0, nested(_metadata, self->fd, SPAWNCTL_IOC_FORK));
	EXPECT_LT(0, nested(_metadata, threads, SPAWNCTL_IOC_SPAWN));
	accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "not in a window");
	/* INFO says so where no command is left that the child could use */
	EXPECT_EQ(0, in_vfork(look_at_refusal, self->fd));
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS,
						     .commands = 1 << SPAWNCTL_CMD_SPAWN)));
	EXPECT_EQ(EPERM, in_vfork(look_at_refusal, self->fd));
	EXPECT_EQ(0U, refusal(self->fd));
	close(threads);
}

struct caller {
	pthread_t thread;
	int fd;
	int turn;
	long before;
	long after;
};

/* Calls once before the filter and once after. */
static void *caller(void *arg)
{
	struct caller *caller = arg;

	caller->before = raw_spawn_exit(caller->fd, SPAWNCTL_IOC_SPAWN, CLONE());
	WRITE_ONCE(caller->turn, 1);
	while (READ_ONCE(caller->turn) != 2)
		raw_sleep_us(1000);
	caller->after = raw_spawn_exit(caller->fd, SPAWNCTL_IOC_SPAWN, CLONE());
	return NULL;
}

/* A filter that a thread installs on itself alone does not affect the other threads. */
TEST_F(contract, filter_of_another_thread_alone)
{
	struct caller other = { .fd = self->fd };

	ASSERT_EQ(0, pthread_create(&other.thread, NULL, caller, &other));
	while (READ_ONCE(other.turn) != 1)
		raw_sleep_us(1000);
	EXPECT_EQ(0, wait_status(other.before));
	ASSERT_EQ(0, filter_allow_all(0));
	both_refuse(_metadata, self->fd, CLONE(), EACCES, "in the filtered thread");
	WRITE_ONCE(other.turn, 2);
	pthread_join(other.thread, NULL);
	EXPECT_LT(0, other.after);
	EXPECT_EQ(0, wait_status(other.after));
}

struct sleeper {
	pthread_t thread;
	int fd;
	int in_child;
	int go;
	long pid;
	long no_new_privs;
	long mode;
};

static int sleep_in_child(void *arg)
{
	struct sleeper *sleeper = arg;

	WRITE_ONCE(sleeper->in_child, 1);
	while (!READ_ONCE(sleeper->go))
		raw_sleep_us(1000);
	return 0;
}

static void *sleeper(void *arg)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .flags = SPAWNCTL_NO_NEW_PRIVS };
	struct sleeper *sleeper = arg;

	sleeper->pid = spawnctl_thread(sleeper->fd, &clone, sleep_in_child, sleeper);
	sleeper->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	sleeper->mode = prctl(PR_GET_SECCOMP);
	return NULL;
}

/*
 * A thread that sleeps in SPAWN gets another thread's filter by TSYNC, and no_new_privs with it.
 * On a kernel without CLONE_NNP the module has set the caller's own no_new_privs for the time of
 * the call. When it restores that, it must not clear the bit that came with the filter: a
 * filtered thread without it could gain rights from a set-user-ID program.
 */
TEST_F(contract, filter_during_the_wait)
{
	struct sleeper other = { .fd = self->fd };

	ASSERT_EQ(0, pthread_create(&other.thread, NULL, sleeper, &other));
	while (!READ_ONCE(other.in_child))
		raw_sleep_us(1000);
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT_EQ(0, filter_allow_all(SECCOMP_FILTER_FLAG_TSYNC));
	WRITE_ONCE(other.go, 1);
	pthread_join(other.thread, NULL);
	EXPECT_EQ(0, wait_status(other.pid));
	EXPECT_EQ(SECCOMP_MODE_FILTER, other.mode);
	EXPECT_EQ(1, other.no_new_privs);
}

/* The control: if no filter comes, the caller has no no_new_privs after the call. */
TEST_F(contract, control_no_filter_during_the_wait)
{
	struct sleeper other = { .fd = self->fd };

	ASSERT_EQ(0, pthread_create(&other.thread, NULL, sleeper, &other));
	while (!READ_ONCE(other.in_child))
		raw_sleep_us(1000);
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	WRITE_ONCE(other.go, 1);
	pthread_join(other.thread, NULL);
	EXPECT_EQ(0, wait_status(other.pid));
	EXPECT_EQ(0, other.no_new_privs);
}

/* Makes children with no_new_privs until the call is refused */
static void *asker(void *arg)
{
	struct sleeper *asker = arg;

	do {
		WRITE_ONCE(asker->go, 1);
		asker->pid = raw_spawn_exit(asker->fd, SPAWNCTL_IOC_SPAWN,
					    CLONE(.flags = SPAWNCTL_NO_NEW_PRIVS));
		if (asker->pid > 0)
			wait_status(asker->pid);
	} while (asker->pid > 0);
	asker->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	asker->mode = prctl(PR_GET_SECCOMP);
	return NULL;
}

static int filter_comes_sometime(int fd, unsigned int delay)
{
	struct sleeper other = { .fd = fd };
	volatile unsigned int i;

	if (setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) ||
	    pthread_create(&other.thread, NULL, asker, &other))
		return 1;
	while (!READ_ONCE(other.go))
		;
	for (i = 0; i < delay; i++)
		;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_allow_all(SECCOMP_FILTER_FLAG_TSYNC))
		return 2;
	pthread_join(other.thread, NULL);
	if (other.pid != -EACCES || other.mode != SECCOMP_MODE_FILTER)
		return 3;
	return other.no_new_privs ? 0 : 4;
}

/*
 * The same for a filter that comes at any moment of the call, its beginning included. The module
 * must read no_new_privs and the filter under one lock. (Without the lock, and with a delay
 * between the two reads, the bit was lost in 36 of 100 tries.)
 */
TEST_F_TIMEOUT(contract, filter_at_any_moment, 120)
{
	unsigned int tries = scaled(6000, 100, "filters"), i;

	for (i = 0; i < tries; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(filter_comes_sometime(self->fd, i * 7919 % 20000));
		ASSERT_EQ(0, wait_status(pid));
	}
}

/*
 * Returns the result of a call that waits for the page of its struct, or of its hold if @by_hold.
 * Meanwhile @limit is applied or, if that is NULL, a filter is installed.
 */
static long parked_meanwhile(struct __test_metadata *_metadata, unsigned long command,
			     bool by_hold, const struct spawnctl_limit *limit)
{
	struct parked parked = { .fd = spawnctl_open(), .command = command };
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_HOLD);

	EXPECT_EQ(0, park_place(&parked));
	clone->hold = (uintptr_t)parked.page;
	if (by_hold)
		parked.argument = clone;
	else if (command == SPAWNCTL_IOC_LIMIT)
		memcpy(parked.source, LIMIT(), sizeof(struct spawnctl_limit));
	else
		memcpy(parked.source, CLONE(), sizeof(struct spawnctl_clone));
	EXPECT_EQ(0, park(&parked));
	EXPECT_EQ(0, limit ? spawnctl_narrow(parked.fd, limit) :
			     filter_allow_all(SECCOMP_FILTER_FLAG_TSYNC));
	EXPECT_EQ(0, unpark(&parked));
	if (parked.ret > 0)
		wait_status(parked.ret);
	close(parked.fd);
	return parked.ret;
}

/* A LIMIT or a filter that is set while a call waits for the page of its hold applies to it. */
TEST_F(contract, recheck_after_fault_on_hold)
{
	const unsigned long spawn = SPAWNCTL_IOC_SPAWN;
	pid_t pid;

	EXPECT_LT(0, parked_meanwhile(_metadata, spawn, true, LIMIT()));
	EXPECT_EQ(-EDQUOT, parked_meanwhile(_metadata, spawn, true,
					    LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN)));
	EXPECT_EQ(-EPERM, parked_meanwhile(_metadata, spawn, true,
					   LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS)));
	EXPECT_EQ(-EPERM, parked_meanwhile(_metadata, spawn, true,
					   LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS)));
	pid = fork();
	if (!pid)
		_exit(parked_meanwhile(_metadata, spawn, true, NULL) == -EACCES ? 7 : 8);
	EXPECT_TRUE(exited_with(pid, 7));
	nothing_left(_metadata, "calls that waited");
}

/* A call cannot evade a LIMIT or a filter by waiting for the page of its struct. */
TEST_F(contract, recheck_after_fault_on_struct)
{
	struct spawnctl_limit *none = LIMIT();
	struct spawnctl_limit *no_child = LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN);
	struct spawnctl_limit *no_command = LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS);
	const unsigned long filtered[] = {
		SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK, SPAWNCTL_IOC_LIMIT
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(births); i++) {
		EXPECT_LT(0, parked_meanwhile(_metadata, births[i], false, none));
		EXPECT_EQ(-EDQUOT, parked_meanwhile(_metadata, births[i], false, no_child));
		EXPECT_EQ(-EPERM, parked_meanwhile(_metadata, births[i], false, no_command));
	}
	EXPECT_EQ(0, parked_meanwhile(_metadata, SPAWNCTL_IOC_LIMIT, false, none));
	EXPECT_EQ(-EPERM, parked_meanwhile(_metadata, SPAWNCTL_IOC_LIMIT, false, no_command));
	/* The filter stays: each call in a process of its own */
	for (i = 0; i < ARRAY_SIZE(filtered); i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(parked_meanwhile(_metadata, filtered[i], false, NULL) ==
			      -EACCES ? 7 : 8);
		EXPECT_TRUE(exited_with(pid, 7))
			TH_LOG("command %lu", filtered[i] & 0xff);
	}
	nothing_left(_metadata, "calls that waited");
}

/* Returns the parameter's old value, and sets it to @value if that is not NULL. 0: failed */
static int parameter(const char *value)
{
	char old = 0;
	int fd = open(PARAMETER, value ? O_RDWR : O_RDONLY);

	if (fd >= 0 && read(fd, &old, 1) == 1 && value && write(fd, value, 1) != 1)
		old = 0;
	if (fd >= 0)
		close(fd);
	return old;
}

FIXTURE(parameter)
{
	int setter;	/* opened first, so that an unprivileged test can write it */
};

FIXTURE_SETUP(parameter)
{
	self->setter = open(PARAMETER, O_WRONLY | O_CLOEXEC);
	/* A failed test may have left it set. */
	ASSERT_EQ(1, write(self->setter, "N", 1));
	ASSERT_EQ('N', parameter(NULL));
}

FIXTURE_TEARDOWN(parameter)
{
	if (write(self->setter, "N", 1) != 1)
		abort();
	close(self->setter);
}

/* While allow_filtered is set, a filtered task can open and use the device. */
TEST_F(parameter, allow_filtered)
{
	int old = open("/dev/spawnctl", O_RDWR | O_CLOEXEC), new;

	ASSERT_LE(0, old);
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, ODD_MASK, NULL));
	ASSERT_EQ(0, filter_allow_all(0));
	all_are(_metadata, old, EACCES, "allow_filtered not set yet");
	ASSERT_EQ(1, write(self->setter, "Y", 1));
	EXPECT_EQ('Y', parameter(NULL));
	all_are(_metadata, old, 0, "allow_filtered set");
	new = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, new);
	all_are(_metadata, new, 0, "allow_filtered set");
	/* A filtered task still cannot mark a descriptor: the mark would outlast the parameter. */
	EXPECT_EQ(-EACCES, mark(new));
	ASSERT_EQ(1, write(self->setter, "N", 1));
	all_are(_metadata, old, EACCES, "allow_filtered cleared");
	all_are(_metadata, new, EACCES, "allow_filtered cleared");
	EXPECT_EQ(EACCES, open_error("/dev/spawnctl"));
}

/* Any user can read the parameter; only root can write it. */
TEST_F(parameter, writable_by_root_only)
{
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	EXPECT_EQ('N', parameter(NULL));
	EXPECT_EQ(EACCES, open_error(PARAMETER));
}

/* Opens @path through the ring; in an io_uring worker if @flags has IOSQE_ASYNC */
static int ring_open(struct ring *ring, const char *path, unsigned int flags)
{
	ring->sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT, .flags = flags, .fd = AT_FDCWD,
		.addr = (uintptr_t)path, .open_flags = O_RDWR | O_CLOEXEC,
	};
	return ring_result(ring);
}

/*
 * An io_uring worker that was made before the filter is not filtered. It must not open the device
 * for a filtered task, so the module refuses every worker.
 */
TEST_F(contract, io_uring)
{
	struct ring ring;
	int fd;

	ASSERT_EQ(0, ring_setup(&ring));
	fd = ring_open(&ring, "/dev/null", IOSQE_ASYNC);
	ASSERT_LE(0, fd)
		TH_LOG("control: a worker can open a file");
	close(fd);
	fd = ring_open(&ring, "/dev/spawnctl", 0);
	ASSERT_LE(0, fd)
		TH_LOG("control: the caller can open the device through the ring");
	close(fd);
	EXPECT_EQ(-EPERM, ring_open(&ring, "/dev/spawnctl", IOSQE_ASYNC));
	ASSERT_EQ(0, filter_allow_all(0));
	fd = ring_open(&ring, "/dev/null", IOSQE_ASYNC);
	EXPECT_LE(0, fd)
		TH_LOG("control: the worker can still open a file");
	close(fd);
	EXPECT_EQ(-EPERM, ring_open(&ring, "/dev/spawnctl", IOSQE_ASYNC));
	EXPECT_EQ(-EACCES, ring_open(&ring, "/dev/spawnctl", 0));
}

TEST_HARNESS_MAIN
