// SPDX-License-Identifier: GPL-2.0
/*
 * serve_helper MODE [ARGUMENT...]: acts as a client of "spawnctl serve", good or hostile, or as
 * a service in its place that misbehaves.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter.h"

#define PACKETS	250	/* at most 253 descriptors fit into a message */
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* Receives the answer: the descriptor, or a negative errno; -1000 if the answer is malformed */
static int answer(int from)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	int error, fd;
	struct iovec data = { &error, sizeof(error) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (got < 0)
		return -errno;
	if (got != sizeof(error) || !error != (header && header->cmsg_type == SCM_RIGHTS))
		return -1000;
	if (error)
		return -error;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static int ask_at(const char *path)
{
	int service = connect_to(path), fd = answer(service);

	close(service);
	return fd;
}

/* ask SOCKET: prints what the answer allows, or its errno */
static int ask(char **argv)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int fd = ask_at(argv[0]);

	if (fd < 0) {
		printf("errno %d\n", -fd);
		return 0;
	}
	if (spawnctl_get_info(fd, &info))
		return 1;
	printf("commands %x limits %x children %lld live %lld\n", info.commands, info.limits,
	       (long long)info.children, (long long)info.most_live);
	return 0;
}

/* asks SOCKET N: asks N times; prints how many got a descriptor, and how many in a second */
static int asks(char **argv)
{
	int n = atoi(argv[1]), i, got = 0;
	struct timespec from, to;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < n; i++) {
		int fd = ask_at(argv[0]);

		got += fd >= 0;
		close(fd);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9;
	printf("%d of %d, %.0f a second\n", got, n, n / seconds);
	return 0;
}

/* Moves this process to the cgroup of a file cgroup.procs */
static void enter(const char *path)
{
	FILE *procs = fopen(path, "w");

	if (!procs || fprintf(procs, "%d\n", getpid()) < 0 || fclose(procs))
		exit(1);
}

/* Runs a program, in a process group of its own if @group. Returns its exit status, or 1 */
static int run(char **argv, bool group)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (group)
			setpgid(0, 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Puts another file in the place of every descriptor from 3 on */
static void take_numbers(void)
{
	int fd;

	for (fd = 3; fd < 100; fd++)
		dup2(2, fd);
}

/* moves SOCKET DIRECTORY N: asks from N cgroups, made in DIRECTORY; prints how many were granted */
static int moves(char **argv)
{
	int n = atoi(argv[2]), i, got = 0;
	char path[128];

	for (i = 0; i < n; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/m%d", argv[1], i);
		mkdir(path, 0755);
		strcat(path, "/cgroup.procs");
		enter(path);
		fd = ask_at(argv[0]);
		got += fd >= 0;
		close(fd);
	}
	printf("%d of %d\n", got, n);
	return 0;
}

/* gone SOCKET: connects, and ends without waiting for the answer; the socket is its child's */
static int gone(char **argv)
{
	int service, ready[2];
	char byte;

	if (pipe(ready))
		return 1;
	service = connect_to(argv[0]);
	if (fork())
		_exit(0);
	close(ready[1]);
	/* Until the parent has been reaped, which this process does not learn of otherwise */
	while (getppid() != 1)
		usleep(10000);
	if (read(ready[0], &byte, 1) != 0)
		return 1;
	printf("errno %d\n", -answer(service));
	return 0;
}

static long ahead;	/* seconds */

/* libspawnctl calls this one */
int clock_gettime(clockid_t clock, struct timespec *time)
{
	int ret = syscall(SYS_clock_gettime, clock, time);

	time->tv_sec += ahead;
	return ret;
}

/* How many descriptors of this process are the device; @all: how many there are */
static int count_devices(int *all)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[64];
	int n = 0;

	*all = 0;
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len < 0)
			continue;
		++*all;
		target[len] = '\0';
		n += !strcmp(target, "/dev/spawnctl");
	}
	closedir(dir);
	return n;
}

/*
 * spawn N PROGRAM...: starts PROGRAM N times by the library; prints how many were made, by which
 * backend the next would be, why it failed, how many descriptors of the device are open, and
 * whether others are left open
 */
static int spawn(char **argv)
{
	static const char * const names[] = { "any", "device", "clone3", "clone" };
	enum spawnctl_backend backend = SPAWNCTL_BACKEND_ANY;
	int n = atoi(argv[0]), i, error = 0, status, before, all, devices;
	pid_t pid;

	devices = count_devices(&before);
	before -= devices;
	for (i = 0; i < n; i++) {
		error = spawnctl_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ);
		if (error)
			break;
		waitpid(pid, &status, 0);
	}
	spawnctl_get_backend(NULL, &backend);
	devices = count_devices(&all);
	printf("%d made, %s, errno %d, %d open%s\n", i, names[backend], error, devices,
	       all - devices == before ? "" : ", others left open");
	return 0;
}

/* later N PROGRAM: as spawn, and as spawn half a minute and another one later */
static int later(char **argv)
{
	spawn(argv);
	ahead = 30;
	spawn(argv);
	ahead = 61;
	return spawn(argv);
}

