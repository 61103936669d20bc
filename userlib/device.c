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
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "arch.h"
#include "device.h"

#define MISC_MAJOR	10	/* Documentation/admin-guide/devices.txt */
#define LOW_FDS		100	/* programs count on getting the first free ones */

enum { NOT_LOOKED = -2, NONE = -1 };

/* The one given by the environment, and the one kept open; both atomic */
static int given_fd = NOT_LOOKED;
static int kept_fd = NONE;

int spawnctl_info(int fd, struct spawnctl_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, SPAWNCTL_IOC_INFO, info);
}

static int open_device(void)
{
	return raw_syscall(SYS_openat, AT_FDCWD, "/dev/spawnctl", O_RDWR | O_CLOEXEC);
}

int spawnctl_open(void)
{
	struct spawnctl_info info;
	int fd;

	fd = open_device();
	if (fd < 0)
		return spawnctl_error(fd);
	if (spawnctl_info(fd, &info)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int spawnctl_device_check(int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	struct stat st;
	long ret;

	ret = raw_syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);
	if (ret)
		return ret;
	/* Before it is asked: other files may do something at that ioctl */
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != MISC_MAJOR)
		return -ENOTTY;
	if (raw_syscall(SYS_ioctl, fd, SPAWNCTL_IOC_INFO, &info) || !info.abi)
		return -ENOTTY;
	return 0;
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

static int number_of(const char *name)
{
	const char *text = secure_getenv(name);

	return text ? number(text, text + strlen(text)) : -1;
}

/* sd_listen_fds_with_names(3): descriptors from 3 on, names parted by colons */
static int systemd_fd(void)
{
	static const char wanted[] = "spawnctl";
	const char *name = secure_getenv("LISTEN_FDNAMES");
	int i, n = number_of("LISTEN_FDS");

	if (!name || number_of("LISTEN_PID") != raw_syscall(SYS_getpid))
		return NONE;
	for (i = 0; i < n; i++) {
		size_t len = strcspn(name, ":");

		if (len == sizeof(wanted) - 1 && !memcmp(name, wanted, len))
			return 3 + i;
		if (!name[len])
			break;
		name += len + 1;
	}
	return NONE;
}

static int given(void)
{
	int fd = __atomic_load_n(&given_fd, __ATOMIC_ACQUIRE), found, expected = NOT_LOOKED;

	if (fd != NOT_LOOKED)
		return fd;
	found = number_of("SPAWNCTL_FD");
	if (found < 0)
		found = systemd_fd();
	if (found >= 0 && spawnctl_device_check(found))
		found = NONE;
	if (found < 0)
		found = NONE;
	if (__atomic_compare_exchange_n(&given_fd, &expected, found, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return found;
	return expected;
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

static int keep_device(void)
{
	int fd = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE), expected = NONE;

	if (fd != NONE)
		return fd;
	fd = open_device();
	if (fd < 0)
		return fd;
	fd = lift(fd);
	if (__atomic_compare_exchange_n(&kept_fd, &expected, fd, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fd;
	/* Another thread was first */
	raw_syscall(SYS_close, fd);
	return expected;
}

int spawnctl_device_get(struct device *device, bool transient)
{
	int fd = given();

	*device = (struct device){ .fd = fd };
	if (fd >= 0)
		return 0;
	device->ours = true;
	device->transient = transient;
	device->fd = transient ? open_device() : keep_device();
	return device->fd < 0 ? device->fd : 0;
}

void spawnctl_device_put(const struct device *device)
{
	if (device->transient)
		raw_syscall(SYS_close, device->fd);
}

void spawnctl_device_lost(const struct device *device)
{
	int *place = device->ours ? &kept_fd : &given_fd, expected = device->fd;

	if (!device->transient)
		__atomic_compare_exchange_n(place, &expected, NONE, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE);
}
