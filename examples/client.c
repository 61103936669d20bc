// SPDX-License-Identifier: GPL-2.0
/*
 * client SOCKET PROGRAM [ARGUMENT...]: receives a descriptor of /dev/spawnctl from the
 * supervisor (supervisor.c) at SOCKET, gives up every other way to make a process, and
 * uses the descriptor to start PROGRAM again and again until no child is left.
 *
 *	cc client.c -o client $(pkg-config --cflags --libs spawnctl libseccomp)
 *
 * It needs no permission for the device itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <spawnctl/spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"

extern char **environ;

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", path);
	return fd;
}

static int receive_descriptor(int from)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	/* Close-on-exec, so that the children do not inherit it */
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) < 0)
		err(1, "the supervisor");
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		errx(1, "the supervisor gives no descriptor");
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

int main(int argc, char **argv)
{
	int supervisor, fd, error, status;
	scmp_filter_ctx filter;
	spawnctl_attr_t *attr;
	unsigned int n = 0;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: client SOCKET PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	supervisor = connect_to(argv[1]);
	fd = receive_descriptor(supervisor);
	close(supervisor);

	filter = confine_filter(fd, false);
	if (seccomp_load(filter))
		errx(1, "the kernel does not take the filter");
	seccomp_release(filter);

	error = spawnctl_attr_init(&attr);
	if (!error)
		error = spawnctl_attr_setdevice(attr, fd);
	while (!error) {
		error = spawnctl_spawnp(&pid, argv[2], NULL, attr, argv + 2, environ);
		if (!error && waitpid(pid, &status, 0) == pid)
			n++;
	}
	spawnctl_attr_destroy(attr);
	printf("%u children, then: %s\n", n, strerror(error));
	return error == EDQUOT ? 0 : 1;
}