/* forks N: two processes, one the fork of the other, each spawn true N times by the library */
static int forks(char **argv)
{
	char *args[] = { argv[0], "true", NULL };
	int status, all;
	pid_t pid;

	spawn(args);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		printf("fork has %d open, ", count_devices(&all));
		spawn(args);
		exit(0);
	}
	return waitpid(pid, &status, 0) == pid ? status : 1;
}

/* taken: spawns; puts another file in the place of the library's descriptor; spawns again */
static int taken(char **argv)
{
	char *args[] = { "1", "true", NULL };

	spawn(args);
	take_numbers();
	return spawn(args);
}

/*
 * vforked: as taken, but a child of vfork(2), whose descriptors are its own, puts the other file
 * there and spawns; prints what a fork of the parent has then
 */
static int vforked(char **argv)
{
	char *args[] = { "1", "true", NULL };
	int status, all;
	pid_t pid;

	spawn(args);
	fflush(stdout);
	pid = vfork();
	if (!pid) {
		take_numbers();
		_exit(spawnctl_spawnp(&pid, args[1], NULL, NULL, args + 1, environ));
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return 1;
	spawn(args);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		printf("fork has %d open\n", count_devices(&all));
		exit(0);
	}
	return waitpid(pid, &status, 0) == pid ? status : 1;
}

/* survives: as taken, but the child, a sleep, is to live on; prints whether it does */
static int survives(char **argv)
{
	char *args[] = { "1", "true", NULL }, *words[] = { "sleep", "100", NULL };
	int status, i;
	pid_t pid;

	spawn(args);
	for (i = 0; i < 2; i++) {
		if (spawnctl_spawnp(&pid, words[0], NULL, NULL, words, environ))
			return 1;
		usleep(300000);
		puts(waitpid(pid, &status, WNOHANG) ? "killed" : "lives");
		take_numbers();
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return 0;
}

/* filtered PROGRAM...: executes PROGRAM under a filter that allows all */
static int filtered(char **argv)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_allow_all(0))
		return 1;
	execvp(argv[0], argv);
	return 127;
}

/* A process whose main thread has ended moves to a cgroup, and asks */
static char *ended_socket, *ended_procs;

static void *moved_thread(void *arg)
{
	char *args[] = { ended_socket, NULL };

	usleep(300000);
	enter(ended_procs);
	exit(ask(args));
	return arg;
}

/* headless SOCKET CGROUP.PROCS */
static int headless(char **argv)
{
	pthread_t thread;

	ended_socket = argv[0];
	ended_procs = argv[1];
	if (pthread_create(&thread, NULL, moved_thread, NULL))
		return 1;
	pthread_exit(NULL);
}

/* silent SOCKET N PROGRAM...: runs PROGRAM while N connections are open that read nothing */
static int silent(char **argv)
{
	int n = atoi(argv[1]);

	while (n--)
		connect_to(argv[0]);
	return run(argv + 2, false);
}

/* Connects all the time, in @n processes, until killed */
static void flood_by(const char *path, int n, void (*act)(int fd))
{
	while (n--) {
		if (fork())
			continue;
		for (;;) {
			int fd = connect_to(path);

			act(fd);
			close(fd);
		}
	}
}

