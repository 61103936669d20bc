// SPDX-License-Identifier: GPL-2.0
/*
 * Thousands of children, and of calls that fail, leak nothing: no object of any slab
 * cache, no open file, no kernel stack, no page table, no reference to the module.
 */
#include <dirent.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#define CACHES	512
#define LOOKS	4

struct cache {
	char name[48];
	long objects;
	long per_slab;
};

struct usage {
	unsigned int caches;
	struct cache cache[CACHES];
	long files;
	long kernel_stack;	/* in KiB, like page_tables */
	long page_tables;
	long references;
};

FIXTURE(leak)
{
	int fd;
	struct usage *before;
	struct usage *after;
};

FIXTURE_SETUP(leak)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->before = shared_alloc(sizeof(*self->before));
	self->after = shared_alloc(sizeof(*self->after));
	ASSERT_NE(NULL, self->before);
	ASSERT_NE(NULL, self->after);
}

FIXTURE_TEARDOWN(leak)
{
	close(self->fd);
}

/* Gives back the slabs that each CPU keeps: slabinfo counts all of their objects as in use */
static void shrink_caches(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	char path[PATH_MAX];
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd;

		/* Not the symbolic links, which are second names of caches */
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		fd = entry->d_type == DT_DIR ? open(path, O_WRONLY) : -1;
		if (fd < 0)
			continue;
		if (write(fd, "1", 1) != 1)
			fprintf(stderr, "# cannot shrink %s\n", entry->d_name);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

/* The number that follows @key at the start of a line of the file, or -1 */
static long number_in(const char *path, const char *key)
{
	long number = -1;
	char line[256];
	FILE *file = fopen(path, "r");

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			number = atol(line + strlen(key));
	if (file)
		fclose(file);
	return number;
}

/*
 * Counts the objects in use of each cache. A CPU that allocates an object takes a
 * slab for itself, and all objects of that slab count as in use. So the lowest of a
 * few readings is taken.
 */
static void count_objects(struct __test_metadata *_metadata, struct usage *usage)
{
	unsigned int look, i;
	struct cache now;
	char line[512];
	FILE *file;

	usage->caches = 0;
	for (look = 0; look < LOOKS; look++) {
		shrink_caches();
		file = fopen("/proc/slabinfo", "r");
		ASSERT_NE(NULL, file);
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "%47s %ld %*d %*d %ld", now.name, &now.objects,
				   &now.per_slab) != 3)
				continue;
			for (i = 0; i < usage->caches; i++)
				if (!strcmp(usage->cache[i].name, now.name))
					break;
			ASSERT_GT(CACHES + 0U, i);
			if (i == usage->caches)
				usage->cache[usage->caches++] = now;
			else if (now.objects < usage->cache[i].objects)
				usage->cache[i].objects = now.objects;
		}
		fclose(file);
	}
	ASSERT_LT(50U, usage->caches);
}

static void measure(struct __test_metadata *_metadata, struct usage *usage)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	/*
	 * kfree_rcu() keeps objects for up to five seconds before it frees them in a batch, or
	 * until the kernel shrinks its caches. Other work is over in less than a second.
	 */
	ASSERT_EQ(1, write(fd, "2", 1));
	close(fd);
	raw_sleep_us(500000);
	count_objects(_metadata, usage);
	usage->files = number_in("/proc/sys/fs/file-nr", "");
	usage->kernel_stack = number_in("/proc/meminfo", "KernelStack:");
	usage->page_tables = number_in("/proc/meminfo", "PageTables:");
	usage->references = module_references();
	/* Global counters; each CPU holds back a difference below 64 */
	ASSERT_LE(0, usage->files);
	ASSERT_LT(0, usage->kernel_stack);
	ASSERT_LT(0, usage->page_tables);
	ASSERT_LT(0, usage->references);
}

static long growth(const struct usage *before, const struct usage *after, unsigned int cache)
{
	unsigned int i;

	for (i = 0; i < before->caches; i++)
		if (!strcmp(before->cache[i].name, after->cache[cache].name))
			return after->cache[cache].objects - before->cache[i].objects;
	return after->cache[cache].objects;
}

static long growth_of(const struct usage *before, const struct usage *after, const char *name)
{
	unsigned int i;

	for (i = 0; i < after->caches; i++)
		if (!strcmp(after->cache[i].name, name))
			return growth(before, after, i);
	return -1;
}

/*
 * How much a cache may grow without a leak: a slab that a CPU uses counts as full, in
 * the measurement before as in the one after.
 */
