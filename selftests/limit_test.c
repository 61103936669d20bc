// SPDX-License-Identifier: GPL-2.0
/*
 * LIMIT narrows an open file permanently, for all descriptors that share it. Its number
 * of children is exact, also under a race.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "contract.h"

#define COMMAND(name)	(1U << SPAWNCTL_CMD_##name)
#define ALL_COMMANDS	(COMMAND(INFO) | COMMAND(SPAWN) | COMMAND(FORK) | COMMAND(LIMIT))
#define ALL_FLAGS	(SPAWNCTL_NO_WAIT | (SPAWNCTL_NO_WAIT - 1U))

static struct spawnctl_clone sigchld = { .size = sizeof(sigchld), .exit_signal = SIGCHLD };

/* Returns 0 or -errno, as raw calls do */
static long limit(int fd, const struct spawnctl_limit *limit)
{
	return spawnctl_narrow(fd, limit) ? -errno : 0;
}

static void unlimited(struct __test_metadata *_metadata, int fd, const char *what)
{
	struct spawnctl_info info = info_of(fd);

	EXPECT_EQ(ALL_COMMANDS, info.commands)
		TH_LOG("%s", what);
	EXPECT_EQ(SPAWNCTL_NO_LIMIT, info.children)
		TH_LOG("%s", what);
	EXPECT_EQ(SPAWNCTL_NO_LIMIT, info.most_live)
		TH_LOG("%s", what);
	EXPECT_EQ(0U, info.limits)
		TH_LOG("%s", what);
	both_accept(_metadata, fd, CLONE(), what);
}

/* A LIMIT that is refused narrows nothing, not even by its valid part */
TEST_F(contract, refused_limit_narrows_nothing)
{
	unsigned int all = SPAWNCTL_LIMIT_KILL * 2 - 1;
	unsigned int flag;

	for (flag = all + 1; flag; flag <<= 1) {
		EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = all | flag)))
			TH_LOG("flag %#x", flag);
	}
	for (flag = COMMAND(LIMIT) << 1; flag; flag <<= 1) {
		EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS,
							 .commands = flag)))
			TH_LOG("command %#x", flag);
	}
	for (flag = ALL_FLAGS + 1; flag; flag <<= 1) {
		EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS,
							 .clone_flags = flag)))
			TH_LOG("clone flag %#x", flag);
	}
	EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = all & ~SPAWNCTL_LIMIT_COMMANDS,
						 .commands = 1)));
	EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = all & ~SPAWNCTL_LIMIT_FLAGS,
						 .clone_flags = 1)));
	EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = all & ~SPAWNCTL_LIMIT_CHILDREN,
						 .children = 1)));
	EXPECT_EQ(-EINVAL, limit(self->fd, LIMIT(.flags = all & ~SPAWNCTL_LIMIT_LIVE,
						 .live = 1)));
	unlimited(_metadata, self->fd, "after LIMITs that were refused");
	EXPECT_EQ(0, limit(self->fd, LIMIT()));
	unlimited(_metadata, self->fd, "after a LIMIT without flags");
}

TEST_F(contract, commands_cannot_be_regained)
{
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS,
					   .commands = COMMAND(FORK) | COMMAND(LIMIT))));
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), EPERM, "SPAWN was taken away");
	/* The error comes before the struct is read */
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, NULL, EPERM, "SPAWN was taken away");
	accepted(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(), "FORK is still allowed");
	EXPECT_EQ(COMMAND(INFO) | COMMAND(FORK) | COMMAND(LIMIT), info_of(self->fd).commands);
	EXPECT_EQ(0U, info_of(self->fd).refusal);

	/* A command that was taken away does not come back */
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS,
					   .commands = COMMAND(SPAWN) | COMMAND(LIMIT))));
	both_refuse(_metadata, self->fd, CLONE(), EPERM, "both were taken away");
	EXPECT_EQ(COMMAND(INFO) | COMMAND(LIMIT), info_of(self->fd).commands);
	EXPECT_EQ(EPERM + 0U, info_of(self->fd).refusal);

	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS)));
	EXPECT_EQ(-EPERM, limit(self->fd, LIMIT()));
	EXPECT_EQ(-EPERM, limit(self->fd, NULL));
	EXPECT_EQ(COMMAND(INFO), info_of(self->fd).commands);
}

