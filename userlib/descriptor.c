// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Open, keep and check descriptors of the device.
 *
 * Nothing here is a cancellation point, and only the exported functions modify errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "arch.h"
#include "descriptor.h"
#include "inflight.h"
#include "inherited.h"
#include "kernel.h"
#include "served.h"
#include "signals.h"

#define MISC_MAJOR	10	/* Documentation/admin-guide/devices.txt */
/*
 * The lowest number of the kept descriptor. Programs rely on getting the lowest free numbers, so
 * these stay free. Below 64 the table embedded in struct files_struct is sufficient. Copying it for
 * each child costs less than half as much as copying a larger table.
 */
#define LOW_FDS		32
#define NONE		(-1)

/*
 * The number of the kept descriptor, the same in every descriptor table of the process: threads can
 * have tables of their own (unshare(2), CLONE_FILES). A thread whose table lacks the descriptor
 * opens the device with this number. With a second number, the device would have to be opened again
 * in each other table, and the descriptor with the first number would leak there. The number
 * changes only at a fork, in spawnctl_open() and in keep_served(). Atomic.
 */
static int kept_fd = NONE;
/* In some table another file may have the number, so it is checked before each use; atomic */
static bool kept_in_doubt;
/* The kept descriptor, when last opened in any table, came from the service; atomic */
static bool kept_is_served;
/* The inherited descriptor is not checked yet, or was found not to be the device; atomic */
static bool inherited_in_doubt = true;
/* st_rdev of the device, once it is known; atomic */
static unsigned int device_rdev;

bool spawnctl_table_shared;
static bool others_in_table;
/* Depth of nested forks, and frame of the outermost, in the holder of the lock of inflight.h */
static unsigned int forks;
static const char *fork_frame;
/* A transient descriptor is left open, because a filter allows no look at it: the errno; atomic */
static int blind;

int spawnctl_get_info(int fd, struct spawnctl_info *info)
{
	return ioctl(fd, SPAWNCTL_IOC_INFO, info);
}

int spawnctl_narrow(int fd, const struct spawnctl_limit *limit)
{
	return ioctl(fd, SPAWNCTL_IOC_LIMIT, limit);
}

static const char name[] = "/dev/spawnctl";

/*
 * In another root directory the file can be anything: a terminal must not become the one that
 * controls this process, nor be waited for.
 */
