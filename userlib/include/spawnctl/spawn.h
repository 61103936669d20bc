/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * posix_spawn(3) and more, through /dev/spawnctl, clone3(2) or clone(2).
 *
 * Names, meaning and errors are those of glibc's <spawn.h>: spawnctl_spawn() for posix_spawn(),
 * spawnctl_attr_*() for posix_spawnattr_*(), spawnctl_file_actions_*() for
 * posix_spawn_file_actions_*(). Only what differs is documented here. The functions return 0 or an
 * error number, except spawnctl_step_name(), spawnctl_start_pid(), spawnctl_start_fd() and
 * spawnctl_start_free(), and leave errno unchanged. They are thread-safe, except as "Thread
 * safety" in libspawnctl(3) says: any number of threads can use an object at a time, but not while
 * a thread changes it.
 */
#ifndef SPAWNCTL_SPAWN_H
#define SPAWNCTL_SPAWN_H

#include <sched.h>
#include <stddef.h>
#include <sys/select.h>	/* sigset_t, struct timespec, also in strict C11 */
#include <spawnctl.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sock_fprog;	/* of <linux/filter.h> */

/** spawnctl_file_actions_t - file actions, which the child performs in the order of the list */
typedef struct spawnctl_file_actions spawnctl_file_actions_t;

/** spawnctl_attr_t - other attributes of the child */
typedef struct spawnctl_attr spawnctl_attr_t;

/**
 * enum spawnctl_backend - what makes the child
 * @SPAWNCTL_BACKEND_ANY: the first of the following that is available
 * @SPAWNCTL_BACKEND_DEVICE: /dev/spawnctl. Implements everything documented here
 * @SPAWNCTL_BACKEND_CLONE3: clone3(2) with CLONE_CLEAR_SIGHAND, as glibc uses it since
 *	2.38. It cannot set a mask at exec: the child unblocks signals just before exec. A
 *	stop signal that has been sent to the child by then stops the child before exec,
 *	and the caller waits until SIGCONT. Not available before Linux 5.5, or if a filter
 *	refuses clone3, for example with ENOSYS
 * @SPAWNCTL_BACKEND_CLONE: clone(2) with every signal blocked. The mask at exec is as
 *	with clone3. The child resets the handlers itself, with one or two system calls
 *	per signal. SPAWNCTL_SPAWN_SETCGROUP and SPAWNCTL_SPAWN_AUTOREAP fail with
 *	EOPNOTSUPP
 *
 * With each backend, no handler of the caller runs in the child. In the calling thread, the
 * clone3 backend blocks all signals except the synchronous ones, and the clone backend
 * blocks all. Both need a few more system calls than the device.
 */
enum spawnctl_backend {
	SPAWNCTL_BACKEND_ANY,
	SPAWNCTL_BACKEND_DEVICE,
	SPAWNCTL_BACKEND_CLONE3,
	SPAWNCTL_BACKEND_CLONE,
};

/**
 * spawnctl_get_backend() - which backend a spawn with these attributes would use
 * @attr: attributes, or NULL
 * @backend: out: the backend
 *
 * Makes no child: a call of clone3(2) that cannot succeed shows whether a filter refuses it.
 * Whether a filter refuses clone(2) is not tested: a spawn by the last backend can fail. See enum
 * spawnctl_backend for what each backend provides.
 *
 * Return: 0, or an error number that tells why the demanded backend or descriptor is not
 * available.
 */
int spawnctl_get_backend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend);