/* Each flag alone: refused once it is taken away, served once all others are taken away */
TEST_F(contract, flags_cannot_be_regained)
{
	__u64 mask = 0;
	int number = -1;
	struct spawnctl_hold hold = { 0 };
	unsigned int flag;

	for (flag = 1; flag <= ALL_FLAGS; flag <<= 1) {
		struct spawnctl_clone *clone = CLONE(.flags = flag);
		int without = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
		int with = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
		struct spawnctl_info info = info_of(self->fd);
		unsigned int i;

		ASSERT_LE(0, with);
		if (flag == SPAWNCTL_WINDOW_MASK)
			clone->window_mask = mask;
		if (flag == SPAWNCTL_PIDFD)
			clone->pidfd = (uintptr_t)&number;
		if (flag == SPAWNCTL_PARENT_SETTID)
			clone->parent_tid = (uintptr_t)&number;
		if (flag == SPAWNCTL_HOLD)
			clone->hold = (uintptr_t)&hold;
		if (flag == SPAWNCTL_NO_WAIT) {
			clone->stack = (uintptr_t)self->page;
			clone->stack_size = self->page_size;
			clone->child_tid = (uintptr_t)self->page;
		}
		if (flag == SPAWNCTL_CGROUP)
			clone->cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ASSERT_EQ(0, limit(without, LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS,
						  .clone_flags = ALL_FLAGS & ~flag)));
		ASSERT_EQ(0, limit(with, LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS,
					       .clone_flags = flag)));
		EXPECT_EQ(info.spawn_flags & ~flag, info_of(without).spawn_flags);
		EXPECT_EQ(info.fork_flags & flag, info_of(with).fork_flags);
		for (i = 0; i < ARRAY_SIZE(births); i++) {
			unsigned int served = i ? info.fork_flags : info.spawn_flags;
			long pid;

			if (!(flag & served))
				continue;
			refused(_metadata, without, births[i], clone, EPERM,
				"a flag that was taken away");
			pid = raw_spawn_exit(with, births[i], clone);
			EXPECT_LT(0, pid)
				TH_LOG("%s: flag %#x", birth_name(births[i]), flag);
			/* A child with AUTOREAP leaves nothing to wait for */
			EXPECT_EQ(flag == SPAWNCTL_AUTOREAP ? -1 : 0, wait_status(pid));
			if (flag == SPAWNCTL_PIDFD)
				close(number);
		}
		if (flag == SPAWNCTL_CGROUP)
			close(clone->cgroup);
		/* A flag that was taken away does not come back */
		ASSERT_EQ(0, limit(without, LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS,
						  .clone_flags = ALL_FLAGS)));
		EXPECT_EQ(info.spawn_flags & ~flag, info_of(without).spawn_flags);
		EXPECT_EQ(info.fork_flags & ~flag, info_of(without).fork_flags);
		if (flag & info.spawn_flags)
			refused(_metadata, without, SPAWNCTL_IOC_SPAWN,
				CLONE(.flags = flag, .hold = clone->hold, .stack = clone->stack,
				      .stack_size = clone->stack_size,
				      .child_tid = clone->child_tid),
				EPERM, "a flag that cannot be given back");
		/* Both serve a request without flags */
		both_accept(_metadata, without, CLONE(), "no flag");
		both_accept(_metadata, with, CLONE(), "no flag");
		close(with);
		close(without);
	}
}

/*
 * Any LIMIT takes away the commands and flags that came after the first version of the
 * interface, unless it names them. So a program that narrows a descriptor leaves nothing
 * open that it does not know.
 */
TEST_F(contract, later_flags_are_removed)
{
	const __u32 first_commands = 2 * COMMAND(LIMIT) - 1;
	const __u32 first_flags = 2 * SPAWNCTL_HOLD - 1;
	unsigned int flag, all = SPAWNCTL_LIMIT_KILL * 2 - 1;
	struct spawnctl_info info;

	for (flag = 1; flag <= all; flag <<= 1) {
		int fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);

		ASSERT_EQ(0, limit(fd, LIMIT(.flags = flag)));
		info = info_of(fd);
		EXPECT_EQ(0U, info.commands & ~first_commands)
			TH_LOG("limit %#x", flag);
		EXPECT_EQ(0U, (info.spawn_flags | info.fork_flags) & ~first_flags)
			TH_LOG("limit %#x", flag);
		/* Commands or flags of the first version stay if the call gives none */
		if (flag != SPAWNCTL_LIMIT_COMMANDS)
			EXPECT_EQ(first_commands, info.commands);
		if (flag != SPAWNCTL_LIMIT_FLAGS)
			EXPECT_EQ(info_of(self->fd).spawn_flags & first_flags, info.spawn_flags);
		close(fd);
	}
}

