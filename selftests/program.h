/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What program.c reports, in addition to struct signal_status, and what it sets.
 */
#ifndef SPAWNCTL_PROGRAM_H
#define SPAWNCTL_PROGRAM_H

#include "raw.h"

/* The mask that "again" sets before it executes the program again */
#define AGAIN_MASK	(SIGBIT(SIGHUP) | SIGBIT(SIGCHLD) | SIGBIT(33))

/* Bits of the exit status of "ids": the effective ids that differ from the real ones */
#define IDS_USER	1
#define IDS_GROUP	2

/* A pending signal that "collect" has taken */
struct taken {
	int sig;
	int code;
	int pid;
	int value;
};

#endif /* SPAWNCTL_PROGRAM_H */
