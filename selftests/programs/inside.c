// SPDX-License-Identifier: GPL-2.0
/*
 * inside MODE [ARGUMENT...]: an action or a check inside a sandbox. The exit status is 0 if
 * the result is right. The program calls only the ioctls that the mode names.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <spawnctl/spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../raw.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

extern char **environ;
static const char *self;
static int device;

static int fail(const char *what, long got, long wanted)
{
	printf("%s: %ld (%s), not %ld\n", what, got, strerror(labs(got)), wanted);
	return 1;
}

static int ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Spawns through the device only. Returns 0 and the child's status, or an errno. */
static int spawn(int *status, const spawnctl_file_actions_t *actions, unsigned int flags,
		 char *const argv[])
{
	spawnctl_attr_t *attr;
	pid_t pid;
	int error;

	spawnctl_attr_init(&attr);
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	spawnctl_attr_setflags(attr, flags);
	error = spawnctl_spawnp(&pid, argv[0], actions, attr, argv, environ);
	spawnctl_attr_destroy(attr);
	if (!error)
		*status = ended(pid);
	return error;
}

/* spawn plain|closefrom|only|cloexec PROGRAM...: exits with its status, or 100 plus the errno */
static int do_spawn(char **argv)
{
	spawnctl_file_actions_t *actions;
	unsigned int flags = 0;
	int status, error;

	spawnctl_file_actions_init(&actions);
	if (!strcmp(argv[0], "closefrom"))
		spawnctl_file_actions_addclosefrom(actions, 3);
	if (!strcmp(argv[0], "only")) {
		flags = SPAWNCTL_SPAWN_CLOEXEC_DEFAULT;
		spawnctl_file_actions_adddup2(actions, 1, 1);
		spawnctl_file_actions_adddup2(actions, 2, 2);
	}
	if (!strcmp(argv[0], "cloexec") && fcntl(device, F_SETFD, FD_CLOEXEC))
		return 1;
	error = spawn(&status, actions, flags, argv + 1);
	spawnctl_file_actions_destroy(actions);
	if (!error)
		return status;
	printf("spawn: %s\n", strerror(error));
	return 100 + error;
}

/* answers INFO|SPAWN|FORK|LIMIT|FILE ERRNO: a command without a struct, or open(2), fails so */
static int answers(char **argv)
{
	static const char * const names[] = { "INFO", "SPAWN", "FORK", "LIMIT" };
	unsigned int i;
	int ret;

	for (i = 0; i < 4 && strcmp(argv[0], names[i]); i++)
		;
	if (i < 4)
		ret = ioctl(device, _IO(SPAWNCTL_MAGIC, i), NULL);
	else
		ret = open(argv[0], O_RDWR | O_CLOEXEC);
	if (ret >= 0)
		errno = 0;
	return errno == atoi(argv[1]) ? 0 : fail(argv[0], errno, atoi(argv[1]));
}

/* act WHAT: a call for which a filter may kill. Exits with the child's status, or the errno. */
static int act(char **argv)
{
	char *const words[] = { "true", NULL };
	const char *what = argv[0];
	pid_t pid = -1;

	if (!strcmp(what, "fork"))
		pid = fork();
	else if (!strcmp(what, "vfork"))
		pid = vfork();
	else if (!strcmp(what, "clone"))
		pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	else if (!strcmp(what, "newuts"))
		pid = syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
	else if (!strcmp(what, "clone3"))
		pid = syscall(SYS_clone3, NULL, 0);
#ifdef raw_fork32
	/* A filter for 64-bit numbers may miss it */
	else if (!strcmp(what, "32-bit-fork"))
		pid = raw_fork32();
#endif
	else if (!strcmp(what, "posix_spawn"))
		posix_spawnp(&pid, "true", NULL, NULL, words, environ);
	else if (!strcmp(what, "FORK"))
		pid = ioctl(device, SPAWNCTL_IOC_FORK, NULL);
	else if (!strcmp(what, "SPAWN-on-stdin"))
		pid = ioctl(0, SPAWNCTL_IOC_SPAWN, NULL);
	else if (!strcmp(what, "SPAWN-on-duplicate"))
		pid = ioctl(dup(device), SPAWNCTL_IOC_SPAWN, NULL);
	else if (!strcmp(what, "SPAWN-on-64-bit-fd"))
		pid = syscall(SYS_ioctl, (long)(device | 1LL << 32), SPAWNCTL_IOC_SPAWN, NULL);
	if (!pid)
		_exit(0);
	return pid > 0 ? ended(pid) : errno;
}

