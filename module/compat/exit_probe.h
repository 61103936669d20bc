/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.16 ("exit: move and extend sched_process_exit() tracepoint") added a second
 * argument to the tracepoint, group_dead. The probe does not use it: signal->live gives
 * the same information on every kernel.
 */
#ifndef SPAWNCTL_COMPAT_EXIT_PROBE_H
#define SPAWNCTL_COMPAT_EXIT_PROBE_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define EXIT_PROBE_ARGS void *data, struct task_struct *task, bool group_dead
#else
#define EXIT_PROBE_ARGS void *data, struct task_struct *task
#endif

#endif
