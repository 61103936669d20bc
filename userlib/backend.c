// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which backend makes the child: the device, else clone3(2), else clone(2). No other file decides
 * whether one can be used, or what is tried next.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "backend.h"
#include "backend_clone.h"
#include "backend_device.h"

/*
 * When the device was found to be absent, in milliseconds, shifted left by ERRNO_BITS; below that
 * the errno. Atomic.
 */
static unsigned long long absence;
#define ERRNO_BITS	12
#define ABSENCE_MS	1000

/*
 * Whether @error means that the backend is unavailable to this caller regardless of the request.
 *
 *	backend	errno	condition		cause
 *	device	any	no descriptor		the device cannot be opened, or is another file
 *	device	EACCES	@request->refusal	a seccomp filter, Landlock
 *	device	EPERM	the library opened it	a filter, an LSM
 *	device	ENOSYS	kept or transient	a filter, an emulator
 *	device	EMFILE	the library opened it	it has the last number: none is left for the pidfd
 *	clone3	ENOSYS				a filter, an emulator, Linux before 5.3
 *	clone3	EINVAL	no cgroup requested	no CLONE_CLEAR_SIGHAND, Linux before 5.5
 *	clone3	EPERM	no cgroup requested	a filter; also EACCES and EOPNOTSUPP
 *	clone	none				no backend comes after it
 *
 * Any other EACCES of the device refers to the cgroup. If one is requested, the errors of clone3
 * except ENOSYS can refer to it, too. With a descriptor from the program, the environment or the
 * service, EPERM and EDQUOT mean that LIMIT does not allow the call. No other backend is tried
 * then: a program that has been given such a descriptor may be under a filter that kills it for
 * clone(2).
 */
static bool is_absence(const struct request *request, long error)
{
	switch (request->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		if (request->descriptor.fd < 0 || (error == -EACCES && request->refusal == EACCES))
			return true;
		return descriptor_is_ours(&request->descriptor) &&
		       (error == -ENOSYS || (!request->descriptor.served &&
					     (error == -EPERM || error == -EMFILE)));
	case SPAWNCTL_BACKEND_CLONE3:
		if (error == -ENOSYS)
			return true;
		return !(request->clone.flags & SPAWNCTL_CGROUP) &&
		       (error == -EINVAL || clone3_is_refused(error));
	default:
		return false;
	}
}

/* Uses the vDSO, so makes no system call */
static unsigned long long now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/*
 * Whether the device was absent a moment ago: 0, or the negative errno that was noted. The library
 * notes that the device is absent, so that a program on a system without the device does not look
 * for it at each spawn. The note expires, so that a module that is loaded later is found.
 */
static int noted_absence(void)
{
	unsigned long long noted = __atomic_load_n(&absence, __ATOMIC_RELAXED);

	if (!noted || now_ms() - (noted >> ERRNO_BITS) >= ABSENCE_MS)
		return 0;
	return -(int)(noted & ((1 << ERRNO_BITS) - 1));
}

/* Note a negative errno; 0 deletes the note */
static void note_absence(int error)
{
	unsigned long long noted = error ? now_ms() << ERRNO_BITS | -error : 0;

	__atomic_store_n(&absence, noted, __ATOMIC_RELAXED);
}

/*
 * Whether the device is likely to stay absent, so that note_absence() is called. A shortage of
 * descriptors or memory may pass, and another thread may have closed the descriptor.
 */
static bool is_lasting(const struct request *request, long error)
{
	if (descriptor_is_ours(&request->descriptor) && request->refusal == EACCES)
		return true;
	return request->descriptor.fd < 0 && !descriptor_shortage(error) && error != -EBADF;
}

