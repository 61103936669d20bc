// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics are exact, to the last child, and only callers with permission can
 * read them.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include "contract.h"
#include "filter.h"
#include "genl.h"
#include "parked.h"
#include "ring.h"

#define THREADS	16

static struct spawnctl_clone sigchld = { .size = sizeof(sigchld), .exit_signal = SIGCHLD };

static uint64_t sum(const uint64_t *counts, unsigned int n)
{
	uint64_t all = 0;

	while (n--)
		all += counts[n];
	return all;
}

FIXTURE(stats)
{
	int fd;
	struct genl genl;
	struct counts before;
};

FIXTURE_SETUP(stats)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, genl_open(&self->genl));
	ASSERT_EQ(0, genl_stats(&self->genl, self->fd, &self->before));
}

FIXTURE_TEARDOWN(stats)
{
	genl_close(&self->genl);
	close(self->fd);
}

/* By how much a total has grown since the setup */
static uint64_t more(FIXTURE_SELF(stats) self, const struct counts *now, unsigned int total)
{
	return now->totals[total] - self->before.totals[total];
}

static uint64_t more_failed(FIXTURE_SELF(stats) self, const struct counts *now, int error)
{
	return now->failures[error] - self->before.failures[error];
}

/* Indexed by attribute; ~0 if an attribute was not sent */
struct told_info {
	char version[32];
	uint64_t number[SPAWNCTL_A_INFO_MAX + 1];
};

static int note_info(const struct nlmsghdr *answer, void *data)
{
	struct told_info *told = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, answer, sizeof(struct genlmsghdr)) {
		unsigned int type = mnl_attr_get_type(attr);

		if (type == SPAWNCTL_A_INFO_VERSION)
			snprintf(told->version, sizeof(told->version), "%s",
				 mnl_attr_get_str(attr));
		else if (type > SPAWNCTL_A_INFO_MAX)
			continue;
		else if (mnl_attr_get_payload_len(attr) == sizeof(uint64_t))
			told->number[type] = mnl_attr_get_u64(attr);
		else if (mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
			told->number[type] = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_payload_len(attr) == sizeof(uint8_t))
			told->number[type] = mnl_attr_get_u8(attr);
	}
	return 0;
}

static int ask_info(struct genl *genl, struct told_info *told)
{
	struct genl_request request;

	memset(told, 0xff, sizeof(*told));
	genl_begin(genl, &request, genl->family, SPAWNCTL_NL_CMD_INFO_GET, 0);
	return genl_talk(genl, &request, note_info, told);
}

#define PARAMETER	"/sys/module/spawnctl/parameters/allow_filtered"

TEST_F(stats, info_is_true)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	struct told_info told;

	/* The genetlink controller reports two operations; events are not one */
	EXPECT_EQ(2U, self->genl.ops);
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	ASSERT_EQ(0, write_file(PARAMETER, "Y"));
	EXPECT_EQ(0, ask_info(&self->genl, &told));
	ASSERT_EQ(0, write_file(PARAMETER, "N"));
	EXPECT_EQ(1U, told.number[SPAWNCTL_A_INFO_ALLOW_FILTERED]);
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_STREQ(META_VERSION, told.version);
	EXPECT_EQ(info.abi, told.number[SPAWNCTL_A_INFO_ABI]);
	EXPECT_EQ(info.spawn_flags, told.number[SPAWNCTL_A_INFO_SPAWN_FLAGS]);
	EXPECT_EQ(info.fork_flags, told.number[SPAWNCTL_A_INFO_FORK_FLAGS]);
	EXPECT_EQ(0U, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	EXPECT_EQ(0U, told.number[SPAWNCTL_A_INFO_ALLOW_FILTERED]);
	EXPECT_EQ(1U, told.number[SPAWNCTL_A_INFO_EVENTS]);
}

struct load {
	int fd;
	unsigned int rounds;
	unsigned int wrong;
	bool stop;
};

