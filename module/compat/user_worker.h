/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.4 (54e6842d0775 "fork/vm: Move common PF_IO_WORKER behavior to new
 * flag") brought threads of user processes that are not io_uring's, and a flag
 * for all of them. Before it there are none.
 */
#ifndef SPAWNCTL_COMPAT_USER_WORKER_H
#define SPAWNCTL_COMPAT_USER_WORKER_H

#include <linux/sched.h>

#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif

#endif