static long allowed(const struct usage *usage, const char *name, long most)
{
	unsigned int i;

	for (i = 0; i < usage->caches; i++)
		if (!strcmp(usage->cache[i].name, name))
			return most + 4 * usage->cache[i].per_slab;
	return most;
}

static int exec_true(void *arg)
{
	static char * const argv[] = { "true", NULL };

	(void)arg;
	return raw_syscall(SYS_execve, "/bin/true", argv, argv + 1);
}

static int just_exit(void *arg)
{
	(void)arg;
	return 0;
}

/* Of parent and child, the one that closes the device last ends the job and kills the child */
static int close_and_pause(void *arg)
{
	raw_syscall(SYS_close, *(int *)arg);
	raw_sleep_us(60 * 1000000);
	return 1;
}

static int open_job(void)
{
	const struct spawnctl_limit limit = {
		.size = sizeof(limit), .flags = SPAWNCTL_LIMIT_KILL,
	};
	int fd = spawnctl_open();

	return fd < 0 || spawnctl_narrow(fd, &limit) ? -1 : fd;
}

struct work {
	const char *what;
	unsigned long command;
	int (*fn)(void *arg);
	unsigned int flags;
	int bad_pidfd;
	int job;
	unsigned int count;
};

static const struct work works[] = {
	{
		.what = "children of SPAWN",
		.command = SPAWNCTL_IOC_SPAWN,
		.fn = just_exit,
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_PIDFD,
		.count = 12000,
	},
	{
		.what = "children of SPAWN that execute a program",
		.command = SPAWNCTL_IOC_SPAWN,
		.fn = exec_true,
		.flags = SPAWNCTL_EXEC_MASK | SPAWNCTL_PIDFD,
		.count = 2000,
	},
	{
		.what = "children with an exec mask that do not execute",
		.command = SPAWNCTL_IOC_SPAWN,
		.fn = just_exit,
		.flags = SPAWNCTL_EXEC_MASK | SPAWNCTL_SHARE_FILES,
		.count = 2000,
	},
	{
		.what = "children of FORK",
		.command = SPAWNCTL_IOC_FORK,
		.fn = just_exit,
		.flags = SPAWNCTL_SET_TID | SPAWNCTL_PIDFD | SPAWNCTL_NO_NEW_PRIVS,
		.count = 2000,
	},
	{
		.what = "calls of SPAWN that fail late",
		.command = SPAWNCTL_IOC_SPAWN,
		.fn = just_exit,
		.flags = SPAWNCTL_EXEC_MASK | SPAWNCTL_PIDFD,
		.bad_pidfd = 1,
		.count = 2000,
	},
	{
		.what = "calls of FORK that fail late",
		.command = SPAWNCTL_IOC_FORK,
		.fn = just_exit,
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_PIDFD,
		.bad_pidfd = 1,
		.count = 2000,
	},
	{
		.what = "jobs, each killed with its child",
		.command = SPAWNCTL_IOC_FORK,
		.fn = close_and_pause,
		.job = 1,
		.count = 2000,
	},
	{
		.what = "opens of the device",
		.count = 2000,
	},
};

static void do_work(struct __test_metadata *_metadata, int fd, const struct work *work,
		    unsigned int count)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .flags = work->flags };
	unsigned int i;
	int pidfd;

	if (work->flags & SPAWNCTL_PIDFD)
		clone.pidfd = work->bad_pidfd ? 8 : (uintptr_t)&pidfd;
	for (i = 0; i < count; i++) {
		pid_t pid;

		if (!work->command) {
			int opened = spawnctl_open();

			ASSERT_LE(0, opened);
			close(opened);
			continue;
		}
		pidfd = -1;
		if (work->job)
			fd = open_job();
		pid = start_child(fd, work->command, &clone, work->fn, &fd);
		if (work->bad_pidfd) {
			ASSERT_EQ(-1, pid);
			ASSERT_EQ(EFAULT, errno);
			continue;
		}
		ASSERT_LT(0, pid);
		if (work->job)
			ASSERT_EQ(0, close(fd));
		ASSERT_EQ(work->job ? SIGKILL : 0, wait_status(pid));
		if (pidfd >= 0)
			close(pidfd);
	}
}

/*
 * If each call of one kind leaks an object, a cache grows by the whole count. A cache
 * also grows a little for other reasons: kernel threads and timers keep running, and
 * each CPU may use a slab or two that count as full. The threshold is between the two:
 * two fifths of the count, plus those slabs. Returns how many caches and counters have
 * reached it.
 */
