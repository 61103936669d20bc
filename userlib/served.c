// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ask the service for a descriptor of the device.
 *
 * The client connects, sends nothing, and receives one message: an errno in the host's byte order,
 * and with errno 0 one descriptor. See PROTOCOL in spawnctl(8).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "arch.h"
#include "served.h"
#include "signals.h"

#define WELL_KNOWN	"/run/spawnctl/socket"
/*
 * asm-generic/socket.h: SO_RCVTIMEO and SO_SNDTIMEO with a struct of two longs, which on 32-bit
 * architectures is not always libc's struct timeval. Older libcs lack these names.
 */
#define RCVTIMEO_OLD	20
#define SNDTIMEO_OLD	21
/* Starting the service may take a while: systemd starts it when the first client connects */
#define PATIENCE_S	5

static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = WELL_KNOWN };
static bool environment_read;
/* The service has not answered in time, so it is not asked again; atomic */
static bool unanswered;

void spawnctl_served_read(void)
{
	const char *path = secure_getenv("SPAWNCTL_SOCKET");
	size_t len = path ? strlen(path) : 0;

	/* If the path is too long, there cannot be a socket */
	if (path) {
		memset(address.sun_path, 0, sizeof(address.sun_path));
		if (len < sizeof(address.sun_path))
			memcpy(address.sun_path, path, len);
	}
	environment_read = true;
}

/*
 * Look first with a call that filters allow: a filter may kill the process for socket(2), so that
 * call is made only where there is a service.
 */
bool spawnctl_served_exists(void)
{
	int fd;

	/* The constructor of another library may spawn before ours has run */
	if (!environment_read)
		spawnctl_served_read();
	if (!address.sun_path[0] || __atomic_load_n(&unanswered, __ATOMIC_RELAXED))
		return false;
	fd = raw_syscall(SYS_openat, AT_FDCWD, address.sun_path, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		raw_syscall(SYS_close, fd);
	return fd >= 0;
}

static long connect_to_service(void)
{
	const long patience[2] = { PATIENCE_S, 0 };
	long fd = raw_syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return fd;
	ret = raw_syscall(SYS_setsockopt, fd, SOL_SOCKET, RCVTIMEO_OLD, patience,
			  sizeof(patience));
	if (!ret)
		ret = raw_syscall(SYS_setsockopt, fd, SOL_SOCKET, SNDTIMEO_OLD, patience,
				  sizeof(patience));
	if (!ret)
		ret = raw_syscall(SYS_connect, fd, &address, sizeof(address));
	if (!ret)
		return fd;
	raw_syscall(SYS_close, fd);
	return ret;
}

/* The descriptor in @message, or -1. There is room for one only, so the kernel installs no more. */
static int descriptor_in(struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static int receive(long from)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	int error = 0, fd;
	struct iovec data = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	long got = raw_syscall(SYS_recvmsg, from, &message, MSG_CMSG_CLOEXEC);

	if (got < 0)
		return got;
	fd = descriptor_in(&message);
	if (got == sizeof(error) && !error && fd >= 0)
		return fd;
	if (fd >= 0)
		raw_syscall(SYS_close, fd);
	return got == sizeof(error) && error > 0 && error < 4096 ? -error : -EPROTO;
}

static int ask(void)
{
	long service = connect_to_service();
	int ret;

	/* Nothing listens there, or this process may not connect */
	if (service == -ECONNREFUSED || service == -EACCES)
		return -ENOENT;
	if (service < 0)
		return service;
	ret = receive(service);
	raw_syscall(SYS_close, service);
	return ret;
}

int spawnctl_served_ask(void)
{
	struct caller_signals signals = { 0 };
	int ret;

	if (!spawnctl_served_exists())
		return -ENOENT;
	/* A handler would interrupt the calls, or leave by siglongjmp(3) with the socket open */
	spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
	ret = ask();
	spawnctl_signals_release(&signals);
	if (ret != -EAGAIN)
		return ret;
	__atomic_store_n(&unanswered, true, __ATOMIC_RELAXED);
	return -ETIMEDOUT;
}
