// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ask the service for a descriptor of the device.
 *
 * The client connects, sends nothing, and receives one message: an errno in the host's byte order,
 * and with errno 0 one descriptor. See "Protocol of serve" in spawnctl(8).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "arch.h"
#include "descriptor.h"
#include "kernel.h"
#include "served.h"

#define WELL_KNOWN	"/run/spawnctl/socket"
/*
 * asm-generic/socket.h: SO_SNDTIMEO with a struct of two longs, which on 32-bit architectures is
 * not always libc's struct timeval. Older libcs lack the name.
 */
#define SNDTIMEO_OLD	21
/* Seconds for a place in the backlog, and then for the answer: systemd may start the service */
#define CONNECT_S	2
#define ANSWER_S	3

static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = WELL_KNOWN };
static bool environment_read;
/* Seconds for which a service that has not answered in time is not asked again */
#define SILENCE_S	60

/* When the service did not answer in time, in seconds of CLOCK_MONOTONIC, or 0; atomic */
static int unanswered;

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

/* Uses the vDSO, so makes no system call. Never 0 */
static int now(void)
{
	struct timespec time = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + 1;
}

/*
 * Look first with calls that filters allow: a filter may kill the process for socket(2), so that
 * call is made only where there is a socket.
 */
bool spawnctl_served_exists(void)
{
	int then = __atomic_load_n(&unanswered, __ATOMIC_RELAXED);
	struct stat st;
	bool found;
	int fd;

	/* The constructor of another library may spawn before ours has run */
	if (!environment_read)
		spawnctl_served_read();
	if (!address.sun_path[0] || (then && (unsigned int)(now() - then) < SILENCE_S))
		return false;
	fd = raw_syscall(SYS_openat, AT_FDCWD, address.sun_path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	found = !spawnctl_raw_stat(fd, "", AT_EMPTY_PATH, &st) && S_ISSOCK(st.st_mode);
	raw_syscall(SYS_close, fd);
	return found;
}

static int no_answer(void)
{
	__atomic_store_n(&unanswered, now(), __ATOMIC_RELAXED);
	return -ETIMEDOUT;
}

/*
 * Wait until the answer is there. ppoll(2) takes a struct of two longs on every architecture; the
 * call with 64-bit times has another number.
 */
static int wait_for_answer(int service)
{
	struct pollfd answer = { .fd = service, .events = POLLIN };
	long patience[2] = { ANSWER_S, 0 };
	long ret = raw_syscall(SYS_ppoll, &answer, 1, patience, NULL, 0);

	return ret < 0 ? ret : ret == 0 ? no_answer() : 0;
}

int spawnctl_served_connect(void)
{
	const long patience[2] = { CONNECT_S, 0 };
	long fd, ret;

	fd = raw_syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* A filter may allow no socket: that is as if there were no service */
	if (fd < 0)
		return descriptor_shortage(fd) ? fd : -ENOENT;
	ret = raw_syscall(SYS_setsockopt, fd, SOL_SOCKET, SNDTIMEO_OLD, patience,
			  sizeof(patience));
	if (!ret)
		ret = raw_syscall(SYS_connect, fd, &address, sizeof(address));
	if (!ret)
		ret = wait_for_answer(fd);
	else if (ret == -EAGAIN)
		ret = no_answer();
	/* With a time-out, even a stop and continue of this process interrupts the wait */
	else if (ret != -EINTR)
		ret = -ENOENT;
	if (!ret)
		return fd;
	raw_syscall(SYS_close, fd);
	return ret;
}

/* The descriptor in @message, or -1 */
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

int spawnctl_served_receive(int service)
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
		/* Not CMSG_SPACE(): its padding has room for a second descriptor */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	long got = raw_syscall(SYS_recvmsg, service, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	bool truncated = got == sizeof(error) && !error && (message.msg_flags & MSG_CTRUNC);
	long copy = -1;

	/* No descriptor is free, or an LSM does not allow this process the one that was sent */
	if (truncated)
		copy = raw_syscall(SYS_fcntl, service, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0)
		raw_syscall(SYS_close, copy);
	raw_syscall(SYS_close, service);
	if (got < 0)
		return got;
	fd = descriptor_in(&message);
	if (got == sizeof(error) && !error && fd >= 0)
		return fd;
	if (fd >= 0)
		raw_syscall(SYS_close, fd);
	if (truncated)
		return copy < 0 ? copy : -EACCES;
	if (got != sizeof(error) || error <= 0 || error >= 4096)
		return -EPROTO;
	/* It is the service that is short of something, not this process */
	return descriptor_shortage(-error) || error == EBADF ? -EUSERS : -error;
}
