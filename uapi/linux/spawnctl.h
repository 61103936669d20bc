/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * spawnctl: start a process from any program, safely and fast.
 *
 * The user interface of /dev/spawnctl.
 */
#ifndef _UAPI_LINUX_SPAWNCTL_H
#define _UAPI_LINUX_SPAWNCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General ioctl format
 *
 * Every command takes a pointer to one struct, whose first member is its size
 * in bytes, as the caller knows it. A shorter struct than the kernel's is
 * taken as if the rest were zero; a longer one is refused unless what the
 * kernel does not know is zero. Signal sets are 64-bit masks in which bit
 * (n - 1) stands for signal n, as in the Sig lines of /proc/PID/status.
 *
 * A call that fails has made no child and has changed nothing, but that -1 may
 * be stored in the place for the pidfd, and @mask of struct spawnctl_hold be
 * written with what it was. EACCES and EPERM about the caller are answered
 * before the struct is looked at. Errors:
 *
 *  - EFAULT: The struct, the place for the pidfd, or the struct spawnctl_hold
 *    cannot be read or written.
 *  - EINVAL: @size is below the first version's (the VER0 value); a flag or
 *    command is unknown, or is not one of this command's; a member is set whose
 *    flag is not; @exit_signal is above 64, or not 0 with
 *    SPAWNCTL_AUTOREAP; the stack is without a size, a size without a stack,
 *    too small to be aligned, or not in user space; SIGKILL or SIGSTOP is to be
 *    ignored; a signal is to be both default and ignored; both flags for a mask
 *    at exec are given; @pidfd and @parent_tid are the same address; the caller has called
 *    unshare(CLONE_NEWTIME), on older kernels, 5.10 and 6.1 among them (SPAWN).
 *  - E2BIG: @size is more than a page, or a part of the struct that this kernel
 *    does not know is not zero.
 *  - EOPNOTSUPP: A known flag that this kernel cannot serve
 *    (SPAWNCTL_AUTOREAP; SPAWNCTL_CGROUP if it is built without cgroups), or a
 *    cgroup that cannot hold processes in its present type.
 *  - EACCES: The caller is under a seccomp filter, and the descriptor is not for
 *    such (SPAWN, FORK, LIMIT; open(2) always), unless the module's parameter
 *    allow_filtered is set; a caller under a filter asks for
 *    SPAWNCTL_LIMIT_FILTERED; or the caller may not put a process into that
 *    cgroup.
 *  - EPERM: LIMIT has taken away the command, or a flag that is asked for, or
 *    sig_ignore; or the caller is not an ordinary user-space task.
 *  - EDQUOT: LIMIT's number of children has been made, or is being made.
 *  - EAGAIN: RLIMIT_NPROC, the cgroup's pids.max, or the system's own limit on
 *    processes is reached.
 *  - EBADF: @cgroup is not an open descriptor of a cgroup v2 directory.
 *  - EBUSY: The cgroup hands controllers to its children.
 *  - ENOENT, ENODEV: The cgroup has been removed, ENODEV if that happens during
 *    the call; ENOENT also if it is outside the caller's cgroup namespace.
 *  - EMFILE, ENFILE: No descriptor is left for the pidfd.
 *  - ENOMEM: No memory, or the pid namespace's init is gone.
 *  - ENOTTY: The command is unknown, or the caller is a 32-bit program on a
 *    64-bit kernel.
 *
 * What else clone3(2) may answer, an LSM's refusal say, is passed on unchanged.
 */
#define SPAWNCTL_MAGIC	0xEA	/* free in Documentation's ioctl-number.rst */

/** SPAWNCTL_ABI - version of this interface; rises when it grows */
#define SPAWNCTL_ABI	1

/*
 * One command for each thing that a filter may want to allow or refuse, as a
 * seccomp filter sees the number and not the struct.
 */
enum {
	SPAWNCTL_CMD_INFO = 0x00,
	SPAWNCTL_CMD_SPAWN = 0x01,
	SPAWNCTL_CMD_FORK = 0x02,
	SPAWNCTL_CMD_LIMIT = 0x03,
};

#define SPAWNCTL_IOC_INFO	_IO(SPAWNCTL_MAGIC, SPAWNCTL_CMD_INFO)
#define SPAWNCTL_IOC_SPAWN	_IO(SPAWNCTL_MAGIC, SPAWNCTL_CMD_SPAWN)
#define SPAWNCTL_IOC_FORK	_IO(SPAWNCTL_MAGIC, SPAWNCTL_CMD_FORK)
#define SPAWNCTL_IOC_LIMIT	_IO(SPAWNCTL_MAGIC, SPAWNCTL_CMD_LIMIT)