/* In each round one SPAWN, one FORK, and two calls that fail */
static void *load_thread(void *arg)
{
	struct load *load = arg;
	struct spawnctl_clone bad = { .size = sizeof(bad), .flags = 1U << 31 };
	unsigned int i;

	for (i = 0; i < load->rounds; i++) {
		char stack[8192] __attribute__((aligned(16)));
		struct spawnctl_clone spawn = sigchld;

		spawn.stack = (uintptr_t)stack;
		spawn.stack_size = sizeof(stack);
		if (!exited_with(raw_spawn_exit(load->fd, SPAWNCTL_IOC_SPAWN, &spawn), 0) ||
		    !exited_with(raw_spawn_exit(load->fd, SPAWNCTL_IOC_FORK, &sigchld), 0) ||
		    raw_spawn_exit(load->fd, SPAWNCTL_IOC_SPAWN, &bad) != -EINVAL ||
		    raw_spawn_exit(load->fd, SPAWNCTL_IOC_FORK, NULL) != -EFAULT)
			__atomic_add_fetch(&load->wrong, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* Under load no count decreases, and no dump ends early */
static void *dump_thread(void *arg)
{
	struct load *load = arg;
	struct counts last = { 0 }, now;
	unsigned int dumps = 0, i;
	struct genl genl;

	if (genl_open(&genl)) {
		__atomic_add_fetch(&load->wrong, 1, __ATOMIC_SEQ_CST);
		return NULL;
	}
	while (!READ_ONCE(load->stop) || !dumps) {
		unsigned int wrong = genl_stats(&genl, load->fd, &now) != 0;

		wrong += !now.messages + now.odd;
		for (i = 0; i <= SPAWNCTL_A_STATS_MAX; i++)
			wrong += i != SPAWNCTL_A_STATS_IN_FLIGHT && now.totals[i] < last.totals[i];
		wrong += now.totals[SPAWNCTL_A_STATS_IN_FLIGHT] > THREADS;
		for (i = 0; i <= LAST_ERRNO; i++)
			wrong += now.failures[i] < last.failures[i];
		for (i = 0; i < SPAWNCTL_WAIT_BUCKETS; i++)
			wrong += now.waits[i] < last.waits[i];
		__atomic_add_fetch(&load->wrong, wrong, __ATOMIC_SEQ_CST);
		last = now;
		dumps++;
		usleep(1000);
	}
	fprintf(stderr, "# %u dumps meanwhile\n", dumps);
	genl_close(&genl);
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

TEST_F_TIMEOUT(stats, add_up_under_threads, 240)
{
	struct load load = {
		.fd = self->fd,
		.rounds = scaled(3000, 50, "rounds of each of 16 threads"),
	};
	uint64_t all = (uint64_t)load.rounds * THREADS, begun = now_ns(), waited;
	pthread_t threads[THREADS], dumper;
	struct counts now;
	int i;

	ASSERT_EQ(0, pthread_create(&dumper, NULL, dump_thread, &load));
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, load_thread, &load));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	WRITE_ONCE(load.stop, true);
	pthread_join(dumper, NULL);
	EXPECT_EQ(0U, load.wrong);

	ASSERT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	EXPECT_EQ(all, more(self, &now, SPAWNCTL_A_STATS_SPAWNS));
	EXPECT_EQ(all, more(self, &now, SPAWNCTL_A_STATS_FORKS));
	EXPECT_EQ(all, more_failed(self, &now, EINVAL));
	EXPECT_EQ(all, more_failed(self, &now, EFAULT));
	EXPECT_EQ(2 * all, sum(now.failures, LAST_ERRNO + 1) -
			   sum(self->before.failures, LAST_ERRNO + 1));
	EXPECT_EQ(0U, now.totals[SPAWNCTL_A_STATS_IN_FLIGHT]);
	EXPECT_EQ(all, sum(now.waits, SPAWNCTL_WAIT_BUCKETS) -
		       sum(self->before.waits, SPAWNCTL_WAIT_BUCKETS));
	waited = more(self, &now, SPAWNCTL_A_STATS_WAIT_SUM);
	EXPECT_LT(all, waited);
	EXPECT_GT((now_ns() - begun) * THREADS, waited);
}

struct window {
	int ready[2];
	int go[2];
};

static int wait_in_window(void *arg)
{
	struct window *window = arg;
	char byte = 0;

	raw_syscall(SYS_write, window->ready[1], &byte, 1);
	raw_syscall(SYS_read, window->go[0], &byte, 1);
	return 0;
}

static int wait_for_end(void *arg)
{
	int *fd = arg;
	char byte;

	return raw_syscall(SYS_read, *fd, &byte, 1) != 0;
}

struct caller {
	int fd;
	struct window window;
	pid_t child;
};

static void *call_thread(void *arg)
{
	struct caller *caller = arg;

	/* Without a struct the child has an exec mask, so exec_pending counts it */
	caller->child = spawnctl_thread(caller->fd, NULL, wait_in_window, &caller->window);
	return NULL;
}

/* A caller that waits is in flight, and its wait is added to the sum and the right bucket */
TEST_F(stats, in_flight_and_its_wait)
{
	struct caller caller = { .fd = self->fd };
	struct told_info told;
	struct counts now;
	pthread_t thread;
	uint64_t began;
	unsigned int i;
	char byte = 0;

	ASSERT_EQ(0, pipe(caller.window.ready));
	ASSERT_EQ(0, pipe(caller.window.go));
	began = now_ns();
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_thread, &caller));
	ASSERT_EQ(1, read(caller.window.ready[0], &byte, 1));
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_EQ(1U, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	ASSERT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	EXPECT_EQ(1U, now.totals[SPAWNCTL_A_STATS_IN_FLIGHT]);
	EXPECT_EQ(0U, more(self, &now, SPAWNCTL_A_STATS_SPAWNS));
	usleep(300000);
	ASSERT_EQ(1, write(caller.window.go[1], &byte, 1));
	pthread_join(thread, NULL);
	began = now_ns() - began;
	ASSERT_TRUE(exited_with(caller.child, 0));

	ASSERT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	EXPECT_EQ(0U, now.totals[SPAWNCTL_A_STATS_IN_FLIGHT]);
	EXPECT_EQ(1U, more(self, &now, SPAWNCTL_A_STATS_SPAWNS));
	EXPECT_LE(300000000U, more(self, &now, SPAWNCTL_A_STATS_WAIT_SUM));
	EXPECT_GE(began, more(self, &now, SPAWNCTL_A_STATS_WAIT_SUM));
	for (i = 0; i < SPAWNCTL_WAIT_BUCKETS; i++) {
		if (now.waits[i] == self->before.waits[i])
			continue;
		EXPECT_EQ(self->before.waits[i] + 1, now.waits[i]);
		EXPECT_LE(1ULL << i, more(self, &now, SPAWNCTL_A_STATS_WAIT_SUM));
		EXPECT_GT(2ULL << i, more(self, &now, SPAWNCTL_A_STATS_WAIT_SUM));
	}
}

/* Calls that only probe are not counted. Returns 0 if they fail with E2BIG, as they should. */
static int questions(void)
{
	struct { struct spawnctl_clone clone; __u64 unknown; } dirty = {
		.clone.size = sizeof(dirty), .unknown = 1,
	};
	int fd = open("/dev/spawnctl", O_RDWR), ret;
	__u32 size = ~0U;

	ret = raw_spawn_exit(fd, SPAWNCTL_IOC_SPAWN, &size) != -E2BIG ||
	      raw_spawn_exit(fd, SPAWNCTL_IOC_FORK, &dirty) != -E2BIG;
	close(fd);
	return ret;
}

TEST_F(stats, refusals)
{
	struct counts now;
	int i;

	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_CHILDREN |
							     SPAWNCTL_LIMIT_COMMANDS,
						    .commands = 1U << SPAWNCTL_CMD_FORK,
						    .children = 3)));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld), 0));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(-EDQUOT, raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld));
	ASSERT_EQ(0, questions());
	for (i = 0; i < 7; i++)
		ASSERT_EQ(-EPERM, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &sigchld));
	ASSERT_EQ(0, filter_allow_all(0));
	for (i = 0; i < 9; i++)
		ASSERT_EQ(-EACCES, raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld));
	for (i = 0; i < 11; i++)
		ASSERT_EQ(-1, open("/dev/spawnctl", O_RDWR));

	ASSERT_EQ(0, genl_stats(&self->genl, -1, &now));
	EXPECT_EQ(3U, more(self, &now, SPAWNCTL_A_STATS_FORKS));
	EXPECT_EQ(0U, more(self, &now, SPAWNCTL_A_STATS_SPAWNS));
	EXPECT_EQ(5U, more_failed(self, &now, EDQUOT));
	EXPECT_EQ(7U, more_failed(self, &now, EPERM));
	EXPECT_EQ(9U, more_failed(self, &now, EACCES));
	EXPECT_EQ(0U, more_failed(self, &now, E2BIG));
	EXPECT_EQ(11U, more(self, &now, SPAWNCTL_A_STATS_OPENS_REFUSED));
}