static unsigned int grown(const struct usage *before, const struct usage *after,
			  unsigned int count)
{
	long most = count * 2 / 5;
	unsigned int i, n = 0;

	fprintf(stderr, "# growth: task_struct %ld, mm_struct %ld, filp %ld\n",
		growth_of(before, after, "task_struct"), growth_of(before, after, "mm_struct"),
		growth_of(before, after, "filp"));
	fprintf(stderr, "# files %ld, kernel stacks %ld KiB, page tables %ld KiB\n",
		after->files - before->files, after->kernel_stack - before->kernel_stack,
		after->page_tables - before->page_tables);
	for (i = 0; i < after->caches; i++) {
		/*
		 * The kernel keeps the vmap areas of freed stacks, and kmemleak's
		 * records of them, until there are many. debugobjects, which tracks
		 * timers and the like, returns its records to the cache over time.
		 */
		if (!strcmp(after->cache[i].name, "vmap_area") ||
		    !strcmp(after->cache[i].name, "debug_objects_cache") ||
		    !strncmp(after->cache[i].name, "kmemleak_", strlen("kmemleak_")))
			continue;
		if (growth(before, after, i) < allowed(after, after->cache[i].name, most))
			continue;
		fprintf(stderr, "# cache %s: %ld more objects after %u calls\n",
			after->cache[i].name, growth(before, after, i), count);
		n++;
	}
	n += after->files - before->files >= most;
	/* A kernel stack takes 16 KiB, a page table at least 4 KiB */
	n += after->kernel_stack - before->kernel_stack >= most * 16;
	n += after->page_tables - before->page_tables >= most * 4;
	return n + (before->references != after->references);
}

/* A slab has that many times more objects, which allowed() lets a cache grow by */
static long larger_pages(void)
{
	return page_size() / 4096;
}

TEST_F_TIMEOUT(leak, nothing_is_left, 1800)
{
	unsigned int least = ~0U, i, n;

	for (i = 0; i < ARRAY_SIZE(works); i++)
		do_work(_metadata, self->fd, &works[i], 50);
	measure(_metadata, self->before);
	for (i = 0; i < ARRAY_SIZE(works); i++) {
		/* An open leaks the least: a small object, of which a slab has many */
		unsigned int floor = (works[i].command ? 400 : 2000) * larger_pages();
		unsigned int count = scaled(works[i].count > floor ? works[i].count : floor,
					    floor, works[i].what);

		do_work(_metadata, self->fd, &works[i], count);
		EXPECT_EQ(0, exec_pending(self->fd));
		if (count < least)
			least = count;
	}
	/* Repeated, as a worker may not have freed yet what it frees after a grace period */
	for (i = 0; i < 5; i++) {
		measure(_metadata, self->after);
		n = grown(self->before, self->after, least);
		if (!n)
			break;
	}
	EXPECT_EQ(0U, n);
}

/* Control: if children are kept alive, with a pidfd each, the same measurement shows it */
TEST_F_TIMEOUT(leak, control_kept_children, 120)
{
	static const char * const kept[] = { "task_struct", "mm_struct", "filp" };
	struct spawnctl_clone clone = { .size = sizeof(clone), .flags = SPAWNCTL_PIDFD };
	const long count = 250 * larger_pages(), most = count / 5;
	unsigned int i;
	int pidfd, hold[2];
	char byte;

	ASSERT_EQ(0, pipe(hold));
	do_work(_metadata, self->fd, &works[3], 100);
	measure(_metadata, self->before);
	clone.pidfd = (uintptr_t)&pidfd;
	for (i = 0; i < count; i++) {
		long pid = raw_syscall(SYS_ioctl, self->fd, SPAWNCTL_IOC_FORK, &clone);

		if (pid == 0) {
			raw_syscall(SYS_close, hold[1]);
			raw_syscall(SYS_read, hold[0], &byte, 1);
			raw_syscall(SYS_exit_group, 0);
		}
		ASSERT_LT(0, pid);
	}
	measure(_metadata, self->after);
	close(hold[1]);
	for (i = 0; i < count; i++)
		EXPECT_LT(0, waitpid(-1, NULL, __WALL));
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		EXPECT_LT(allowed(self->after, kept[i], most),
			  growth_of(self->before, self->after, kept[i]))
			TH_LOG("%s", kept[i]);
	EXPECT_LE(count / 2, self->after->files - self->before->files);
	EXPECT_LE(16 * (count - most), self->after->kernel_stack - self->before->kernel_stack);
	EXPECT_LE(4 * (count - most), self->after->page_tables - self->before->page_tables);
}

TEST_HARNESS_MAIN
