/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * posix_spawn(3) over /dev/spawnctl.
 *
 * The names, the meaning and the errors are those of <spawn.h> in glibc, with
 * spawnctl_ in place of posix_; what is more is said here. Every function
 * returns 0 or an error number, and leaves errno as it was. All are thread-safe,
 * but that one object is changed, or filled in, by one thread at a time.
 */
#ifndef SPAWNCTL_SPAWN_H
#define SPAWNCTL_SPAWN_H

#include <sched.h>
#include <sys/select.h>	/* sigset_t, also in strict C11 */
#include <spawnctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/** spawnctl_file_actions_t - what the child does to its descriptors, in order */
typedef struct spawnctl_file_actions spawnctl_file_actions_t;

/** spawnctl_attr_t - what else the child is to be */
typedef struct spawnctl_attr spawnctl_attr_t;

/**
 * enum spawnctl_backend - what makes the child
 * @SPAWNCTL_BACKEND_ANY: the first of these that there is
 * @SPAWNCTL_BACKEND_DEVICE: /dev/spawnctl. All that is promised here
 * @SPAWNCTL_BACKEND_CLONE3: clone3(2) with CLONE_CLEAR_SIGHAND, as glibc has it
 *	since 2.38. No mask at exec: the child unblocks signals just before, so
 *	that a stop that has hit it by then stops it there, with the caller
 *	waiting until SIGCONT; and it cannot be used under a filter that
 *	answers clone3 with ENOSYS
 * @SPAWNCTL_BACKEND_CLONE: clone(2) with every signal blocked. As with clone3;
 *	the child resets the handlers itself, one system call or two a signal.
 *	SPAWNCTL_SPAWN_SETCGROUP and SPAWNCTL_SPAWN_AUTOREAP are EOPNOTSUPP
 *
 * With all of them no handler of the caller runs in the child. The lower two
 * block all signals in the calling thread, and need some system calls more.
 */
enum spawnctl_backend {
	SPAWNCTL_BACKEND_ANY,
	SPAWNCTL_BACKEND_DEVICE,
	SPAWNCTL_BACKEND_CLONE3,
	SPAWNCTL_BACKEND_CLONE,
};

/**
 * spawnctl_backend() - which backend a spawn with these attributes would use
 * @attr: attributes, or NULL
 * @backend: where the answer goes
 *
 * Makes no child: whether clone3(2) is refused by a filter is found by a call of
 * it that cannot succeed. See enum spawnctl_backend for what each can promise.
 *
 * Return: 0, or an error number: what was demanded is not there, and why.
 */
int spawnctl_backend(const spawnctl_attr_t *attr, enum spawnctl_backend *backend);

/**
 * enum spawnctl_step - what a spawn was at when it failed
 * @SPAWNCTL_STEP_NONE: nothing has failed
 * @SPAWNCTL_STEP_CLONE: making the child, or its descriptor table
 * @SPAWNCTL_STEP_SCHED: SETSCHEDPARAM, SETSCHEDULER
 * @SPAWNCTL_STEP_SETSID: SETSID
 * @SPAWNCTL_STEP_SETPGROUP: SETPGROUP
 * @SPAWNCTL_STEP_RESETIDS: RESETIDS
 * @SPAWNCTL_STEP_NO_NEW_PRIVS: NO_NEW_PRIVS
 * @SPAWNCTL_STEP_ACTION: a file action
 * @SPAWNCTL_STEP_CLOEXEC_DEFAULT: CLOEXEC_DEFAULT
 * @SPAWNCTL_STEP_EXEC: execve(2)
 */
enum spawnctl_step {
	SPAWNCTL_STEP_NONE,
	SPAWNCTL_STEP_CLONE,
	SPAWNCTL_STEP_SCHED,
	SPAWNCTL_STEP_SETSID,
	SPAWNCTL_STEP_SETPGROUP,
	SPAWNCTL_STEP_RESETIDS,
	SPAWNCTL_STEP_NO_NEW_PRIVS,
	SPAWNCTL_STEP_ACTION,
	SPAWNCTL_STEP_CLOEXEC_DEFAULT,
	SPAWNCTL_STEP_EXEC,
};