/* A call that the kernel restarts is counted as one call, and not as a failure */
TEST_F(stats, a_restarted_call)
{
	struct counts now;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(births); i++) {
		struct parked parked = { .fd = self->fd, .command = births[i] };

		ASSERT_EQ(0, park_place(&parked));
		memcpy(parked.source, &sigchld, sizeof(sigchld));
		ASSERT_EQ(0, interrupted_call(&parked, 0));
		EXPECT_TRUE(exited_with(parked.ret, 0));
	}
	ASSERT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	EXPECT_EQ(0U, sum(now.failures, LAST_ERRNO + 1) -
		      sum(self->before.failures, LAST_ERRNO + 1));
	EXPECT_EQ(1U, more(self, &now, SPAWNCTL_A_STATS_SPAWNS));
	EXPECT_EQ(1U, more(self, &now, SPAWNCTL_A_STATS_FORKS));
	EXPECT_EQ(0U, now.totals[SPAWNCTL_A_STATS_IN_FLIGHT]);
}

/* Before 6.12 the start of a dump can return an errno, but no message */
static void explained(struct __test_metadata *_metadata, FIXTURE_SELF(stats) self,
		      const char *text)
{
	EXPECT_STREQ(kernel_at_least(6, 12) ? text : "", self->genl.told);
}

