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

/**
 * spawnctl_served_exists() - whether there is a socket to ask at
 *
 * To be called first. If there is no file, makes only one system call, openat(2).
 */
bool spawnctl_served_exists(void);

/**
 * spawnctl_served_connect() - ask the service for a descriptor, and wait for the answer
 *
 * The caller must block signals until it has called spawnctl_served_receive(): a handler would
 * interrupt the wait, or leave by siglongjmp(3) with the socket open. Waits for at most 5 s.
 *
 * Return: a socket from which the answer can be received, or a negative errno: -ENOENT if there is
 * no service for this process, -ETIMEDOUT if it does not answer; then spawnctl_served_exists()
 * returns false for a minute
 */
int spawnctl_served_connect(void);

/**
 * spawnctl_served_receive() - receive the answer, without waiting, and close the socket
 * @service: the socket
 *
 * Return: a descriptor, close-on-exec and not checked, or a negative errno: that with which the
 * service refuses this process
 */
int spawnctl_served_receive(int service);

#pragma GCC visibility pop

#endif /* SPAWNCTL_SERVED_H */
