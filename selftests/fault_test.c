// SPDX-License-Identifier: GPL-2.0
/*
 * Fails each allocation and user copy of a call, one at a time. The call must report that or
 * succeed without it, and leave nothing behind. Needs a kernel with CONFIG_FAULT_INJECTION.
 */
#include <sys/klog.h>
#include <sys/stat.h>
#include "contract.h"
#include "genl.h"

#define MOST	9999	/* fault points; no call has that many */

FIXTURE_VARIANT(contract)
{
	unsigned long command;	/* 0: open(2) */
	unsigned int flags;
	bool heard;		/* there is a listener to events */
};

FIXTURE_VARIANT_ADD(contract, open) {
	.command = 0
};

FIXTURE_VARIANT_ADD(contract, info) {
	.command = SPAWNCTL_IOC_INFO
};

FIXTURE_VARIANT_ADD(contract, limit) {
	.command = SPAWNCTL_IOC_LIMIT
};

FIXTURE_VARIANT_ADD(contract, spawn) {
	.command = SPAWNCTL_IOC_SPAWN
};

FIXTURE_VARIANT_ADD(contract, spawn_heard) {
	.command = SPAWNCTL_IOC_SPAWN, .heard = true
};

FIXTURE_VARIANT_ADD(contract, spawn_pidfd) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_PIDFD
};

FIXTURE_VARIANT_ADD(contract, spawn_exec_mask) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_EXEC_MASK
};

FIXTURE_VARIANT_ADD(contract, spawn_cgroup) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_CGROUP
};

FIXTURE_VARIANT_ADD(contract, spawn_share_files) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_SHARE_FILES
};

FIXTURE_VARIANT_ADD(contract, spawn_no_new_privs) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_NO_NEW_PRIVS
};

FIXTURE_VARIANT_ADD(contract, spawn_parent_tid) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_PARENT_SETTID
};

FIXTURE_VARIANT_ADD(contract, spawn_hold) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_HOLD
};

FIXTURE_VARIANT_ADD(contract, spawn_no_wait) {
	.command = SPAWNCTL_IOC_SPAWN, .flags = SPAWNCTL_NO_WAIT
};

FIXTURE_VARIANT_ADD(contract, spawn_all) {
	.command = SPAWNCTL_IOC_SPAWN,
	.flags = SPAWNCTL_PIDFD | SPAWNCTL_CGROUP | SPAWNCTL_NO_NEW_PRIVS |
		 SPAWNCTL_PARENT_SETTID | SPAWNCTL_EXEC_KEEP_MASK | SPAWNCTL_HOLD
};

FIXTURE_VARIANT_ADD(contract, fork) {
	.command = SPAWNCTL_IOC_FORK
};

FIXTURE_VARIANT_ADD(contract, fork_pidfd) {
	.command = SPAWNCTL_IOC_FORK, .flags = SPAWNCTL_PIDFD
};

FIXTURE_VARIANT_ADD(contract, fork_cgroup) {
	.command = SPAWNCTL_IOC_FORK, .flags = SPAWNCTL_CGROUP
};

FIXTURE_VARIANT_ADD(contract, fork_share_files) {
	.command = SPAWNCTL_IOC_FORK, .flags = SPAWNCTL_SHARE_FILES
};

FIXTURE_VARIANT_ADD(contract, fork_no_new_privs) {
	.command = SPAWNCTL_IOC_FORK, .flags = SPAWNCTL_NO_NEW_PRIVS
};

FIXTURE_VARIANT_ADD(contract, fork_parent_tid) {
	.command = SPAWNCTL_IOC_FORK, .flags = SPAWNCTL_PARENT_SETTID
};

FIXTURE_VARIANT_ADD(contract, fork_all) {
	.command = SPAWNCTL_IOC_FORK,
	.flags = SPAWNCTL_PIDFD | SPAWNCTL_CGROUP | SPAWNCTL_NO_NEW_PRIVS |
		 SPAWNCTL_PARENT_SETTID | SPAWNCTL_SET_TID
};

/* The kernel's own clone(2), for comparison: what fails there too is not the device's fault. */
FIXTURE_VARIANT_ADD(contract, clone) {
	.command = SYS_clone
};

static int fail_nth = -1;
static int kmsg = -1;

/* Returns 0 or -1; 0 also if the kernel has no such knob. */
static int set_knob(const char *dir, const char *name, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	ret = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	close(fd);
	return ret;
}

static const char * const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

/*
 * Enables every kind of fault, without messages: the kernel reports a failed allocation with a
 * call trace, as it does a bug.
 */