/**
 * struct spawnctl_failure - which step of a spawn failed
 * @error: what the spawn returned; 0 if it succeeded
 * @step: the step
 * @action: with SPAWNCTL_STEP_ACTION the index of the action, in the order of
 *	the calls that added them, from 0; else -1
 */
struct spawnctl_failure {
	int error;
	enum spawnctl_step step;
	int action;
};

/**
 * enum spawnctl_spawn_flags - the flags of an attribute object
 *
 * The first ones are glibc's POSIX_SPAWN_*, with their values.
 * @SPAWNCTL_SPAWN_RESETIDS: effective ids are set to the real ones
 * @SPAWNCTL_SPAWN_SETPGROUP: spawnctl_attr_setpgroup()
 * @SPAWNCTL_SPAWN_SETSIGDEF: spawnctl_attr_setsigdefault()
 * @SPAWNCTL_SPAWN_SETSIGMASK: spawnctl_attr_setsigmask()
 * @SPAWNCTL_SPAWN_SETSCHEDPARAM: spawnctl_attr_setschedparam()
 * @SPAWNCTL_SPAWN_SETSCHEDULER: spawnctl_attr_setschedpolicy(), with the parameter
 * @SPAWNCTL_SPAWN_USEVFORK: has no effect
 * @SPAWNCTL_SPAWN_SETSID: setsid(2)
 * @SPAWNCTL_SPAWN_SETCGROUP: spawnctl_attr_setcgroup()
 * @SPAWNCTL_SPAWN_SETSIGIGN: spawnctl_attr_setsigignore()
 * @SPAWNCTL_SPAWN_CLOEXEC_DEFAULT: Every descriptor is closed before the program
 *	is executed, but those which an open or dup2 action names as its target.
 *	A descriptor is passed on as it is by a dup2 action onto itself
 * @SPAWNCTL_SPAWN_NO_NEW_PRIVS: no_new_privs is set, prctl(2)
 * @SPAWNCTL_SPAWN_AUTOREAP: the child leaves no zombie and no SIGCHLD, and is not
 *	waited for; EOPNOTSUPP where the kernel has no CLONE_AUTOREAP
 */
enum spawnctl_spawn_flags {
	SPAWNCTL_SPAWN_RESETIDS		= 0x01,
	SPAWNCTL_SPAWN_SETPGROUP	= 0x02,
	SPAWNCTL_SPAWN_SETSIGDEF	= 0x04,
	SPAWNCTL_SPAWN_SETSIGMASK	= 0x08,
	SPAWNCTL_SPAWN_SETSCHEDPARAM	= 0x10,
	SPAWNCTL_SPAWN_SETSCHEDULER	= 0x20,
	SPAWNCTL_SPAWN_USEVFORK		= 0x40,
	SPAWNCTL_SPAWN_SETSID		= 0x80,
	SPAWNCTL_SPAWN_SETCGROUP	= 0x100,
	SPAWNCTL_SPAWN_SETSIGIGN	= 0x10000,
	SPAWNCTL_SPAWN_CLOEXEC_DEFAULT	= 0x20000,
	SPAWNCTL_SPAWN_NO_NEW_PRIVS	= 0x40000,
	SPAWNCTL_SPAWN_AUTOREAP		= 0x80000,
};

/**
 * spawnctl_spawn() - start a program, as posix_spawn(3)
 * @pid: where the process id of the child goes, or NULL; written on success only
 * @path: the program
 * @actions: what is done to its descriptors, or NULL
 * @attr: attributes, or NULL
 * @argv: arguments, ended by NULL; the first is the program's name
 * @envp: environment, ended by NULL
 *
 * Through the device it is two system calls, the child's execve(2) included, and
 * one more for each action. In the child everything is blocked until execve(2),
 * which gives it the caller's mask, or that of SETSIGMASK. A call that fails
 * leaves no child and no zombie; that one is waited for, and the process id stored,
 * before a handler of the calling thread can run. It is no cancellation point. It
 * takes SPAWNCTL_SPAWN_STACK bytes of the caller's stack at most, the child's
 * included, whatever it is given.
 *
 * Return: 0, or an error number: that of the ioctl, listed in
 * <linux/spawnctl.h>, or of clone(2); of the step that failed, which the
 * attributes can tell; of execve(2). A file without a known format is ENOEXEC.
 */