/**
 * enum spawnctl_step - the steps of a spawn, in their order, and the step at which one failed
 * @SPAWNCTL_STEP_NONE: nothing has failed
 * @SPAWNCTL_STEP_CLONE: making the child, or its descriptor table
 * @SPAWNCTL_STEP_SCHED: SETSCHEDPARAM, SETSCHEDULER
 * @SPAWNCTL_STEP_PRIORITY: spawnctl_attr_setpriority()
 * @SPAWNCTL_STEP_AFFINITY: spawnctl_attr_setaffinity()
 * @SPAWNCTL_STEP_IOPRIO: spawnctl_attr_setioprio()
 * @SPAWNCTL_STEP_OOM_SCORE_ADJ: spawnctl_attr_setoomscoreadj()
 * @SPAWNCTL_STEP_RLIMIT: spawnctl_attr_setrlimit()
 * @SPAWNCTL_STEP_SETSID: SETSID
 * @SPAWNCTL_STEP_SETPGROUP: SETPGROUP
 * @SPAWNCTL_STEP_SETNS: spawnctl_attr_addnamespace()
 * @SPAWNCTL_STEP_UNSHARE: spawnctl_attr_setunshare()
 * @SPAWNCTL_STEP_CHROOT: spawnctl_attr_setchroot()
 * @SPAWNCTL_STEP_UMASK: spawnctl_attr_setumask(); never fails
 * @SPAWNCTL_STEP_SECUREBITS: spawnctl_attr_setsecurebits()
 * @SPAWNCTL_STEP_GROUPS: spawnctl_attr_setgroups()
 * @SPAWNCTL_STEP_GID: spawnctl_attr_setgid()
 * @SPAWNCTL_STEP_UID: spawnctl_attr_setuid()
 * @SPAWNCTL_STEP_RESETIDS: RESETIDS
 * @SPAWNCTL_STEP_AMBIENT: spawnctl_attr_setambient()
 * @SPAWNCTL_STEP_PDEATHSIG: spawnctl_attr_setpdeathsig()
 * @SPAWNCTL_STEP_NO_NEW_PRIVS: NO_NEW_PRIVS
 * @SPAWNCTL_STEP_ACTION: a file action
 * @SPAWNCTL_STEP_CLOEXEC_DEFAULT: CLOEXEC_DEFAULT
 * @SPAWNCTL_STEP_LANDLOCK: spawnctl_attr_setlandlock()
 * @SPAWNCTL_STEP_TRACEME: TRACEME
 * @SPAWNCTL_STEP_STOP: STOP
 * @SPAWNCTL_STEP_SECCOMP: spawnctl_attr_setseccomp()
 * @SPAWNCTL_STEP_EXEC: execve(2) or execveat(2)
 */
enum spawnctl_step {
	SPAWNCTL_STEP_NONE,
	SPAWNCTL_STEP_CLONE,
	SPAWNCTL_STEP_SCHED,
	SPAWNCTL_STEP_PRIORITY,
	SPAWNCTL_STEP_AFFINITY,
	SPAWNCTL_STEP_IOPRIO,
	SPAWNCTL_STEP_OOM_SCORE_ADJ,
	SPAWNCTL_STEP_RLIMIT,
	SPAWNCTL_STEP_SETSID,
	SPAWNCTL_STEP_SETPGROUP,
	SPAWNCTL_STEP_SETNS,
	SPAWNCTL_STEP_UNSHARE,
	SPAWNCTL_STEP_CHROOT,
	SPAWNCTL_STEP_UMASK,
	SPAWNCTL_STEP_SECUREBITS,
	SPAWNCTL_STEP_GROUPS,
	SPAWNCTL_STEP_GID,
	SPAWNCTL_STEP_UID,
	SPAWNCTL_STEP_RESETIDS,
	SPAWNCTL_STEP_AMBIENT,
	SPAWNCTL_STEP_PDEATHSIG,
	SPAWNCTL_STEP_NO_NEW_PRIVS,
	SPAWNCTL_STEP_ACTION,
	SPAWNCTL_STEP_CLOEXEC_DEFAULT,
	SPAWNCTL_STEP_LANDLOCK,
	SPAWNCTL_STEP_TRACEME,
	SPAWNCTL_STEP_STOP,
	SPAWNCTL_STEP_SECCOMP,
	SPAWNCTL_STEP_EXEC,
};

/**
 * spawnctl_step_name() - a step as text
 * @step: a value of enum spawnctl_step
 *
 * Return: the name without SPAWNCTL_STEP_, in lower case: "exec", "setsid"; "unknown" for any
 * other value. The text is static.
 */
const char *spawnctl_step_name(enum spawnctl_step step);

/**
 * struct spawnctl_result - the outcome of a spawn
 * @size: in: sizeof(struct spawnctl_result)
 * @error: what the spawn returned; 0 if it succeeded
 * @pid: process id of the child; -1 if the spawn failed and has left no child to be reaped
 * @pidfd: pidfd of the child, close-on-exec, which the caller has to close; -1 if the spawn
 *	failed, or if SPAWNCTL_SPAWN_PIDFD is not set
 * @step: the step that failed
 * @action: with SPAWNCTL_STEP_ACTION the index of the action, counted from 0 in the order
 *	of the calls that added the actions; else -1
 *
 * Later versions of the library may add members at the end. A library fills in the members that
 * it knows and that fit into @size bytes, and leaves the others unchanged.
 */
struct spawnctl_result {
	unsigned int size;
	int error;
	pid_t pid;
	int pidfd;
	enum spawnctl_step step;
	int action;
};

#define SPAWNCTL_RESULT_SIZE_VER0	24