static int set_up_faults(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ret |= set_knob(kinds[i], "verbose", "0");
		ret |= set_knob(kinds[i], "task-filter", "N");
		ret |= set_knob(kinds[i], "ignore-gfp-wait", "N");
		ret |= set_knob(kinds[i], "ignore-gfp-highmem", "N");
		ret |= set_knob(kinds[i], "cache-filter", "N");
		ret |= set_knob(kinds[i], "min-order", "0");
		ret |= set_knob(kinds[i], "stacktrace-depth", "0");
	}
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (ret || fail_nth < 0 || kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		return -1;
	/* vmalloc() reports its failures regardless of the knobs: keep them off the console. */
	return klogctl(8, NULL, 1);
}

static void arm(unsigned int n)
{
	char text[16];
	int len = 0;

	/* No libc call here: once the fault is armed, it could hit libc's own system calls. */
	if (n >= 1000)
		text[len++] = '0' + n / 1000 % 10;
	if (n >= 100)
		text[len++] = '0' + n / 100 % 10;
	if (n >= 10)
		text[len++] = '0' + n / 10 % 10;
	text[len++] = '0' + n % 10;
	raw_syscall(SYS_pwrite64, fail_nth, text, len, 0);
}

/* Returns whether the armed fault has happened. */
static int disarm(void)
{
	char text[16] = "";

	raw_syscall(SYS_pread64, fail_nth, text, sizeof(text) - 1, 0);
	raw_syscall(SYS_pwrite64, fail_nth, "0", 1, 0);
	return text[0] == '0';
}

