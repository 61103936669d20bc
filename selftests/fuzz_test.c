// SPDX-License-Identifier: GPL-2.0
/*
 * Calls the device's ioctls with generated arguments, from threads that are disturbed meanwhile.
 * Each result must be one that <linux/spawnctl.h> allows, and nothing may hang or be left behind.
 *
 * A supervisor starts workers, each a process that makes one batch of calls and may die of them.
 * The calls of a batch are a function of SPAWNCTL_SEED and the batch's number. SPAWNCTL_FUZZ_BATCH
 * makes that batch alone. Where the kernel has kcov, half of the calls depend on earlier results
 * instead, unless SPAWNCTL_FUZZ_UNGUIDED is set.
 */
#include <dirent.h>
#include "spawnctl_test.h"
#include "fuzz_worker.h"

#define JOBS	2	/* workers at once */
#define HANGS	120	/* seconds */
#define AGE	4	/* batches that share an open file */

static const char * const temper_names[] = {
	"undisturbed", "one thread filtered", "all threads filtered", "RLIMIT_NPROC",
	"RLIMIT_NOFILE", "user namespace", "pid namespace", "time namespace", "lethal signals",
};

static const char * const row_names[] = { "INFO", "SPAWN", "FORK", "LIMIT", "unknown" };

char *program_argv[] = { program_path, "nothing", "0", NULL };

FIXTURE(fuzz)
{
	struct job *jobs;
	struct common *common;
	__u64 tally[ROWS][ERRNOS];
	__u64 calls;
	__u64 filtered;
	unsigned int batches[TEMPERS];
	unsigned int died;
	int failed;
	int fd;
};

FIXTURE_SETUP(fuzz)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	const char *text = getenv("SPAWNCTL_SEED");
	char filtered_too = 'N';
	int fd;

	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	self->jobs = shared_alloc(JOBS * sizeof(*self->jobs));
	self->common = shared_alloc(sizeof(*self->common));
	ASSERT_TRUE(self->jobs && self->common);
	self->common->fd = -1;
	found = getenv("SPAWNCTL_FUZZ_UNGUIDED") ? NULL : shared_alloc(sizeof(*found));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	fd = open("/sys/module/spawnctl/parameters/allow_filtered", O_RDONLY);
	ASSERT_EQ(1, read(fd, &filtered_too, 1));
	ASSERT_EQ('N', filtered_too);
	close(fd);

	seed = text ? strtoull(text, NULL, 0) : raw_now_us();
	first_model = fresh_model();
	first_model.autoreap = !!(info.spawn_flags & SPAWNCTL_AUTOREAP);
	first_model.no_spawn = !kernel_at_least(6, 2);
}

FIXTURE_TEARDOWN(fuzz)
{
	close(self->fd);
}

static void print_file(const char *dir, const char *name)
{
	char path[300], text[2048];
	ssize_t size = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		size = read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	fprintf(stderr, "# %s: %s\n", path, text);
}

/* Prints where in the kernel each thread of @pid is. */
static void print_stacks(pid_t pid)
{
	struct dirent *entry;
	char path[280];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s", pid, entry->d_name);
		print_file(path, "stat");
		print_file(path, "wchan");
		print_file(path, "stack");
	}
	if (dir)
		closedir(dir);
}

/* Runs @fn for each process whose parent, or group if @by_group, is @id. Returns their number. */
static unsigned int each_process(int by_group, pid_t id, void (*fn)(pid_t pid))
{
	int parent, group, n = 0, fd;
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[40], text[512], *end;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
		if (!atoi(entry->d_name))
			continue;
		fd = open(path, O_RDONLY);
		memset(text, 0, sizeof(text));
		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0) {
			end = strrchr(text, ')');
			if (end && sscanf(end, ") %*c %d %d", &parent, &group) == 2 &&
			    (by_group ? group : parent) == id) {
				fn(atoi(entry->d_name));
				n++;
			}
		}
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return n;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
}

/* Checks the open file that workers have shared, and opens another one if @again. */
static void renew_common(struct __test_metadata *_metadata, struct common *common, int again,
			 struct rng *rng)
{
	struct spawnctl_limit limit = {
		.size = sizeof(limit), .flags = SPAWNCTL_LIMIT_CHILDREN,
	};
	struct spawnctl_info info = { .size = sizeof(info) };