/**
 * DOC: Flags of an attribute object
 *
 * The first ones are glibc's POSIX_SPAWN_*, with their values.
 *
 *  - SPAWNCTL_SPAWN_RESETIDS: the effective ids are set to the real ones
 *  - SPAWNCTL_SPAWN_SETPGROUP: spawnctl_attr_setpgroup()
 *  - SPAWNCTL_SPAWN_SETSIGDEF: spawnctl_attr_setsigdefault()
 *  - SPAWNCTL_SPAWN_SETSIGMASK: spawnctl_attr_setsigmask()
 *  - SPAWNCTL_SPAWN_SETSCHEDPARAM: spawnctl_attr_setschedparam()
 *  - SPAWNCTL_SPAWN_SETSCHEDULER: spawnctl_attr_setschedpolicy(), with the parameter
 *  - SPAWNCTL_SPAWN_USEVFORK: has no effect
 *  - SPAWNCTL_SPAWN_SETSID: setsid(2)
 *  - SPAWNCTL_SPAWN_SETCGROUP: spawnctl_attr_setcgroup()
 *  - SPAWNCTL_SPAWN_SETSIGIGN: spawnctl_attr_setsigignore()
 *  - SPAWNCTL_SPAWN_CLOEXEC_DEFAULT: every descriptor is closed before the program is
 *    executed, except those that are the target of an open or dup2 action. A dup2
 *    action of a descriptor onto itself keeps it open in the program
 *  - SPAWNCTL_SPAWN_NO_NEW_PRIVS: no_new_privs is set, prctl(2)
 *  - SPAWNCTL_SPAWN_AUTOREAP: the child leaves no zombie, sends no SIGCHLD, and is not
 *    waited for; EOPNOTSUPP if the kernel has no CLONE_AUTOREAP
 *  - SPAWNCTL_SPAWN_PIDFD: a pidfd of the child is stored in struct spawnctl_result. A
 *    function without such a struct fails with EINVAL
 *  - SPAWNCTL_SPAWN_POLL: spawnctl_start_fd() returns a descriptor for poll(2). Only for a
 *    spawn that does not wait; one that waits fails with EINVAL
 *  - SPAWNCTL_SPAWN_SHELL: if the file's format is unknown (ENOEXEC), /bin/sh is executed with
 *    the path and the arguments, as by execvp(3). No effect with spawnctl_attr_setexecfd()
 *  - SPAWNCTL_SPAWN_TRACEME: the calling thread traces the child (PTRACE_TRACEME), which stops
 *    when it executes the program
 *  - SPAWNCTL_SPAWN_STOP: the child sends itself SIGSTOP before it executes the program. Only
 *    for a spawn that does not wait; one that waits fails with EINVAL, hence also a start with
 *    SPAWNCTL_SPAWN_SETCGROUP, or under valgrind or qemu-user
 */
#define SPAWNCTL_SPAWN_RESETIDS		0x01U
#define SPAWNCTL_SPAWN_SETPGROUP	0x02U
#define SPAWNCTL_SPAWN_SETSIGDEF	0x04U
#define SPAWNCTL_SPAWN_SETSIGMASK	0x08U
#define SPAWNCTL_SPAWN_SETSCHEDPARAM	0x10U
#define SPAWNCTL_SPAWN_SETSCHEDULER	0x20U
#define SPAWNCTL_SPAWN_USEVFORK		0x40U
#define SPAWNCTL_SPAWN_SETSID		0x80U
#define SPAWNCTL_SPAWN_SETCGROUP	0x100U
#define SPAWNCTL_SPAWN_SETSIGIGN	0x10000U
#define SPAWNCTL_SPAWN_CLOEXEC_DEFAULT	0x20000U
#define SPAWNCTL_SPAWN_NO_NEW_PRIVS	0x40000U
#define SPAWNCTL_SPAWN_AUTOREAP		0x80000U
#define SPAWNCTL_SPAWN_PIDFD		0x100000U
#define SPAWNCTL_SPAWN_POLL		0x200000U
#define SPAWNCTL_SPAWN_SHELL		0x400000U
#define SPAWNCTL_SPAWN_TRACEME		0x800000U
#define SPAWNCTL_SPAWN_STOP		0x1000000U

