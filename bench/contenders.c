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

static struct clone_args clear_sighand = {
	.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
	.exit_signal = SIGCHLD,
};

#ifdef __x86_64__
/* The child's part, with execve(2)'s arguments in place; the parent continues at 1 */
#define EXECVE_OR_EXIT			\
	"movl %[execve], %%eax\n\t"	\
	"syscall\n\t"			\
	"movl $127, %%edi\n\t"		\
	"movl %[exit], %%eax\n\t"	\
	"syscall\n"			\
	"1:"

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
#else
/* A system call whose child executes the program. It uses registers only, as on x86-64 */
#if defined(__aarch64__)
static pid_t spawn_bare(const struct job *job, long nr, long first, long second)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = second;
	register const char *path __asm__("x9") = job->argv[0];
	register char *const *argv __asm__("x10") = job->argv;
	register char **env __asm__("x11") = environ;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x0, x9\n\t"
			 "mov x1, x10\n\t"
			 "mov x2, x11\n\t"
			 "mov x8, %[execve]\n\t"
			 "svc #0\n\t"
			 "mov x0, #127\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(path), "r"(argv), "r"(env),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "memory");
	return x0;
}
#elif defined(__riscv)
static pid_t spawn_bare(const struct job *job, long nr, long first, long second)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = first;
	register long a1 __asm__("a1") = second;
	register const char *path __asm__("t0") = job->argv[0];
	register char *const *argv __asm__("t1") = job->argv;
	register char **env __asm__("t2") = environ;

	__asm__ volatile("ecall\n\t"
			 "bnez a0, 1f\n\t"
			 "mv a0, t0\n\t"
			 "mv a1, t1\n\t"
			 "mv a2, t2\n\t"
			 "li a7, %[execve]\n\t"
			 "ecall\n\t"
			 "li a0, 127\n\t"
			 "li a7, %[exit]\n\t"
			 "ecall\n"
			 "1:"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(path), "r"(argv), "r"(env),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "memory");
	return a0;
}
#elif defined(__i386__)
/* clone(2) reads edx, esi and edi only for flags that are not set here */
static pid_t spawn_bare(const struct job *job, long nr, long first, long second)
{
	long pid;

	__asm__ volatile("int $0x80\n\t"
			 "testl %%eax, %%eax\n\t"
			 "jnz 1f\n\t"
			 "movl %%edx, %%ebx\n\t"
			 "movl %%esi, %%ecx\n\t"
			 "movl %%edi, %%edx\n\t"
			 "movl %[execve], %%eax\n\t"
			 "int $0x80\n\t"
			 "movl $127, %%ebx\n\t"
			 "movl %[exit], %%eax\n\t"
			 "int $0x80\n"
			 "1:"
			 : "=a"(pid)
			 : "a"(nr), "b"(first), "c"(second), "d"(job->argv[0]), "S"(job->argv),
			   "D"(environ), [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "memory", "cc");
	return pid;
}
#elif defined(__arm__)
/* r8 holds the caller's r7, which can be the frame pointer */
static pid_t spawn_bare(const struct job *job, long nr, long first, long second)
{
	register long r0 __asm__("r0") = first;
	register long r1 __asm__("r1") = second;
	register long number __asm__("r3") = nr;
	register const char *path __asm__("r4") = job->argv[0];
	register char *const *argv __asm__("r5") = job->argv;
	register char **env __asm__("r6") = environ;

	__asm__ volatile("mov r8, r7\n\t"
			 "mov r7, r3\n\t"
			 "svc #0\n\t"
			 "cmp r0, #0\n\t"
			 "bne 1f\n\t"
			 "mov r0, r4\n\t"
			 "mov r1, r5\n\t"
			 "mov r2, r6\n\t"
			 "mov r7, %[execve]\n\t"
			 "svc #0\n\t"
			 "mov r0, #127\n\t"
			 "mov r7, %[exit]\n\t"
			 "svc #0\n"
			 "1:\n\t"
			 "mov r7, r8"
			 : "+r"(r0)
			 : "r"(r1), "r"(number), "r"(path), "r"(argv), "r"(env),
			   [execve] "i"(SYS_execve), [exit] "i"(SYS_exit_group)
			 : "r2", "r8", "memory", "cc");
	return r0;
}
#else
#error "not written for this architecture"
#endif

/* Newer architectures have no vfork(2): libc's function is this clone(2) */
static pid_t spawn_vfork(const struct job *job)
{
#ifdef SYS_vfork
	return spawn_bare(job, SYS_vfork, 0, 0);
#else
	return spawn_bare(job, SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
#endif
}

static pid_t spawn_clear_sighand(const struct job *job)
{
	return spawn_bare(job, SYS_clone3, (long)&clear_sighand, sizeof(clear_sighand));
}
#endif

static bool has_clear_sighand(const struct job *job)
{
	pid_t pid = spawn_clear_sighand(job);

	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

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
	{ "vfork", SHAPE_PLAIN, nothing, spawn_vfork },
	{ "clear_sighand", SHAPE_PLAIN, has_clear_sighand, spawn_clear_sighand },
	{ "fork", SHAPE_PLAIN, nothing, spawn_fork },
};

const unsigned int contender_count = ARRAY_SIZE(contenders);
