// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fork a child with a clean signal state, as QEMU's qemu_fork().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch.h"
#include "descriptor.h"
#include "fork.h"
#include "signals.h"

/*
 * glibc registers the address of its cached thread id with the kernel (set_tid_address(2)), and
 * its mutexes use that id: the child's id must be stored there. musl registers the address of a
 * lock, which must not be overwritten.
 */
#ifdef __GLIBC__
#define SET_TID SPAWNCTL_SET_TID
#else
#define SET_TID 0
#endif

struct robust_list_head *spawnctl_robust_list(void)
{
	struct robust_list_head *robust = NULL;
	size_t len = 0;

	raw_syscall(SYS_get_robust_list, 0, &robust, &len);
	return robust;
}

/*
 * The kernel gives the child no robust list. The mutexes on the copied list are the parent's to
 * unlock, so the child registers an empty list.
 */
void spawnctl_new_robust_list(struct robust_list_head *robust)
{
	if (!robust)
		return;
	robust->list.next = &robust->list;
	robust->list_op_pending = NULL;
	raw_syscall(SYS_set_robust_list, robust, sizeof(*robust));
}

pid_t spawnctl_fork(int fd)
{
	const struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SET_TID,
		.window_mask = spawnctl_libc_signals(),
		.sig_default = SPAWNCTL_SIGSET_ALL,
		.exit_signal = SIGCHLD,
	};
	struct libc_handlers handlers;
	struct robust_list_head *robust;
	int saved = errno;
	pid_t pid;

	if (spawnctl_arch_emulated())
		return spawnctl_error(-ENOSYS);
	spawnctl_libc_handlers_get(&handlers);
	robust = spawnctl_robust_list();
	spawnctl_descriptor_before_fork();
	pid = ioctl(fd, SPAWNCTL_IOC_FORK, &clone);
	/* A child has no robust list: another driver, or a filter, has answered 0 to the caller */
	if (!pid && robust && spawnctl_robust_list() == robust)
		pid = spawnctl_error(-ENOTTY);
	if (!pid) {
		spawnctl_descriptor_in_fork(false);
		spawnctl_libc_handlers_set(&handlers);
		spawnctl_new_robust_list(robust);
	} else {
		spawnctl_descriptor_after_fork();
		if (pid < 0)
			return -1;
	}
	errno = saved;
	return pid;
}