static int open_device(void)
{
	return raw_syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* Stat the file of the descriptor, and the file at the device's path; false if either fails */
static bool stat_both(int fd, struct stat *file, struct stat *named)
{
	return !spawnctl_raw_stat(fd, "", AT_EMPTY_PATH, file) &&
	       !spawnctl_raw_stat(AT_FDCWD, name, 0, named);
}

static bool is_of_that_name(int fd)
{
	struct stat file, named;

	return stat_both(fd, &file, &named) &&
	       file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

/* Return: 0 if @fd is a character device with the major number of spawnctl, or a negative errno */
static int look_at(int fd, struct stat *st)
{
	long ret = spawnctl_raw_stat(fd, "", AT_EMPTY_PATH, st);

	if (ret)
		return ret;
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == MISC_MAJOR ? 0 : -ENOTTY;
}

/*
 * Whether @fd is certainly not the device, because the file at the device's path is a device of
 * that major number and is not @fd. If the path is masked (by /dev/null, or by a node without a
 * driver), the file there does not show whether @fd is the device.
 */
static bool is_another(int fd)
{
	struct stat file, named;

	return stat_both(fd, &file, &named) && S_ISCHR(named.st_mode) &&
	       major(named.st_rdev) == MISC_MAJOR && file.st_rdev != named.st_rdev;
}

int spawnctl_descriptor_check(int fd, int *refusal)
{
	/* A size that can only be refused: with E2BIG, which few other drivers return */
	const __u32 size = ~0U;
	struct stat st;
	long ret = look_at(fd, &st);

	/* Reject a file that cannot be the device before the ioctl: its driver might act on it */
	if (ret)
		return ret;
	/*
	 * SPAWN itself is the test, because in a sandbox it may be the only ioctl that a filter
	 * allows.
	 */
	ret = raw_syscall(SYS_ioctl, fd, SPAWNCTL_IOC_SPAWN, &size);
	if (ret != -E2BIG && ret != -EACCES && ret != -EPERM)
		return -ENOTTY;
	/* Other devices, too, may return EACCES or EPERM before they look at the command */
	if (ret != -E2BIG && is_another(fd))
		return -ENOTTY;
	if (ret == -E2BIG)
		__atomic_store_n(&device_rdev, st.st_rdev, __ATOMIC_RELAXED);
	if (refusal)
		*refusal = ret == -E2BIG ? 0 : -ret;
	return 0;
}

/*
 * A failure is not final: a vfork() child, which shares this memory, may have closed the
 * descriptor in its own table, while the caller still has it.
 */
static __attribute__((__noinline__)) bool inherited_is_device(int fd)
{
	if (spawnctl_descriptor_check(fd, NULL))
		return false;
	__atomic_store_n(&inherited_in_doubt, false, __ATOMIC_RELAXED);
	return true;
}

bool spawnctl_descriptor_inherited(struct descriptor *descriptor)
{
	int fd = spawnctl_inherited_fd();

	if (fd >= 0 && __atomic_load_n(&inherited_in_doubt, __ATOMIC_RELAXED) &&
	    !inherited_is_device(fd))
		fd = NONE;
	descriptor->fd = fd;
	descriptor->from = DESCRIPTOR_INHERITED;
	return fd >= 0;
}

int spawnctl_descriptor_check_again(int fd)
{
	struct stat st;
	int ret = look_at(fd, &st);

	if (ret || st.st_rdev == __atomic_load_n(&device_rdev, __ATOMIC_RELAXED))
		return ret;
	return spawnctl_descriptor_check(fd, NULL);
}

/* Open the device, unless it refuses this caller. Return: the descriptor, or a negative errno */
static int open_usable(void)
{
	int fd = open_device(), ret, refusal = 0;

	if (fd < 0)
		return fd;
	ret = spawnctl_descriptor_check(fd, &refusal);
	if (!ret && !refusal)
		return fd;
	raw_syscall(SYS_close, fd);
	return ret ? ret : -refusal;
}

/* Receive the answer of the service. Return: a usable descriptor, or a negative errno */
static int receive_usable(int service)
{
	int fd = spawnctl_served_receive(service), ret, refusal = 0;

	if (fd < 0)
		return fd;
	ret = spawnctl_descriptor_check(fd, &refusal);
	/* EPERM: LIMIT has taken SPAWN away; the spawn reports it */
	if (!ret && refusal != EACCES)
		return fd;
	raw_syscall(SYS_close, fd);
	return ret ? ret : -EACCES;
}

int spawnctl_open(void)
{
	int fd = open_usable(), owned;

	if (fd < 0 && !descriptor_shortage(fd)) {
		struct caller_signals signals = { 0 };
		int service = -ENOENT;

		spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
		if (spawnctl_served_exists())
			service = spawnctl_served_connect();
		if (service >= 0)
			fd = receive_usable(service);
		else if (service != -ENOENT)
			fd = service;
		spawnctl_signals_release(&signals);
	}
	if (fd < 0)
		return spawnctl_error(fd);
	/* If the program has closed the kept descriptor, it now owns one of the same number */
	owned = fd;
	__atomic_compare_exchange_n(&kept_fd, &owned, NONE, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_RELAXED);
	return fd;
}

/*
 * Move the open file to @number or, if that is NONE, to the first free number from LOW_FDS on; if
 * none is free, it keeps its number. -EBUSY: @number is in use.
 */
static int move_to(int fd, int number)
{
	long moved;

	if (fd == number)
		return fd;
	moved = raw_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, number == NONE ? LOW_FDS : number);
	if (moved < 0 && number == NONE)
		return fd;
	raw_syscall(SYS_close, fd);
	if (moved >= 0 && number != NONE && moved != number) {
		raw_syscall(SYS_close, moved);
		return -EBUSY;
	}
	return moved < 0 ? -EBUSY : moved;
}

/*
 * A child of vfork(2) keeps a descriptor in its own table, and its number in the memory of its
 * parent, which can have another file there
 */
static void doubt_if_shared(void)
{
	if (!spawnctl_inflight_at_home())
		__atomic_store_n(&kept_in_doubt, true, __ATOMIC_RELAXED);
}

/* Open the device to keep it at @number, or, if that is NONE, at a new number from LOW_FDS on */
static int open_to_keep(int number)
{
	int fd = open_usable(), expected = NONE;

	if (fd < 0)
		return fd;
	__atomic_store_n(&kept_is_served, false, __ATOMIC_RELAXED);
	fd = move_to(fd, number);
	if (fd < 0 || number != NONE)
		return fd;
	doubt_if_shared();
	if (__atomic_compare_exchange_n(&kept_fd, &expected, fd, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return fd;
	return move_to(fd, expected);
}

/*
 * The thread must not be canceled while no other thread knows the descriptor, or the descriptor
 * would leak. So the thread blocks signals. pthread_setcancelstate() is not enough: glibc acts on a
 * pthread_cancel() that was in progress when pthread_setcancelstate() was called.
 */
static __attribute__((__noinline__)) int keep_device(void)
{
	struct caller_signals signals = { 0 };
	bool locked;
	int fd;

	spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
	locked = spawnctl_inflight_lock(false);
	/* Recheck under the lock: another thread may have been first */
	fd = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE);
	if (fd == NONE || spawnctl_descriptor_check_again(fd))
		fd = open_to_keep(fd);
	if (locked)
		spawnctl_inflight_unlock();
	spawnctl_signals_release(&signals);
	return fd;
}

/* Use the kept descriptor @fd, or if it is a negative errno, none. Return: 0, or that errno */
static int use_kept(struct descriptor *descriptor, int fd)
{
	descriptor->from = DESCRIPTOR_KEPT;
	descriptor->served = spawnctl_descriptor_served();
	descriptor->fd = fd < 0 ? NONE : fd;
	return fd < 0 ? fd : 0;
}

int spawnctl_descriptor_kept(struct descriptor *descriptor, bool device)
{
	int fd = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE);
	bool there = fd != NONE && !descriptor->missing;

	if (!spawnctl_descriptor_keeps())
		return 1;
	if (there && __atomic_load_n(&kept_in_doubt, __ATOMIC_RELAXED)) {
		int error = spawnctl_descriptor_check_again(fd);

		if (error && error != -EBADF)
			return 1;
		there = !error;
	}
	if (!there)
		fd = device ? keep_device() : -ENOENT;
	if (fd == -EBUSY)
		return 1;
	return use_kept(descriptor, fd);
}

bool spawnctl_descriptor_served(void)
{
	return __atomic_load_n(&kept_is_served, __ATOMIC_RELAXED);
}

/*
 * Keep the descriptor that the service has sent, at the number of the kept one if that is free in
 * this table. Otherwise a new number: the descriptor cannot be used for this call only, because its
 * close could kill the child (SPAWNCTL_LIMIT_KILL). Another thread's table may then keep one with
 * the old number open. In a child of vfork(2), the parent's table would: -EBUSY.
 */
static int keep_served(int service, int number)
{
	int fd = receive_usable(service), moved;

	if (fd < 0)
		return fd;
	if (number != NONE && spawnctl_descriptor_check_again(number) != -EBADF) {
		if (!spawnctl_inflight_at_home()) {
			raw_syscall(SYS_close, fd);
			return -EBUSY;
		}
		number = NONE;
	}
	moved = move_to(fd, number);
	if (moved < 0)
		return moved;
	doubt_if_shared();
	__atomic_store_n(&kept_is_served, true, __ATOMIC_RELAXED);
	__atomic_store_n(&kept_fd, moved, __ATOMIC_RELEASE);
	return moved;
}

int spawnctl_descriptor_ask(struct descriptor *descriptor, int error)
{
	struct caller_signals signals = { 0 };
	int service, fd;

	if (!spawnctl_descriptor_keeps())
		return error;
	spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
	if (!spawnctl_served_exists()) {
		spawnctl_signals_release(&signals);
		return error;
	}
	/* Not under the lock: forks of other threads would wait as long */
	service = spawnctl_served_connect();
	fd = service == -ENOENT ? error : service;
	if (service >= 0) {
		bool locked = spawnctl_inflight_lock(false);

		fd = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE);
		/* Another thread may have been first */
		if (fd != NONE && !spawnctl_descriptor_check_again(fd))
			raw_syscall(SYS_close, service);
		else
			fd = keep_served(service, fd);
		if (fd == -EBUSY)
			fd = error;
		if (locked)
			spawnctl_inflight_unlock();
	}
	spawnctl_signals_release(&signals);
	return use_kept(descriptor, fd);
}

