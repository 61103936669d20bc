// SPDX-License-Identifier: GPL-2.0
/*
 * supervisor SOCKET UID CHILDREN: gives each client that connects to SOCKET as user UID a
 * descriptor of /dev/spawnctl of its own, which allows CHILDREN processes. The other end
 * is client.c.
 *
 *	cc supervisor.c -o supervisor $(pkg-config --cflags --libs spawnctl libseccomp)
 *	supervisor /run/spawner 1000 5 &
 *	setpriv --reuid 1000 --clear-groups client /run/spawner id
 *
 * The client makes the children, as itself: they have its user, filters, namespaces and
 * limits, and nothing of the supervisor's. So the supervisor can give a descriptor to any user
 * that may run that many processes. It does no harm if that user passes it on.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "confine.h"

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0666) || listen(fd, 8))
		err(1, "%s", path);
	return fd;
}

static int send_descriptor(int to, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align.cmsg_len = 0 };
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static void serve(int client, uid_t uid, unsigned long long children)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd;

	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size)) {
		warn("a client");
		return;
	}
	if (peer.uid != uid) {
		warnx("user %u, process %d: refused", peer.uid, peer.pid);
		return;
	}
	fd = grant_children(children, false);
	if (send_descriptor(client, fd))
		warn("process %d", peer.pid);
	/* The client's copy stays open */
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long long children;
	int listener;
	uid_t uid;

	if (argc != 4) {
		fprintf(stderr, "usage: supervisor SOCKET UID CHILDREN\n");
		return 2;
	}
	uid = number_of(argv[2], "user id");
	children = number_of(argv[3], "number of children");
	listener = listen_at(argv[1]);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			err(1, "accept");
		serve(client, uid, children);
		close(client);
	}
}
