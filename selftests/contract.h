/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for tests of refused calls. A refused call must leave no child and no descriptor
 * behind, and the caller's mask unchanged.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <sys/wait.h>
#include "spawnctl_test.h"

#define UNPRIVILEGED	65534
#define REPEAT		20

/* A mask that no task has by chance, with a standard and a real-time signal. */
#define ODD_MASK	(SIGBIT(SIGUSR2) | SIGBIT(40))

static const unsigned long births[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };

static inline const char *birth_name(unsigned long command)
{
	return command == SPAWNCTL_IOC_SPAWN ? "SPAWN" : "FORK";
}

FIXTURE(contract)
{
	int fd;
	char *page;	/* readable and writable; the page after it is not mapped */
	size_t page_size;
};

FIXTURE_SETUP(contract)
{
	self->fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->page_size = sysconf(_SC_PAGESIZE);
	self->page = mmap(NULL, 2 * self->page_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	ASSERT_EQ(0, munmap(self->page + self->page_size, self->page_size));
	ASSERT_EQ(0, raw_sigprocmask(SIG_SETMASK, ODD_MASK, NULL));
}

FIXTURE_TEARDOWN(contract)
{
	close(self->fd);
}

static inline int first_free_descriptor(void)
{
	int fd = dup(0);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* Checks that no child exists and that the caller's mask is unchanged. */
static inline void nothing_left(struct __test_metadata *_metadata, const char *what)
{
	int ret = waitpid(-1, NULL, __WALL | WNOHANG);

	EXPECT_EQ(-1, ret)
		TH_LOG("%s: a child exists", what);
	EXPECT_EQ(ECHILD, errno);
	EXPECT_EQ(ODD_MASK, current_mask())
		TH_LOG("%s: the caller's mask has changed", what);
}

static inline void refused(struct __test_metadata *_metadata, int fd, unsigned long command,
			   void *clone, int error, const char *what)
{
	int free_before = first_free_descriptor();
	int i;

	/* Repeated, so that a count that a failure does not restore shows up. */
	for (i = 0; i < REPEAT; i++) {
		long ret = raw_spawn_exit(fd, command, clone);

		EXPECT_EQ(-error, ret) {
			TH_LOG("%s: %s", birth_name(command), what);
			break;
		}
	}
	nothing_left(_metadata, what);
	EXPECT_EQ(free_before, first_free_descriptor())
		TH_LOG("%s: a descriptor is left open", what);
}

static inline void accepted(struct __test_metadata *_metadata, int fd, unsigned long command,
			    void *clone, const char *what)
{
	long pid = raw_spawn_exit(fd, command, clone);

	EXPECT_LT(0, pid)
		TH_LOG("%s: %s", birth_name(command), what);
	if (pid > 0)
		EXPECT_EQ(0, wait_status(pid));
	nothing_left(_metadata, what);
}

/* SPAWN and FORK both refuse @clone with @error. */
static inline void both_refuse(struct __test_metadata *_metadata, int fd, void *clone,
			       int error, const char *what)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(births); i++)
		refused(_metadata, fd, births[i], clone, error, what);
}

static inline void both_accept(struct __test_metadata *_metadata, int fd, void *clone,
			       const char *what)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(births); i++)
		accepted(_metadata, fd, births[i], clone, what);
}

#define CLONE(...) (&(struct spawnctl_clone){ \
	.size = sizeof(struct spawnctl_clone), __VA_ARGS__ })

#define LIMIT(...)	(&(struct spawnctl_limit){ \
	.size = sizeof(struct spawnctl_limit), __VA_ARGS__ })

/* Has impossible values if INFO fails */
static inline struct spawnctl_info info_of(int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };

	if (ioctl(fd, SPAWNCTL_IOC_INFO, &info))
		memset(&info, 0xee, sizeof(info));
	return info;
}

#endif /* CONTRACT_H */
