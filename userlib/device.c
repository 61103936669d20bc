// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The descriptor: found, opened, and asked what it is.
 *
 * Nothing here is a cancellation point, or touches errno but in the exported
 * functions.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "arch.h"
#include "device.h"

#define MISC_MAJOR	10	/* Documentation/admin-guide/devices.txt */
/*
 * Programs count on getting the first free ones. Under 64 a table has the room in
 * itself, and is copied for less than half at each birth of the process.
 */
#define LOW_FDS		32
#define NONE		(-1)

/* By the environment that the program was started with, once that is read */
static int given_fd = NONE;
static bool environment_read;
/* Not known yet whether it is one, or it was found not to be; atomic */
static bool given_in_doubt = true;

/*
 * The one that is kept, with the count of those before: else who has found 32
 * closed could take the next 32, of another thread, for that one. Atomic.
 */
#define KEPT(count, fd)	((unsigned long)(count) << 32 | (unsigned int)(fd))
#define KEPT_FD(kept)	((int)(unsigned int)(kept))
#define KEPT_COUNT(kept) ((unsigned int)((kept) >> 32))

static unsigned long kept_fd = KEPT(0, NONE);
bool spawnctl_table_shared;

int spawnctl_info(int fd, struct spawnctl_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, SPAWNCTL_IOC_INFO, info);
}

int spawnctl_limit(int fd, const struct spawnctl_limit *limit)
{
	return ioctl(fd, SPAWNCTL_IOC_LIMIT, limit);
}

static const char name[] = "/dev/spawnctl";

static int open_device(void)
{
	return raw_syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC);
}

/* The descriptor's file, and the one at the device's name; whether both are there */
static bool stat_both(int fd, struct stat *file, struct stat *named)
{
	return !raw_syscall(SYS_newfstatat, fd, "", file, AT_EMPTY_PATH) &&
	       !raw_syscall(SYS_newfstatat, AT_FDCWD, name, named, 0);
}

static bool is_of_that_name(int fd)
{
	struct stat file, named;

	return stat_both(fd, &file, &named) &&
	       file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

/* A character device of the major number that ours has: 0 or a negative errno */
static int looks_like_it(int fd)
{
	struct stat st;
	long ret = raw_syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);

	if (ret)
		return ret;
	return S_ISCHR(st.st_mode) && major(st.st_rdev) == MISC_MAJOR ? 0 : -ENOTTY;
}

/*
 * Whether the device's name is known here, and is that of another one. A name that
 * is masked, by /dev/null or by a node of no driver's, says nothing.
 */
static bool is_another(int fd)
{
	struct stat file, named;

	return stat_both(fd, &file, &named) && S_ISCHR(named.st_mode) &&
	       major(named.st_rdev) == MISC_MAJOR && file.st_rdev != named.st_rdev;
}

int spawnctl_device_check(int fd, int *refusal)
{
	/* A struct that can only be refused, and by few others with E2BIG */
	const __u32 size = ~0U;
	long ret = looks_like_it(fd);

	/* Other files may do something at an ioctl: this far they are told */
	if (ret)
		return ret;
	/*
	 * Asked by the command itself: in a sandbox it may be the only ioctl
	 * that a filter lets through.
	 */
	ret = raw_syscall(SYS_ioctl, fd, SPAWNCTL_IOC_SPAWN, &size);
	if (ret != -E2BIG && ret != -EACCES && ret != -EPERM)
		return -ENOTTY;
	/* Other devices refuse as well, before they have looked */
	if (ret != -E2BIG && is_another(fd))
		return -ENOTTY;
	if (refusal)
		*refusal = ret == -E2BIG ? 0 : -ret;
	return 0;
}

/* One that is the device and does not refuse this caller, or a negative errno */
static int open_usable(void)
{
	int fd = open_device(), ret, refusal = 0;

	if (fd < 0)
		return fd;
	ret = spawnctl_device_check(fd, &refusal);
	if (!ret && !refusal)
		return fd;
	raw_syscall(SYS_close, fd);
	return ret ? ret : -refusal;
}

int spawnctl_open(void)
{
	int fd = open_usable();

	return fd < 0 ? spawnctl_error(fd) : fd;
}

/* A decimal number that is all of @text up to @end, or -1 */
static int number(const char *text, const char *end)
{
	long value = 0;

	if (text == end)
		return -1;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + *text - '0';
		if (value > INT_MAX)
			return -1;
	}
	return value;
}

static int number_of(const char *variable)
{
	const char *text = secure_getenv(variable);

	return text ? number(text, text + strlen(text)) : -1;
}

