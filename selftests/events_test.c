// SPDX-License-Identifier: GPL-2.0
/*
 * The events: one for each child that is made or refused. Only entitled listeners receive them,
 * and no listener delays or fails a call.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include "contract.h"
#include "genl.h"
#include "parked.h"

#define PATIENT		2000	/* ms to wait for an event that must come */
#define SHORT		200	/* ms to wait for one that must not */

static struct spawnctl_clone sigchld = { .size = sizeof(sigchld), .exit_signal = SIGCHLD };

FIXTURE(events)
{
	int fd;
	struct genl genl;
	struct spawnctl_info info;
};

FIXTURE_SETUP(events)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->info.size = sizeof(self->info);
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &self->info));
	ASSERT_EQ(0, genl_open(&self->genl));
	ASSERT_NE(0U, self->genl.events);
}

FIXTURE_TEARDOWN(events)
{
	genl_close(&self->genl);
	close(self->fd);
}

static uint64_t real_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* Checks each attribute of a child's event */
static void tells(struct __test_metadata *_metadata, FIXTURE_SELF(events) self,
		  unsigned long command, unsigned int flags, pid_t child, uint64_t begun)
{
	struct seen seen;
	char comm[16];

	ASSERT_EQ(0, prctl(PR_GET_NAME, comm));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_EQ(command, seen.number[SPAWNCTL_A_EVENT_COMMAND]);
	EXPECT_EQ(flags, seen.number[SPAWNCTL_A_EVENT_FLAGS]);
	EXPECT_FALSE(seen.has[SPAWNCTL_A_EVENT_ERRNO]);
	EXPECT_EQ((uint64_t)child, seen.number[SPAWNCTL_A_EVENT_CHILD]);
	EXPECT_EQ((uint64_t)getpid(), seen.number[SPAWNCTL_A_EVENT_TGID]);
	EXPECT_EQ((uint64_t)syscall(SYS_gettid), seen.number[SPAWNCTL_A_EVENT_PID]);
	EXPECT_TRUE(seen.has[SPAWNCTL_A_EVENT_UID]);
	EXPECT_EQ(getuid(), seen.number[SPAWNCTL_A_EVENT_UID]);
	EXPECT_STREQ(comm, seen.comm);
	EXPECT_EQ(self->info.id, seen.number[SPAWNCTL_A_EVENT_FILE_ID]);
	EXPECT_LE(begun, seen.number[SPAWNCTL_A_EVENT_TIME]);
	EXPECT_GE(real_ns(), seen.number[SPAWNCTL_A_EVENT_TIME]);
	EXPECT_EQ(command == SPAWNCTL_CMD_SPAWN, seen.has[SPAWNCTL_A_EVENT_WAIT]);
	if (command == SPAWNCTL_CMD_SPAWN) {
		EXPECT_LT(0U, seen.number[SPAWNCTL_A_EVENT_WAIT]);
		EXPECT_GT(real_ns() - begun, seen.number[SPAWNCTL_A_EVENT_WAIT]);
	}
}

/* An event of each command has the right attributes, for an unprivileged caller too. */
TEST_F(events, event_of_a_child)
{
	struct spawnctl_clone clone = sigchld;
	uint64_t begun = real_ns();
	pid_t child;

	ASSERT_EQ(0, genl_join(&self->genl));
	child = raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &clone);
	ASSERT_TRUE(exited_with(child, 0));
	tells(_metadata, self, SPAWNCTL_CMD_SPAWN, 0, child, begun);

	begun = real_ns();
	clone.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_NO_NEW_PRIVS;
	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	prctl(PR_SET_NAME, "odd \\\n\033[31m\xff");
	child = raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &clone);
	ASSERT_TRUE(exited_with(child, 0));
	tells(_metadata, self, SPAWNCTL_CMD_FORK, clone.flags, child, begun);
}

/* A call that the kernel restarts produces one event, once its child exists. */
TEST_F(events, a_restarted_call)
{
	struct seen seen;
	unsigned int i;

	ASSERT_EQ(0, genl_join(&self->genl));
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		struct parked parked = { .fd = self->fd, .command = births[i] };

		ASSERT_EQ(0, park_place(&parked));
		memcpy(parked.source, &sigchld, sizeof(sigchld));
		ASSERT_EQ(0, interrupted_call(&parked, 0));
		EXPECT_TRUE(exited_with(parked.ret, 0));
		ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
		EXPECT_FALSE(seen.has[SPAWNCTL_A_EVENT_ERRNO]);
		EXPECT_EQ((uint64_t)parked.ret, seen.number[SPAWNCTL_A_EVENT_CHILD]);
		EXPECT_EQ(0, genl_event(&self->genl, &seen, SHORT));
	}
}

