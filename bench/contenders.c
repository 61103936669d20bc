// SPDX-License-Identifier: GPL-2.0
/*
 * The ways to start a program: the device, the library's lower backends, and the bare
 * system calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND	0x100000000ULL
#endif

extern char **environ;

static spawnctl_file_actions_t *actions;
static spawnctl_attr_t *attr;

static void typical(const struct job *job)
{
	sigset_t set;

	spawnctl_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	spawnctl_file_actions_adddup2(actions, job->pipe[1], 1);
	spawnctl_file_actions_adddup2(actions, 1, 2);
	spawnctl_file_actions_addclose(actions, job->pipe[0]);
	spawnctl_file_actions_addclose(actions, job->pipe[1]);
	sigfillset(&set);
	spawnctl_attr_setsigdefault(attr, &set);
	sigemptyset(&set);
	spawnctl_attr_setsigmask(attr, &set);
	spawnctl_attr_setpgroup(attr, 0);
	spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGMASK |
			       SPAWNCTL_SPAWN_SETPGROUP);
}

static bool prepare(const struct job *job, enum spawnctl_backend backend)
{
	enum spawnctl_backend found;

	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
	actions = NULL;
	if (spawnctl_attr_init(&attr) || spawnctl_attr_setbackend(attr, backend))
		return false;
	if (backend == SPAWNCTL_BACKEND_DEVICE && job->device >= 0 &&
	    spawnctl_attr_setdevice(attr, job->device))
		return false;
	if (spawnctl_get_backend(attr, &found) || found != backend)
		return false;
	if (job->shape != SHAPE_PLAIN && spawnctl_file_actions_init(&actions))
		return false;
	if (job->shape == SHAPE_TYPICAL)
		typical(job);
	if (job->shape == SHAPE_CLOSEFROM)
		spawnctl_file_actions_addclosefrom(actions, 3);
	return true;
}

static bool prepare_device(const struct job *job)
{
	return prepare(job, SPAWNCTL_BACKEND_DEVICE);
}

static bool prepare_clone3(const struct job *job)
{
	return prepare(job, SPAWNCTL_BACKEND_CLONE3);
}

static bool prepare_clone(const struct job *job)
{
	return prepare(job, SPAWNCTL_BACKEND_CLONE);
}

static pid_t spawn(const struct job *job)
{
	pid_t pid;
	int error = spawnctl_spawn(&pid, job->argv[0], actions, attr, job->argv, environ);

	return error ? -error : pid;
}

static bool nothing(const struct job *job)
{
	(void)job;
	return true;
}

/* The child's part, with execve(2)'s arguments in place; the parent continues at 1 */
#define EXECVE_OR_EXIT			\
	"movl %[execve], %%eax\n\t"	\
	"syscall\n\t"			\
	"movl $127, %%edi\n\t"		\
	"movl %[exit], %%eax\n\t"	\
	"syscall\n"			\
	"1:"

#ifdef __x86_64__
/*
 * The lower bound: the two system calls and nothing else, with the parent's handlers in
 * the child. It uses registers only, because the child runs on the caller's stack.
 */
static pid_t spawn_vfork(const struct job *job)
{
	long pid;

	__asm__ volatile("syscall\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 EXECVE_OR_EXIT
			 : "=a"(pid)
			 : "a"((long)SYS_vfork), "D"(job->argv[0]), "S"(job->argv), "d"(environ),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory", "cc");
	return pid;
}

static struct clone_args clear_sighand = {
	.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
	.exit_signal = SIGCHLD,
};

static pid_t spawn_clear_sighand(const struct job *job)
{
	register const char *path __asm__("r8") = job->argv[0];
	register char *const *argv __asm__("r9") = job->argv;
	register char **env __asm__("r10") = environ;
	long pid;

	__asm__ volatile("syscall\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "movq %%r8, %%rdi\n\t"
			 "movq %%r9, %%rsi\n\t"
			 "movq %%r10, %%rdx\n\t"
			 EXECVE_OR_EXIT
			 : "=a"(pid)
			 : "a"((long)SYS_clone3), "D"(&clear_sighand), "S"(sizeof(clear_sighand)),
			   "r"(path), "r"(argv), "r"(env),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "rcx", "rdx", "r11", "memory", "cc");
	return pid;
}

static bool has_clear_sighand(const struct job *job)
{
	pid_t pid = spawn_clear_sighand(job);

	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}
#endif

/* As is usual with fork(): the child writes an error to a pipe, which exec closes. */
static pid_t spawn_fork(const struct job *job)
{
	int fds[2], error;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		execve(job->argv[0], job->argv, environ);
		error = errno;
		if (write(fds[1], &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	close(fds[1]);
	if (pid > 0 && read(fds[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(pid, NULL, 0);
		pid = -error;
	}
	close(fds[0]);
	return pid;
}

#define ALL	(SHAPE_PLAIN | SHAPE_TYPICAL | SHAPE_CLOSEFROM)

const struct contender contenders[] = {
	{ "device", ALL, prepare_device, spawn },
	{ "clone3", ALL, prepare_clone3, spawn },
	{ "clone", ALL, prepare_clone, spawn },
	{ "glibc", ALL, libc_prepare, libc_spawn },
#ifdef __x86_64__
	{ "vfork", SHAPE_PLAIN, nothing, spawn_vfork },
	{ "clear_sighand", SHAPE_PLAIN, has_clear_sighand, spawn_clear_sighand },
#endif
	{ "fork", SHAPE_PLAIN, nothing, spawn_fork },
};

const unsigned int contender_count = ARRAY_SIZE(contenders);
