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
 * @slot: where a transient one is noted (inflight.h)
 * @missing: the kept one is not in this thread's table
 */
struct device {
	int fd;
	enum { DEVICE_CALLERS, DEVICE_GIVEN, DEVICE_KEPT, DEVICE_TRANSIENT } from;
	int slot;
	bool missing;
};

/** device_is_ours() - whether the library has opened it, and the program knows nothing */
static inline bool device_is_ours(const struct device *device)
{
	return device->fd >= 0 &&
	       (device->from == DEVICE_KEPT || device->from == DEVICE_TRANSIENT);
}

/** spawnctl_device_given() - that of the environment; whether there is one */
bool spawnctl_device_given(struct device *device);

/**
 * spawnctl_device_kept() - the one that is kept, opened if need be
 *
 * Return: 0, 1 if none can be kept here, or a negative errno: that of open(2), of
 * spawnctl_device_check(), or the refusal of the one that was opened.
 */
int spawnctl_device_kept(struct device *device);

/**
 * spawnctl_device_open() - one for one use
 *
 * Signals are held back from before this until it is closed: a handler that leaves
 * by siglongjmp(3) would leave it open.
 *
 * Return: 0, or a negative errno: that of open(2), or EMFILE. Whether it is the device
 * has not been checked.
 */
int spawnctl_device_open(struct device *device);

/**
 * spawnctl_device_lost() - it has turned out to be another file, or none
 * @device: which; it has no descriptor then
 * @error: what spawnctl_device_check() has said of it
 *
 * In place of spawnctl_device_put(). What is at its number now is left alone, unless
 * it is certainly what was opened here.
 */
void spawnctl_device_lost(struct device *device, int error);

/** spawnctl_device_close() - close a transient one, if it still is one */
void spawnctl_device_close(int fd, int slot);

/** spawnctl_device_put() - done with one use of it */
static inline void spawnctl_device_put(const struct device *device)
{
	if (device->from == DEVICE_TRANSIENT)
		spawnctl_device_close(device->fd, device->slot);
}

/** spawnctl_device_give_up() - it has failed; @kept_too: make room for a descriptor */
void spawnctl_device_give_up(const struct device *device, bool kept_too);

/**
 * spawnctl_device_absence() - whether the device was not there a moment ago
 *
 * So that programs without it do not look for it at each spawn. It is looked for again
 * after a second (ABSENCE_MS), and finds a module that has been loaded since.
 *
 * Return: 0, or the negative errno that was noted.
 */
int spawnctl_device_absence(void);

/** spawnctl_device_note_absence() - with a negative errno; 0: look again */
void spawnctl_device_note_absence(int error);

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

/** spawnctl_device_keeps() - whether one that is opened can be kept */
static inline bool spawnctl_device_keeps(void)
{
	return !spawnctl_table_shared;
}

/** spawnctl_device_others_in_table() - another process is about to share this table */
void spawnctl_device_others_in_table(void);

/*
 * Around a fork(3), of which libc tells, and around those that the library makes
 * itself: no descriptor that it has opened stays in the child.
 */
void spawnctl_device_before_fork(void);
void spawnctl_device_after_fork(void);

/**
 * spawnctl_device_in_fork() - in the child, with a copy of the memory
 * @table_shared: it has the parent's table: nothing is closed in that, and nothing
 *	kept, as the parent would not hear of it
 */
void spawnctl_device_in_fork(bool table_shared);

/** spawnctl_device_leave_table() - close the kept one in this thread's table */
void spawnctl_device_leave_table(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_DEVICE_H */
