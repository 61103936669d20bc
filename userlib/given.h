/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor that the environment names, for spawnctl_device_given().
 */
#ifndef SPAWNCTL_GIVEN_H
#define SPAWNCTL_GIVEN_H

#pragma GCC visibility push(hidden)

/**
 * spawnctl_given_read() - read it before main(): later another thread may change the environment
 */
void spawnctl_given_read(void);

/** spawnctl_given_doubt() - the descriptor is not the device: check it again before the next use */
void spawnctl_given_doubt(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_GIVEN_H */