long spawnctl_backend_next(struct request *request, long error)
{
	bool absent;

	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		error = spawnctl_device_failed(request, error);
		if (!error)
			return 0;
	}
	absent = is_absence(request, error);
	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		if (request->descriptor.fd >= 0)
			spawnctl_descriptor_give_up(&request->descriptor, error == -EMFILE);
		if (absent && request->fd < 0 && is_lasting(request, error))
			note_absence(error);
		request->descriptor.fd = -1;
	}
	if (!absent || request->demanded)
		return error;
	if (request->backend == SPAWNCTL_BACKEND_DEVICE) {
		request->passed_over = error;
		request->backend = SPAWNCTL_BACKEND_CLONE3;
	} else {
		request->backend = SPAWNCTL_BACKEND_CLONE;
	}
	return 0;
}

long spawnctl_backend_begin(struct request *request)
{
	long ret;

	request->descriptor = (struct descriptor){ .fd = -1 };
	request->tries = 0;
	request->refusal = 0;
	request->started = false;
	request->clears_word = false;
	request->passed_over = 0;
	/* The device refuses this, too. Later, EINVAL can mean that a backend lacks something */
	if (request->clone.sig_default & request->clone.sig_ignore)
		return -EINVAL;
	request->demanded = request->fd >= 0 || request->backend != SPAWNCTL_BACKEND_ANY;
	if (request->fd >= 0 || !request->demanded)
		request->backend = SPAWNCTL_BACKEND_DEVICE;
	if (request->backend != SPAWNCTL_BACKEND_DEVICE)
		return 0;
	if (spawnctl_arch_emulated())
		return spawnctl_backend_next(request, -ENOSYS);
	if (!request->demanded) {
		request->passed_over = noted_absence();
		if (request->passed_over) {
			request->backend = SPAWNCTL_BACKEND_CLONE3;
			return 0;
		}
	}
	ret = spawnctl_device_take(request);
	return ret ? spawnctl_backend_next(request, ret) : 0;
}

/*
 * Remove a flag that the backend may have refused. Return: whether to try the same backend again.
 * LIMIT may have removed SHARE_FILES from a descriptor that the library has not opened itself.
 */
static bool ask_for_less(struct request *request, long error)
{
	__u32 *flags = &request->clone.flags;
	bool limited = request->backend == SPAWNCTL_BACKEND_DEVICE && error == -EPERM &&
		       descriptor_is_limited(&request->descriptor);
	bool refused = limited || request_refuses_sharing(request, error);

	if (refused && request->may_copy_table && (*flags & SPAWNCTL_SHARE_FILES)) {
		*flags &= ~SPAWNCTL_SHARE_FILES;
		return true;
	}
	return false;
}

long spawnctl_backend_make_child(struct request *request)
{
	long ret;

	for (;;) {
		if (request->backend == SPAWNCTL_BACKEND_DEVICE)
			ret = spawnctl_device_make_child(request);
		else
			ret = spawnctl_clone_make_child(request);
		if (ret >= 0)
			return ret;
		if (ask_for_less(request, ret))
			continue;
		ret = spawnctl_backend_next(request, ret);
		if (ret)
			return ret;
	}
}

/* A negative errno if the backend refuses this caller regardless of the request, else 0 */
static long probe(struct request *request)
{
	int refusal = 0;
	long ret;

	switch (request->backend) {
	case SPAWNCTL_BACKEND_DEVICE:
		ret = spawnctl_descriptor_check(request->descriptor.fd, &refusal);
		return ret ? ret : -refusal;
	case SPAWNCTL_BACKEND_CLONE3:
		ret = spawnctl_clone3_probe();
		return is_absence(request, ret) ? ret : 0;
	default:
		return 0;
	}
}

int spawnctl_backend_find(struct request *request)
{
	long ret;

	note_absence(0);
	ret = spawnctl_backend_begin(request);
	while (!ret) {
		ret = probe(request);
		if (!ret)
			break;
		ret = spawnctl_backend_next(request, ret);
	}
	if (!ret && request->backend == SPAWNCTL_BACKEND_DEVICE)
		spawnctl_descriptor_put(&request->descriptor);
	spawnctl_signals_release(&request->signals);
	return ret;
}