/*
 * List a transient descriptor. If there is no place, remove what is not open in this table: a child
 * of vfork(2) that is killed during its own spawn leaves one. Where tables differ, a valid entry
 * can be removed, too; then a fork in that moment passes the descriptor on. Return: the slot, or -1
 */
static int list(int fd)
{
	int slot = spawnctl_inflight_add(fd), other;

	if (slot >= 0)
		return slot;
	for (other = 0; other < INFLIGHT_MAX; other++) {
		int listed = spawnctl_inflight_get(other);
		int error = listed == fd ? -EBADF : spawnctl_descriptor_check_again(listed);

		if (error == -EBADF || error == -ENOTTY)
			spawnctl_inflight_remove(other);
	}
	return spawnctl_inflight_add(fd);
}

int spawnctl_descriptor_open(struct descriptor *descriptor)
{
	bool locked = spawnctl_inflight_lock(false);
	int error = __atomic_load_n(&blind, __ATOMIC_RELAXED), fd = error ? error : open_device();

	descriptor->from = DESCRIPTOR_TRANSIENT;
	descriptor->served = false;
	if (fd >= 0) {
		descriptor->slot = list(fd);
		if (descriptor->slot < 0) {
			raw_syscall(SYS_close, fd);
			fd = -EMFILE;
		}
	}
	if (locked)
		spawnctl_inflight_unlock();
	descriptor->fd = fd < 0 ? NONE : fd;
	return fd < 0 ? fd : 0;
}

