/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which descriptor of the device a birth goes by.
 */
#ifndef SPAWNCTL_DEVICE_H
#define SPAWNCTL_DEVICE_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/**
 * struct device - a descriptor, and whose it is
 * @fd: the descriptor, or -1
 * @from: DEVICE_CALLERS: the caller of the library has given it, DEVICE_GIVEN: the
 *	environment, DEVICE_KEPT: opened here, to stay, DEVICE_TRANSIENT: for one use
 * @kept: by what the kept one is known again
 */
struct device {
	int fd;
	enum { DEVICE_CALLERS, DEVICE_GIVEN, DEVICE_KEPT, DEVICE_TRANSIENT } from;
	unsigned long kept;
};

/** device_is_ours() - whether the library has opened it, and the program knows nothing */
static inline bool device_is_ours(const struct device *device)
{
	return device->fd >= 0 &&
	       (device->from == DEVICE_KEPT || device->from == DEVICE_TRANSIENT);
}

/** spawnctl_device_is_given() - whether spawnctl_device_get() will open none */
bool spawnctl_device_is_given(void);

/**
 * spawnctl_device_get() - the descriptor given by the environment, or one opened
 * @device: where it goes
 * @transient: open and close each time; else one is kept
 *
 * Return: 0, or a negative errno: that of open(2), of spawnctl_device_check(), or
 * the refusal of one that was opened to be kept.
 */
int spawnctl_device_get(struct device *device, bool transient);

/**
 * spawnctl_device_lost() - it has turned out to be another file, or none
 * @device: which
 * @error: what spawnctl_device_check() has said of it
 *
 * In place of spawnctl_device_put(). What is at its number now is left alone, unless
 * it is certainly what was opened here.
 */
void spawnctl_device_lost(const struct device *device, int error);

/** spawnctl_device_close() - close a transient one, if it still is one */
void spawnctl_device_close(int fd);

/** spawnctl_device_put() - done with one use of it */
static inline void spawnctl_device_put(const struct device *device)
{
	if (device->from == DEVICE_TRANSIENT)
		spawnctl_device_close(device->fd);
}

/**
 * spawnctl_device_check() - whether a descriptor is one of the device
 * @fd: descriptor
 * @refusal: where what SPAWN answers this caller whatever he asks goes, 0 or an
 *	errno; or NULL
 *
 * Makes no ioctl but SPAWN.
 *
 * Return: 0, -EBADF or -ENOTTY.
 */
int spawnctl_device_check(int fd, int *refusal);

extern bool spawnctl_table_shared;

/**
 * spawnctl_device_table_shared() - in a child with the parent's descriptor table, and
 * a copy of its memory: nothing can be kept, as the parent does not hear of it
 */
static inline void spawnctl_device_table_shared(void)
{
	spawnctl_table_shared = true;
}

/** spawnctl_device_keeps() - whether one that is opened can be kept */
static inline bool spawnctl_device_keeps(void)
{
	return !spawnctl_table_shared;
}

#pragma GCC visibility pop

#endif /* SPAWNCTL_DEVICE_H */