/* sd_listen_fds_with_names(3): descriptors from 3 on, names parted by colons */
static int systemd_fd(void)
{
	static const char wanted[] = "spawnctl";
	const char *names = secure_getenv("LISTEN_FDNAMES");
	int i, n = number_of("LISTEN_FDS");

	if (!names || number_of("LISTEN_PID") != raw_syscall(SYS_getpid))
		return NONE;
	for (i = 0; i < n; i++) {
		size_t len = strcspn(names, ":");

		if (len == sizeof(wanted) - 1 && !memcmp(names, wanted, len))
			return 3 + i;
		if (!names[len])
			break;
		names += len + 1;
	}
	return NONE;
}

/* Before main(): later another thread may be changing the environment */
static void __attribute__((__constructor__)) read_environment(void)
{
	given_fd = number_of("SPAWNCTL_FD");
	if (given_fd < 0)
		given_fd = systemd_fd();
	environment_read = true;
}

/* A vfork() child may have closed it, and the caller have it still */
static __attribute__((__noinline__)) bool given_is_device(void)
{
	if (spawnctl_device_check(given_fd, NULL))
		return false;
	__atomic_store_n(&given_in_doubt, false, __ATOMIC_RELAXED);
	return true;
}

static int given(void)
{
	/* The constructor of another library may be the first to spawn */
	if (!environment_read)
		read_environment();
	if (given_fd < 0)
		return NONE;
	if (__atomic_load_n(&given_in_doubt, __ATOMIC_RELAXED) && !given_is_device())
		return NONE;
	return given_fd;
}

bool spawnctl_device_is_given(void)
{
	return given() != NONE;
}

/* The same open file with a number that nobody counts on, if there is one */
static int lift(int fd)
{
	long high = raw_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOW_FDS);

	if (high < 0)
		return fd;
	raw_syscall(SYS_close, fd);
	return high;
}

/* Opened, and kept if no other thread was first */
static int open_to_keep(struct device *device)
{
	unsigned long old = device->kept;
	int fd = NONE;

	while (KEPT_FD(old) == NONE) {
		if (fd == NONE) {
			fd = open_usable();
			if (fd < 0)
				return fd;
			fd = lift(fd);
		}
		device->kept = KEPT(KEPT_COUNT(old) + 1, fd);
		if (__atomic_compare_exchange_n(&kept_fd, &old, device->kept, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return fd;
	}
	if (fd != NONE)
		raw_syscall(SYS_close, fd);
	device->kept = old;
	return KEPT_FD(old);
}

/*
 * While this thread is the only one to know the descriptor it is not cancelled. Nothing
 * less than its mask sees to that: glibc acts on a pthread_cancel() that was under way
 * when pthread_setcancelstate() was called.
 */
static __attribute__((__noinline__)) int keep_device(struct device *device)
{
	unsigned long long mask;
	int fd;

	block_all_signals(&mask);
	fd = open_to_keep(device);
	set_sigmask(&mask);
	return fd;
}

int spawnctl_device_get(struct device *device, bool transient)
{
	device->fd = given();
	device->from = DEVICE_GIVEN;
	if (device->fd >= 0)
		return 0;
	if (transient || !spawnctl_device_keeps()) {
		device->from = DEVICE_TRANSIENT;
		device->fd = open_device();
	} else {
		device->from = DEVICE_KEPT;
		device->kept = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE);
		device->fd = KEPT_FD(device->kept);
		if (device->fd == NONE)
			device->fd = keep_device(device);
	}
	return device->fd < 0 ? device->fd : 0;
}

void spawnctl_device_close(int fd)
{
	/* Another thread may have closed it, and opened something of its own */
	if (!spawnctl_device_check(fd, NULL))
		raw_syscall(SYS_close, fd);
}

void spawnctl_device_lost(const struct device *device, int error)
{
	unsigned long expected;

	switch (device->from) {
	case DEVICE_CALLERS:
		break;
	case DEVICE_GIVEN:
		__atomic_store_n(&given_in_doubt, true, __ATOMIC_RELAXED);
		break;
	case DEVICE_KEPT:
		expected = device->kept;
		__atomic_compare_exchange_n(&kept_fd, &expected,
					    KEPT(KEPT_COUNT(expected), NONE), false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		break;
	case DEVICE_TRANSIENT:
		/* What is at the device's name, and was opened a moment ago */
		if (error != -EBADF && is_of_that_name(device->fd))
			raw_syscall(SYS_close, device->fd);
		break;
	}
}