	if (common->fd >= 0) {
		ASSERT_EQ(0, ioctl(common->fd, SPAWNCTL_IOC_INFO, &info));
		EXPECT_GE(common->budget, common->born);
		EXPECT_GE(common->budget - common->born, info.children);
		close(common->fd);
	}
	common->fd = -1;
	if (!again)
		return;
	common->born = 0;
	common->budget = one_in(rng, 4) ? 0 : below(rng, 64);
	common->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, common->fd);
	limit.children = common->budget;
	ASSERT_EQ(0, ioctl(common->fd, SPAWNCTL_IOC_LIMIT, &limit));
}

static void start_job(struct __test_metadata *_metadata, FIXTURE_SELF(fuzz) self,
		      struct job *job, unsigned int batch)
{
	struct rng rng = seeded(seed, batch, 62);
	unsigned int kind = below(&rng, 16);
	pid_t pid;

	memset(job, 0, sizeof(*job));
	job->batch = batch;
	/* The first is calm, so that a short run has one */
	job->temper = !batch || kind >= 12 ? CALM : kind < TEMPERS ? kind : FILTER_ALL;
	job->common = self->common;
	job->last_us = raw_now_us();
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		_exit(work(job));
	job->pid = pid;
	job->group = pid;
	self->batches[job->temper]++;
}

static void end_job(struct __test_metadata *_metadata, FIXTURE_SELF(fuzz) self,
		    struct job *job, int status)
{
	char cgroup[64];
	unsigned int row, error;

	/* Processes that outlive a killed worker must not outlive its batch. */
	kill(-job->group, SIGKILL);
	for (row = 0; row < ROWS; row++)
		for (error = 0; error < ERRNOS; error++)
			self->tally[row][error] += job->tally[row][error];
	self->calls += job->calls;
	self->filtered += job->filtered;
	EXPECT_STREQ("", job->complaint);
	EXPECT_EQ(0, job->handler_in_child);
	if (job->temper == DEADLY)
		self->died += !job->done;
	else
		EXPECT_TRUE(is_exit(status, 0) && job->done);
	if (*job->complaint || job->handler_in_child ||
	    (job->temper != DEADLY && !(is_exit(status, 0) && job->done)))
		self->failed = 1;
	if (self->failed)
		TH_LOG("status %#x, SPAWNCTL_SEED=%#llx SPAWNCTL_FUZZ_BATCH=%u (%s)", status, seed,
		       job->batch, temper_names[job->temper]);
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/fuzz.%d", job->group);
	rmdir(cgroup);
	job->pid = 0;
}

static void watch_job(struct __test_metadata *_metadata, FIXTURE_SELF(fuzz) self,
		      struct job *job)
{
	__u64 now = raw_now_us();

	/* Its own signals may have stopped it. */
	kill(-job->group, SIGCONT);
	if (job->calls != job->last_calls) {
		job->last_calls = job->calls;
		job->last_us = now;
	}
	if (now - job->last_us < HANGS * 1000000ULL)
		return;
	self->failed = 1;
	EXPECT_TRUE(0)
		TH_LOG("hangs: SPAWNCTL_SEED=%#llx SPAWNCTL_FUZZ_BATCH=%u (%s), after %llu calls",
		       seed, job->batch, temper_names[job->temper], job->calls);
	each_process(1, job->group, print_stacks);
	kill(-job->group, SIGKILL);
	job->last_us = now;
}

static unsigned int running(FIXTURE_SELF(fuzz) self)
{
	unsigned int n = 0, i;

	for (i = 0; i < JOBS; i++)
		n += self->jobs[i].pid > 0;
	return n;
}

/* Collects the workers that have ended, and watches the others. */
static void supervise(struct __test_metadata *_metadata, FIXTURE_SELF(fuzz) self)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
		for (i = 0; i < JOBS; i++)
			if (self->jobs[i].pid == pid)
				end_job(_metadata, self, &self->jobs[i], status);
	for (i = 0; i < JOBS; i++)
		if (self->jobs[i].pid)
			watch_job(_metadata, self, &self->jobs[i]);
}