int spawnctl_spawn(pid_t *pid, const char *path, const spawnctl_file_actions_t *actions,
		   const spawnctl_attr_t *attr, char *const argv[], char *const envp[]);

/**
 * spawnctl_spawnp() - the same, with the program looked for in PATH
 *
 * PATH is the caller's, and without one /bin:/usr/bin, as in glibc. A name without
 * slash is ENAMETOOLONG when it is longer than NAME_MAX, and a directory longer than
 * PATH_MAX is passed over. A directory and a name that are longer than 256 bytes
 * together take a mapping for the time of the call, in which the calling thread handles
 * no signal; ENOMEM: there is no memory for that.
 */
int spawnctl_spawnp(pid_t *pid, const char *file, const spawnctl_file_actions_t *actions,
		    const spawnctl_attr_t *attr, char *const argv[], char *const envp[]);

/** SPAWNCTL_SPAWN_STACK - bytes of the caller's stack that a spawn takes, at most */
#define SPAWNCTL_SPAWN_STACK	3072

/*
 * File actions. They are done in the order in which they were added, and the
 * first that fails ends the spawn. Adding one fails with
 *	EBADF	(a descriptor is negative, or not below RLIMIT_NOFILE),
 *	ENOMEM.
 */

/** spawnctl_file_actions_init() - make an empty list; free it with _destroy() */
int spawnctl_file_actions_init(spawnctl_file_actions_t **actions);
/** spawnctl_file_actions_destroy() - free a list; NULL is let pass */
int spawnctl_file_actions_destroy(spawnctl_file_actions_t *actions);
/** spawnctl_file_actions_addopen() - close @fd, and open @path (copied) as @fd */
int spawnctl_file_actions_addopen(spawnctl_file_actions_t *actions, int fd,
				  const char *path, int oflag, mode_t mode);
/** spawnctl_file_actions_addclose() - close @fd; that it is not open is no error */
int spawnctl_file_actions_addclose(spawnctl_file_actions_t *actions, int fd);
/** spawnctl_file_actions_adddup2() - dup2(2); equal ones clear FD_CLOEXEC */
int spawnctl_file_actions_adddup2(spawnctl_file_actions_t *actions, int fd, int newfd);
/** spawnctl_file_actions_addchdir() - chdir(2); @path is copied */
int spawnctl_file_actions_addchdir(spawnctl_file_actions_t *actions, const char *path);
/** spawnctl_file_actions_addfchdir() - fchdir(2) */
int spawnctl_file_actions_addfchdir(spawnctl_file_actions_t *actions, int fd);
/** spawnctl_file_actions_addclosefrom() - close all descriptors from @from on */
int spawnctl_file_actions_addclosefrom(spawnctl_file_actions_t *actions, int from);
/** spawnctl_file_actions_addtcsetpgrp() - tcsetpgrp(3) to the child's group */
int spawnctl_file_actions_addtcsetpgrp(spawnctl_file_actions_t *actions, int tcfd);

/*
 * Attributes. A value has an effect only with its flag. Setters answer EINVAL to
 * what can never be right; getters do not fail.
 */