/* Sends @fd through a socket, and returns the received descriptor */
static int passed_on(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((__aligned__(8))) = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2], got = -1;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	if (sendmsg(ends[0], &message, 0) == 1 && recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) == 1)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	close(ends[0]);
	close(ends[1]);
	return got;
}

TEST_F(contract, shared_by_all_holders)
{
	int copy = dup(self->fd), passed = passed_on(self->fd);
	int fresh = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	char path[32];
	pid_t child;
	int again;

	ASSERT_LE(0, copy);
	ASSERT_LE(0, passed);
	ASSERT_LE(0, fresh);
	/* A child narrows the descriptor that it has inherited by fork(2) */
	child = fork();
	if (!child)
		_exit(limit(copy, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN, .children = 3)));
	EXPECT_TRUE(exited_with(child, 0));
	EXPECT_EQ(3ULL, info_of(self->fd).children);
	accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "the first child");
	accepted(_metadata, copy, SPAWNCTL_IOC_FORK, CLONE(), "the second child");
	accepted(_metadata, passed, SPAWNCTL_IOC_SPAWN, CLONE(), "the third child");
	both_refuse(_metadata, self->fd, CLONE(), EDQUOT, "a fourth child");
	both_refuse(_metadata, copy, CLONE(), EDQUOT, "a fourth child");
	both_refuse(_metadata, passed, CLONE(), EDQUOT, "a fourth child");
	EXPECT_EQ(EDQUOT + 0U, info_of(passed).refusal);
	unlimited(_metadata, fresh, "opened by name");

	/* Reopened: a task that may open the device gets an open file without limits */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, again);
	unlimited(_metadata, again, "opened through /proc/self/fd");
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	EXPECT_EQ(-1, open(path, O_RDWR | O_CLOEXEC));
	EXPECT_EQ(EACCES, errno);
}

/* A call that makes no child does not count against the number of children */
TEST_F(contract, failed_calls_are_not_counted)
{
	struct spawnctl_clone *bad_pidfd = CLONE(.flags = SPAWNCTL_PIDFD, .pidfd = 8);
	struct rlimit old, none = { 0, 0 };

	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN, .children = 2)));
	both_refuse(_metadata, self->fd, CLONE(.flags = ~0U), EINVAL, "unknown flags");
	both_refuse(_metadata, self->fd, NULL, EFAULT, "no struct");
	both_refuse(_metadata, self->fd, bad_pidfd, EFAULT, "pidfd at a bad address");
	both_refuse(_metadata, self->fd, CLONE(.flags = SPAWNCTL_CGROUP, .cgroup = -1),
		    EBADF, "cgroup descriptor not open");
	ASSERT_EQ(0, getrlimit(RLIMIT_NPROC, &old));
	none.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &none));
	ASSERT_EQ(0, setresuid(-1, UNPRIVILEGED, 0));
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, 0));
	both_refuse(_metadata, self->fd, CLONE(), EAGAIN, "RLIMIT_NPROC");
	ASSERT_EQ(0, setresuid(0, 0, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &old));
	EXPECT_EQ(2ULL, info_of(self->fd).children);
	both_accept(_metadata, self->fd, CLONE(), "failed calls used up no child");
	both_refuse(_metadata, self->fd, CLONE(), EDQUOT, "no third child");
	/* An invalid request is reported as such, before EDQUOT */
	both_refuse(_metadata, self->fd, CLONE(.flags = ~0U), EINVAL, "unknown flags");
}

TEST_F(contract, children_cannot_be_raised)
{
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN, .children = 5)));
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN, .children = 9)));
	EXPECT_EQ(5ULL, info_of(self->fd).children);
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN,
					   .children = SPAWNCTL_NO_LIMIT)));
	EXPECT_EQ(5ULL, info_of(self->fd).children);
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN)));
	both_refuse(_metadata, self->fd, CLONE(), EDQUOT, "no child left");
}

struct under_way {
	int fd;
	__u64 children;		/* number that the child sets by LIMIT */
	__u64 seen;		/* number that the child sees before its LIMIT */
	__u64 left;		/* number that the child sees after its LIMIT */
	long spawn;		/* result of the child's own SPAWN, after its LIMIT */
};