/*
 * Whether only this thread can change its descriptor table, as far as libc and this library know: a
 * clone(2) of the program's own is not seen. Not known with glibc before 2.32
 */
static bool alone_in_table(void)
{
#ifdef __GLIBC__
	extern char __libc_single_threaded __attribute__((__weak__));

	return &__libc_single_threaded && __libc_single_threaded && !others_in_table;
#else
	return false;
#endif
}

/*
 * Whether the number of a transient descriptor is still its own: another thread may have closed it,
 * and opened another file there. @error: the result of a check
 */
static bool is_still_ours(int fd, int error)
{
	/* It can be the file at the device's path, which this thread has just opened */
	if (error == -ENOTTY)
		return is_of_that_name(fd);
	if (!error || error == -EBADF || alone_in_table())
		return error != -EBADF;
	/* It cannot be looked at: leave it open, but open no more */
	__atomic_store_n(&blind, error, __ATOMIC_RELAXED);
	return false;
}

static void close_transient(int fd, int slot, int error)
{
	if (is_still_ours(fd, error))
		raw_syscall(SYS_close, fd);
	spawnctl_inflight_remove(slot);
}

void spawnctl_descriptor_close(int fd, int slot)
{
	bool locked = spawnctl_inflight_lock(false);

	close_transient(fd, slot, alone_in_table() ? 0 : spawnctl_descriptor_check_again(fd));
	if (locked)
		spawnctl_inflight_unlock();
}

void spawnctl_descriptor_lost(struct descriptor *descriptor, int error)
{
	bool locked;

	switch (descriptor->from) {
	case DESCRIPTOR_CALLERS:
		break;
	case DESCRIPTOR_INHERITED:
		__atomic_store_n(&inherited_in_doubt, true, __ATOMIC_RELAXED);
		break;
	case DESCRIPTOR_KEPT:
		if (error == -EBADF)
			descriptor->missing = true;
		else
			__atomic_store_n(&kept_in_doubt, true, __ATOMIC_RELAXED);
		break;
	case DESCRIPTOR_TRANSIENT:
		locked = spawnctl_inflight_lock(false);
		close_transient(descriptor->fd, descriptor->slot, error);
		if (locked)
			spawnctl_inflight_unlock();
		break;
	}
	descriptor->fd = NONE;
}

