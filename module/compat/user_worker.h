/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.4 (54e6842d0775 "fork/vm: Move common PF_IO_WORKER behavior to new flag")
 * introduced worker threads of user processes other than io_uring's, and the flag
 * PF_USER_WORKER for all of them. Older kernels have only io_uring's.
 */
#ifndef SPAWNCTL_COMPAT_USER_WORKER_H
#define SPAWNCTL_COMPAT_USER_WORKER_H

#include <linux/sched.h>

#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif

#endif