struct caller {
	int fd;
	pid_t tid;
	pid_t child;
};

static void *spawn_in_a_thread(void *arg)
{
	struct caller *caller = arg;
	struct spawnctl_clone clone = sigchld;

	caller->tid = syscall(SYS_gettid);
	caller->child = raw_spawn_exit(caller->fd, SPAWNCTL_IOC_SPAWN, &clone);
	return NULL;
}

/* An event names both the calling thread and its process. */
TEST_F(events, names_thread_and_process)
{
	struct caller caller = { .fd = self->fd };
	pthread_t thread;
	struct seen seen;

	ASSERT_EQ(0, genl_join(&self->genl));
	ASSERT_EQ(0, pthread_create(&thread, NULL, spawn_in_a_thread, &caller));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_TRUE(exited_with(caller.child, 0));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_NE(getpid(), caller.tid);
	EXPECT_EQ((uint64_t)caller.tid, seen.number[SPAWNCTL_A_EVENT_PID]);
	EXPECT_EQ((uint64_t)getpid(), seen.number[SPAWNCTL_A_EVENT_TGID]);
}

/* The event of a refused call has the errno, and no child. */
TEST_F(events, event_of_a_refused_call)
{
	struct seen seen;

	ASSERT_EQ(0, genl_join(&self->genl));
	ASSERT_EQ(-EINVAL, raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, CLONE(.flags = 1U << 31)));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_EQ(SPAWNCTL_CMD_FORK + 0U, seen.number[SPAWNCTL_A_EVENT_COMMAND]);
	EXPECT_EQ(1U << 31, seen.number[SPAWNCTL_A_EVENT_FLAGS]);
	EXPECT_EQ(EINVAL + 0U, seen.number[SPAWNCTL_A_EVENT_ERRNO]);
	EXPECT_FALSE(seen.has[SPAWNCTL_A_EVENT_CHILD]);
	EXPECT_FALSE(seen.has[SPAWNCTL_A_EVENT_WAIT]);
	EXPECT_EQ(self->info.id, seen.number[SPAWNCTL_A_EVENT_FILE_ID]);

	/* Flags of a struct that was not read are absent */
	ASSERT_EQ(-EFAULT, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, NULL));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_EQ(SPAWNCTL_CMD_SPAWN + 0U, seen.number[SPAWNCTL_A_EVENT_COMMAND]);
	EXPECT_EQ(EFAULT + 0U, seen.number[SPAWNCTL_A_EVENT_ERRNO]);
	EXPECT_FALSE(seen.has[SPAWNCTL_A_EVENT_FLAGS]);
	EXPECT_EQ((uint64_t)getpid(), seen.number[SPAWNCTL_A_EVENT_TGID]);

	/* INFO and LIMIT produce no event */
	EXPECT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &self->info));
	EXPECT_EQ(-1, ioctl(self->fd, SPAWNCTL_IOC_INFO, NULL));
	EXPECT_EQ(-1, ioctl(self->fd, SPAWNCTL_IOC_LIMIT, NULL));
	EXPECT_EQ(0, genl_event(&self->genl, &seen, SHORT));
}

/* Each open file has an id of its own, which all descriptors of that file share. */
TEST_F(events, open_file_id)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int same = dup(self->fd), other = open("/dev/spawnctl", O_RDWR);
	struct seen seen;

	ASSERT_EQ(0, genl_join(&self->genl));
	ASSERT_EQ(0, ioctl(same, SPAWNCTL_IOC_INFO, &info));
	EXPECT_EQ(self->info.id, info.id);
	ASSERT_EQ(0, ioctl(other, SPAWNCTL_IOC_INFO, &info));
	EXPECT_LT(self->info.id, info.id);
	ASSERT_TRUE(exited_with(raw_spawn_exit(other, SPAWNCTL_IOC_FORK, &sigchld), 0));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_EQ(info.id, seen.number[SPAWNCTL_A_EVENT_FILE_ID]);
}

