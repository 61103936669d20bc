// SPDX-License-Identifier: GPL-2.0
/*
 * Each struct of <linux/spawnctl.h> with each size: too short, exact, long and zero
 * beyond the known part, long and not zero there, longer than a page. The kernel never
 * reads or writes beyond the size that the struct names.
 */
#include <assert.h>
#include <sys/mman.h>
#include "spawnctl_test.h"

static_assert(sizeof(struct spawnctl_clone) >= SPAWNCTL_CLONE_SIZE_VER0, "spawnctl_clone");
static_assert(sizeof(struct spawnctl_limit) >= SPAWNCTL_LIMIT_SIZE_VER0, "spawnctl_limit");
static_assert(sizeof(struct spawnctl_info) >= SPAWNCTL_INFO_SIZE_VER0, "spawnctl_info");

FIXTURE(sizes)
{
	int fd;
	char *start;	/* of three pages */
	char *end;	/* the page that begins here is not mapped */
	unsigned int page;
};

FIXTURE_VARIANT(sizes)
{
	unsigned long command;
	unsigned int first_version;
	unsigned int exact;
};

FIXTURE_VARIANT_ADD(sizes, info)
{
	.command = SPAWNCTL_IOC_INFO,
	.first_version = SPAWNCTL_INFO_SIZE_VER0,
	.exact = sizeof(struct spawnctl_info),
};

FIXTURE_VARIANT_ADD(sizes, spawn)
{
	.command = SPAWNCTL_IOC_SPAWN,
	.first_version = SPAWNCTL_CLONE_SIZE_VER0,
	.exact = sizeof(struct spawnctl_clone),
};

FIXTURE_VARIANT_ADD(sizes, fork)
{
	.command = SPAWNCTL_IOC_FORK,
	.first_version = SPAWNCTL_CLONE_SIZE_VER0,
	.exact = sizeof(struct spawnctl_clone),
};

FIXTURE_VARIANT_ADD(sizes, limit)
{
	.command = SPAWNCTL_IOC_LIMIT,
	.first_version = SPAWNCTL_LIMIT_SIZE_VER0,
	.exact = sizeof(struct spawnctl_limit),
};

FIXTURE_SETUP(sizes)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->page = sysconf(_SC_PAGESIZE);
	self->start = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->start);
	self->end = self->start + 3 * self->page;
	ASSERT_EQ(0, munmap(self->end, self->page));
}

FIXTURE_TEARDOWN(sizes)
{
	close(self->fd);
}

/* Returns 0 on success, -errno if refused, -ECHILD if the child failed or should not exist */
static long attempt(int fd, unsigned long command, void *arg)
{
	long ret;

	if (command == SPAWNCTL_IOC_INFO || command == SPAWNCTL_IOC_LIMIT)
		return raw_syscall(SYS_ioctl, fd, command, arg);
	ret = raw_spawn_exit(fd, command, arg);
	if (ret > 0)
		return wait_status(ret) ? -ECHILD : 0;
	/* A refused call must leave no child */
	if (waitpid(-1, NULL, __WALL | WNOHANG) != -1 || errno != ECHILD)
		return -ECHILD;
	return ret;
}

static long attempt_at(int fd, unsigned long command, void *where, unsigned int size)
{
	memcpy(where, &size, sizeof(size));
	return attempt(fd, command, where);
}

TEST_F(sizes, short_is_einval)
{
	unsigned int size;

	for (size = 0; size < variant->first_version; size++) {
		/* With zeroes after the struct, and with nothing mapped after it */
		EXPECT_EQ(-EINVAL, attempt_at(self->fd, variant->command, self->start, size))
			TH_LOG("size %u", size);
		if (size < sizeof(size))
			continue;
		EXPECT_EQ(-EINVAL, attempt_at(self->fd, variant->command, self->end - size, size))
			TH_LOG("size %u at the page end", size);
		memset(self->end - size, 0, size);
	}
}

