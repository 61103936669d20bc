/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags of clone3(2) that the oldest supported kernel does not have. A missing flag is
 * defined as 0 here. Without CLONE_AUTOREAP, SPAWNCTL_AUTOREAP is refused. Without
 * CLONE_NNP, no_new_privs.h sets no_new_privs.
 */
#ifndef SPAWNCTL_COMPAT_CLONE_FLAGS_H
#define SPAWNCTL_COMPAT_CLONE_FLAGS_H

#include <linux/sched.h>

#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP 0ULL
#endif

#ifndef CLONE_NNP
#define CLONE_NNP 0ULL
#endif

#endif