/**
 * spawnctl_spawn() - start a program, as posix_spawn(3)
 * @pid: out: the process id of the child, written on success only; or NULL
 * @path: the program
 * @actions: file actions, or NULL
 * @attr: attributes, or NULL
 * @argv: arguments, ended by NULL; the first is the program's name
 * @envp: environment, ended by NULL
 *
 * Through the device a spawn takes two system calls, the child's execve(2) included, and
 * one or a few more for each action, see spawnctl_spawn(3). The new program has the caller's
 * mask, or that of SETSIGMASK. With the device, all signals are blocked in the child until
 * execve(2).
 *
 * A call that fails leaves no child and no zombie. By the time a handler of the calling
 * thread can run, a child that has failed is reaped, and the process id of a child that has
 * executed the program is stored. The function is not a cancellation point. It uses at most
 * SPAWNCTL_SPAWN_STACK bytes of the caller's stack, including the child's stack, regardless
 * of its arguments.
 *
 * Return: 0, or an error number: that of the ioctl, listed in <linux/spawnctl.h>, or of
 * clone(2); that of the failed step, which spawnctl_spawn_result() reports; or that of
 * execve(2). If the file's format is unknown, the error is ENOEXEC, and no shell is tried
 * unless SPAWNCTL_SPAWN_SHELL is set.
 */
int spawnctl_spawn(pid_t *pid, const char *path, const spawnctl_file_actions_t *actions,
		   const spawnctl_attr_t *attr, char *const argv[], char *const envp[]);

/**
 * spawnctl_spawnp() - the same, with the program searched for in PATH
 *
 * PATH is that of spawnctl_attr_setpath(), else the caller's or, if that is not set,
 * /bin:/usr/bin, as in glibc. If a name without
 * a slash is longer than NAME_MAX, the error is ENAMETOOLONG. A directory of PATH_MAX bytes or
 * more is skipped. If the longest "DIRECTORY/NAME" to try takes more than 256 bytes, with its
 * null byte, memory is mapped for the duration of the call, and the calling thread handles
 * no asynchronous signal until it returns; ENOMEM: there is no memory for the mapping. The
 * same applies, without a search too, to SPAWNCTL_SPAWN_SHELL and to addcall actions.
 */
int spawnctl_spawnp(pid_t *pid, const char *file, const spawnctl_file_actions_t *actions,
		    const spawnctl_attr_t *attr, char *const argv[], char *const envp[]);

/**
 * spawnctl_spawn_result() - the same as spawnctl_spawn(), with more results
 * @result: filled in, also if the spawn fails, except with EINVAL as below. All members
 *	are stored before a handler of the calling thread can run, except that with the device a
 *	handler can run between the program's exec and the return of the call: by then
 *	@result->pid and @result->pidfd are stored
 * @path: as for spawnctl_spawn(), as are the other parameters
 *
 * Return: as spawnctl_spawn(); EINVAL also if @result->size is below
 * SPAWNCTL_RESULT_SIZE_VER0, or SPAWNCTL_SPAWN_POLL or SPAWNCTL_SPAWN_STOP is set. Then there is
 * no child, and @result is unchanged.
 */
int spawnctl_spawn_result(struct spawnctl_result *result, const char *path,
			  const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			  char *const argv[], char *const envp[]);

/** spawnctl_spawnp_result() - the same, with the program searched for in PATH */
int spawnctl_spawnp_result(struct spawnctl_result *result, const char *file,
			   const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			   char *const argv[], char *const envp[]);

/** spawnctl_start_t - a spawn that does not wait, until spawnctl_start_free() */
typedef struct spawnctl_start spawnctl_start_t;

/**
 * spawnctl_spawn_start() - start a program without waiting until it is executed
 * @start: out: the spawn under way; NULL on failure
 * @path: as for spawnctl_spawn(), as are the other parameters
 *
 * Returns when the child has been made. The child performs its steps and execve(2) while the
 * calling thread continues; spawnctl_start_wait() reports the outcome. The parameters and what
 * they point to are copied before the function returns, except what the argument of an addcall
 * action points to. The child has a copy of the descriptor table. So the caller can change, free
 * and close all of these when the function has returned.
 *
 * In addition to what spawnctl_spawn(3) says: the function may allocate memory, is not
 * async-signal-safe, and must not be called in a child that shares its parent's memory. A child
 * that has failed is reaped in spawnctl_start_wait(), not earlier.
 *
 * Return: 0, or an error number if no child has been made. ENOMEM: there is no memory; EMFILE,
 * ENFILE: there is no descriptor for SPAWNCTL_SPAWN_POLL; E2BIG: the copies take more than
 * 256 MiB; EINVAL: spawnctl_attr_setoomscoreadj() has been called; or as spawnctl_spawn().
 */
int spawnctl_spawn_start(spawnctl_start_t **start, const char *path,
			 const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			 char *const argv[], char *const envp[]);

