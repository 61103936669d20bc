/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CLONE_AUTOREAP is younger than the oldest kernel supported. Where it is
 * missing, it is 0 here, and a request for it is refused.
 */
#ifndef SPAWNCTL_COMPAT_AUTOREAP_H
#define SPAWNCTL_COMPAT_AUTOREAP_H

#include <linux/sched.h>

#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP 0ULL
#endif

#endif