/**
 * struct spawnctl_info - ioctl(SPAWNCTL_IOC_INFO)
 * @size: sizeof(struct spawnctl_info)
 * @abi: Out: SPAWNCTL_ABI of the kernel's side
 * @commands: Out: commands that exist and that this descriptor allows, as bits
 *	(1 << SPAWNCTL_CMD_*)
 * @refusal: Out: what this caller would be answered to every SPAWN and FORK on
 *	this descriptor, whatever it asked, and so why: 0 (not refused), EACCES
 *	(a seccomp filter), EPERM (LIMIT has taken both away, or the caller is a
 *	thread of the kernel's or io_uring's) or EDQUOT (no child is left)
 * @spawn_flags: Out: flags that SPAWN serves on this kernel and this descriptor
 *	allows
 * @fork_flags: Out: the same for FORK
 * @exec_pending: Out: children of SPAWN, on the whole system, that were given
 *	an exec mask and have neither executed a program nor ended. Each holds
 *	the module, so this explains an rmmod(8) that says it is in use. 0 for a
 *	caller under a seccomp filter
 * @children: Out: how many more children this descriptor may make, without those
 *	that are being made; SPAWNCTL_NO_LIMIT if that was never limited
 * @limits: Out: which of SPAWNCTL_LIMIT_NO_NEW_PRIVS, _RESET and _FILTERED are
 *	in force
 * @limit_flags: Out: the flags of enum spawnctl_limit_flags that LIMIT knows
 * @id: Out: number of the open file behind this descriptor, as events tell it
 *	(linux/spawnctl_netlink.h): each open(2) of the device gets another, and
 *	all who share the file see the same. 0 for a caller under a seccomp
 *	filter
 *
 * Needs no right but the descriptor. Works under a seccomp filter too, and then
 * tells nothing of other descriptors, whether allow_filtered is set or not.
 * @size stays as it was, and no more than that is written; what this kernel does
 * not know stays 0.
 */
struct spawnctl_info {
	__u32 size;
	__u32 abi;
	__u32 commands;
	__u32 refusal;
	__u32 spawn_flags;
	__u32 fork_flags;
	__aligned_u64 exec_pending;
	__aligned_u64 children;
	__u32 limits;
	__u32 limit_flags;
	__aligned_u64 id;
};

#define SPAWNCTL_INFO_SIZE_VER0	56

/** SPAWNCTL_NO_LIMIT - as many children as the system has room for */
#define SPAWNCTL_NO_LIMIT	(~0ULL)

/**
 * enum spawnctl_limit_flags - what struct spawnctl_limit narrows
 * @SPAWNCTL_LIMIT_COMMANDS: @commands is given
 * @SPAWNCTL_LIMIT_FLAGS: @clone_flags is given
 * @SPAWNCTL_LIMIT_CHILDREN: @children is given
 * @SPAWNCTL_LIMIT_NO_NEW_PRIVS: Every child has no_new_privs from its birth on, as
 *	if SPAWNCTL_NO_NEW_PRIVS were asked for. There is none without
 * @SPAWNCTL_LIMIT_RESET: No child ignores a signal: all are reset, as if
 *	@sig_default of struct spawnctl_clone named them all: so the calling
 *	thread blocks all of them until the call is over. To ask for
 *	@sig_ignore is EPERM
 * @SPAWNCTL_LIMIT_FILTERED: Tasks under a seccomp filter may use the descriptor.
 *	This one thing widens; only a task that is under none may say it (else
 *	EACCES), and none can once LIMIT itself is taken away
 */
enum spawnctl_limit_flags {
	SPAWNCTL_LIMIT_COMMANDS		= 1 << 0,
	SPAWNCTL_LIMIT_FLAGS		= 1 << 1,
	SPAWNCTL_LIMIT_CHILDREN		= 1 << 2,
	SPAWNCTL_LIMIT_NO_NEW_PRIVS	= 1 << 3,
	SPAWNCTL_LIMIT_RESET		= 1 << 4,
	SPAWNCTL_LIMIT_FILTERED		= 1 << 5,
};