/** spawnctl_spawnp_start() - the same, with the program searched for in PATH (copied) */
int spawnctl_spawnp_start(spawnctl_start_t **start, const char *file,
			  const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			  char *const argv[], char *const envp[]);

/**
 * spawnctl_start_wait() - wait until the program is executed, or has failed
 * @start: the spawn
 * @timeout: maximum time to wait, from now on, on CLOCK_MONOTONIC; a time of 0: do not wait; NULL:
 *	no limit
 * @result: filled in if the function returns 0, as by spawnctl_spawn_result(). If @result->error
 *	is 0, the child has executed the program, or was killed before; waitpid(2) reports which
 *
 * A child that has failed is reaped, as by spawnctl_spawn(). For its end the call waits up to
 * 0.1 s, even with a @timeout of 0. If the child has not ended by then, or has been killed
 * meanwhile, @result->pid is its process id, and the caller has to reap it. Any number of threads
 * can wait, and each call has the same result. Only one thread should reap a child that has
 * executed the program, and close the pidfd. The pidfd belongs to the caller when a call has
 * returned it. Signal handlers do not end the wait. The function is not a cancellation point, and
 * is async-signal-safe.
 *
 * Return: 0: @result has the outcome of the spawn; ETIMEDOUT: the outcome is not known yet;
 * EINVAL: @timeout is not valid, or @result->size is below SPAWNCTL_RESULT_SIZE_VER0; ECHILD:
 * @start belongs to the process from which this one has been forked.
 */
int spawnctl_start_wait(spawnctl_start_t *start, const struct timespec *timeout,
			struct spawnctl_result *result);

/** spawnctl_start_pid() - the child's process id; -1 where spawnctl_start_wait() returns ECHILD */
pid_t spawnctl_start_pid(const spawnctl_start_t *start);

/**
 * spawnctl_start_fd() - a descriptor for poll(2) and the like
 *
 * When poll(2) reports POLLHUP, spawnctl_start_wait() returns 0, regardless of its timeout.
 * poll(2) reports POLLHUP when the program is executed or the child has ended. This is delayed
 * while a child that was made meanwhile, other than by fork(3), has not executed its program. The
 * descriptor belongs to @start, and spawnctl_start_free() closes it.
 *
 * Return: the descriptor, close-on-exec; -1 without SPAWNCTL_SPAWN_POLL, or where
 * spawnctl_start_wait() returns ECHILD.
 */
int spawnctl_start_fd(const spawnctl_start_t *start);

/**
 * spawnctl_start_free() - free @start, also while the child still uses it; NULL is allowed
 *
 * The child continues. If spawnctl_start_wait() has not reported that the child has failed, the
 * caller has to reap the child. The exit status of a child that has failed is 127. If the child
 * still uses memory of @start, a later call of spawnctl_spawn_start() frees or reuses it.
 */
void spawnctl_start_free(spawnctl_start_t *start);

/** SPAWNCTL_SPAWN_STACK - maximum number of bytes of the caller's stack that a spawn uses */
#define SPAWNCTL_SPAWN_STACK	3072

/*
 * File actions. The child performs them in the order in which they were added, and the
 * first that fails ends the spawn. Adding one fails with
 *	EBADF	(a descriptor is negative, or not below RLIMIT_NOFILE),
 *	EFAULT	(a path is NULL),
 *	ENOMEM.
 */

/** spawnctl_file_actions_init() - make an empty list; free it with _destroy() */
int spawnctl_file_actions_init(spawnctl_file_actions_t **actions);
/** spawnctl_file_actions_destroy() - free a list; NULL is allowed */
int spawnctl_file_actions_destroy(spawnctl_file_actions_t *actions);
/** spawnctl_file_actions_addopen() - close @fd, and open @path (copied) as @fd */
int spawnctl_file_actions_addopen(spawnctl_file_actions_t *actions, int fd,
				  const char *path, int oflag, mode_t mode);