/* The ids in the event of a caller in a pid namespace are those of the initial namespace. */
TEST_F(events, ids_of_the_initial_namespace)
{
	pid_t outer, status;
	struct seen seen;

	ASSERT_EQ(0, genl_join(&self->genl));
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	outer = fork();
	ASSERT_LE(0, outer);
	if (!outer) {
		/* This process is 1 there and its child 2, which need not be reaped here */
		long inner = getpid() == 1 ?
			     raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, &sigchld) : -1;

		_exit(inner == 2 ? 0 : 1);
	}
	status = wait_status(outer);
	EXPECT_TRUE(is_exit(status, 0));
	ASSERT_EQ(1, genl_event(&self->genl, &seen, PATIENT));
	EXPECT_EQ((uint64_t)outer, seen.number[SPAWNCTL_A_EVENT_PID]);
	EXPECT_EQ((uint64_t)outer, seen.number[SPAWNCTL_A_EVENT_TGID]);
	EXPECT_LT((uint64_t)outer, seen.number[SPAWNCTL_A_EVENT_CHILD]);
}

struct many {
	int fd;
	unsigned int count;
	unsigned int wrong;
};

static void *many_thread(void *arg)
{
	struct many *many = arg;
	unsigned int i;

	for (i = 0; i < many->count; i++) {
		char stack[8192] __attribute__((aligned(16)));
		struct spawnctl_clone spawn = sigchld;

		spawn.stack = (uintptr_t)stack;
		spawn.stack_size = sizeof(stack);
		if (!exited_with(raw_spawn_exit(many->fd, SPAWNCTL_IOC_SPAWN, &spawn), 0))
			__atomic_add_fetch(&many->wrong, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* A listener that keeps up receives every event, in order. */
TEST_F_TIMEOUT(events, none_is_lost, 240)
{
	struct many many = {
		.fd = self->fd,
		.count = scaled(100000, 1000, "spawns with a listener") / 4,
	};
	int room = 8 << 20, i, ret;
	struct { uint64_t thread, time; } latest[4] = { { 0 } };
	uint64_t got, last = 0, thread;
	pthread_t threads[4];
	struct seen seen;

	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(self->genl.socket), SOL_SOCKET,
				SO_RCVBUFFORCE, &room, sizeof(room)));
	ASSERT_EQ(0, genl_join(&self->genl));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, many_thread, &many));
	for (got = 0; got < 4 * many.count; got++) {
		ret = genl_event(&self->genl, &seen, 10000 * PATIENCE);
		ASSERT_EQ(1, ret)
			TH_LOG("after %llu events: %s", (unsigned long long)got, strerror(-ret));
		if (got)
			ASSERT_EQ(last + 1, seen.number[SPAWNCTL_A_EVENT_SEQ]);
		last = seen.number[SPAWNCTL_A_EVENT_SEQ];
		/* The events of one thread come in their order */
		thread = seen.number[SPAWNCTL_A_EVENT_PID];
		for (i = 0; latest[i].thread && latest[i].thread != thread; i++)
			ASSERT_GT(3, i);
		latest[i].thread = thread;
		ASSERT_LE(latest[i].time, seen.number[SPAWNCTL_A_EVENT_TIME]);
		latest[i].time = seen.number[SPAWNCTL_A_EVENT_TIME];
	}
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0U, many.wrong);
	EXPECT_EQ(0, genl_event(&self->genl, &seen, SHORT));
}

/* The events received, and how often ENOBUFS has reported a loss */
struct heard {
	uint64_t first;
	uint64_t last;
	uint64_t got;
	int told;
};

/*
 * Receives the events of @calls calls. The event of one more call shows that all before it have
 * been sent. If that one is lost too, another call follows.
 */
static void hear_all(struct __test_metadata *_metadata, FIXTURE_SELF(events) self,
		     unsigned int calls, struct heard *heard)
{
	struct seen seen;
	int ret;

	*heard = (struct heard){ 0 };
	do {
		ASSERT_EQ(-EFAULT, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, NULL));
		calls++;
		while ((ret = genl_event(&self->genl, &seen, SHORT))) {
			if (ret == -ENOBUFS) {
				heard->told++;
				continue;
			}
			ASSERT_EQ(1, ret);
			if (!heard->got++)
				heard->first = seen.number[SPAWNCTL_A_EVENT_SEQ];
			else
				ASSERT_LT(heard->last, seen.number[SPAWNCTL_A_EVENT_SEQ]);
			heard->last = seen.number[SPAWNCTL_A_EVENT_SEQ];
		}
		/* Lost events leave gaps in the numbers, so the last call's number is known */
		ASSERT_GE(heard->first + calls - 1, heard->last);
	} while (heard->last != heard->first + calls - 1);
}

