/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors of the device, and which of them is used to make a child.
 */
#ifndef SPAWNCTL_DEVICE_H
#define SPAWNCTL_DEVICE_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/**
 * struct device - a descriptor, and where it comes from
 * @fd: the descriptor, or -1
 * @from: DEVICE_CALLERS: from the caller of the library, DEVICE_GIVEN: from the environment,
 *	DEVICE_KEPT: opened by the library and kept open, DEVICE_TRANSIENT: opened by the
 *	library for one use
 * @slot: slot of a transient descriptor in the table of inflight.h
 * @missing: the kept descriptor is not open in this thread's descriptor table
 */
struct device {
	int fd;
	enum { DEVICE_CALLERS, DEVICE_GIVEN, DEVICE_KEPT, DEVICE_TRANSIENT } from;
	int slot;
	bool missing;
};

/** device_is_ours() - whether the library opened it, so that the program does not know of it */
static inline bool device_is_ours(const struct device *device)
{
	return device->fd >= 0 &&
	       (device->from == DEVICE_KEPT || device->from == DEVICE_TRANSIENT);
}

/** spawnctl_device_given() - use the descriptor that the environment names; false if none */
bool spawnctl_device_given(struct device *device);

/**
 * spawnctl_device_kept() - use the kept descriptor; open it if necessary
 *
 * Return: 0; 1 if none can be kept open in this descriptor table; or a negative errno: that of
 * open(2), that of spawnctl_device_check(), or the one with which the opened device refuses this
 * caller.
 */
int spawnctl_device_kept(struct device *device);

/**
 * spawnctl_device_open() - open a transient descriptor
 *
 * The caller must block signals from before this call until the descriptor is closed: a handler
 * that leaves by siglongjmp(3) would leak it.
 *
 * Return: 0, or a negative errno: that of open(2), or EMFILE. Whether the file is the device has
 * not been checked.
 */
int spawnctl_device_open(struct device *device);

/**
 * spawnctl_device_lost() - end one use of a descriptor that is closed, or is another file
 * @device: the descriptor; its fd is -1 afterward
 * @error: the result of spawnctl_device_check()
 *
 * To be called instead of spawnctl_device_put(). Does not close the file that now has the number,
 * unless it is certainly the file that the library opened.
 */
void spawnctl_device_lost(struct device *device, int error);

/** spawnctl_device_close() - close a transient descriptor, if it still is the device */
void spawnctl_device_close(int fd, int slot);

/** spawnctl_device_put() - end one use of the descriptor */
static inline void spawnctl_device_put(const struct device *device)
{
	if (device->from == DEVICE_TRANSIENT)
		spawnctl_device_close(device->fd, device->slot);
}

/**
 * spawnctl_device_give_up() - end the use of a descriptor through which a call has failed
 * @device: the descriptor
 * @kept_too: close it even if it is the kept one, to free its number
 */
void spawnctl_device_give_up(const struct device *device, bool kept_too);

/**
 * spawnctl_device_absence() - whether the device was absent a moment ago
 *
 * The library notes that the device is absent, so that a program on a system without the device
 * does not look for it at each spawn. The note expires after a second (ABSENCE_MS), so that a
 * module that is loaded later is found.
 *
 * Return: 0, or the negative errno that was noted.
 */
int spawnctl_device_absence(void);

/** spawnctl_device_note_absence() - note a negative errno; 0 deletes the note */
void spawnctl_device_note_absence(int error);

/**
 * spawnctl_device_check() - whether a descriptor is one of the device
 * @fd: descriptor
 * @refusal: out: the errno with which SPAWN refuses this caller regardless of the request, or 0;
 *	may be NULL
 *
 * Makes no ioctl other than SPAWN.
 *
 * Return: 0, -EBADF, -ENOTTY, or the negative errno with which a filter answers newfstatat(2).
 */
int spawnctl_device_check(int fd, int *refusal);

extern bool spawnctl_table_shared;

/** spawnctl_device_keeps() - whether a descriptor that the library opens can be kept open */
static inline bool spawnctl_device_keeps(void)
{
	return !spawnctl_table_shared;
}

/** spawnctl_device_others_in_table() - another process is about to share this table */
void spawnctl_device_others_in_table(void);

/*
 * Called around fork(3), through pthread_atfork(3), and around the forks that the library makes
 * itself: no descriptor that the library has opened stays open in the child.
 */
void spawnctl_device_before_fork(void);
void spawnctl_device_after_fork(void);

/**
 * spawnctl_device_in_fork() - called in the child, which has a copy of the memory
 * @table_shared: the child shares the parent's descriptor table. Nothing in it is closed, and no
 *	descriptor is kept in it, because the parent would not learn of either
 */
void spawnctl_device_in_fork(bool table_shared);

/** spawnctl_device_leave_table() - close the kept descriptor in this thread's table */
void spawnctl_device_leave_table(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_DEVICE_H */
