// SPDX-License-Identifier: GPL-2.0
/*
 * The process at the other end of a Unix socket.
 *
 * The ids and groups are those at the time of connect(2), and the label is that of the socket: a
 * client cannot change them afterward. The cgroup is read by process id, while a pidfd shows that
 * the process still has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

/* The headers of older systems lack it */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif

static int read_groups(int fd, struct peer *peer)
{
	socklen_t size = 64 * sizeof(gid_t);

	for (;;) {
		gid_t *groups = realloc(peer->groups, size);

		if (!groups)
			return -ENOMEM;
		peer->groups = groups;
		/* ERANGE: @size is the size that is needed */
		if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
			break;
		if (errno != ERANGE || size > PEER_GROUPS * sizeof(gid_t))
			return -errno;
	}
	peer->group_count = size / sizeof(gid_t);
	return 0;
}

static void read_label(int fd, struct peer *peer)
{
	socklen_t size = sizeof(peer->label) - 1;
	char *mode, *next;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, peer->label, &size)) {
		/* ENOPROTOOPT: it has none */
		peer->label_unknown = errno != ENOPROTOOPT;
		size = 0;
	}
	peer->label[size] = '\0';
	mode = strstr(peer->label, " (");
	while (mode && (next = strstr(mode + 1, " (")))
		mode = next;
	if (mode)
		*mode = '\0';
}

static int peer_pidfd(int fd)
{
	socklen_t size = sizeof(int);
	int pidfd;

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) ? -1 : pidfd;
}

bool peer_cgroups_hidden(void)
{
	return access("/proc/1/cgroup", R_OK);
}

bool peer_cgroup_known(void)
{
	int pair[2], pidfd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	pidfd = peer_pidfd(pair[0]);
	if (pidfd >= 0)
		close(pidfd);
	close(pair[0]);
	close(pair[1]);
	return pidfd >= 0;
}

/* Copy the path of the v2 cgroup out of the text of /proc/PID/cgroup; false if there is none */
static bool cgroup_of(char *text, char *path)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t len = strlen(line);

		if (strncmp(line, "0::/", 4))
			continue;
		/* Outside this process's cgroup namespace, or removed */
		if (strstr(line, "/../") || (len >= 3 && !strcmp(line + len - 3, "/..")) ||
		    (len >= 10 && !strcmp(line + len - 10, " (deleted)")))
			return false;
		snprintf(path, PATH_MAX, "%s", line + 3);
		return len - 3 < PATH_MAX;
	}
	return false;
}

static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = -1;

	if (fd < 0)
		return false;
	while (used < size - 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
		used += got;
	close(fd);
	text[used] = '\0';
	return !got;
}

/*
 * Whether the main thread of the process has ended. If its other threads are moved after that, the
 * main thread is not, so the cgroup that /proc shows is out of date.
 */
static bool main_has_ended(pid_t pid)
{
	char path[32], text[1024], *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!read_file(path, text, sizeof(text)))
		return true;
	/* The name, in parentheses, can have any characters */
	name_end = strrchr(text, ')');
	return !name_end || strlen(name_end) < 3 || strchr("ZXx", name_end[2]);
}

static void read_cgroup(int fd, struct peer *peer)
{
	/* With controllers of cgroup v1, which come first */
	static char text[16 * PATH_MAX];
	int pidfd = peer_pidfd(fd);
	struct pollfd alive = { .fd = pidfd, .events = POLLIN };
	char path[32];

	if (pidfd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", peer->pid);
	/* If the process is there afterward, its id was not reused meanwhile */
	if (!read_file(path, text, sizeof(text)) || !cgroup_of(text, peer->cgroup) ||
	    main_has_ended(peer->pid) || poll(&alive, 1, 0))
		peer->cgroup[0] = '\0';
	close(pidfd);
}

int peer_read(int fd, struct peer *peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	memset(peer, 0, sizeof(*peer));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size))
		return -errno;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	read_label(fd, peer);
	read_cgroup(fd, peer);
	return read_groups(fd, peer);
}

void peer_forget(struct peer *peer)
{
	free(peer->groups);
	peer->groups = NULL;
}
