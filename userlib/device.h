/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which descriptor of the device a birth goes by.
 */
#ifndef SPAWNCTL_DEVICE_H
#define SPAWNCTL_DEVICE_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/** struct device - a descriptor, and whose it is */
struct device {
	int fd;
	bool ours;		/* opened here, not given */
	bool transient;		/* to be closed after one use */
};

/**
 * spawnctl_device_get() - the descriptor given by the environment, or one opened
 * @device: where it goes
 * @transient: open and close each time; else one is kept
 *
 * Return: 0, or the negative errno of open(2).
 */
int spawnctl_device_get(struct device *device, bool transient);

/** spawnctl_device_put() - done with one use of it */
void spawnctl_device_put(const struct device *device);

/**
 * spawnctl_device_lost() - the program has closed it, or made it another file
 *
 * It is not taken again, and what is at its number now is left alone.
 */
void spawnctl_device_lost(const struct device *device);

/**
 * spawnctl_device_check() - whether a descriptor is one of the device
 *
 * Return: 0, -EBADF, or -ENOTTY.
 */
int spawnctl_device_check(int fd);

#pragma GCC visibility pop

#endif /* SPAWNCTL_DEVICE_H */