static int limit_in_child(void *arg)
{
	struct under_way *under_way = arg;
	struct spawnctl_limit *limit = LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN,
					     .children = under_way->children);
	struct spawnctl_info info = { .size = sizeof(info) };

	raw_syscall(SYS_ioctl, under_way->fd, SPAWNCTL_IOC_INFO, &info);
	under_way->seen = info.children;
	if (raw_syscall(SYS_ioctl, under_way->fd, SPAWNCTL_IOC_LIMIT, limit))
		return 1;
	raw_syscall(SYS_ioctl, under_way->fd, SPAWNCTL_IOC_INFO, &info);
	under_way->left = info.children;
	under_way->spawn = raw_spawn_exit(under_way->fd, SPAWNCTL_IOC_SPAWN, CLONE());
	if (under_way->spawn > 0)
		raw_syscall(SYS_wait4, under_way->spawn, NULL, __WALL, NULL);
	return 0;
}

/* A child whose parent is still in the call counts against the number that the child sets */
TEST_F(contract, narrowed_during_a_call)
{
	struct under_way under_way = { .fd = self->fd };
	unsigned int n;

	for (n = 0; n < 4; n++) {
		under_way.fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, under_way.fd);
		ASSERT_EQ(0, limit(under_way.fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN,
						       .children = 10)));
		under_way.children = n;
		EXPECT_TRUE(exited_with(spawnctl_thread(under_way.fd, NULL, limit_in_child,
							&under_way), 0));
		EXPECT_EQ(9ULL, under_way.seen);
		/* The child is one of @n, its own child another */
		EXPECT_EQ(n ? n - 1ULL : 0ULL, under_way.left);
		EXPECT_EQ(n >= 2, under_way.spawn > 0);
		if (n < 2)
			EXPECT_EQ(-EDQUOT, under_way.spawn);
		EXPECT_EQ(n < 2 ? 0ULL : n - 2, info_of(under_way.fd).children);
		close(under_way.fd);
	}
}

#define RACERS	16

struct race {
	pthread_t thread;
	int fd;
	unsigned int tries;
	unsigned int made;
	int wrong;
};