/*
 * A program that holds the device can be made to write given bytes to a given descriptor.
 * That does not count as a request with its descriptor: only a message that is sent with
 * an address does.
 */
TEST_F(stats, descriptor_needs_an_address)
{
	struct counts now;

	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	EXPECT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	self->genl.send = write;
	EXPECT_EQ(-EPERM, genl_stats(&self->genl, self->fd, &now));
	explained(_metadata, self,
		  "to name a descriptor, use sendto(2) or sendmsg(2) with an address");
}

/* Only a caller with CAP_NET_ADMIN, or with a descriptor that it may use, may read them */
TEST_F(stats, permission_to_read)
{
	struct counts now;
	int other, null = open("/dev/null", O_RDWR), path = open("/dev/spawnctl", O_PATH);

	ASSERT_LE(0, null);
	ASSERT_LE(0, path);
	EXPECT_EQ(0, genl_stats(&self->genl, -1, &now));
	EXPECT_EQ(-EBADF, genl_stats(&self->genl, null, &now));
	explained(_metadata, self, "not a descriptor of the device");
	if (kernel_at_least(6, 12))
		EXPECT_EQ(NLMSG_HDRLEN + GENL_HDRLEN + 0U, self->genl.about);
	EXPECT_EQ(-EBADF, genl_stats(&self->genl, path, &now));
	EXPECT_EQ(-EBADF, genl_stats(&self->genl, 12345, &now));
	EXPECT_EQ(-EBADF, genl_stats(&self->genl, INT_MAX, &now));

	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	ASSERT_EQ(-1, open("/dev/spawnctl", O_RDWR));
	EXPECT_EQ(0, genl_stats(&self->genl, self->fd, &now));
	/* Root has opened the socket, but the caller is not root */
	EXPECT_EQ(-EPERM, genl_stats(&self->genl, -1, &now));
	explained(_metadata, self, "a descriptor of the device is needed, or CAP_NET_ADMIN");
	EXPECT_EQ(-EBADF, genl_stats(&self->genl, null, &now));

	/* A descriptor that the caller may not use does not count */
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT_EQ(0, filter_allow_all(0));
	EXPECT_EQ(-EACCES, genl_stats(&self->genl, self->fd, &now));
	explained(_metadata, self, "refused to a task under a seccomp filter");
	other = dup(self->fd);
	EXPECT_EQ(-EACCES, genl_stats(&self->genl, other, &now));
}