/**
 * struct spawnctl_limit - ioctl(SPAWNCTL_IOC_LIMIT)
 * @size: sizeof(struct spawnctl_limit)
 * @flags: Or of enum spawnctl_limit_flags
 * @commands: Commands allowed from now on, as bits (1 << SPAWNCTL_CMD_*). Without
 *	LIMIT's bit this is the last call of LIMIT. INFO is always allowed, with
 *	its bit or without
 * @clone_flags: Those of enum spawnctl_flags that SPAWN and FORK may be asked for
 *	from now on
 * @children: How many more children may be made in all, by whoever makes them. Only
 *	a child that exists is counted, from the moment of its birth for ever; a
 *	call that is under way holds one back until it is known
 *
 * Narrows the open file description behind the descriptor for ever, for all who
 * share it: by dup(2), fork(2), SCM_RIGHTS. What is allowed after it is what was
 * allowed before and is here too, and the smaller number of children. Where
 * @commands or @clone_flags are not given, only those of the first version of this
 * interface stay allowed (up to SPAWNCTL_CMD_LIMIT and SPAWNCTL_HOLD): a descriptor
 * that was narrowed at all is closed to later ones that were not named. A call that
 * is making its child already is not stopped, but its child is counted, and so is
 * one that says LIMIT itself before its parent has come back from the call. Opening
 * the device again gives a description without limits to whoever may open it.
 */
struct spawnctl_limit {
	__u32 size;
	__u32 flags;
	__u32 commands;
	__u32 clone_flags;
	__aligned_u64 children;
};

#define SPAWNCTL_LIMIT_SIZE_VER0	24

/**
 * enum spawnctl_flags - which members of struct spawnctl_clone are given, and
 *	what else is wanted
 * @SPAWNCTL_WINDOW_MASK: @window_mask is given
 * @SPAWNCTL_EXEC_MASK: @exec_mask is given (SPAWN only)
 * @SPAWNCTL_PIDFD: @pidfd is given
 * @SPAWNCTL_CGROUP: @cgroup is given
 * @SPAWNCTL_SHARE_FILES: The child shares the caller's descriptor table, in
 *	place of getting a copy, as with CLONE_FILES of clone(2)
 * @SPAWNCTL_NO_NEW_PRIVS: no_new_privs is set in the child, as by
 *	PR_SET_NO_NEW_PRIVS of prctl(2). On a kernel without CLONE_NNP the
 *	calling thread has it too until the call returns, the sleep of SPAWN
 *	included, as /proc shows. The thread keeps it if another one puts a filter
 *	on it by TSYNC just then, or changes its credentials (a domain of
 *	Landlock's, a session keyring)
 * @SPAWNCTL_AUTOREAP: The child is reaped by the kernel when it ends and
 *	leaves no zombie; needs @exit_signal 0. EOPNOTSUPP where the kernel has
 *	no CLONE_AUTOREAP
 * @SPAWNCTL_SET_TID: The child's thread id is stored in the child's memory, and
 *	cleared when it ends, at the address that the caller gave to
 *	set_tid_address(2) or clone(2), if any, as fork(3) of glibc has it done
 *	(FORK only: SPAWN's memory is the caller's)
 * @SPAWNCTL_EXEC_KEEP_MASK: As SPAWNCTL_EXEC_MASK, with the mask that the caller
 *	has when it calls in place of @exec_mask (SPAWN only)
 * @SPAWNCTL_PARENT_SETTID: @parent_tid is given
 * @SPAWNCTL_HOLD: @hold is given (SPAWN only)
 */
enum spawnctl_flags {
	SPAWNCTL_WINDOW_MASK	= 1 << 0,
	SPAWNCTL_EXEC_MASK	= 1 << 1,
	SPAWNCTL_PIDFD		= 1 << 2,
	SPAWNCTL_CGROUP		= 1 << 3,
	SPAWNCTL_SHARE_FILES	= 1 << 4,
	SPAWNCTL_NO_NEW_PRIVS	= 1 << 5,
	SPAWNCTL_AUTOREAP	= 1 << 6,
	SPAWNCTL_SET_TID	= 1 << 7,
	SPAWNCTL_EXEC_KEEP_MASK	= 1 << 8,
	SPAWNCTL_PARENT_SETTID	= 1 << 9,
	SPAWNCTL_HOLD		= 1 << 10,
};

/**
 * struct spawnctl_hold - signals held back when SPAWN returns
 * @wanted: If it is not 0 when the sleep is over, as the child may have set it in
 *	the memory that it shares, the caller's thread goes on deferring what it
 *	defers in the sleep
 * @mask: Out, in that case: the mask that the caller has to put back, by
 *	rt_sigprocmask(2)
 *
 * So a child that fails can be waited for before any handler of the caller's
 * hears of it; and where all is well that costs no system call.
 */
struct spawnctl_hold {
	__aligned_u64 wanted;
	__aligned_u64 mask;
};

