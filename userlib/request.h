/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The request to make one child, and what the child does with it before anything else.
 *
 * Terms: docs/internals.md, Vocabulary
 */
#ifndef SPAWNCTL_REQUEST_H
#define SPAWNCTL_REQUEST_H

#include <errno.h>

#include "arch.h"
#include "descriptor.h"
#include "signals.h"
#include "spawnctl/spawn.h"

#pragma GCC visibility push(hidden)

/**
 * struct request - a child to be made, and the outcome
 * @clone: the request, including the stack, as the argument of the device's SPAWN. Unless
 *	@open_window, all signals are blocked in the window (the time from the child's first
 *	instruction to exec), with clone3 all except the synchronous ones. The mask at exec is
 *	@clone.exec_mask if SPAWNCTL_EXEC_MASK is set, else the caller's
 * @backend: in: the backend demanded, or SPAWNCTL_BACKEND_ANY; out: the backend used
 * @fd: the descriptor demanded, or -1
 * @transient: do not leave a descriptor open
 * @open_window: the child has the caller's mask when it calls @fn
 * @hold_all: signals stay blocked in the caller until spawnctl_signals_release(), unless the child
 *	clears @signals.hold.wanted (device only: with clone3 and clone they always stay blocked)
 * @may_copy_table: if SPAWNCTL_SHARE_FILES in @clone.flags is refused, try again without it
 * @fn: called by the child; its result is the exit status
 * @arg: argument of @fn
 * @descriptor: the descriptor of the device that is used; its fd is -1 if another backend is used
 * @demanded: a backend or descriptor was demanded, so no other backend is tried
 * @tries: how many descriptors turned out not to be the device
 * @refusal: the errno that the device returns to this caller regardless of the request, or 0
 * @passed_over: why the device is not used, a negative errno, or 0
 * @started: the child has run
 * @clears_word: with clone(2) and SPAWNCTL_NO_WAIT: the kernel will clear @clone.child_tid
 * @tid: the child's process id; with the device, stored before the child runs
 * @signals: what is blocked in the caller, until spawnctl_signals_release()
 */
struct request {
	struct spawnctl_clone clone;
	enum spawnctl_backend backend;
	int fd;
	bool transient;
	bool open_window;
	bool hold_all;
	bool may_copy_table;
	int (*fn)(void *arg);
	void *arg;

	struct descriptor descriptor;
	bool demanded;
	int tries;
	int refusal;
	long passed_over;
	bool started;
	bool clears_word;
	pid_t tid;
	struct caller_signals signals;
};

/* Unless inline, the rest is called in the child only, and is in request_child.c */

/** spawnctl_request_start() - first function of the child; its argument is the request */
int spawnctl_request_start(void *request);

/** request_no_wait() - whether the child runs beside its parent */
static inline bool request_no_wait(const struct request *request)
{
	return request->clone.flags & SPAWNCTL_NO_WAIT;
}

/**
 * request_refuses_sharing() - whether clone(2) may have refused SPAWNCTL_SHARE_FILES
 *
 * qemu-user does not support CLONE_FILES, and a filter may allow only the flags that libc uses.
 */
static inline bool request_refuses_sharing(const struct request *request, long error)
{
	return request->backend == SPAWNCTL_BACKEND_CLONE &&
	       (request->clone.flags & SPAWNCTL_SHARE_FILES) &&
	       (error == -EINVAL || error == -EPERM || error == -EACCES);
}

/** clone3_is_refused() - whether the kernel does not have clone3(2), or a filter refuses it */
static inline bool clone3_is_refused(long error)
{
	return error == -ENOSYS || error == -EPERM || error == -EACCES || error == -EOPNOTSUPP;
}

/** spawnctl_request_end() - function of a child that exits at once */
int spawnctl_request_end(void *arg);

/**
 * spawnctl_request_before_exec() - last call of the child before execve(2)
 *
 * With clone3 and clone, sets the mask that the device sets at exec.
 */
void spawnctl_request_before_exec(const struct request *request);

/**
 * spawnctl_vfork_child() - for a child of vfork(2), whose handlers the kernel has not reset
 * @mask: the child's mask
 *
 * Called in arch/ if VFORK_HANDLERS is set. Runs on the caller's stack.
 */
void spawnctl_vfork_child(unsigned long long mask);

#pragma GCC visibility pop

#endif /* SPAWNCTL_REQUEST_H */