/*
 * Another process, which opens the device for itself, and a child of it whose exec mask is
 * pending until hold[1] is closed. Returns the process, or -1.
 */
static pid_t start_pending(int fd, int hold[2])
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone), .flags = SPAWNCTL_EXEC_KEEP_MASK, .exit_signal = SIGCHLD,
	};
	pid_t pid = pipe(hold) ? -1 : fork();

	if (!pid) {
		close(hold[1]);
		spawnctl_thread(spawnctl_open(), &clone, wait_for_end, &hold[0]);
		_exit(0);
	}
	while (pid > 0 && exec_pending(fd) != 1)
		usleep(1000);
	return pid;
}

static struct ring ring;
static unsigned int ring_flags;

static ssize_t send_by_ring(int fd, const void *message, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec piece = { (void *)message, size };
	struct msghdr header = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel),
		.msg_iov = &piece, .msg_iovlen = 1,
	};
	int ret;

	ring.sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_SENDMSG, .flags = ring_flags, .fd = fd,
		.addr = (uintptr_t)&header, .len = 1,
	};
	ret = ring_result(&ring);
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/*
 * An io_uring worker may lack a filter that was installed after it was created. It must not
 * learn for a filtered process what that process may not, so every worker counts as filtered.
 */
TEST_F(stats, worker_of_a_filtered_process)
{
	struct told_info told;
	struct counts now;
	int hold[2];
	pid_t pid;

	pid = start_pending(self->fd, hold);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, ring_setup(&ring));
	self->genl.send = send_by_ring;
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	EXPECT_EQ(0, genl_stats(&self->genl, self->fd, &now))
		TH_LOG("control: the caller can read through the ring");
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_EQ(1ULL, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	ring_flags = IOSQE_ASYNC;
	EXPECT_EQ(-EACCES, genl_stats(&self->genl, self->fd, &now));
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT_EQ(0, filter_allow_all(0));
	EXPECT_EQ(-EACCES, genl_stats(&self->genl, self->fd, &now));
	EXPECT_EQ(0, ask_info(&self->genl, &told))
		TH_LOG("control: the worker can still send");
	EXPECT_EQ(0ULL, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	close(hold[1]);
	EXPECT_EQ(0, wait_status(pid));
}

/*
 * The statistics are system-wide. A filtered caller cannot read them by its descriptor,
 * whether or not that allows filtered callers. Nor does it learn how many exec masks of
 * others are pending, or, by the id of the open file, how often the device was opened.
 */
TEST_F(stats, filtered_caller_learns_nothing_of_others)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	struct told_info told;
	struct counts now;
	int hold[2];
	pid_t pid;

	pid = start_pending(self->fd, hold);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, spawnctl_narrow(self->fd, LIMIT(.flags = SPAWNCTL_LIMIT_FILTERED)));
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	EXPECT_NE(0ULL, info.id);
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_EQ(1ULL, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	EXPECT_EQ(0, genl_stats(&self->genl, self->fd, &now));

	ASSERT_EQ(0, filter_allow_all(0));
	/* A filtered caller with CAP_NET_ADMIN may read everything */
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_EQ(1ULL, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	EXPECT_EQ(0, genl_stats(&self->genl, -1, &now));

	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	EXPECT_EQ(0U, info.refusal);
	EXPECT_EQ(0ULL, info.exec_pending);
	EXPECT_EQ(0ULL, info.id);
	ASSERT_EQ(0, ask_info(&self->genl, &told));
	EXPECT_EQ(0ULL, told.number[SPAWNCTL_A_INFO_EXEC_PENDING]);
	EXPECT_EQ(-EACCES, genl_stats(&self->genl, self->fd, &now));
	/* The descriptor still makes children */
	EXPECT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld), 0));
	close(hold[1]);
	EXPECT_EQ(0, wait_status(pid));
}