static void *racer(void *arg)
{
	struct race *race = arg;
	unsigned int i;

	for (i = 0; i < race->tries; i++) {
		/* Every third call fails, and reserves a child until then */
		struct spawnctl_clone *clone = CLONE(.flags = i % 3 ? 0 : SPAWNCTL_PIDFD,
						     .pidfd = i % 3 ? 0 : 8);
		long pid = raw_spawn_exit(race->fd, births[i / 3 % 2], clone);

		if (pid > 0) {
			race->made++;
			if (wait_status(pid) || !(i % 3))
				race->wrong = pid;
		} else if (pid != -EDQUOT && (i % 3 || pid != -EFAULT)) {
			race->wrong = pid;
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(contract, exact_under_race, 300)
{
	unsigned int rounds = scaled(200, 4, "rounds of 16 threads"), round, i;

	for (round = 0; round < rounds; round++) {
		unsigned int budget = 1 + round * 37 % 200, made = 0;
		struct race race[RACERS];
		int fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, limit(fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN,
					     .children = budget)));
		for (i = 0; i < RACERS; i++) {
			race[i] = (struct race){ .fd = fd, .tries = 30 };
			ASSERT_EQ(0, pthread_create(&race[i].thread, NULL, racer, &race[i]));
		}
		for (i = 0; i < RACERS; i++) {
			pthread_join(race[i].thread, NULL);
			made += race[i].made;
			EXPECT_EQ(0, race[i].wrong);
		}
		EXPECT_EQ(budget - made, info_of(fd).children);
		/* The children that failed calls had reserved are available again */
		for (; raw_spawn_exit(fd, SPAWNCTL_IOC_SPAWN, CLONE()) > 0; made++)
			EXPECT_LT(0, waitpid(-1, NULL, __WALL));
		EXPECT_EQ(budget, made);
		EXPECT_EQ(0ULL, info_of(fd).children);
		close(fd);
	}
	nothing_left(_metadata, "the race");
}

struct nnp {
	volatile long seen;
};

static int no_new_privs_in_child(void *arg)
{
	struct nnp *nnp = arg;

	nnp->seen = raw_syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	return 0;
}

TEST_F(contract, no_new_privs)
{
	struct nnp *nnp = shared_alloc(sizeof(*nnp));
	unsigned int i;

	ASSERT_NE(NULL, nnp);
	/* Control: without LIMIT the child does not have no_new_privs */
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		EXPECT_TRUE(exited_with(start_child(self->fd, births[i], &sigchld,
						    no_new_privs_in_child, nnp), 0));
		EXPECT_EQ(0, nnp->seen);
	}
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_NO_NEW_PRIVS)));
	EXPECT_EQ(SPAWNCTL_LIMIT_NO_NEW_PRIVS + 0U, info_of(self->fd).limits);
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		nnp->seen = -1;
		EXPECT_TRUE(exited_with(start_child(self->fd, births[i], &sigchld,
						    no_new_privs_in_child, nnp), 0));
		EXPECT_EQ(1, nnp->seen);
		EXPECT_EQ(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		refused(_metadata, self->fd, births[i],
			CLONE(.flags = SPAWNCTL_PIDFD, .pidfd = 8), EFAULT,
			"pidfd at a bad address");
		EXPECT_EQ(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	}
	/* It is forced even if LIMIT has taken the flag away */
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_FLAGS)));
	EXPECT_TRUE(exited_with(start_child(self->fd, SPAWNCTL_IOC_SPAWN, &sigchld,
					    no_new_privs_in_child, nnp), 0));
	EXPECT_EQ(1, nnp->seen);
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	both_accept(_metadata, self->fd, CLONE(), "the caller has no_new_privs, too");
	EXPECT_EQ(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

struct signals {
	struct signal_status status;
	int failed;
};

static int signals_in_child(void *arg)
{
	struct signals *signals = arg;

	signals->failed = read_signal_status("/proc/self/status", &signals->status);
	return 0;
}

TEST_F(contract, forced_reset)
{
	struct signals *signals = shared_alloc(sizeof(*signals));
	const struct kernel_sigaction ignore = { .handler = (uintptr_t)SIG_IGN };
	unsigned int i;

	ASSERT_NE(NULL, signals);
	ASSERT_EQ(0, raw_sigaction(SIGPIPE, &ignore, NULL));
	ASSERT_EQ(0, raw_sigaction(33, &ignore, NULL));
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		EXPECT_TRUE(exited_with(start_child(self->fd, births[i], &sigchld,
						    signals_in_child, signals), 0));
		EXPECT_EQ(0, signals->failed);
		EXPECT_EQ(SIGBIT(SIGPIPE) | SIGBIT(33), signals->status.ignored);
	}
	ASSERT_EQ(0, limit(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_RESET)));
	EXPECT_EQ(SPAWNCTL_LIMIT_RESET + 0U, info_of(self->fd).limits);
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		EXPECT_TRUE(exited_with(start_child(self->fd, births[i], &sigchld,
						    signals_in_child, signals), 0));
		EXPECT_EQ(0ULL, signals->status.ignored);
		EXPECT_EQ(ODD_MASK, signals->status.blocked);
	}
	both_refuse(_metadata, self->fd, CLONE(.sig_ignore = SIGBIT(SIGHUP)), EPERM,
		    "sig_ignore with a forced reset");
	both_accept(_metadata, self->fd, CLONE(.sig_default = SIGBIT(SIGHUP)),
		    "sig_default with a forced reset");
}

/* Two threads take LIMIT away at once: one succeeds, and the other gets EPERM */
static void *narrower(void *arg)
{
	struct race *race = arg;

	race->wrong = limit(race->fd, LIMIT(.flags = SPAWNCTL_LIMIT_COMMANDS |
						     SPAWNCTL_LIMIT_CHILDREN,
					    .commands = COMMAND(SPAWN), .children = race->tries));
	return NULL;
}

TEST_F_TIMEOUT(contract, one_final_limit_wins, 300)
{
	unsigned int rounds = scaled(4000, 100, "races"), round, i;

	for (round = 0; round < rounds; round++) {
		struct race race[2];
		int fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
		unsigned int winner;

		ASSERT_LE(0, fd);
		for (i = 0; i < 2; i++) {
			race[i] = (struct race){ .fd = fd, .tries = i + 1 };
			ASSERT_EQ(0, pthread_create(&race[i].thread, NULL, narrower, &race[i]));
		}
		for (i = 0; i < 2; i++)
			pthread_join(race[i].thread, NULL);
		winner = race[1].wrong ? 0 : 1;
		EXPECT_EQ(0, race[winner].wrong);
		EXPECT_EQ(-EPERM, race[!winner].wrong);
		EXPECT_EQ(winner + 1ULL, info_of(fd).children);
		close(fd);
	}
}

TEST_HARNESS_MAIN