/* Not strerrorname_np(3), which an old libc lacks. */
static const char *error_name(int error)
{
	static const char * const names[ERRNOS] = {
		[EPERM] = "EPERM", [ENOENT] = "ENOENT", [EINTR] = "EINTR", [E2BIG] = "E2BIG",
		[EBADF] = "EBADF", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM",
		[EACCES] = "EACCES", [EFAULT] = "EFAULT", [EBUSY] = "EBUSY",
		[ENODEV] = "ENODEV", [EINVAL] = "EINVAL", [ENFILE] = "ENFILE",
		[EMFILE] = "EMFILE", [ENOTTY] = "ENOTTY", [EOPNOTSUPP] = "EOPNOTSUPP",
		[EDQUOT] = "EDQUOT",
	};

	return names[error] ? names[error] : strerror(error);
}

static void print_tally(FIXTURE_SELF(fuzz) self, __u64 us)
{
	unsigned int row, error, i;

	fprintf(stderr, "# %llu calls in %llu s, %llu of them under a filter; workers:",
		self->calls, us / 1000000, self->filtered);
	for (i = 0; i < TEMPERS; i++)
		fprintf(stderr, "%s %u %s", i ? "," : "", self->batches[i], temper_names[i]);
	fprintf(stderr, " (%u of these died)\n", self->died);
	if (found && found->distinct)
		fprintf(stderr, "# kcov: %u places of the module reached, %u calls kept\n",
			found->distinct, found->kept);
	for (row = 0; row < ROWS; row++) {
		fprintf(stderr, "# %s: %llu succeeded", row_names[row], self->tally[row][0]);
		for (error = 1; error < ERRNOS; error++)
			if (self->tally[row][error])
				fprintf(stderr, ", %llu %s", self->tally[row][error],
					error_name(error));
		fprintf(stderr, "\n");
	}
}

/* Every result is one that the contract allows; no worker hangs; no child or record is left. */
TEST_F_TIMEOUT(fuzz, results_match_contract, 7200)
{
	/* 10 million divided by 20 would come close to the time-out of a test program */
	unsigned int count = scaled(divisor_of_counts() == 1 ? 10000000 : 2000000, 20000, "calls");
	unsigned int next = 0, last = ~0U, i;
	const char *one = getenv("SPAWNCTL_FUZZ_BATCH");
	__u64 start = raw_now_us(), limit;
	struct rng rng = { seed };

	fprintf(stderr, "# SPAWNCTL_SEED=%#llx\n", seed);
	if (one) {
		next = strtoul(one, NULL, 0);
		last = next + 1;
	}
	while (running(self) || (self->calls < count && next < last && !self->failed)) {
		for (i = 0; i < JOBS; i++) {
			if (self->jobs[i].pid || self->calls >= count || next >= last ||
			    self->failed)
				continue;
			/* Replace the shared file every AGE batches, once no worker runs. */
			if ((next % AGE == 0 && !running(self)) || self->common->fd < 0)
				renew_common(_metadata, self->common, 1, &rng);
			else if (next % AGE == 0)
				continue;
			start_job(_metadata, self, &self->jobs[i], next++);
		}
		supervise(_metadata, self);
		raw_sleep_us(10000);
	}
	renew_common(_metadata, self->common, 0, &rng);
	print_tally(self, raw_now_us() - start);

	/* The children of killed workers are this process's now. */
	for (limit = raw_now_us() + 20000000; raw_now_us() < limit; raw_sleep_us(10000)) {
		while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
			;
		each_process(0, getpid(), end_process);
		if (waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD &&
		    !exec_pending(self->fd))
			break;
	}
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
	EXPECT_EQ(0U, each_process(0, getpid(), print_stacks));
	EXPECT_EQ(0, exec_pending(self->fd));
	if (!one) {
		EXPECT_LT(0U, self->batches[CALM]);
		EXPECT_LT(0ULL, self->filtered);
		/* About one call in 18 makes a child; fewer if kcov has refused calls repeated. */
		EXPECT_LE(self->calls / 30, self->tally[ROW_SPAWN][0] + self->tally[ROW_FORK][0]);
	}
}

static struct outcome told(struct call *call, struct model *model, const struct maker *maker)
{
	if (!call->command)
		call->command = SPAWNCTL_IOC_SPAWN;
	if (!call->image.size)
		call->image.size = struct_size(call->command);
	return foretell(call, model, maker);
}

#define OUTCOME(...) ({ \
	struct call call = { __VA_ARGS__ }; \
	told(&call, &model, &maker); \
})
#define IS(foretold, ret) ({ \
	struct outcome _foretold = foretold; \
	allows(&_foretold, ret); \
})