/** spawnctl_file_actions_addclose() - close @fd; no error if it is not open */
int spawnctl_file_actions_addclose(spawnctl_file_actions_t *actions, int fd);
/** spawnctl_file_actions_adddup2() - dup2(2); equal descriptors: clear FD_CLOEXEC */
int spawnctl_file_actions_adddup2(spawnctl_file_actions_t *actions, int fd, int newfd);
/** spawnctl_file_actions_addchdir() - chdir(2); @path is copied */
int spawnctl_file_actions_addchdir(spawnctl_file_actions_t *actions, const char *path);
/** spawnctl_file_actions_addfchdir() - fchdir(2) */
int spawnctl_file_actions_addfchdir(spawnctl_file_actions_t *actions, int fd);
/** spawnctl_file_actions_addclosefrom() - close all descriptors from @from on */
int spawnctl_file_actions_addclosefrom(spawnctl_file_actions_t *actions, int from);
/** spawnctl_file_actions_addtcsetpgrp() - tcsetpgrp(3) to the child's process group */
int spawnctl_file_actions_addtcsetpgrp(spawnctl_file_actions_t *actions, int tcfd);
/**
 * spawnctl_file_actions_addclosefrom_except() - close all descriptors from @from on, except the
 * @n descriptors in @keep (copied, in any order). It is no error if one in @keep is not open
 */
int spawnctl_file_actions_addclosefrom_except(spawnctl_file_actions_t *actions, int from, size_t n,
					      const int *keep);
/** spawnctl_file_actions_addcloexecfrom() - set FD_CLOEXEC on all descriptors from @from on */
int spawnctl_file_actions_addcloexecfrom(spawnctl_file_actions_t *actions, int from);
/** spawnctl_file_actions_addctty() - make @fd the controlling terminal; needs SETSID */
int spawnctl_file_actions_addctty(spawnctl_file_actions_t *actions, int fd);
/**
 * spawnctl_file_actions_addblocking() - clear O_NONBLOCK of @fd. The flag belongs to the open file
 * description, so this affects all processes that share it
 */
int spawnctl_file_actions_addblocking(spawnctl_file_actions_t *actions, int fd);
/**
 * spawnctl_file_actions_addcall() - call a function in the child
 * @actions: the list
 * @fn: returns 0, or the error number with which the action fails
 * @arg: argument of @fn, not copied
 *
 * @fn runs on a stack of 64 KiB, in the memory of the caller, with all signals blocked (with the
 * clone3 backend, all except the synchronous ones). @fn must use only async-signal-safe functions.
 * What it writes is written to the caller's memory; errno is restored when a spawn that waits
 * returns. In a spawn that does not wait, the caller runs at the same time: @fn must use raw system
 * calls only and must not change errno, and what @arg points to must stay valid until
 * spawnctl_start_wait() returns 0. If @fn ends the child or executes another program, the spawn
 * has succeeded, and waitpid(2) reports how the child ended; @fn must set the signal mask of that
 * program itself. @fn must return or end the child, and not leave by longjmp(3) or an exception.
 * If @fn makes a child, it must wait for that child. EFAULT: @fn is NULL.
 */
int spawnctl_file_actions_addcall(spawnctl_file_actions_t *actions, int (*fn)(void *arg),
				  void *arg);

/*
 * Attributes. A value takes effect only if its flag is set. A setter returns EINVAL, or EBADF
 * for a descriptor, if the value can never be valid. Getters do not fail.
 */

