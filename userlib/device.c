// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The descriptor: opened, and asked what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "spawnctl.h"

int spawnctl_info(int fd, struct spawnctl_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ioctl(fd, SPAWNCTL_IOC_INFO, info);
}

int spawnctl_open(void)
{
	struct spawnctl_info info;
	int fd;

	fd = open("/dev/spawnctl", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (spawnctl_info(fd, &info)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}