/* Checks that the kernel log has no complaint other than of failed allocations. */
static void read_log(struct __test_metadata *_metadata)
{
	static const char * const bad[] = {
		"WARNING:", "BUG:", "Oops", "KASAN", "UBSAN", "spawnctl: child",
	};
	char record[8192];
	unsigned int i;
	ssize_t length;

	while ((length = read(kmsg, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[length > 0 ? length : 0] = '\0';
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			EXPECT_EQ(NULL, strstr(record, bad[i]))
				TH_LOG("%s", record);
		errno = 0;
	}
	/* Clear the log: its next reader would take the call traces for a bug. */
	klogctl(5, NULL, 0);
	klogctl(8, NULL, 7);
}

struct walk {
	unsigned int points;
	unsigned int survived;	/* the call succeeded in spite of the fault */
	unsigned int errors[256];
};

static void print_walk(const struct walk *walk)
{
	unsigned int i;

	fprintf(stderr, "# %u points, %u of them tolerated", walk->points, walk->survived);
	for (i = 0; i < ARRAY_SIZE(walk->errors); i++)
		if (walk->errors[i])
			fprintf(stderr, ", %u %s", walk->errors[i], strerror(i));
	fprintf(stderr, "\n");
}

/* ENOMEM; EFAULT if the fault was in a copy from or to user space. */
static int in_contract(long ret)
{
	return ret == -ENOMEM || ret == -EFAULT;
}

struct room {
	union {
		struct spawnctl_clone clone;
		struct spawnctl_info info;
		struct spawnctl_limit limit;
	};
	struct spawnctl_hold hold;
	int pidfd;
	int parent_tid;
	int child_tid;
	char stack[64];
};

static void fill(struct room *room, unsigned long command, unsigned int flags, int cgroup)
{
	memset(room, 0, sizeof(*room));
	room->pidfd = -1;
	if (command == SPAWNCTL_IOC_INFO) {
		room->info.size = sizeof(room->info);
		return;
	}
	if (command == SPAWNCTL_IOC_LIMIT) {
		room->limit.size = sizeof(room->limit);
		return;
	}
	room->clone = (struct spawnctl_clone){ .size = sizeof(room->clone), .flags = flags };
	if (flags & SPAWNCTL_PIDFD)
		room->clone.pidfd = (uintptr_t)&room->pidfd;
	if (flags & SPAWNCTL_PARENT_SETTID)
		room->clone.parent_tid = (uintptr_t)&room->parent_tid;
	if (flags & SPAWNCTL_HOLD)
		room->clone.hold = (uintptr_t)&room->hold;
	if (flags & SPAWNCTL_NO_WAIT) {
		room->clone.stack = (uintptr_t)room->stack;
		room->clone.stack_size = sizeof(room->stack);
		room->clone.child_tid = (uintptr_t)&room->child_tid;
	}
	if (flags & SPAWNCTL_CGROUP)
		room->clone.cgroup = cgroup;
	if (flags & SPAWNCTL_EXEC_MASK)
		room->clone.exec_mask = SIGBIT(SIGUSR1);
}

/* Makes one call whose @n-th fault point fails. Returns whether it has that many. */
static int call_once(struct __test_metadata *_metadata, FIXTURE_SELF(contract) self,
		     unsigned long command, struct room *room, unsigned int n, struct walk *walk)
{
	int before = first_free_descriptor(), happened;
	long ret;

	arm(n);
	if (!command)
		ret = raw_syscall(SYS_openat, AT_FDCWD, "/dev/spawnctl", O_RDWR | O_CLOEXEC);
	else if (command == SYS_clone)
		ret = raw_syscall(SYS_clone, SIGCHLD);
	else
		ret = raw_spawn_exit(self->fd, command, room);
	if (command == SYS_clone && !ret)
		raw_syscall(SYS_exit_group, 0);
	happened = disarm();
	if (!happened)
		EXPECT_LE(0, ret);
	if (ret < 0) {
		EXPECT_TRUE(in_contract(ret))
			TH_LOG("point %u: error %ld", n, -ret);
		walk->errors[-ret & 255]++;
		EXPECT_EQ(-1, room->pidfd);
	} else {
		walk->survived += happened;
		if (!command)
			close(ret);
		if (ret > 0 && command)
			EXPECT_EQ(0, wait_status(ret));
		if (room->pidfd >= 0)
			close(room->pidfd);
	}
	nothing_left(_metadata, "a call with a fault");
	EXPECT_EQ(before, first_free_descriptor())
		TH_LOG("point %u: a descriptor is left open", n);
	EXPECT_EQ(0, exec_pending(self->fd))
		TH_LOG("point %u: an exec mask is left pending", n);
	walk->points += happened;
	return happened;
}

/* The same for INFO and LIMIT, which return 0: raw_spawn_exit() would take that for the child. */
static int call_plainly(struct __test_metadata *_metadata, FIXTURE_SELF(contract) self,
			unsigned long command, struct room *room, unsigned int n,
			struct walk *walk)
{
	int happened;
	long ret;

	arm(n);
	ret = raw_syscall(SYS_ioctl, self->fd, command, room);
	happened = disarm();
	if (ret < 0) {
		EXPECT_TRUE(happened && in_contract(ret));
		walk->errors[-ret & 255]++;
	}
	nothing_left(_metadata, "INFO or LIMIT");
	walk->points += happened;
	walk->survived += happened && !ret;
	return happened;
}

/* A call with a fault at any one point fails as documented or succeeds, and leaves nothing. */
TEST_F_TIMEOUT(contract, every_point, 900)
{
	struct room *room = shared_alloc(sizeof(*room));
	struct genl listener = { 0 };
	struct walk walk = { 0 };
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC), happened;
	unsigned int n;

	ASSERT_NE(NULL, room);
	if (access("/proc/thread-self/fail-nth", W_OK))
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, set_up_faults());
	if (variant->heard) {
		ASSERT_EQ(0, genl_open(&listener));
		ASSERT_EQ(0, genl_join(&listener));
	}
	/* From the first call on the module has a spare birth. */
	accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "before a fault");
	for (n = 1; n < MOST; n++) {
		fill(room, variant->command, variant->flags, cgroup);
		if (variant->command == SPAWNCTL_IOC_INFO || variant->command == SPAWNCTL_IOC_LIMIT)
			happened = call_plainly(_metadata, self, variant->command, room, n, &walk);
		else
			happened = call_once(_metadata, self, variant->command, room, n, &walk);
		if (!happened)
			break;
		accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "after a fault");
	}
	print_walk(&walk);
	EXPECT_GT(MOST + 0U, n);
	/* The control: making a task allocates, so that some faults fail the call. */
	if (variant->command != SPAWNCTL_IOC_INFO && variant->command != SPAWNCTL_IOC_LIMIT)
		EXPECT_LT(5U, walk.points - walk.survived + (variant->command ? 0 : 5));
	/* A call that cannot allocate its event has made its child nevertheless. */
	if (variant->heard)
		EXPECT_LT(0U, walk.survived);
	genl_close(&listener);
	read_log(_metadata);
}

FIXTURE(loading)
{
	int fd;
};

FIXTURE_SETUP(loading)
{
	char path[PATH_MAX] = "";
	FILE *pipe = popen("modinfo -n spawnctl", "r");

	ASSERT_NE(NULL, pipe);
	ASSERT_EQ(1, fscanf(pipe, "%4095s", path));
	pclose(pipe);
	self->fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(loading)
{
	close(self->fd);
}

/*
 * Exempts event_create_dir(), in which the kernel makes a module's trace events. If that fails,
 * the kernel warns, which is a panic here (panic_on_warn), and loads the module nevertheless.
 */
static int spare_events(void)
{
	unsigned long long start = 0, end = ~0ULL, at;
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], name[256], from[32], to[32];
	unsigned int i, round;
	int ret = 0;

	for (round = 0; file && round < 2; round++) {
		rewind(file);
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "%llx %*c %255s", &at, name) != 2)
				continue;
			if (!strcmp(name, "event_create_dir"))
				start = at;
			else if (round && at > start && at < end)
				end = at;
		}
	}
	if (file)
		fclose(file);
	snprintf(from, sizeof(from), "0x%llx", start);
	snprintf(to, sizeof(to), "0x%llx", end);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ret |= set_knob(kinds[i], "stacktrace-depth", "32");
		ret |= set_knob(kinds[i], "reject-start", from);
		ret |= set_knob(kinds[i], "reject-end", to);
	}
	return start ? ret : -1;
}

