/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor that the environment names, for spawnctl_device_given().
 */
#ifndef SPAWNCTL_GIVEN_H
#define SPAWNCTL_GIVEN_H

#pragma GCC visibility push(hidden)

/**
 * spawnctl_given_read() - read the environment
 *
 * Called before main(), because another thread may change the environment later.
 */
void spawnctl_given_read(void);

/** spawnctl_given_doubt() - have the descriptor checked again before it is used next */
void spawnctl_given_doubt(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_GIVEN_H */
