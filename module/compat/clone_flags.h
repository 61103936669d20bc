/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags of clone3() that are younger than the oldest kernel supported. Where
 * one is missing it is 0 here: a request for CLONE_AUTOREAP is refused then, and
 * what CLONE_NNP does is done by no_new_privs.h.
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