/* Whether the kernel has dropped a message to this socket */
static bool has_dropped(struct genl *genl)
{
	unsigned int protocol, port, drops;
	bool dropped = false;
	char line[256];
	FILE *file = fopen("/proc/net/netlink", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %u %u %*s %*s %*s %*s %*s %u", &protocol, &port, &drops) == 3)
			dropped |= protocol == NETLINK_GENERIC && drops &&
				   port == mnl_socket_get_portid(genl->socket);
	if (file)
		fclose(file);
	return dropped;
}

/* A listener that does not read gets ENOBUFS, can count the lost events, and fails no spawn. */
TEST_F(events, a_listener_that_does_not_read)
{
	struct many many = { .fd = self->fd, .count = 500 };
	struct heard heard;
	int room = 4096;

	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(self->genl.socket), SOL_SOCKET,
				SO_RCVBUF, &room, sizeof(room)));
	ASSERT_EQ(0, genl_join(&self->genl));
	many_thread(&many);
	EXPECT_EQ(0U, many.wrong);
	/* Read only after a drop: otherwise the listener might keep up with a slow sender */
	while (!has_dropped(&self->genl))
		usleep(1000);

	hear_all(_metadata, self, 500, &heard);
	EXPECT_LT(0, heard.told);
	EXPECT_GT(500U, heard.got);
}

/* Pins this thread to @cpu, as a real-time task that keeps ordinary tasks off it */
static int take_processor(long cpu)
{
	struct sched_param first = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ||
	       sched_setscheduler(0, SCHED_FIFO, &first);
}

static unsigned int keeping;
static bool over;

static void *keep_processor(void *arg)
{
	if (take_processor((long)arg))
		return arg;
	__atomic_add_fetch(&keeping, 1, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(over))
		;
	return NULL;
}

/*
 * Events beyond the 4,096 that can wait to be sent are reported as lost, leave a gap in the
 * numbers, and delay no caller. The worker gets no processor while the calls are made.
 */
TEST_F(events, queue_overflow)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN), cpu;
	struct sched_param none = { 0 };
	const unsigned int calls = 6000;
	pthread_t keepers[64];
	int room = 64 << 20, i;
	struct heard heard;
	void *failed;

	ASSERT_GE(64, processors);
	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(self->genl.socket), SOL_SOCKET,
				SO_RCVBUFFORCE, &room, sizeof(room)));
	ASSERT_EQ(0, genl_join(&self->genl));

	for (cpu = 1; cpu < processors; cpu++)
		ASSERT_EQ(0, pthread_create(&keepers[cpu], NULL, keep_processor, (void *)cpu));
	while (READ_ONCE(keeping) < processors - 1)
		usleep(1000);
	ASSERT_EQ(0, take_processor(0));
	for (i = 0; i < (int)calls; i++)
		ASSERT_EQ(-EFAULT, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, NULL));
	WRITE_ONCE(over, true);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
	for (cpu = 1; cpu < processors; cpu++) {
		ASSERT_EQ(0, pthread_join(keepers[cpu], &failed));
		ASSERT_EQ(NULL, failed);
	}

	hear_all(_metadata, self, calls, &heard);
	EXPECT_LT(0, heard.told);
	EXPECT_GT(calls, heard.got);
	EXPECT_LE(4096U, heard.got);
	TH_LOG("%llu of %u events were sent", (unsigned long long)heard.got, calls);
}

/* A task without CAP_NET_ADMIN in the initial user namespace cannot join the group. */
TEST_F(events, permission_to_join)
{
	struct genl own;
	pid_t child;

	ASSERT_EQ(0, setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	EXPECT_EQ(-EPERM, genl_join(&self->genl));
	ASSERT_EQ(0, genl_open(&own));
	EXPECT_EQ(-EPERM, genl_join(&own));
	genl_close(&own);

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct seen seen;

		if (unshare(CLONE_NEWUSER) || genl_open(&own) ||
		    genl_join(&own) != -EPERM || genl_join(&self->genl) != -EPERM)
			_exit(1);
		/*
		 * The family does not exist in another network namespace. There it can join the
		 * group by its number, but receives nothing.
		 */
		genl_close(&own);
		if (unshare(CLONE_NEWNET) || genl_open(&own) != -ENOENT)
			_exit(2);
		genl_close(&own);
		own = (struct genl){ .events = self->genl.events };
		own.socket = mnl_socket_open(NETLINK_GENERIC);
		if (mnl_socket_bind(own.socket, 0, MNL_SOCKET_AUTOPID) || genl_join(&own))
			_exit(3);
		if (raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld) <= 0)
			_exit(4);
		_exit(genl_event(&own, &seen, SHORT) ? 5 : 0);
	}
	EXPECT_EQ(0, wait_status(child));
}