/* budget COUNT: makes COUNT children; each later call fails with EDQUOT */
static int budget(char **argv)
{
	char *const words[] = { "true", NULL };
	int status, error, n, i;

	for (n = 0; !(error = spawn(&status, NULL, 0, words)); n++)
		if (status)
			return fail("true", status, 0);
	if (n != atoi(argv[0]))
		return fail("children", n, atoi(argv[0]));
	for (i = 0; i < 5; i++) {
		if (error != EDQUOT)
			return fail("then", error, EDQUOT);
		error = spawn(&status, NULL, 0, words);
	}
	return 0;
}

/* Whether this descriptor is the device, by its link in /proc */
static bool is_device(int fd)
{
	char path[64], link[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, link, sizeof(link) - 1);
	link[length < 0 ? 0 : length] = '\0';
	return strstr(link, "spawnctl");
}

static int devices(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += is_device(fd);
	return n;
}

/* devices COUNT: COUNT descriptors of the device are open */
static int has_devices(char **argv)
{
	return devices() == atoi(argv[0]) ? 0 : fail("descriptors", devices(), atoi(argv[0]));
}

/* Prints the state that a child inherits from its parent */
static void print_state(FILE *to)
{
	static const char * const keys[] = { "Seccomp", "NoNewPrivs", "Uid", "CapEff" };
	static const char * const spaces[] = { "user", "pid", "mnt", "ipc", "uts", "net" };
	char line[256], path[64];
	ssize_t length;
	unsigned int i;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		for (i = 0; i < 4; i++)
			if (!strncmp(line, keys[i], strlen(keys[i])))
				fputs(line, to);
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
		length = readlink(path, line, sizeof(line));
		fprintf(to, "%.*s\n", (int)length, line);
	}
	fclose(to);
}

static int state(char **argv)
{
	print_state(stdout);
	return 0;
}

/* inherits: a child has the state of its parent; prints that state once */
static int inherits(char **argv)
{
	char *const words[] = { (char *)self, "state", NULL };
	char ours[2048] = "", theirs[2048] = "";
	FILE *memory = fmemopen(ours, sizeof(ours), "w");
	spawnctl_file_actions_t *actions;
	int pipes[2], status, error;

	print_state(memory);
	if (pipe2(pipes, O_CLOEXEC))
		return 1;
	spawnctl_file_actions_init(&actions);
	spawnctl_file_actions_adddup2(actions, pipes[1], 1);
	error = spawn(&status, actions, 0, words);
	spawnctl_file_actions_destroy(actions);
	if (error || status)
		return fail("spawn", error, 0);
	if (read(pipes[0], theirs, sizeof(theirs) - 1) <= 0)
		return fail("read", errno, 0);
	fputs(theirs, stdout);
	if (strcmp(ours, theirs))
		printf("the parent has:\n%s", ours);
	return !!strcmp(ours, theirs);
}

/* backend: the backend that the library would choose is the device */
static int backend(char **argv)
{
	enum spawnctl_backend used = SPAWNCTL_BACKEND_ANY;
	int error = spawnctl_get_backend(NULL, &used);

	return !error && used == SPAWNCTL_BACKEND_DEVICE ? 0 : fail("backend", error, 0);
}

/* unshared PROGRAM...: runs PROGRAM in a new pid namespace */
static int unshared(char **argv)
{
	int status, error;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
		return fail("unshare", errno, 0);
	error = spawn(&status, NULL, 0, argv);
	return error ? fail("spawn", error, 0) : status;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **argv);
} modes[] = {
	{ "spawn", 2, do_spawn },
	{ "answers", 2, answers },
	{ "act", 1, act },
	{ "budget", 1, budget },
	{ "devices", 1, has_devices },
	{ "state", 0, state },
	{ "inherits", 0, inherits },
	{ "backend", 0, backend },
	{ "unshared", 1, unshared },
};

int main(int argc, char **argv)
{
	const char *number = getenv("SPAWNCTL_FD");
	unsigned int i;

	self = argv[0];
	device = number ? atoi(number) : -1;
	for (i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(argv[1], modes[i].name) && argc - 2 >= modes[i].arguments)
			return modes[i].run(argv + 2);
	fprintf(stderr, "inside: unknown mode\n");
	return 2;
}
