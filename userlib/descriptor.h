/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors of the device, and which of them is used to make a child.
 */
#ifndef SPAWNCTL_DESCRIPTOR_H
#define SPAWNCTL_DESCRIPTOR_H

#include <errno.h>
#include <stdbool.h>

#pragma GCC visibility push(hidden)

/**
 * struct descriptor - a descriptor, and where it comes from
 * @fd: the descriptor, or -1
 * @from: DESCRIPTOR_CALLERS: from the caller of the library, DESCRIPTOR_INHERITED: named by the
 *	environment, DESCRIPTOR_KEPT: opened or received by the library and kept open,
 *	DESCRIPTOR_TRANSIENT: opened by the library for one use
 * @slot: slot of a transient descriptor in the table of inflight.h
 * @served: the library did not open it, but got it from the service (served.h)
 * @missing: the kept descriptor is not open in this thread's descriptor table
 */
struct descriptor {
	int fd;
	enum {
		DESCRIPTOR_CALLERS,
		DESCRIPTOR_INHERITED,
		DESCRIPTOR_KEPT,
		DESCRIPTOR_TRANSIENT,
	} from;
	int slot;
	bool served, missing;
};

/** descriptor_is_ours() - the library opened or received it: the program does not know of it */
static inline bool descriptor_is_ours(const struct descriptor *descriptor)
{
	return descriptor->fd >= 0 &&
	       (descriptor->from == DESCRIPTOR_KEPT || descriptor->from == DESCRIPTOR_TRANSIENT);
}

/** descriptor_is_limited() - whether the library did not open it, so it may be narrowed */
static inline bool descriptor_is_limited(const struct descriptor *descriptor)
{
	return descriptor->fd >= 0 && (descriptor->served || !descriptor_is_ours(descriptor));
}

/** descriptor_is_transient() - whether the library opened it for this use */
static inline bool descriptor_is_transient(const struct descriptor *descriptor)
{
	return descriptor->fd >= 0 && descriptor->from == DESCRIPTOR_TRANSIENT;
}

/** descriptor_shortage() - @error may be temporary; another descriptor would not help now */
static inline bool descriptor_shortage(long error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EINTR;
}

/** spawnctl_descriptor_inherited() - use the one that the environment names; false if none */
bool spawnctl_descriptor_inherited(struct descriptor *descriptor);

/**
 * spawnctl_descriptor_kept() - use the kept descriptor; open it if necessary
 * @descriptor: out: the descriptor
 * @device: open the device if there is no kept descriptor
 *
 * Return:
 *  - 0: @descriptor is the kept descriptor.
 *  - 1: no descriptor can be kept in this table, because the table is the parent's, or because
 *    another file, or one that cannot be checked, has the number. Use a transient descriptor.
 *  - a negative errno: the device cannot be used. That of open(2), that of
 *    spawnctl_descriptor_check(), or the one with which the device refuses this caller.
 */
int spawnctl_descriptor_kept(struct descriptor *descriptor, bool device);

/**
 * spawnctl_descriptor_ask() - use a descriptor that the service gives, and keep it
 * @descriptor: out: the descriptor
 * @error: why the device itself cannot be used, a negative errno
 *
 * Return: 0, or a negative errno: the service's, or @error if there is no service or this process
 * keeps no descriptor.
 */
int spawnctl_descriptor_ask(struct descriptor *descriptor, int error);

/** spawnctl_descriptor_served() - whether the kept descriptor is one that the service gave */
bool spawnctl_descriptor_served(void);

/**
 * spawnctl_descriptor_open() - open a transient descriptor
 *
 * The caller must block signals from before this call until the descriptor is closed: a handler
 * that leaves by siglongjmp(3) would leak it.
 *
 * Return: 0, or a negative errno: that of open(2), EMFILE, or that of an earlier check that a
 * filter refused. Whether the file is the device has not been checked.
 */
int spawnctl_descriptor_open(struct descriptor *descriptor);

/**
 * spawnctl_descriptor_lost() - end one use of a descriptor that is closed, or is another file
 * @descriptor: the descriptor; its fd is -1 afterward
 * @error: the result of spawnctl_descriptor_check()
 *
 * To be called instead of spawnctl_descriptor_put(). Does not close the file that now has the
 * number, unless it is certainly the file that the library opened.
 */
void spawnctl_descriptor_lost(struct descriptor *descriptor, int error);

/** spawnctl_descriptor_close() - close a transient descriptor, if it still is the device */
void spawnctl_descriptor_close(int fd, int slot);

/** spawnctl_descriptor_put() - end one use of the descriptor */
static inline void spawnctl_descriptor_put(const struct descriptor *descriptor)
{
	if (descriptor->from == DESCRIPTOR_TRANSIENT)
		spawnctl_descriptor_close(descriptor->fd, descriptor->slot);
}

/**
 * spawnctl_descriptor_give_up() - end the use of a descriptor through which a call has failed
 * @descriptor: the descriptor
 * @kept_too: close it even if it is the kept one, to free its number
 */
void spawnctl_descriptor_give_up(const struct descriptor *descriptor, bool kept_too);

/**
 * spawnctl_descriptor_check() - whether a descriptor is one of the device
 * @fd: descriptor
 * @refusal: out: the errno with which SPAWN refuses this caller regardless of the request, or 0;
 *	may be NULL
 *
 * Makes no ioctl other than SPAWN.
 *
 * Return: 0, -EBADF, -ENOTTY, or the negative errno with which a filter answers fstat(2) (statx(2)
 * on 32-bit architectures).
 */
int spawnctl_descriptor_check(int fd, int *refusal);

/** spawnctl_descriptor_check_again() - the same, by one system call if the device is known */
int spawnctl_descriptor_check_again(int fd);

extern bool spawnctl_table_shared;

/** spawnctl_descriptor_keeps() - whether a descriptor that the library opens can be kept open */
static inline bool spawnctl_descriptor_keeps(void)
{
	return !spawnctl_table_shared;
}

/** spawnctl_descriptor_others_in_table() - another process is about to share this table */
void spawnctl_descriptor_others_in_table(void);

/*
 * Called around fork(3), through pthread_atfork(3), and around the forks that the library makes
 * itself: no descriptor that the library has opened stays open in the child.
 */
void spawnctl_descriptor_before_fork(void);
void spawnctl_descriptor_after_fork(void);

/**
 * spawnctl_descriptor_in_fork() - called in the child, which has a copy of the memory
 * @table_shared: the child shares the parent's descriptor table. Nothing in it is closed, and no
 *	descriptor is kept in it, because the parent would not learn of either
 */
void spawnctl_descriptor_in_fork(bool table_shared);

/** spawnctl_descriptor_leave_table() - close the kept descriptor in this thread's table */
void spawnctl_descriptor_leave_table(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_DESCRIPTOR_H */
