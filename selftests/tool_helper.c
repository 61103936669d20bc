// SPDX-License-Identifier: GPL-2.0
/*
 * tool_helper MODE [ARGUMENT...]: acts as a caller of the command spawnctl, or as a
 * program that it starts, in ways that a shell cannot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "raw.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

static int execute(char **argv)
{
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}

/* device PROGRAM...: starts PROGRAM by the device only; status 200 if it was not started */
static int device(char **argv)
{
	spawnctl_attr_t *attr;
	int status, error;
	pid_t pid;

	if (spawnctl_attr_init(&attr))
		return 200;
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	error = spawnctl_spawnp(&pid, argv[0], NULL, attr, argv, environ);
	spawnctl_attr_destroy(attr);
	if (error) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(error));
		return 200;
	}
	if (waitpid(pid, &status, 0) != pid)
		return 200;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* SPAWNCTL_FD, or a descriptor from the device or the service */
static int descriptor(void)
{
	const char *number = getenv("SPAWNCTL_FD");

	return number ? atoi(number) : spawnctl_open();
}

/* allowed: prints what LIMIT has left allowed on SPAWNCTL_FD */
static int allowed(char **argv)
{
	const char *number = getenv("SPAWNCTL_FD");
	struct spawnctl_info info = { .size = sizeof(info) };

	if (!number || spawnctl_get_info(atoi(number), &info))
		return 1;
	printf("commands %x flags %x limits %x children %lld live %lld\n", info.commands,
	       info.spawn_flags | info.fork_flags, info.limits, (long long)info.children,
	       (long long)info.most_live);
	return 0;
}

/* job: makes a child, closes the descriptor, and prints whether that has killed the child */
static int job(char **argv)
{
	int fd = descriptor(), ready[2], release[2], status;
	pid_t pid;
	char byte;

	if (fd < 0 || pipe(ready) || pipe(release))
		return 1;
	pid = spawnctl_fork(fd);
	if (pid == 0) {
		close(fd);
		close(release[1]);
		_exit(write(ready[1], "", 1) == 1 ? read(release[0], &byte, 1) : 1);
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		return 1;
	close(fd);
	close(release[1]);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	puts(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "killed" : "alive");
	return 0;
}

/* final: succeeds if LIMIT on the descriptor fails with EPERM */
static int final(char **argv)
{
	const struct spawnctl_limit limit = { .size = sizeof(limit) };
	int fd = descriptor();

	return fd >= 0 && spawnctl_narrow(fd, &limit) && errno == EPERM ? 0 : 1;
}

/* Sets @handler for all signals but KILL and STOP, which the kernel removes from @mask */
static int set_all(void (*handler)(int sig), __u64 mask)
{
	const struct kernel_sigaction action = { .handler = (unsigned long)handler };
	int sig;

	for (sig = 1; sig <= NSIGNALS; sig++)
		if (!(SIGBIT(sig) & UNBLOCKABLE) && raw_sigaction(sig, &action, NULL))
			return -1;
	return raw_sigprocmask(SIG_SETMASK, mask, NULL);
}

/* ignoring PROGRAM...: executes PROGRAM with every signal ignored and blocked */
static int ignoring(char **argv)
{
	return set_all(SIG_IGN, ~0ULL) ? 1 : execute(argv);
}

/* A system call, by its number or as "clone", whose number differs between architectures */
static unsigned int call(const char *text)
{
	return strcmp(text, "clone") ? (unsigned int)atoi(text) : SYS_clone;
}

/* without CALL PROGRAM...: executes PROGRAM; a filter fails this system call with ENOSYS */
static int without(char **argv)
{
	return filter(call(argv[0]), SECCOMP_RET_ERRNO | ENOSYS) ? 1 : execute(argv + 1);
}

/* killed CALL PROGRAM...: executes PROGRAM; a filter kills it for this system call */
static int killed(char **argv)
{
	return filter(call(argv[0]), SECCOMP_RET_KILL_PROCESS) ? 1 : execute(argv + 1);
}

/* receives SIGNAL FILE: writes its pid to FILE, waits for SIGNAL, and exits with status 0 */
static int receives(char **argv)
{
	FILE *file;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, atoi(argv[0]));
	sigprocmask(SIG_BLOCK, &set, NULL);
	file = fopen(argv[1], "w");
	if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file))
		return 1;
	return sigwaitinfo(&set, NULL) == atoi(argv[0]) ? 0 : 1;
}

/* At a system call stop of @pid: if uname(2) is about to return, changes its result */
static void change_release(pid_t pid, const char *release)
{
	struct __ptrace_syscall_info entry;
	static unsigned long buffer;
	struct utsname name;
	unsigned int i;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(entry), &entry) <= 0)
		return;
	if (entry.op == PTRACE_SYSCALL_INFO_ENTRY)
		buffer = entry.entry.nr == SYS_uname ? entry.entry.args[0] : 0;
	if (entry.op != PTRACE_SYSCALL_INFO_EXIT || !buffer)
		return;
	memset(&name, 0, sizeof(name));
	snprintf(name.release, sizeof(name.release), "%s", release);
	for (i = 0; i < sizeof(name.release) / sizeof(long); i++) {
		unsigned long at = buffer + offsetof(struct utsname, release) + i * sizeof(long);
		long word;

		memcpy(&word, name.release + i * sizeof(long), sizeof(word));
		ptrace(PTRACE_POKEDATA, pid, at, word);
	}
}

/* release RELEASE PROGRAM...: executes PROGRAM, to which uname(2) reports RELEASE */
static int on_release(char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(execute(argv + 1));
	}
	while (waitpid(pid, &status, 0) == pid) {
		int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (!WIFSTOPPED(status))
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (sig == (SIGTRAP | 0x80))
			change_release(pid, argv[0]);
		else if (sig == SIGTRAP)
			ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
		ptrace(PTRACE_SYSCALL, pid, 0, sig & 0x80 || sig == SIGTRAP ? 0 : sig);
	}
	return 1;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **argv);
} modes[] = {
	{ "device", 1, device },
	{ "allowed", 0, allowed },
	{ "final", 0, final },
	{ "job", 0, job },
	{ "ignoring", 1, ignoring },
	{ "without", 2, without },
	{ "killed", 2, killed },
	{ "receives", 2, receives },
	{ "release", 2, on_release },
};

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(argv[1], modes[i].name) && argc - 2 >= modes[i].arguments)
			return modes[i].run(argv + 2);
	fprintf(stderr, "tool_helper: unknown mode\n");
	return 2;
}
