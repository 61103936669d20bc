// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The descriptor that the environment names.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "device.h"
#include "given.h"

#define NONE	(-1)

/* Named by the environment at program start; not valid before @environment_read */
static int given_fd = NONE;
static bool environment_read;
/* Not checked yet, or found not to be the device; atomic */
static bool given_in_doubt = true;

/* @text up to @end as a decimal number; -1 if it is empty, too large, or has other characters */
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

/* As sd_listen_fds_with_names(3): descriptors start at 3, names are separated by colons */
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

void spawnctl_given_read(void)
{
	given_fd = number_of("SPAWNCTL_FD");
	if (given_fd < 0)
		given_fd = systemd_fd();
	environment_read = true;
}

/*
 * A failure is not final: a vfork() child, which shares this memory, may have closed the
 * descriptor in its own table, while the caller still has it.
 */
static __attribute__((__noinline__)) bool given_is_device(void)
{
	if (spawnctl_device_check(given_fd, NULL))
		return false;
	__atomic_store_n(&given_in_doubt, false, __ATOMIC_RELAXED);
	return true;
}

static int given(void)
{
	/* The constructor of another library may spawn before ours has run */
	if (!environment_read)
		spawnctl_given_read();
	if (given_fd < 0)
		return NONE;
	if (__atomic_load_n(&given_in_doubt, __ATOMIC_RELAXED) && !given_is_device())
		return NONE;
	return given_fd;
}

bool spawnctl_device_given(struct device *device)
{
	device->fd = given();
	device->from = DEVICE_GIVEN;
	return device->fd != NONE;
}

void spawnctl_given_doubt(void)
{
	__atomic_store_n(&given_in_doubt, true, __ATOMIC_RELAXED);
}