/* A malformed request is refused; an unknown or short attribute also with a message */
TEST_F(stats, malformed_requests_are_refused)
{
	struct genl_request request;
	struct counts now;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const unsigned int commands[] = { SPAWNCTL_NL_CMD_INFO_GET,
			SPAWNCTL_NL_CMD_STATS_GET };
		bool dump = commands[i] == SPAWNCTL_NL_CMD_STATS_GET;

		genl_begin(&self->genl, &request, self->genl.family, commands[i],
			   dump ? NLM_F_DUMP : 0);
		mnl_attr_put_u32(request.header, SPAWNCTL_A_STATS_MAX, 1);
		EXPECT_EQ(-EINVAL, genl_talk(&self->genl, &request, genl_note_stats, &now));
		EXPECT_NE(0, strlen(self->genl.told));

		genl_begin(&self->genl, &request, self->genl.family, commands[i],
			   dump ? NLM_F_DUMP : 0);
		mnl_attr_put_u32(request.header, SPAWNCTL_A_STATS_PAD, 1);
		EXPECT_EQ(-EINVAL, genl_talk(&self->genl, &request, genl_note_stats, &now));
	}
	/* An attribute that is too short for a descriptor, and one that is too long */
	genl_begin(&self->genl, &request, self->genl.family, SPAWNCTL_NL_CMD_STATS_GET, NLM_F_DUMP);
	mnl_attr_put_u16(request.header, SPAWNCTL_A_STATS_DESCRIPTOR, 1);
	EXPECT_EQ(-EINVAL, genl_talk(&self->genl, &request, genl_note_stats, &now));
	EXPECT_NE(0, strlen(self->genl.told));
	genl_begin(&self->genl, &request, self->genl.family, SPAWNCTL_NL_CMD_STATS_GET, NLM_F_DUMP);
	mnl_attr_put_u64(request.header, SPAWNCTL_A_STATS_DESCRIPTOR, 1);
	EXPECT_EQ(-EINVAL, genl_talk(&self->genl, &request, genl_note_stats, &now));

	/* INFO_GET cannot be dumped, STATS_GET can only be dumped, other commands do not exist */
	genl_begin(&self->genl, &request, self->genl.family, SPAWNCTL_NL_CMD_INFO_GET, NLM_F_DUMP);
	EXPECT_EQ(-EOPNOTSUPP, genl_talk(&self->genl, &request, NULL, NULL));
	genl_begin(&self->genl, &request, self->genl.family, SPAWNCTL_NL_CMD_STATS_GET, 0);
	EXPECT_EQ(-EOPNOTSUPP, genl_talk(&self->genl, &request, NULL, NULL));
	for (i = SPAWNCTL_NL_CMD_EVENT; i < 256; i++) {
		genl_begin(&self->genl, &request, self->genl.family, i, 0);
		EXPECT_EQ(-EOPNOTSUPP, genl_talk(&self->genl, &request, NULL, NULL))
			TH_LOG("command %u", i);
	}
	EXPECT_EQ(0, genl_stats(&self->genl, self->fd, &now));
}

TEST_HARNESS_MAIN
