/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One function over three backends: make this child.
 */
#ifndef SPAWNCTL_BIRTH_H
#define SPAWNCTL_BIRTH_H

#include "arch.h"
#include "device.h"
#include "spawnctl/spawn.h"

#pragma GCC visibility push(hidden)

/**
 * struct birth - a child to be made, and what has come of it
 * @clone: what is asked for, with a stack, in the device's terms. Everything is
 *	blocked in the window, and the mask at exec is @clone.exec_mask with
 *	SPAWNCTL_EXEC_MASK, else the caller's
 * @open_window: the child has the caller's mask all the time
 * @backend: the one demanded, or SPAWNCTL_BACKEND_ANY; then the one used
 * @fd: descriptor demanded, or -1
 * @transient: leave no descriptor open
 * @hold_all: signals are held back in the caller until the release, unless the child
 *	has cleared @hold.wanted
 * @fn: the child, with @arg; its result is the exit status
 * @device: the descriptor used; its fd is -1 where another backend is
 * @demanded: no other backend is tried
 * @tries: how many descriptors were not the device
 * @refusal: what the device answers this caller regardless of the request: 0 or an errno
 * @passed_over: why the device is not used, a negative errno, or 0
 * @started: the child has run
 * @tid: the child's process id, there before it runs (by the device only)
 * @hold: whether signals are still held back in the caller, and its mask. By the
 *	device the child decides, until it has executed a program or ended; without
 *	it they always are
 * @held: they are held back by the library, until the release, and @mask is the
 *	caller's
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
 * spawnctl_birth() - make it
 *
 * Return: the child's process id, or a negative errno. Either way signals may
 * still be held back: spawnctl_birth_release() comes after.
 */
long spawnctl_birth(struct birth *birth);

/**
 * spawnctl_birth_begin() - choose the backend that is to be tried first
 *
 * With spawnctl_birth_next() that is the one place that says what is usable, and what
 * is tried next.
 *
 * Return: 0 with @birth->backend, and a descriptor in @birth->device if it is the
 * device; or a negative errno.
 */
long spawnctl_birth_begin(struct birth *birth);

/**
 * spawnctl_birth_next() - @birth->backend has failed, and made no child
 * @birth: the birth
 * @error: negative errno
 *
 * Return: 0 with another to be tried, or a negative errno: that of the last one.
 */
long spawnctl_birth_next(struct birth *birth, long error);

/** spawnctl_birth_hold_back() - block @signals in the caller until the release */
void spawnctl_birth_hold_back(struct birth *birth, unsigned long long signals);

/** spawnctl_birth_release() - let through the signals that are held back */
void spawnctl_birth_release(struct birth *birth);

/** spawnctl_birth_start() - in the child, the first; its argument is the birth */
int spawnctl_birth_start(void *birth);

/** spawnctl_birth_end() - a child that ends at once */
int spawnctl_birth_end(void *arg);

/**
 * spawnctl_birth_before_exec() - in the child, the last before execve(2)
 *
 * Gives a lower backend's child the mask that the device gives at exec.
 */
void spawnctl_birth_before_exec(const struct birth *birth);

/** spawnctl_birth_backend() - which backend it would be: 0 or a negative errno */
int spawnctl_birth_backend(struct birth *birth);

#pragma GCC visibility pop

#endif /* SPAWNCTL_BIRTH_H */
