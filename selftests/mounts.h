/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <sched.h>
#include <sys/mount.h>

/* A mount namespace of this process alone: 0 or -1 */
static inline int own_mounts(void)
{
	return unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ? -1 : 0;
}

/* As a sandbox hides a name: another file is at that of the device. 0 or -1 */
static inline int hide_device(void)
{
	return own_mounts() || mount("/dev/null", "/dev/spawnctl", NULL, MS_BIND, NULL) ? -1 : 0;
}

#endif /* MOUNTS_H */