/** spawnctl_attr_init() - make attributes: no flags, device descriptor -1 (none), all else 0 */
int spawnctl_attr_init(spawnctl_attr_t **attr);
/** spawnctl_attr_destroy() - free attributes; NULL is allowed */
int spawnctl_attr_destroy(spawnctl_attr_t *attr);
/** spawnctl_attr_setflags() - an OR of SPAWNCTL_SPAWN_*; EINVAL: an unknown flag */
int spawnctl_attr_setflags(spawnctl_attr_t *attr, unsigned int flags);
int spawnctl_attr_getflags(const spawnctl_attr_t *attr, unsigned int *flags);
/** spawnctl_attr_setpgroup() - process group; 0: a new one; EINVAL: negative */
int spawnctl_attr_setpgroup(spawnctl_attr_t *attr, pid_t pgroup);
int spawnctl_attr_getpgroup(const spawnctl_attr_t *attr, pid_t *pgroup);
/** spawnctl_attr_setsigdefault() - signals to reset even if the caller ignores them */
int spawnctl_attr_setsigdefault(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigdefault(const spawnctl_attr_t *attr, sigset_t *set);
/**
 * spawnctl_attr_setsigignore() - signals to ignore, as in illumos
 *
 * EINVAL: @set contains SIGKILL or SIGSTOP. If a signal is both in this set and in that of
 * spawnctl_attr_setsigdefault(), the spawn fails with EINVAL.
 */
int spawnctl_attr_setsigignore(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigignore(const spawnctl_attr_t *attr, sigset_t *set);
/**
 * spawnctl_attr_setsigmask() - the new program's signal mask; libc's own signals
 * below SIGRTMIN are left out, as by sigprocmask(3)
 */
int spawnctl_attr_setsigmask(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigmask(const spawnctl_attr_t *attr, sigset_t *set);
/** spawnctl_attr_setschedpolicy() - SCHED_OTHER, _FIFO or _RR; EINVAL: any other */
int spawnctl_attr_setschedpolicy(spawnctl_attr_t *attr, int policy);
int spawnctl_attr_getschedpolicy(const spawnctl_attr_t *attr, int *policy);
/**
 * spawnctl_attr_setschedparam() - priority; EINVAL: not 0 to 99. If the policy allows
 * a smaller range only, the spawn fails
 */
int spawnctl_attr_setschedparam(spawnctl_attr_t *attr, const struct sched_param *param);
int spawnctl_attr_getschedparam(const spawnctl_attr_t *attr, struct sched_param *param);
/** spawnctl_attr_setcgroup() - descriptor of a cgroup v2 directory; EBADF: negative */
int spawnctl_attr_setcgroup(spawnctl_attr_t *attr, int fd);
int spawnctl_attr_getcgroup(const spawnctl_attr_t *attr, int *fd);

/*
 * Each of the following, down to spawnctl_attr_setpath(), belongs to a step of the child, and needs
 * no flag. The order of the steps is that of enum spawnctl_step. Strings and arrays are copied;
 * descriptors are not, and must be open when the child is made. The functions return EINVAL, or
 * EBADF for a descriptor, if the value can never be valid, EFAULT for NULL, or ENOMEM. There are no
 * getters.
 */

/** spawnctl_attr_setpriority() - nice value, setpriority(2); EINVAL: not -20 to 19 */
int spawnctl_attr_setpriority(spawnctl_attr_t *attr, int priority);
/** spawnctl_attr_setaffinity() - sched_setaffinity(2); EINVAL: @size is 0 or above 8 KiB */
int spawnctl_attr_setaffinity(spawnctl_attr_t *attr, size_t size, const void *cpus);
/** spawnctl_attr_setioprio() - ioprio_set(2): class << 13 | data; EINVAL: no such class */
int spawnctl_attr_setioprio(spawnctl_attr_t *attr, int ioprio);
/**
 * spawnctl_attr_setoomscoreadj() - /proc/self/oom_score_adj; EINVAL: not -1000 to 1000. A
 * spawn that does not wait fails with EINVAL: the kernel would change the caller's value, too
 */
int spawnctl_attr_setoomscoreadj(spawnctl_attr_t *attr, int value);
/**
 * spawnctl_attr_setrlimit() - setrlimit(2); call this function once for each resource
 *
 * ~0ULL means no limit. EINVAL: an unknown resource, or @soft above @hard.
 */
int spawnctl_attr_setrlimit(spawnctl_attr_t *attr, int resource, unsigned long long soft,
			    unsigned long long hard);
/**
 * spawnctl_attr_addnamespace() - setns(2), in the order of the calls
 *
 * @type: CLONE_NEW* flags, which the namespace must have (for a pidfd: which to join); 0: any.
 *
 * EBADF: @fd is negative; EINVAL: another flag in @type; E2BIG: more than 8 namespaces. A child
 * that shares the memory cannot join a time namespace: the step fails with EUSERS.
 */
int spawnctl_attr_addnamespace(spawnctl_attr_t *attr, int fd, int type);
/**
 * spawnctl_attr_setunshare() - unshare(2), an OR of CLONE_NEW*
 *
 * EINVAL: no flag, or one that is not CLONE_NEW*. With CLONE_NEWPID and CLONE_NEWTIME, the
 * program's children are in the new namespace; since Linux 6.2, with CLONE_NEWTIME the program
 * itself is, too. With CLONE_NEWUSER, the child has no ids in the namespace until its maps are
 * written, see user_namespaces(7). To write them, start the child by spawnctl_spawn_start() with
 * SPAWNCTL_SPAWN_STOP, and wait until waitpid(2) reports that it has stopped.
 */
int spawnctl_attr_setunshare(spawnctl_attr_t *attr, int flags);
/** spawnctl_attr_setchroot() - chroot(2), which leaves the working directory: add a chdir action */
int spawnctl_attr_setchroot(spawnctl_attr_t *attr, const char *path);
/** spawnctl_attr_setumask() - umask(2); EINVAL: bits other than 0777 */
int spawnctl_attr_setumask(spawnctl_attr_t *attr, mode_t mask);
/** spawnctl_attr_setsecurebits() - PR_SET_SECUREBITS of prctl(2) */
int spawnctl_attr_setsecurebits(spawnctl_attr_t *attr, unsigned int bits);
/** spawnctl_attr_setgroups() - setgroups(2); EINVAL: more than 65,536, or an id of -1 */
int spawnctl_attr_setgroups(spawnctl_attr_t *attr, size_t n, const gid_t *groups);
/**
 * spawnctl_attr_setgid() - real, effective and saved group id; EINVAL: -1
 *
 * When the child changes its ids, the kernel makes the caller non-dumpable (PR_SET_DUMPABLE),
 * because both have the same memory, see spawnctl_attr_setuid(3).
 */
int spawnctl_attr_setgid(spawnctl_attr_t *attr, gid_t gid);
/** spawnctl_attr_setuid() - as spawnctl_attr_setgid(), for the user ids */
int spawnctl_attr_setuid(spawnctl_attr_t *attr, uid_t uid);
/**
 * spawnctl_attr_setambient() - ambient capabilities, a mask with bit n for capability n
 *
 * The program has these and no other ambient capabilities, also if spawnctl_attr_setuid() changes
 * the user id. The step makes them inheritable, and fails with EPERM if one is not in the caller's
 * permitted set.
 */
int spawnctl_attr_setambient(spawnctl_attr_t *attr, unsigned long long capabilities);
/**
 * spawnctl_attr_setpdeathsig() - PR_SET_PDEATHSIG of prctl(2); EINVAL: not 1 to 64
 *
 * The kernel sends the signal when the thread that has called the spawn ends, even if its process
 * continues. The step fails with ESRCH if the calling process has ended already.
 */
int spawnctl_attr_setpdeathsig(spawnctl_attr_t *attr, int signal);
/**
 * spawnctl_attr_setlandlock() - landlock_restrict_self(2), with @fd as the ruleset
 *
 * Needs no_new_privs, or CAP_SYS_ADMIN. The ruleset also restricts the steps after it.
 */
int spawnctl_attr_setlandlock(spawnctl_attr_t *attr, int fd);
/**
 * spawnctl_attr_setseccomp() - a seccomp filter, the last step before execve(2)
 *
 * Needs no_new_privs, or CAP_SYS_ADMIN. The filter must allow execve(2), or execveat(2) with
 * spawnctl_attr_setexecfd(), and exit_group(2) for a child that cannot execute the program.
 * EINVAL: no instruction, or more than 4,096.
 */
int spawnctl_attr_setseccomp(spawnctl_attr_t *attr, const struct sock_fprog *program);
/**
 * spawnctl_attr_setexecfd() - execute by execveat(2), relative to a descriptor
 *
 * If the path of the spawn is "", the program is the file at @fd; otherwise the path is relative to
 * the directory at @fd. SPAWNCTL_SPAWN_CLOEXEC_DEFAULT and closefrom actions make @fd close-on-exec
 * instead of closing it; other actions can close or replace it. If the file is a script and @fd is
 * close-on-exec, execveat(2) fails with ENOENT, because the interpreter could not open the script.
 */
int spawnctl_attr_setexecfd(spawnctl_attr_t *attr, int fd);
/** spawnctl_attr_setpath() - what spawnctl_spawnp() and the like search instead of PATH */
int spawnctl_attr_setpath(spawnctl_attr_t *attr, const char *path);

/**
 * spawnctl_attr_setbackend() - demand a backend
 * @backend: the spawn fails if this backend is not available. SPAWNCTL_BACKEND_ANY: use the
 *	first backend that is available
 *
 * If spawnctl_attr_setdevice() has set no descriptor, the library uses the one that the
 * environment named when the program was started: SPAWNCTL_FD, or the descriptor that
 * systemd passes (LISTEN_FDS) under the name "spawnctl". A program that has gained
 * privileges (AT_SECURE) ignores both. Otherwise the library opens the device at first use
 * and keeps it open, close-on-exec, with a number from 32 on if possible. The program may
 * close that descriptor: the library opens it again.
 */
int spawnctl_attr_setbackend(spawnctl_attr_t *attr, enum spawnctl_backend backend);
int spawnctl_attr_getbackend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend);

/**
 * spawnctl_attr_setdevice() - demand the device, through this descriptor
 * @fd: descriptor of /dev/spawnctl, which still belongs to the caller; -1: none. If it is
 *	closed or another file when it is used, the spawn fails with EBADF or ENOTTY
 */
int spawnctl_attr_setdevice(spawnctl_attr_t *attr, int fd);
int spawnctl_attr_getdevice(const spawnctl_attr_t *attr, int *fd);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_SPAWN_H */
