/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process at the other end of a Unix socket, as the kernel knows it.
 */
#ifndef PEER_H
#define PEER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* As the kernel's NGROUPS_MAX */
#define PEER_GROUPS	65536

/**
 * struct peer - a client
 * @pid: its process id; 0 if it has no id in this process's pid namespace
 * @uid: its effective user id
 * @gid: its effective group id
 * @groups: its supplementary groups; freed by peer_forget()
 * @group_count: their number
 * @cgroup: its cgroup (v2), an absolute path, at the time of peer_read(); empty if it is not known
 * @label: its security label, without AppArmor's mode; empty if it has none, or is not known
 * @label_unknown: the label cannot be read
 */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	unsigned int group_count;
	char cgroup[PATH_MAX];
	char label[512];
	bool label_unknown;
};

/**
 * peer_read() - identify the process that has connected
 * @fd: the connected socket
 * @peer: out: the client
 *
 * Return: 0, or a negative errno: the client cannot be identified
 */
int peer_read(int fd, struct peer *peer);

void peer_forget(struct peer *peer);

/* Whether /proc hides the processes of others: hidepid=, ProtectProc= */
bool peer_cgroups_hidden(void);

/* Whether this kernel can show a client's cgroup without a race: SO_PEERPIDFD, Linux 6.5 */
bool peer_cgroup_known(void);

#endif /* PEER_H */
