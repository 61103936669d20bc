/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tail: the last steps of a caller in the module. The child has closed the device,
 * and the caller has dropped its own reference but not yet returned, when a task of
 * higher priority preempts it. The module's reference count is 0, so the module can be
 * unloaded. Its text must stay until the caller has left it.
 *
 * A return probe on the command makes the tail longer. The test finds the tail by trial:
 * if a caller is preempted too early, the next one is preempted later, and vice versa.
 * Only a kernel that preempts tasks in kernel mode preempts a caller there.
 */
#ifndef SPAWNCTL_TAIL_H
#define SPAWNCTL_TAIL_H

#include "test_util.h"

struct tail {
	unsigned long command;
	int device;
	__s32 child;		/* stored before the child runs */
	int ready;		/* the caller is about to call */
	int returned;
	int go;			/* the child may close the device */
	int closed;
	__aligned_u64 call_at;	/* ns: when the caller calls (FORK) or is killed (SPAWN) */
	__aligned_u64 interrupt_at;
	int interrupted;
	int let_go;
	int stop;
	pid_t mover;		/* moves the child to the second CPU */
};

enum tail_moment { TAIL_EARLY, TAIL_CAUGHT, TAIL_LATE };

__u64 tail_now(void);
int tail_pin(pid_t pid, int cpu);
int tail_urgent(int on);
int tail_is_in(pid_t pid, const char *function);
int tail_kernel_preempts(void);
void tail_throttle(int on);
int tail_widen(unsigned long command);
void tail_narrow(void);
void tail_caller(struct tail *tail);
void tail_interrupter(struct tail *tail);
const char *tail_unload(struct tail *tail);
enum tail_moment tail_look(struct tail *tail, pid_t caller);

#endif /* SPAWNCTL_TAIL_H */