/**
 * struct spawnctl_clone - ioctl(SPAWNCTL_IOC_SPAWN), ioctl(SPAWNCTL_IOC_FORK)
 * @size: sizeof(struct spawnctl_clone)
 * @flags: Or of enum spawnctl_flags
 * @stack: Lowest address of the child's stack; its top, @stack + @stack_size
 *	rounded down to a multiple of 16, becomes the child's stack pointer. 0:
 *	the child goes on with the caller's stack pointer
 * @stack_size: Bytes of the stack; 0 if @stack is
 * @window_mask: Signals that are blocked in the child from its birth on. With
 *	FORK this is the child's signal mask for good
 * @exec_mask: Signals that are blocked from the child's first execve(2) on, in
 *	place of the mask it has by then. A program that gains rights (a
 *	set-user-ID one, or by an LSM; AT_SECURE) has no signal blocked by it that
 *	was not blocked already
 * @sig_default: Signals to reset to their default action, though the caller
 *	ignores them. Those that the caller catches always are
 * @sig_ignore: Signals to ignore
 * @pidfd: Address of an __s32; a pidfd of the child is stored there, in the
 *	caller's memory and descriptor table, close-on-exec
 * @cgroup: Descriptor of the cgroup v2 directory in which the child begins
 * @exit_signal: Sent to the caller's process when the child ends, 0 for none.
 *	As with clone(2), execve(2) makes it SIGCHLD, and a child that has
 *	another one is waited for only with __WALL or __WCLONE. With
 *	SPAWNCTL_AUTOREAP none is ever sent
 * @parent_tid: Address of an __s32; the child's process id is stored there, in
 *	the caller's memory, before the child runs. As with clone(2), that it
 *	cannot be stored is no error
 * @hold: Address of a struct spawnctl_hold, which the call must be able to read
 *	and write before it makes the child (EFAULT). If the child takes it away,
 *	nothing is held back
 *
 * SPAWN: the child shares the caller's memory, and the calling thread sleeps
 * until the child has executed a program or ended; only SIGKILL ends the sleep
 * early. FORK: the child has a copy of the memory, as from fork(2).
 *
 * SPAWN cannot be called through libc's ioctl(): the child would return from
 * that function on its own stack, where nothing is, or on the caller's, which it
 * would spoil. It needs a trampoline, such as libspawnctl has.
 *
 * Either returns twice, as fork(2): the child's process id in the caller, 0 in
 * the child.
 *
 * In the child, every signal that the caller catches has its default action,
 * with no sa_flags and an empty sa_mask; ignored signals stay ignored, except
 * as asked. No signal is pending but such as came for the child itself. If no
 * mask is given, the child has the caller's. SIGKILL and SIGSTOP in a mask or
 * in @sig_default have no effect.
 *
 * On kernels before 5.16 a child that dumps core ends all that share its memory,
 * the caller's process included. So a signal whose default action that is, SIGQUIT
 * from a terminal say, should be blocked in the window there, the more so if the
 * caller catches it: in a vfork(2) child his handler would run, in this one the
 * default action is taken. A fault of the child's own cannot be blocked.
 *
 * While SPAWN sleeps, the caller's thread defers the signals of @window_mask,
 * @sig_default and @sig_ignore; it has its own mask back on return, unless
 * SPAWNCTL_HOLD has it otherwise. If the process has other threads, a signal that
 * it ignores and this thread does not block is not deferred but dropped, as
 * ever; one that is queued would wake another thread and fail its system call
 * with EINTR. That exception does not cover a signal at SIG_IGN that is in
 * @sig_default, other than SIGCHLD, SIGCONT, SIGURG and SIGWINCH. The same holds
 * for what the init of a pid namespace has at its default action. In the instant
 * before the kernel has given the child its mask, such a signal acts on the child
 * as on any process with that action: it is dropped, or ends the child of an init;
 * or does what another thread has just made its action.
 */
struct spawnctl_clone {
	__u32 size;
	__u32 flags;
	__aligned_u64 stack;
	__aligned_u64 stack_size;
	__aligned_u64 window_mask;
	__aligned_u64 exec_mask;
	__aligned_u64 sig_default;
	__aligned_u64 sig_ignore;
	__aligned_u64 pidfd;
	__s32 cgroup;
	__u32 exit_signal;
	__aligned_u64 parent_tid;
	__aligned_u64 hold;
};

#define SPAWNCTL_CLONE_SIZE_VER0	88

#endif /* _UAPI_LINUX_SPAWNCTL_H */
