/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor that the environment names: SPAWNCTL_FD, or LISTEN_FDS of systemd.
 */
#ifndef SPAWNCTL_INHERITED_H
#define SPAWNCTL_INHERITED_H

#pragma GCC visibility push(hidden)

/**
 * spawnctl_inherited_read() - read the environment
 *
 * Called before main(), because another thread may change the environment later.
 */
void spawnctl_inherited_read(void);

/** spawnctl_inherited_fd() - the number that the environment names, not checked; or -1 */
int spawnctl_inherited_fd(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_INHERITED_H */