TEST_F(sizes, long_and_zero_is_exact)
{
	unsigned int last[] = { 128, 256, 1024, 2048, self->page - 1, self->page };
	unsigned int size, i;

	for (size = variant->first_version; size <= variant->exact + 40; size++) {
		EXPECT_EQ(0, attempt_at(self->fd, variant->command, self->end - size, size))
			TH_LOG("size %u", size);
		memset(self->end - size, 0, size);
	}
	for (i = 0; i < ARRAY_SIZE(last); i++) {
		EXPECT_EQ(0, attempt_at(self->fd, variant->command, self->end - last[i], last[i]))
			TH_LOG("size %u", last[i]);
		memset(self->end - last[i], 0, last[i]);
	}
}

/*
 * E2BIG for each single byte beyond the known part that is not zero. A byte beyond the size
 * that the struct names does not count.
 */
TEST_F(sizes, long_and_dirty_is_e2big)
{
	unsigned int size = self->page;
	unsigned int i;

	for (i = variant->exact; i < size; i++) {
		self->start[i] = 1;
		EXPECT_EQ(-E2BIG, attempt_at(self->fd, variant->command, self->start, size))
			TH_LOG("byte %u", i);
		EXPECT_EQ(-E2BIG, attempt_at(self->fd, variant->command, self->start, i + 1))
			TH_LOG("last byte %u", i);
		self->start[i] = 0;
	}
	memset(self->start, 0, size);
	self->start[variant->exact] = 1;
	EXPECT_EQ(0, attempt_at(self->fd, variant->command, self->start, variant->exact));
}

TEST_F(sizes, more_than_a_page_is_e2big)
{
	unsigned int size[] = { self->page + 1, 2 * self->page, 3 * self->page,
				1U << 31, ~0U - 7, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		EXPECT_EQ(-E2BIG, attempt_at(self->fd, variant->command, self->start, size[i]))
			TH_LOG("size %u", size[i]);
	}
}

/* An unmapped tail is a fault, and does not count as zero */
TEST_F(sizes, long_and_unmapped_is_efault)
{
	unsigned int size;

	for (size = variant->exact + 1; size < variant->exact + 64; size++) {
		EXPECT_EQ(-EFAULT, attempt_at(self->fd, variant->command,
					      self->end - variant->exact, size))
			TH_LOG("size %u", size);
	}
}

/* INFO writes all members within the size that the struct names, and nothing beyond it */
TEST_F(sizes, output_is_size_bytes)
{
	struct spawnctl_info first = { .size = sizeof(first) };
	struct spawnctl_info *info = (void *)self->start;
	unsigned int size, i;

	if (variant->command != SPAWNCTL_IOC_INFO) {
		/* The others do not write the struct: it may be read-only */
		memset(self->start, 0, self->page);
		info->size = variant->exact;
		ASSERT_EQ(0, mprotect(self->start, self->page, PROT_READ));
		EXPECT_EQ(0, attempt(self->fd, variant->command, self->start));
		return;
	}
	ASSERT_EQ(0, attempt(self->fd, variant->command, &first));
	ASSERT_EQ(sizeof(first), first.size);
	for (size = variant->first_version; size <= self->page; size += size < 256 ? 1 : 61) {
		memset(self->start, 0xaa, 2 * self->page);
		if (size > variant->exact)
			memset(self->start + variant->exact, 0, size - variant->exact);
		ASSERT_EQ(0, attempt_at(self->fd, variant->command, self->start, size));
		/* A changed size would make the next call write beyond an old caller's struct */
		ASSERT_EQ(size, info->size);
		info->size = sizeof(first);
		EXPECT_EQ(0, memcmp(info, &first, size < sizeof(first) ? size : sizeof(first)));
		for (i = sizeof(first); i < size; i++)
			EXPECT_EQ(0, self->start[i]);
		for (i = size; i < 2 * self->page; i++) {
			ASSERT_EQ((char)0xaa, self->start[i])
				TH_LOG("size %u, byte %u", size, i);
		}
	}
}

TEST_HARNESS_MAIN