/** spawnctl_attr_init() - make attributes: no flags, all values 0 */
int spawnctl_attr_init(spawnctl_attr_t **attr);
/** spawnctl_attr_destroy() - free attributes; NULL is let pass */
int spawnctl_attr_destroy(spawnctl_attr_t *attr);
/** spawnctl_attr_setflags() - or of enum spawnctl_spawn_flags; EINVAL: unknown */
int spawnctl_attr_setflags(spawnctl_attr_t *attr, unsigned int flags);
int spawnctl_attr_getflags(const spawnctl_attr_t *attr, unsigned int *flags);
/** spawnctl_attr_setpgroup() - process group, 0: a new one; EINVAL: negative */
int spawnctl_attr_setpgroup(spawnctl_attr_t *attr, pid_t pgroup);
int spawnctl_attr_getpgroup(const spawnctl_attr_t *attr, pid_t *pgroup);
/** spawnctl_attr_setsigdefault() - signals to reset though the caller ignores them */
int spawnctl_attr_setsigdefault(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigdefault(const spawnctl_attr_t *attr, sigset_t *set);
/**
 * spawnctl_attr_setsigignore() - signals to ignore, as illumos has it
 *
 * EINVAL: SIGKILL or SIGSTOP is one. A signal that is to be both default and
 * ignored fails the spawn with EINVAL.
 */
int spawnctl_attr_setsigignore(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigignore(const spawnctl_attr_t *attr, sigset_t *set);
/** spawnctl_attr_setsigmask() - the new program's signal mask; libc's own signals
 * below SIGRTMIN are left out, as by sigprocmask(3)
 */
int spawnctl_attr_setsigmask(spawnctl_attr_t *attr, const sigset_t *set);
int spawnctl_attr_getsigmask(const spawnctl_attr_t *attr, sigset_t *set);
/** spawnctl_attr_setschedpolicy() - SCHED_OTHER, _FIFO or _RR; else EINVAL */
int spawnctl_attr_setschedpolicy(spawnctl_attr_t *attr, int policy);
int spawnctl_attr_getschedpolicy(const spawnctl_attr_t *attr, int *policy);
/** spawnctl_attr_setschedparam() - priority, 0 to 99, else EINVAL; of which the
 * policy may take less, as the spawn finds
 */
int spawnctl_attr_setschedparam(spawnctl_attr_t *attr, const struct sched_param *param);
int spawnctl_attr_getschedparam(const spawnctl_attr_t *attr, struct sched_param *param);
/** spawnctl_attr_setcgroup() - descriptor of a cgroup v2 directory; EBADF: negative */
int spawnctl_attr_setcgroup(spawnctl_attr_t *attr, int fd);
int spawnctl_attr_getcgroup(const spawnctl_attr_t *attr, int *fd);

/**
 * spawnctl_attr_setbackend() - demand a backend
 * @backend: the spawn fails if it is not there; SPAWNCTL_BACKEND_ANY takes the
 *	best there is
 *
 * Without a descriptor given, the library takes that of the environment with which
 * the program was started: SPAWNCTL_FD, or what systemd passes (LISTEN_FDS) under
 * the name "spawnctl"; both are left out in a program that has gained rights
 * (AT_SECURE). Else it opens the device at first use and keeps it, close-on-exec,
 * with a number from 32 on if it can. A program may close that: it is opened again.
 */
int spawnctl_attr_setbackend(spawnctl_attr_t *attr, enum spawnctl_backend backend);

/**
 * spawnctl_attr_setdevice() - demand the device, by this descriptor
 * @fd: descriptor of /dev/spawnctl, which stays the caller's; -1: none given.
 *	If it is closed or something else by the time of the spawn, that answers
 *	EBADF or ENOTTY
 */
int spawnctl_attr_setdevice(spawnctl_attr_t *attr, int fd);

/**
 * spawnctl_attr_setpidfd() - have a pidfd of the child as well
 * @pidfd: where a spawn that succeeds stores it, close-on-exec; NULL: none
 */
int spawnctl_attr_setpidfd(spawnctl_attr_t *attr, int *pidfd);

/**
 * spawnctl_attr_setfailure() - be told which step failed
 * @failure: filled in by each spawn with these attributes; NULL: not wanted
 */
int spawnctl_attr_setfailure(spawnctl_attr_t *attr, struct spawnctl_failure *failure);

#ifdef __cplusplus
}
#endif

#endif /* SPAWNCTL_SPAWN_H */