static long finit_module(int fd)
{
	return raw_syscall(SYS_finit_module, fd, "", 0);
}

/*
 * A load of the module with a fault at any one point fails as documented or succeeds, and leaves
 * nothing. Most points are in the kernel's module loader, which is slow on a debug kernel.
 */
TEST_F_TIMEOUT(loading, every_point, 1800)
{
	struct walk walk = { 0 };
	int fd = self->fd, happened;
	unsigned int n;
	long ret;

	if (access("/proc/thread-self/fail-nth", W_OK))
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, set_up_faults());
	ASSERT_EQ(0, spare_events());
	ASSERT_EQ(0, raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK));
	for (n = 1; n < MOST; n++) {
		arm(n);
		ret = finit_module(fd);
		happened = disarm();
		if (ret < 0) {
			EXPECT_TRUE(happened);
			EXPECT_TRUE(in_contract(ret))
				TH_LOG("point %u: error %ld", n, -ret);
			walk.errors[-ret & 255]++;
			EXPECT_EQ(-1, access("/dev/spawnctl", F_OK));
		} else {
			walk.survived += happened;
			if (!happened)
				break;
			EXPECT_EQ(0, raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK));
		}
		EXPECT_EQ(-1, access("/sys/module/spawnctl", F_OK));
		if (++walk.points % 100 == 0)
			fprintf(stderr, "# %u points\n", walk.points);
	}
	print_walk(&walk);
	EXPECT_LT(5U, walk.points - walk.survived);
	EXPECT_EQ(0, access("/sys/module/spawnctl", F_OK));
	read_log(_metadata);
}

#define FRESH	64

/* Makes one call with the @n-th fault, then stays, so that its task_struct is not reused */
static int fresh_caller(int fd, unsigned int n, int report)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_EXEC_KEEP_MASK,
		.exit_signal = SIGCHLD,
	};
	long ret;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	arm(n);
	ret = raw_spawn_exit(fd, SPAWNCTL_IOC_SPAWN, &clone);
	disarm();
	if (ret > 0 && wait_status(ret))
		ret = -EINVAL;
	if (write(report, &ret, sizeof(ret)) != sizeof(ret))
		return 1;
	pause();
	return 0;
}

/*
 * The first call of a process allocates its birth, unless an earlier caller, whose task_struct
 * hashes to the same bucket, has left a spare one there. The earlier callers stay alive: a caller
 * that reuses a task_struct would always find a spare birth.
 */
TEST_F_TIMEOUT(loading, fault_in_the_first_call, 300)
{
	unsigned int n, refused = 0;
	pid_t pids[FRESH];
	int fd, report[2];
	long ret;

	if (access("/proc/thread-self/fail-nth", W_OK))
		SKIP(return, "the kernel has no fault injection");
	/* Reload the module, so that no spare birth is left from before */
	ASSERT_EQ(0, raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK));
	ASSERT_EQ(0, finit_module(self->fd));
	ASSERT_EQ(0, set_up_faults());
	ASSERT_EQ(0, pipe(report));
	fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (n = 0; n < FRESH; n++) {
		pids[n] = fork();
		if (!pids[n])
			_exit(fresh_caller(fd, n % 32 + 1, report[1]));
		ASSERT_LT(0, pids[n]);
		ASSERT_EQ((ssize_t)sizeof(ret), read(report[0], &ret, sizeof(ret)));
		EXPECT_TRUE(ret > 0 || in_contract(ret))
			TH_LOG("point %u: error %ld", n, -ret);
		refused += ret < 0;
		EXPECT_EQ(0, exec_pending(fd));
	}
	EXPECT_LT(0U, refused);
	for (n = 0; n < FRESH; n++) {
		kill(pids[n], SIGKILL);
		waitpid(pids[n], NULL, 0);
	}
	close(fd);
	read_log(_metadata);
}

/*
 * Runs without rseq(2), which glibc registers. On return from a call the kernel writes to the
 * rseq area. In FORK's parent that page must be copied first; if the copy fails, the kernel kills
 * the program, as it does after clone(2).
 */
int main(int argc, char **argv)
{
	static char tunable[] = "glibc.pthread.rseq=0";

	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", tunable, 1);
		execv("/proc/self/exe", argv);
		return KSFT_FAIL;
	}
	return test_harness_run(argc, argv);
}
