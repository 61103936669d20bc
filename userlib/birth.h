/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Make one child (a birth), through one of three backends.
 */
#ifndef SPAWNCTL_BIRTH_H
#define SPAWNCTL_BIRTH_H

#include "arch.h"
#include "device.h"
#include "spawnctl/spawn.h"

#pragma GCC visibility push(hidden)

/**
 * struct birth - a child to be made, and the outcome
 * @clone: the request, including the stack, as the argument of the device's SPAWN. All signals
 *	are blocked in the window, that is from birth to exec. The mask at exec is
 *	@clone.exec_mask if SPAWNCTL_EXEC_MASK is set, else the caller's
 * @open_window: the child has the caller's mask from birth on
 * @backend: in: the backend demanded, or SPAWNCTL_BACKEND_ANY; out: the backend used
 * @fd: the descriptor demanded, or -1
 * @transient: do not leave a descriptor open
 * @hold_all: signals stay blocked in the caller until spawnctl_birth_release(), unless the child
 *	clears @hold.wanted
 * @fn: called by the child; its result is the exit status
 * @arg: argument of @fn
 * @device: the descriptor used; its fd is -1 if another backend is used
 * @demanded: a backend or descriptor was demanded, so no other backend is tried
 * @tries: how many descriptors turned out not to be the device
 * @refusal: the errno that the device returns to this caller regardless of the request, or 0
 * @passed_over: why the device is not used, a negative errno, or 0
 * @started: the child has run
 * @tid: the child's process id, stored before the child runs (device only)
 * @hold: @hold.wanted: signals are still blocked in the caller; @hold.mask: the mask to
 *	restore. With the device, the child can change @hold.wanted before it executes a
 *	program or ends, and so decides whether signals stay blocked. With the other
 *	backends signals always stay blocked
 * @held: the library has blocked signals in the caller, until spawnctl_birth_release()
 * @mask: the caller's mask, if @held
 */
struct birth {
	struct spawnctl_clone clone;
	bool open_window;
	enum spawnctl_backend backend;
	int fd;
	bool transient;
	bool hold_all;
	int (*fn)(void *arg);
	void *arg;

	struct device device;
	bool demanded;
	int tries;
	int refusal;
	long passed_over;
	bool started;
	pid_t tid;
	struct spawnctl_hold hold;
	bool held;
	unsigned long long mask;
};

/**
 * spawnctl_birth() - make the child
 *
 * Return: the child's process id, or a negative errno. In both cases signals may still be held
 * back: the caller must call spawnctl_birth_release().
 */
long spawnctl_birth(struct birth *birth);

/**
 * spawnctl_birth_begin() - choose the backend to try first
 *
 * Only this function and spawnctl_birth_next() decide which backends are usable and which one
 * is tried next.
 *
 * Return: 0, with @birth->backend set and, if that is the device, a descriptor in
 * @birth->device; or a negative errno.
 */
long spawnctl_birth_begin(struct birth *birth);

/**
 * spawnctl_birth_next() - choose what to try after @birth->backend failed without making a child
 * @birth: the birth
 * @error: negative errno of the failure
 *
 * Return: 0 if there is another backend or descriptor to try, else a negative errno, that of the
 * last attempt.
 */
long spawnctl_birth_next(struct birth *birth, long error);

/** spawnctl_birth_hold_back() - block @signals in the caller until spawnctl_birth_release() */
void spawnctl_birth_hold_back(struct birth *birth, unsigned long long signals);

/** spawnctl_birth_release() - unblock the signals that are held back in the caller */
void spawnctl_birth_release(struct birth *birth);

/** spawnctl_birth_start() - first function of the child; its argument is the birth */
int spawnctl_birth_start(void *birth);

/** spawnctl_birth_end() - function of a child that exits at once */
int spawnctl_birth_end(void *arg);

/**
 * spawnctl_birth_before_exec() - last call of the child before execve(2)
 *
 * With clone3 and clone, sets the mask that the device sets at exec.
 */
void spawnctl_birth_before_exec(const struct birth *birth);

/** spawnctl_birth_backend() - find the backend that a birth would use: 0 or a negative errno */
int spawnctl_birth_backend(struct birth *birth);

#pragma GCC visibility pop

#endif /* SPAWNCTL_BIRTH_H */
