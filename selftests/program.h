/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What program.c tells, beside struct signal_status, and what it sets.
 */
#ifndef SPAWNCTL_PROGRAM_H
#define SPAWNCTL_PROGRAM_H

#include "raw.h"

/* The mask that "again" sets before it executes itself once more. */
#define AGAIN_MASK	(SIGBIT(SIGHUP) | SIGBIT(SIGCHLD) | SIGBIT(33))

/* What "ids" exits with: which effective ids are not the real ones. */
#define IDS_USER	1
#define IDS_GROUP	2

/* A signal that "collect" took. */
struct taken {
	int sig;
	int code;
	int pid;
	int value;
};

#endif /* SPAWNCTL_PROGRAM_H */
