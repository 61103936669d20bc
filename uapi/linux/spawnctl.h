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
 * Every command takes a pointer to one struct. The struct's first member is its
 * size in bytes, as the caller knows it. If the struct is shorter than the
 * module's, the module takes the missing members as zero. If it is longer, the
 * part that the module does not know must be zero, or the call is refused.
 * Signal sets are 64-bit masks in which bit (n - 1) stands for signal n, as in
 * the Sig lines of /proc/PID/status.
 *
 * A call that fails has made no child and has changed nothing, with four
 * exceptions. SPAWN and FORK may have stored -1 at the address in @pidfd of struct
 * spawnctl_clone. SPAWN may have rewritten @mask of struct spawnctl_hold with the
 * value that @mask had, to test that it is writable. The calling thread may keep
 * no_new_privs, see SPAWNCTL_NO_NEW_PRIVS. INFO that fails with EFAULT may have
 * written a part of its struct.
 *
 * Whether the caller may use the command on this descriptor is checked before the
 * struct is read. So with an invalid struct a caller can find out whether this check
 * fails. All other errors, except ENOTTY, are found after @size has been read. Among them
 * is EPERM for a child under a seccomp filter that calls SPAWN while its parent waits.
 *
 * The errors of all commands are:
 *
 *  - EFAULT: The struct, the __s32 for the pidfd, or the struct spawnctl_hold
 *    cannot be read or written.
 *  - EINVAL: @size is less than that of the struct's first version (the VER0
 *    value); a flag or a command bit is unknown, or the command does not take
 *    the flag; a member is set without its flag; @exit_signal is above 64, or is
 *    not 0 with SPAWNCTL_AUTOREAP; only one of @stack and @stack_size is set; the
 *    stack is too small to be aligned, or is not in user space; SIGKILL or
 *    SIGSTOP is in @sig_ignore; a signal is in both @sig_default and @sig_ignore;
 *    SPAWNCTL_NO_WAIT is set without @stack, without @child_tid or together with
 *    SPAWNCTL_HOLD or SPAWNCTL_CGROUP; @child_tid is not a multiple of 4;
 *    both SPAWNCTL_EXEC_MASK and SPAWNCTL_EXEC_KEEP_MASK are set; @pidfd and
 *    @parent_tid are given and are the same address; the caller has called
 *    unshare(CLONE_NEWTIME) (SPAWN only, on kernels before 6.2).
 *  - E2BIG: @size is more than a page, or a part of the struct that the module
 *    does not know is not zero.
 *  - EOPNOTSUPP: The module has the flag, but this kernel lacks what the flag
 *    needs (CLONE_AUTOREAP for SPAWNCTL_AUTOREAP, cgroups for SPAWNCTL_CGROUP); or
 *    the cgroup cannot hold processes with its current type ("domain invalid").
 *  - EACCES: The caller is under a seccomp filter, the module parameter
 *    allow_filtered is not set, and the call is open(2), or is SPAWN, FORK or
 *    LIMIT on a descriptor without SPAWNCTL_LIMIT_FILTERED; a caller under a
 *    seccomp filter sets SPAWNCTL_LIMIT_FILTERED, even if allow_filtered is set;
 *    or the caller may not put a process into the cgroup.
 *  - EPERM: LIMIT has taken away the command or a requested flag;
 *    SPAWNCTL_LIMIT_RESET is in force and @sig_ignore is not 0; a child of SPAWN,
 *    vfork(2) or CLONE_VFORK, under a seccomp filter, calls SPAWN while its parent
 *    waits, and the descriptor does not allow SPAWNCTL_NO_WAIT; or the caller is
 *    not an ordinary user-space task (it is a kernel thread, or a worker thread
 *    of the kernel such as io_uring's).
 *  - EDQUOT: The number of children that LIMIT allows has been made, or calls in
 *    progress have reserved the rest (a call that fails returns its reservation).
 *  - EAGAIN: RLIMIT_NPROC, the cgroup's pids.max, the system-wide limit on
 *    processes, or the number of children that LIMIT allows at a time is reached.
 *  - EBADF: @cgroup is not an open descriptor of a cgroup v2 directory.
 *  - EBUSY: The cgroup has controllers enabled for its children
 *    (cgroup.subtree_control).
 *  - ENOENT, ENODEV: The cgroup has been removed (ENODEV if this happens during
 *    the call). ENOENT also if cgroup2 is mounted with nsdelegate, and this cgroup
 *    or the caller's is outside the caller's cgroup namespace.
 *  - EMFILE, ENFILE: No descriptor is left for the pidfd.
 *  - ENOMEM: Out of memory, or the init process of the child's pid namespace is
 *    gone.
 *  - ENOTTY: The command is unknown.
 *
 * Any other error of clone3(2), for example an LSM's, is passed on unchanged.
 */
#define SPAWNCTL_MAGIC	0xEA	/* unassigned in Documentation's ioctl-number.rst */

/**
 * SPAWNCTL_ABI - version of this interface. Each release that extends it adds one. Version 1,
 * of the first release, includes the VER1 structs
 */
#define SPAWNCTL_ABI	1

/*
 * A seccomp filter sees the number of a command but not the struct. So each
 * operation that a filter may want to allow or deny is a command of its own.
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
 * @abi: Out: SPAWNCTL_ABI of the module
 * @commands: Out: commands that the module has and this descriptor allows, as
 *	bits (1 << SPAWNCTL_CMD_*)
 * @refusal: Out: an errno if no SPAWN or FORK by this caller on this descriptor can
 *	succeed now, regardless of the struct, otherwise 0. If it is EACCES (a seccomp filter) or
 *	EPERM (LIMIT has taken both commands away, or the caller is a kernel thread or a worker
 *	thread such as io_uring's), every call fails with it. The following causes are checked after
 *	the struct, so another errno can come first: EPERM (LIMIT has left only SPAWN, and this
 *	caller cannot use it while its parent waits), EDQUOT (all children that LIMIT allows have
 *	been made, or are reserved by calls in progress) and EAGAIN (@live is at least @most_live)
 * @spawn_flags: Out: flags that this descriptor allows, of those that SPAWN
 *	supports on this kernel
 * @fork_flags: Out: the same for FORK
 * @exec_pending: Out: children of SPAWN, on the whole system, that were given
 *	an exec mask and have neither executed a program nor ended. Each holds
 *	a reference to the module: this explains why rmmod(8) reports it in use.
 *	0 for a caller under a seccomp filter
 * @children: Out: how many more children LIMIT allows through this descriptor,
 *	after one is subtracted for each call in progress; SPAWNCTL_NO_LIMIT if the
 *	number was never limited
 * @limits: Out: which of SPAWNCTL_LIMIT_NO_NEW_PRIVS, _RESET, _FILTERED and _KILL
 *	are in force
 * @limit_flags: Out: the flags SPAWNCTL_LIMIT_* that LIMIT knows
 * @id: Out: number of the open file description behind this descriptor, as used in
 *	events (linux/spawnctl_netlink.h). Each open(2) of the device gets a new
 *	number; descriptors that share the open file description have the same
 *	number. 0 for a caller under a seccomp filter
 * @live: Out: the number of children of the job of this open file description that are
 *	alive, plus the number of calls in progress that may add one. See @live of struct
 *	spawnctl_limit
 * @most_live: Out: how many of them LIMIT allows at a time; SPAWNCTL_NO_LIMIT if that
 *	was never limited
 *
 * INFO needs no permission other than the descriptor. It also works under a
 * seccomp filter, but then reveals nothing about other open file descriptions,
 * whether or not allow_filtered is set. @size is not changed, and no more than @size bytes
 * are written. Members that the module does not know stay 0.
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
	__aligned_u64 live;
	__aligned_u64 most_live;
};

#define SPAWNCTL_INFO_SIZE_VER0	56	/* up to @id */
#define SPAWNCTL_INFO_SIZE_VER1	72	/* up to @most_live */

/** SPAWNCTL_NO_LIMIT - the number of children is not limited by the descriptor */
#define SPAWNCTL_NO_LIMIT	(~0ULL)

/**
 * DOC: Flags of LIMIT
 *
 *  - SPAWNCTL_LIMIT_COMMANDS: @commands is given
 *  - SPAWNCTL_LIMIT_FLAGS: @clone_flags is given
 *  - SPAWNCTL_LIMIT_CHILDREN: @children is given
 *  - SPAWNCTL_LIMIT_NO_NEW_PRIVS: Every call that reserves a child from now on behaves
 *    as if SPAWNCTL_NO_NEW_PRIVS were set
 *  - SPAWNCTL_LIMIT_RESET: In every call that reserves a child from now on,
 *    @sig_default of struct spawnctl_clone counts as if it named all signals. So the
 *    calling thread blocks all signals during the call, with one exception: see
 *    "Exception" in the comment on struct spawnctl_clone. A call that sets
 *    @sig_ignore fails with EPERM
 *  - SPAWNCTL_LIMIT_FILTERED: Tasks under a seccomp filter may use the descriptor.
 *    This is the only flag that widens what the descriptor allows. Only a
 *    task that is not under a seccomp filter may set it (otherwise EACCES),
 *    and no task can set it after LIMIT itself has been taken away
 *  - SPAWNCTL_LIMIT_LIVE: @live is given
 *  - SPAWNCTL_LIMIT_KILL: Every child that a call reserves from now on is killed by
 *    SIGKILL if it is alive at the end of the open file description. Implies
 *    SPAWNCTL_LIMIT_NO_NEW_PRIVS. The open file description ends when
 *    its last descriptor is closed and its last call has returned. A child that has a
 *    descriptor of it keeps it open. Only children of SPAWN and FORK themselves are
 *    killed, not their descendants: for these, use cgroup.kill
 */
#define SPAWNCTL_LIMIT_COMMANDS		(1U << 0)
#define SPAWNCTL_LIMIT_FLAGS		(1U << 1)
#define SPAWNCTL_LIMIT_CHILDREN		(1U << 2)
#define SPAWNCTL_LIMIT_NO_NEW_PRIVS	(1U << 3)
#define SPAWNCTL_LIMIT_RESET		(1U << 4)
#define SPAWNCTL_LIMIT_FILTERED		(1U << 5)
#define SPAWNCTL_LIMIT_LIVE		(1U << 6)
#define SPAWNCTL_LIMIT_KILL		(1U << 7)

/**
 * struct spawnctl_limit - ioctl(SPAWNCTL_IOC_LIMIT)
 * @size: sizeof(struct spawnctl_limit)
 * @flags: Or of SPAWNCTL_LIMIT_*
 * @commands: Commands allowed from now on, as bits (1 << SPAWNCTL_CMD_*). Without
 *	the bit of LIMIT, no further LIMIT is possible. INFO is always allowed,
 *	with or without its bit
 * @clone_flags: Flags that SPAWN and FORK allow from now on
 * @children: How many more children may be made in total, by all tasks that share
 *	the open file description. Only calls that make a child count, and they count
 *	permanently: a child that ends does not make room for another. A call reserves
 *	one child after it has read the struct, until its result is known
 * @live: How many children in the job of the open file description may be alive at a
 *	time. A child belongs to the job if @live was limited, or SPAWNCTL_LIMIT_KILL was
 *	in force, when its call reserved it. A child that was reserved earlier does not
 *	belong to it, even if its call is still in progress. If more are alive when @live
 *	is set, they continue to run, and no call succeeds until fewer are alive. A child
 *	counts until its last thread has left user space for good, whether or not it is
 *	waited for. It may still have files and memory until it can be waited for. A call in
 *	progress counts, too. A call that would make one more fails with EAGAIN. As with
 *	@children, only a smaller number than before has an effect, so SPAWNCTL_NO_LIMIT
 *	changes nothing
 *
 * LIMIT permanently narrows the open file description behind the descriptor, for
 * all descriptors that share it (through dup(2), fork(2) or SCM_RIGHTS). In this
 * header, a descriptor allows what its open file description allows. After LIMIT,
 * a command is allowed only if it was allowed before and @commands names it, and a
 * flag only if it was allowed before and @clone_flags names it. INFO is always
 * allowed. @children applies only if it is smaller than the number that was left
 * before this call. That number includes, unlike @children of struct spawnctl_info,
 * the children that calls in progress have reserved.
 *
 * If @commands is not given, the commands up to SPAWNCTL_CMD_LIMIT stay as they are, and
 * all others are taken away. If @clone_flags is not given, the flags up to SPAWNCTL_HOLD
 * stay as they are, and all others are taken away. Otherwise a program that narrows a
 * descriptor would leave commands and flags of later versions allowed that it does not
 * know. SPAWNCTL_NO_WAIT is taken away for another reason: with it, a task whose seccomp
 * filter denies threads could run at the same time as a child in its memory. If
 * SPAWNCTL_NO_WAIT is not allowed, a child under a seccomp filter cannot call SPAWN
 * while its parent waits: if the child were killed during the call, its parent and its
 * own child would run at the same time in the same memory.
 *
 * A call that is already making its child is not stopped, but that child counts
 * against the new number in @children. If a child of SPAWN calls LIMIT before its parent
 * has returned, the number that it sets in @children includes the child itself.
 *
 * LIMIT does not affect other open file descriptions: a task that has permission
 * to open the device can get a new one without limits.
 */
struct spawnctl_limit {
	__u32 size;
	__u32 flags;
	__u32 commands;
	__u32 clone_flags;
	__aligned_u64 children;
	__aligned_u64 live;
};

#define SPAWNCTL_LIMIT_SIZE_VER0	24	/* up to @children */
#define SPAWNCTL_LIMIT_SIZE_VER1	32	/* up to @live */

/**
 * DOC: Flags of SPAWN and FORK
 *
 *  - SPAWNCTL_WINDOW_MASK: @window_mask is given
 *  - SPAWNCTL_EXEC_MASK: @exec_mask is given (SPAWN only)
 *  - SPAWNCTL_PIDFD: @pidfd is given
 *  - SPAWNCTL_CGROUP: @cgroup is given
 *  - SPAWNCTL_SHARE_FILES: The child shares the caller's descriptor table instead
 *    of getting a copy, as with CLONE_FILES of clone(2)
 *  - SPAWNCTL_NO_NEW_PRIVS: The child has no_new_privs, as after
 *    PR_SET_NO_NEW_PRIVS of prctl(2). On a kernel without CLONE_NNP the
 *    calling thread also has no_new_privs until the call returns, including
 *    during the sleep of SPAWN, and /proc/PID/status shows this. The calling
 *    thread keeps no_new_privs after the call if, during the call, another
 *    thread installs a seccomp filter on the calling thread
 *    (SECCOMP_FILTER_FLAG_TSYNC), or the credentials of the calling thread
 *    change (a Landlock domain, a session keyring)
 *  - SPAWNCTL_AUTOREAP: The kernel reaps the child when it ends, and no zombie is
 *    left. Needs @exit_signal 0. EOPNOTSUPP if the kernel has no
 *    CLONE_AUTOREAP
 *  - SPAWNCTL_SET_TID: If the caller has a clear_child_tid address, by its own
 *    set_tid_address(2) or by CLONE_CHILD_CLEARTID of the clone(2) that made it, the
 *    effect is that of CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID of clone(2) with
 *    this address. glibc's fork(3) does the same
 *    (FORK only: a child of SPAWN shares the caller's memory)
 *  - SPAWNCTL_EXEC_KEEP_MASK: Like SPAWNCTL_EXEC_MASK, but the mask at exec is the
 *    caller's own mask at the time of the call (SPAWN only)
 *  - SPAWNCTL_PARENT_SETTID: @parent_tid is given
 *  - SPAWNCTL_HOLD: @hold is given (SPAWN only)
 *  - SPAWNCTL_NO_WAIT: the call returns as soon as the child has been made, without
 *    waiting for it to execute a program or end. The caller and the child
 *    run at the same time, in the same memory. @stack and @child_tid must be given;
 *    SPAWNCTL_HOLD and SPAWNCTL_CGROUP must not be set (SPAWN only)
 */
#define SPAWNCTL_WINDOW_MASK	(1U << 0)
#define SPAWNCTL_EXEC_MASK	(1U << 1)
#define SPAWNCTL_PIDFD		(1U << 2)
#define SPAWNCTL_CGROUP		(1U << 3)
#define SPAWNCTL_SHARE_FILES	(1U << 4)
#define SPAWNCTL_NO_NEW_PRIVS	(1U << 5)
#define SPAWNCTL_AUTOREAP	(1U << 6)
#define SPAWNCTL_SET_TID	(1U << 7)
#define SPAWNCTL_EXEC_KEEP_MASK	(1U << 8)
#define SPAWNCTL_PARENT_SETTID	(1U << 9)
#define SPAWNCTL_HOLD		(1U << 10)
#define SPAWNCTL_NO_WAIT	(1U << 11)

/**
 * struct spawnctl_hold - keep signals blocked when SPAWN returns
 * @wanted: If this is not 0 when the sleep ends, SPAWN returns with the signals of
 *	@window_mask, @sig_default and @sig_ignore of struct spawnctl_clone blocked
 *	in the calling thread. The child can write this member, because it shares the
 *	caller's memory
 * @mask: Out, if SPAWN returns with signals blocked: the mask that the caller must
 *	restore with rt_sigprocmask(2)
 *
 * Purpose: the caller can reap a failed child before a handler of these signals runs in
 * the calling thread. A child that clears @wanted just before it executes its program
 * saves the caller the system call that restores the mask.
 */
struct spawnctl_hold {
	__aligned_u64 wanted;
	__aligned_u64 mask;
};

/**
 * struct spawnctl_clone - ioctl(SPAWNCTL_IOC_SPAWN), ioctl(SPAWNCTL_IOC_FORK)
 * @size: sizeof(struct spawnctl_clone)
 * @flags: Or of the flags of SPAWN and FORK
 * @stack: Lowest address of the child's stack. Its top, @stack + @stack_size
 *	rounded down to a multiple of 16, becomes the child's stack pointer. 0:
 *	the child keeps the caller's stack pointer
 * @stack_size: Size of the stack in bytes; 0 if @stack is 0
 * @window_mask: Signals that are blocked in the child from its creation on. The window
 *	is the time from the child's creation until it executes a program or ends.
 *	Without an exec mask, which FORK never has, this mask stays after the window
 * @exec_mask: Signals that are blocked from the child's first successful execve(2)
 *	on, in place of the mask that the child has by then. If the program
 *	gains privileges (a set-user-ID program, or through an LSM; AT_SECURE),
 *	the new mask is the intersection of @exec_mask and the mask that the
 *	child has by then
 * @sig_default: Signals to reset to their default action even if the caller
 *	ignores them. Signals that the caller catches are reset even if they are not
 *	named here, unless @sig_ignore names them
 * @sig_ignore: Signals to ignore
 * @pidfd: Address of an __s32 in the caller's memory, where a pidfd of the child
 *	is stored. The pidfd is in the caller's descriptor table, close-on-exec
 * @cgroup: Descriptor of the cgroup v2 directory in which the child begins
 * @exit_signal: Signal that is sent to the caller's process when the child ends, 0
 *	for none. As with clone(2), execve(2) sets it to SIGCHLD, and a child
 *	with another exit signal can be waited for only with __WALL or __WCLONE.
 *	With SPAWNCTL_AUTOREAP no signal is ever sent
 * @parent_tid: Address of an __s32 in the caller's memory, where the child's
 *	process id is stored before the child runs. As with clone(2), the call
 *	succeeds even if the address cannot be written
 * @hold: Address of a struct spawnctl_hold. If it cannot be read and written before
 *	the child is made, the call fails with EFAULT. If it cannot be accessed
 *	later, for example because the child has unmapped it, no signal is kept
 *	blocked
 * @child_tid: Address of an __s32 in the caller's memory, with SPAWNCTL_NO_WAIT. When
 *	the child has executed a program or its first thread has ended, the kernel stores
 *	0 at this address and wakes one task that waits for it by futex(2), without
 *	FUTEX_PRIVATE_FLAG. After the store the first thread does not access the caller's
 *	memory any more, so its stack can be reused. The caller must store a value other
 *	than 0 before the call. As with CLONE_CHILD_CLEARTID of clone(2), nothing is stored
 *	if the address cannot be written, or if no other task uses the memory at that time
 *
 * SPAWN: the child shares the caller's memory. Unless SPAWNCTL_NO_WAIT is set, the
 * calling thread sleeps until the child has executed a program or its first thread has
 * ended. A child that makes threads must end them before its first thread ends, and
 * before one of them executes a program: they use the caller's memory. The sleep ends
 * early only if the caller's process is ended, by a signal or exit_group(2), or if another
 * of its threads calls execve(2). FORK: the child has a copy of the memory, as with fork(2).
 *
 * SPAWN cannot be called through libc's ioctl(). On a stack of its own, the child
 * would return from ioctl() with no return address on the stack. On the caller's
 * stack, the child would overwrite the caller's frames. SPAWN must be called by
 * assembly code that handles both returns, such as that of libspawnctl.
 *
 * Both commands return twice, as fork(2) does: the child's process id in the
 * caller, 0 in the child.
 *
 * In the child, every signal that the caller catches has its default action, unless
 * @sig_ignore names it. Its sa_flags are 0 and its sa_mask is empty. Signals that the
 * caller ignores stay ignored, unless @sig_default names them. The child inherits no
 * pending signal. Only signals that were sent to the child itself can be pending, or those
 * that were sent to several processes (a group, or all) during the call. Without
 * @window_mask the child has the caller's mask. SIGKILL and SIGSTOP have no effect in a
 * mask or in @sig_default.
 *
 * On kernels before 5.16 a child that dumps core ends all processes that share its
 * memory, including the caller's. On these kernels, a signal whose default action
 * is to dump core, for example SIGQUIT from a terminal, should be blocked in
 * @window_mask. This matters most if the caller catches the signal: a child of
 * vfork(2) would run the handler, but in a child of SPAWN the default action
 * occurs. The signal of a fault in the child itself, such as SIGSEGV, takes effect
 * even if it is blocked.
 *
 * During SPAWN and FORK, the calling thread defers (blocks) the signals of
 * @window_mask, @sig_default and @sig_ignore. On return it has its own mask again,
 * unless SPAWNCTL_HOLD keeps the signals blocked.
 *
 * Exception, if the process has other threads: signals that the kernel drops both for
 * the process and for the child are not deferred, unless the caller's own mask blocks
 * them. These are SIGCHLD, SIGCONT, SIGURG and SIGWINCH at SIG_DFL or SIG_IGN, and any
 * other signal at SIG_IGN that is not in @sig_default. Reason: the kernel does not drop
 * a blocked signal. It would queue the signal and wake another thread, whose
 * epoll_wait(2) or similar call would fail with EINTR. In the init process of a pid
 * namespace, the exception also applies to every signal at SIG_DFL, because the kernel
 * drops these in that process too.
 *
 * Until the kernel has set the child's mask, the signals of this exception are
 * unblocked in the child too. If one of them is sent to the child in that time, the
 * kernel drops it. A child of an init process is different: the default action of a
 * signal at SIG_DFL occurs, which can end the child. In every process, if another thread
 * changes the action of a signal of this exception during the call, the new action can
 * occur in the child. A handler never runs there: the default action occurs in its place.
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
	__aligned_u64 child_tid;
};

#define SPAWNCTL_CLONE_SIZE_VER0	88	/* up to @hold */
#define SPAWNCTL_CLONE_SIZE_VER1	96	/* up to @child_tid */

#endif /* _UAPI_LINUX_SPAWNCTL_H */