void spawnctl_descriptor_give_up(const struct descriptor *descriptor, bool kept_too)
{
	if (kept_too && descriptor->from == DESCRIPTOR_KEPT && !descriptor->served) {
		struct caller_signals signals = { 0 };
		bool locked;

		/* Recheck: another thread may have done the same, and reused the number */
		spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
		locked = spawnctl_inflight_lock(false);
		if (!spawnctl_descriptor_check_again(descriptor->fd))
			raw_syscall(SYS_close, descriptor->fd);
		if (locked)
			spawnctl_inflight_unlock();
		spawnctl_signals_release(&signals);
	}
	spawnctl_descriptor_put(descriptor);
}

void spawnctl_descriptor_others_in_table(void)
{
	others_in_table = true;
}

/*
 * A nested fork is made by a signal handler, whose frame is at a lower address. If a handler leaves
 * a fork by siglongjmp(3), spawnctl_descriptor_after_fork() is never called for that fork. The
 * frame of the next fork is not lower, so the count starts at 1 again.
 */
void spawnctl_descriptor_before_fork(void)
{
	const char *frame = __builtin_frame_address(0);

	if (!spawnctl_inflight_lock(true)) {
		if (!forks || !spawnctl_inflight_held())
			return;
		if (frame < fork_frame) {
			forks++;
			return;
		}
	}
	forks = 1;
	fork_frame = frame;
}

void spawnctl_descriptor_after_fork(void)
{
	if (spawnctl_inflight_held() && forks && !--forks)
		spawnctl_inflight_unlock();
}

void spawnctl_descriptor_leave_table(void)
{
	const int kept = __atomic_load_n(&kept_fd, __ATOMIC_ACQUIRE);

	if (kept != NONE && !spawnctl_descriptor_check_again(kept))
		raw_syscall(SYS_close, kept);
}

/*
 * Close the transient descriptors: the threads for whose spawns they were opened do not exist in
 * this process. Check each one first, because its number can belong to another file here. This is
 * so if the descriptor was in a table that only another thread used. It is also so if a child of
 * vfork(2) has called fork(3), and the descriptor was in the table of that child's parent.
 */
void spawnctl_descriptor_in_fork(bool table_shared)
{
	int slot;

	spawnctl_table_shared |= table_shared;
	for (slot = 0; slot < INFLIGHT_MAX; slot++) {
		int fd = spawnctl_inflight_take(slot);

		if (fd != NONE && !table_shared && !spawnctl_descriptor_check_again(fd))
			raw_syscall(SYS_close, fd);
	}
	if (!table_shared)
		spawnctl_descriptor_leave_table();
	kept_fd = NONE;
	kept_in_doubt = false;
	kept_is_served = false;
	blind = 0;
	forks = 0;
	spawnctl_inflight_reset();
}

static void in_fork(void)
{
	spawnctl_descriptor_in_fork(false);
}

#ifdef __GLIBC__
/* As pthread_atfork(3), with an object by which dlclose(3) removes the handlers */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
		      void *object);
void __cxa_finalize(void *object);

static int this_object;

static void watch_forks(void)
{
	__register_atfork(spawnctl_descriptor_before_fork, spawnctl_descriptor_after_fork, in_fork,
			  &this_object);
}

static void unwatch_forks(void)
{
	__cxa_finalize(&this_object);
}
#else
static void watch_forks(void)
{
	pthread_atfork(spawnctl_descriptor_before_fork, spawnctl_descriptor_after_fork, in_fork);
}

/* musl's dlclose(3) unloads nothing */
static void unwatch_forks(void)
{
}
#endif

/* Before main(): later another thread may change the environment */
static void __attribute__((__constructor__)) begin(void)
{
	spawnctl_inherited_read();
	spawnctl_served_read();
	spawnctl_inflight_reset();
	watch_forks();
}

/* At dlclose(3), or at the end of the program */
static void __attribute__((__destructor__)) end(void)
{
	unwatch_forks();
	if (spawnctl_descriptor_keeps())
		spawnctl_descriptor_leave_table();
}