static int load(void)
{
	return system("modprobe spawnctl");
}

static int unload(void)
{
	return system("modprobe -r spawnctl");
}

/*
 * Open sockets do not hold the module, and a listener must join again after a reload. Each
 * unload waits for grace periods, which take seconds on a busy machine.
 */
TEST_F_TIMEOUT(events, reload_with_sockets_open, 120)
{
	struct seen seen;
	int round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, genl_join(&self->genl));
		close(self->fd);
		ASSERT_EQ(0, unload());
		EXPECT_EQ(-ENOENT, genl_find(&self->genl));
		ASSERT_EQ(0, load());
		self->fd = open("/dev/spawnctl", O_RDWR);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, genl_find(&self->genl));
		ASSERT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld), 0));
		EXPECT_EQ(0, genl_event(&self->genl, &seen, SHORT));
	}
}

/* Joins every multicast group that it may. Returns their number */
static unsigned int join_all(struct genl *genl)
{
	unsigned int joined = 0;

	for (genl->events = 1; genl->events < 1024; genl->events++)
		joined += !genl_join(genl);
	return joined;
}

/*
 * Joins all groups before the family is registered, and listens until @over is closed. Keeps
 * joining if @insist. Returns 0, or the number of the step that failed (4: heard an event).
 */
static int listen_early(int ready, int over, bool insist)
{
	struct pollfd end = { .fd = over, .events = POLLIN };
	struct genl early = { 0 };
	struct seen seen;
	char byte = 0;
	int last, ret;

	if (setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED))
		return 1;
	early.socket = mnl_socket_open(NETLINK_GENERIC);
	if (!early.socket || mnl_socket_bind(early.socket, 0, MNL_SOCKET_AUTOPID))
		return 2;
	if (!join_all(&early) || write(ready, &byte, 1) != 1)
		return 3;
	do {
		last = poll(&end, 1, insist ? 0 : -1);
		if (insist)
			join_all(&early);
		/* Messages of other families arrive too, but have no such attribute */
		while ((ret = genl_event(&early, &seen, last ? SHORT : 0)))
			if (ret == 1 && seen.has[SPAWNCTL_A_EVENT_FILE_ID])
				return 4;
	} while (!last);
	return 0;
}

/*
 * While the family is not registered, its group number has no owner, and anyone can join it. A
 * listener that joined then must hear nothing once the family is back, and neither must one that
 * keeps joining.
 */
static void early_bird(struct __test_metadata *_metadata, FIXTURE_SELF(events) self, bool insist)
{
	int ready[2], over[2];
	struct seen seen;
	char byte = 0;
	pid_t child;
	bool sends;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(over));
	close(self->fd);
	ASSERT_EQ(0, unload());
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(over[1]);
		_exit(listen_early(ready[1], over[0], insist));
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, load());
	self->fd = open("/dev/spawnctl", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, genl_find(&self->genl));
	ASSERT_EQ(0, genl_join(&self->genl));
	ASSERT_TRUE(exited_with(raw_spawn_exit(self->fd, SPAWNCTL_IOC_FORK, &sigchld), 0));
	/*
	 * An entitled listener hears the event, unless the other one made the family mute. That
	 * happens only on a kernel that cannot select the listeners (5.11 to 6.7).
	 */
	sends = !system("spawnctl info --json | jq -e .events >/dev/null");
	if (!insist || !kernel_at_least(5, 11) || kernel_at_least(6, 8))
		EXPECT_TRUE(sends);
	EXPECT_EQ(sends, genl_event(&self->genl, &seen, sends ? PATIENT : SHORT));
	close(over[1]);
	EXPECT_EQ(0, wait_status(child));
	close(self->fd);
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, load());
	self->fd = open("/dev/spawnctl", O_RDWR);
}

/* A listener that joined once, while the module was unloaded, hears nothing. */
TEST_F_TIMEOUT(events, a_listener_before_the_load, 120)
{
	early_bird(_metadata, self, false);
}

/* A listener that keeps joining while the module is loaded hears nothing. */
TEST_F_TIMEOUT(events, a_listener_that_keeps_joining, 120)
{
	early_bird(_metadata, self, true);
}

TEST_HARNESS_MAIN