/* The control: the oracle rejects wrong results, and accepts right ones. */
TEST(control_oracle)
{
	struct maker maker = { .arena = make_arena(), .argv = program_argv };
	struct model model = fresh_model();
	unsigned int i;

	ASSERT_NE(NULL, maker.arena);
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), 1234));
	EXPECT_FALSE(IS(OUTCOME(.cut = 0), -EINVAL));
	EXPECT_FALSE(IS(OUTCOME(.image.clone.flags = 1U << 20), 1234));
	EXPECT_TRUE(IS(OUTCOME(.image.clone.flags = 1U << 20), -EINVAL));
	EXPECT_FALSE(IS(OUTCOME(.image.clone.size = 87), 1234));
	EXPECT_FALSE(IS(OUTCOME(.place = PLACE_NULL), 1234));
	EXPECT_FALSE(IS(OUTCOME(.place = PLACE_NULL), -EINVAL));
	EXPECT_TRUE(IS(OUTCOME(.place = PLACE_NULL), -EFAULT));
	EXPECT_FALSE(IS(OUTCOME(.image.size = FUZZ_PAGE, .dirt = 4000), 1234));
	EXPECT_TRUE(IS(OUTCOME(.image.size = FUZZ_PAGE + 1), -E2BIG));
	EXPECT_TRUE(IS(OUTCOME(.image.clone.flags = SPAWNCTL_PIDFD), -EFAULT));
	EXPECT_FALSE(IS(OUTCOME(.image.clone.flags = SPAWNCTL_PIDFD), 1234));
	EXPECT_FALSE(IS(OUTCOME(.command = _IO(SPAWNCTL_MAGIC, 9)), 0));
	model.children = 0;
	EXPECT_FALSE(IS(OUTCOME(.cut = 0), 1234));
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), -EDQUOT));
	model.children = SPAWNCTL_NO_LIMIT;
	model.most_live = 0;
	EXPECT_FALSE(IS(OUTCOME(.cut = 0), 1234));
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), -EAGAIN));
	model.most_live = 1;
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), 1234));
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), -EAGAIN));
	model.children = 0;
	model.commands &= ~(1U << SPAWNCTL_CMD_SPAWN);
	EXPECT_FALSE(IS(OUTCOME(.cut = 0), -EDQUOT));
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), -EPERM));
	model.filtered = 1;
	EXPECT_FALSE(IS(OUTCOME(.cut = 0), 1234));
	EXPECT_TRUE(IS(OUTCOME(.cut = 0), -EACCES));
	for (i = 0; i < ROW_UNKNOWN; i++) {
		struct outcome outcome = anything(_IO(SPAWNCTL_MAGIC, i));

		EXPECT_FALSE(allows(&outcome, -ENOSYS));
		EXPECT_FALSE(allows(&outcome, -EINTR));
		EXPECT_FALSE(allows(&outcome, -512));
	}
}

TEST(only_pidfds_are_closed)
{
	int file = open("/dev/null", O_RDONLY), pidfd = raw_syscall(SYS_pidfd_open, getpid(), 0);

	ASSERT_LE(0, file);
	ASSERT_LE(0, pidfd);
	close_pidfd(file);
	close_pidfd(pidfd);
	close_pidfd(-1);
	EXPECT_EQ(0, close(file));
	EXPECT_EQ(-1, close(pidfd));
}

/* The same seed makes the same calls, another seed makes different ones. */
TEST(same_seed_same_calls)
{
	struct maker maker = { .arena = make_arena(), .argv = program_argv, .cgroup = 7 };
	struct call *calls = shared_alloc(3 * sizeof(*calls));
	unsigned int i, differ = 0;

	ASSERT_TRUE(maker.arena && calls);
	for (i = 0; i < 1000; i++) {
		maker.rng = seeded(1, i, 0);
		make_call(&maker, &calls[0]);
		maker.rng = seeded(1, i, 0);
		make_call(&maker, &calls[1]);
		maker.rng = seeded(2, i, 0);
		make_call(&maker, &calls[2]);
		ASSERT_EQ(0, memcmp(&calls[0], &calls[1], offsetof(struct call, script)));
		differ += !!memcmp(&calls[0], &calls[2], offsetof(struct call, script));
	}
	EXPECT_LT(900U, differ);
}

TEST_HARNESS_MAIN
