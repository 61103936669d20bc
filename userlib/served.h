/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor from the service that gives out narrowed ones: spawnctl serve.
 */
#ifndef SPAWNCTL_SERVED_H
#define SPAWNCTL_SERVED_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/**
 * spawnctl_served_read() - read SPAWNCTL_SOCKET
 *
 * Called before main(), because another thread may change the environment later.
 */
void spawnctl_served_read(void);

/** spawnctl_served_exists() - whether there is a socket to ask at; makes one system call */
bool spawnctl_served_exists(void);

/**
 * spawnctl_served_ask() - ask the service for a descriptor
 *
 * Waits for the answer for at most 5 s, with signals blocked. If there is no socket, makes only one
 * system call, openat(2).
 *
 * Return: a descriptor, close-on-exec and not checked; or a negative errno: -ENOENT if there is
 * no service, that with which the service refuses this process, or -ETIMEDOUT if it does not answer
 */
int spawnctl_served_ask(void);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SERVED_H */