static void sends(int fd)
{
	char data[1024] = { 0 };
	int i;

	for (i = 0; i < 100; i++)
		send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends a TCP socket whose close waits, with data that nobody reads */
static void sends_lingering(int fd)
{
	const struct linger linger = { 1, 60 };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ifreq loopback = { .ifr_name = "lo" };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(address);
	static char data[1 << 16];
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec part = { data, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(sizeof(int)) };

	/* A guest may not have it up */
	ioctl(listener, SIOCGIFFLAGS, &loopback);
	loopback.ifr_flags |= IFF_UP;
	ioctl(listener, SIOCSIFFLAGS, &loopback);
	bind(listener, (struct sockaddr *)&address, size);
	listen(listener, 1);
	getsockname(listener, (struct sockaddr *)&address, &size);
	connect(tcp, (struct sockaddr *)&address, size);
	usleep(100000);
	while (send(tcp, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	memcpy(CMSG_DATA(&control.align), &tcp, sizeof(tcp));
	/* Not if the service refuses descriptors (SO_PASSRIGHTS): the close would wait here */
	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		close(tcp);
	else if (errno != EPERM)
		perror("sendmsg");
	/* The data stays unread as long as this process runs */
}

/* The close of each waits for an RCU grace period, even in a process that is being killed */
static void sends_packet_sockets(int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * PACKETS)];
		struct cmsghdr align;
	} control = { .align = { CMSG_LEN(sizeof(int) * PACKETS), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec nothing = { 0 };
	struct msghdr message = { .msg_iov = &nothing, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int sockets[PACKETS], i;

	for (i = 0; i < PACKETS; i++) {
		sockets[i] = socket(AF_PACKET, SOCK_RAW, 0);
		if (sockets[i] < 0)
			perror("AF_PACKET");
	}
	memcpy(CMSG_DATA(&control.align), sockets, sizeof(sockets));
	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		for (i = 0; i < PACKETS; i++)
			close(sockets[i]);
	else if (errno == EPERM)
		puts("refused");	/* SO_PASSRIGHTS, Linux 6.16 */
	else
		perror("sendmsg");
}

/* lingers SOCKET PROGRAM...: sends both, before the service looks; then runs PROGRAM */
static int lingers(char **argv)
{
	int first = connect_to(argv[0]), service = connect_to(argv[0]);

	sends_packet_sockets(first);
	close(first);
	sends_lingering(service);
	puts("sent");
	fflush(stdout);
	close(service);
	return run(argv + 1, false);
}

static void half_closes(int fd)
{
	shutdown(fd, SHUT_RD);
}

static void leaves(int fd)
{
	(void)fd;
}

/* flood SOCKET PROGRAM...: runs PROGRAM while 6 processes connect, and send, or close one half */
static int flood(char **argv)
{
	int status;

	setpgid(0, 0);
	flood_by(argv[0], 2, sends);
	flood_by(argv[0], 2, half_closes);
	flood_by(argv[0], 2, leaves);
	status = run(argv + 1, true);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	return status;
}

static int listen_at(const char *path, int type)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, type, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8)) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* passes KIND SOCKET PROGRAM...: executes PROGRAM with a socket as systemd passes one */
static int passes(char **argv)
{
	const char *kind = argv[0];
	int fd = listen_at(argv[1], strcmp(kind, "stream") ? SOCK_SEQPACKET : SOCK_STREAM);
	char pid[16];

	if (!strcmp(kind, "connected"))
		fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (dup2(fd, 3) != 3)
		return 1;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", strcmp(kind, "others") ? pid : "1", 1);
	setenv("LISTEN_FDS", strcmp(kind, "two") ? "1" : "2", 1);
	execvp(argv[2], argv + 2);
	return 127;
}

/* Sends @error, and @n descriptors of /dev/null */
static void send_null(int to, int error, int n)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * 3)];
		struct cmsghdr align;
	} control = { .align = { CMSG_LEN(sizeof(int) * n), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec data = { &error, sizeof(error) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	int fd = open("/dev/null", O_RDWR), i;

	for (i = 0; i < n; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &fd, sizeof(int));
	if (!n)
		message.msg_control = NULL, message.msg_controllen = 0;
	sendmsg(to, &message, MSG_NOSIGNAL);
	close(fd);
}

/*
 * imposes KIND SOCKET: a service that gives something else than a descriptor of the device; prints
 * a line for each client
 */
static int imposes(char **argv)
{
	int listener = listen_at(argv[1], SOCK_SEQPACKET);
	const char *kind = argv[0];

	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client < 0)
			return 1;
		puts("asked");
		fflush(stdout);
		if (!strcmp(kind, "null"))
			send_null(client, 0, 1);
		else if (!strcmp(kind, "many"))
			send_null(client, 0, 3);
		else if (!strcmp(kind, "none"))
			send_null(client, 0, 0);
		else if (!strcmp(kind, "both"))
			send_null(client, EPERM, 1);
		else if (!strcmp(kind, "text"))
			send(client, "no", 2, MSG_NOSIGNAL);
		else if (!strcmp(kind, "negative"))
			send_null(client, -5, 0);
		else if (!strcmp(kind, "silent"))
			continue;
		close(client);
	}
}

/* label: prints the security label that sockets of this process have; fails if they have none */
static int label(char **argv)
{
	char text[512] = "";
	socklen_t size = sizeof(text) - 1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) ||
	    getsockopt(pair[0], SOL_SOCKET, SO_PEERSEC, text, &size) || !text[0])
		return 1;
	text[strcspn(text, " ")] = '\0';
	puts(text);
	return 0;
}

/* knows-cgroups: whether the kernel has SO_PEERPIDFD */
static int knows_cgroups(char **argv)
{
	socklen_t size = sizeof(int);
	int pair[2], pidfd;

	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) ||
	       getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size);
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **argv);
} modes[] = {
	{ "ask", 1, ask },
	{ "asks", 2, asks },
	{ "moves", 3, moves },
	{ "gone", 1, gone },
	{ "spawn", 2, spawn },
	{ "later", 2, later },
	{ "forks", 1, forks },
	{ "taken", 0, taken },
	{ "vforked", 0, vforked },
	{ "survives", 0, survives },
	{ "lingers", 2, lingers },
	{ "filtered", 1, filtered },
	{ "headless", 2, headless },
	{ "silent", 3, silent },
	{ "flood", 2, flood },
	{ "passes", 3, passes },
	{ "imposes", 2, imposes },
	{ "label", 0, label },
	{ "knows-cgroups", 0, knows_cgroups },
};

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(argv[1], modes[i].name) && argc - 2 >= modes[i].arguments)
			return modes[i].run(argv + 2);
	fprintf(stderr, "serve_helper: unknown mode\n");
	return 2;
}
