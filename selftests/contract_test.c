// SPDX-License-Identifier: GPL-2.0
/*
 * Provokes each error that <linux/spawnctl.h> documents for the contents of a request. Errors
 * that depend on the caller, or on the moment, are in refusal_test.c, those of cgroups in
 * cgroup_test.c, those of struct sizes in sizes_test.c. Two cannot be provoked from outside:
 * EPERM for a task that is not an ordinary user-space task, as no such task makes this ioctl,
 * and ENOMEM for lack of memory.
 */
#include <sched.h>
#include "contract.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define ALL_FLAGS	(SPAWNCTL_NO_WAIT | (SPAWNCTL_NO_WAIT - 1))
#define SPAWN_ONLY	(SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | SPAWNCTL_HOLD | \
			 SPAWNCTL_NO_WAIT)

/* The control: every refused call below differs from this one in one point only. */
TEST_F(contract, plain_call_is_accepted)
{
	both_accept(_metadata, self->fd, CLONE(), "no flags");
}

TEST_F(contract, efault_struct)
{
	struct spawnctl_clone *clone = CLONE();
	char *end = self->page + self->page_size;
	size_t cut;

	both_refuse(_metadata, self->fd, NULL, EFAULT, "struct at NULL");
	both_refuse(_metadata, self->fd, end, EFAULT, "struct in an unmapped page");
#if __SIZEOF_LONG__ == 8
	both_refuse(_metadata, self->fd, (void *)(1UL << 63), EFAULT, "struct in the kernel");
#endif
	both_refuse(_metadata, self->fd, (void *)-8UL, EFAULT, "struct at the last address");
	/* Only the first @cut bytes are mapped: from a part of @size to the whole struct. */
	for (cut = 1; cut <= sizeof(*clone); cut++) {
		memcpy(end - cut, clone, cut);
		if (cut < sizeof(*clone))
			both_refuse(_metadata, self->fd, end - cut, EFAULT,
				    "struct across a page end");
		else
			both_accept(_metadata, self->fd, end - cut, "struct at a page end");
	}
	memcpy(self->page, clone, sizeof(*clone));
	ASSERT_EQ(0, mprotect(self->page, self->page_size, PROT_READ));
	both_accept(_metadata, self->fd, self->page, "struct that cannot be written");
	ASSERT_EQ(0, mprotect(self->page, self->page_size, PROT_NONE));
	both_refuse(_metadata, self->fd, self->page, EFAULT, "struct that cannot be read");
}

TEST_F(contract, efault_info)
{
	struct spawnctl_info *info = (void *)self->page;
	char *end = self->page + self->page_size;

	info->size = sizeof(*info);
	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, info));
	ASSERT_EQ(0, mprotect(self->page, self->page_size, PROT_READ));
	EXPECT_EQ(-1, ioctl(self->fd, SPAWNCTL_IOC_INFO, info));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mprotect(self->page, self->page_size, PROT_READ | PROT_WRITE));
	info = (void *)(end - 4);
	info->size = sizeof(*info);
	EXPECT_EQ(-1, ioctl(self->fd, SPAWNCTL_IOC_INFO, info));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, SPAWNCTL_IOC_INFO, NULL));
	EXPECT_EQ(EFAULT, errno);
	nothing_left(_metadata, "INFO");
}

/* Returns the kernel's count of all tasks created since boot. */
static unsigned long forks_of_system(void)
{
	unsigned long count = 0;
	char line[512];
	FILE *file = fopen("/proc/stat", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "processes %lu", &count) == 1)
			break;
	if (file)
		fclose(file);
	return count;
}

TEST_F(contract, efault_pidfd)
{
	char *end = self->page + self->page_size;
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_PIDFD);
	unsigned long before = forks_of_system();
	unsigned long after;

	ASSERT_LT(0UL, before);
	both_refuse(_metadata, self->fd, clone, EFAULT, "pidfd at NULL");
	clone->pidfd = (uintptr_t)end;
	both_refuse(_metadata, self->fd, clone, EFAULT, "pidfd in an unmapped page");
	clone->pidfd = (uintptr_t)end - 2;
	both_refuse(_metadata, self->fd, clone, EFAULT, "pidfd across a page end");
	clone->pidfd = 1ULL << 63;
	both_refuse(_metadata, self->fd, clone, EFAULT, "pidfd in the kernel");
	ASSERT_EQ(0, mprotect(self->page, self->page_size, PROT_READ));
	clone->pidfd = (uintptr_t)self->page;
	both_refuse(_metadata, self->fd, clone, EFAULT, "pidfd in a read-only page");
	after = forks_of_system();
	/*
	 * A child that existed even briefly would be counted here. Kernel threads
	 * are counted too, but are fewer than REPEAT.
	 */
	EXPECT_GT((unsigned long)REPEAT, after - before);
}

TEST_F(contract, einval_flags)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (ALL_FLAGS & (1U << bit))
			continue;
		both_refuse(_metadata, self->fd, CLONE(.flags = 1U << bit), EINVAL,
			    "unknown flag");
	}
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(.flags = SPAWNCTL_SET_TID), EINVAL,
		"a flag of FORK only");
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(.flags = SPAWNCTL_EXEC_MASK), EINVAL,
		"a flag of SPAWN only");
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(.flags = SPAWNCTL_EXEC_KEEP_MASK),
		EINVAL, "a flag of SPAWN only");
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(.flags = SPAWNCTL_HOLD), EINVAL,
		"a flag of SPAWN only");
	refused(_metadata, self->fd, SPAWNCTL_IOC_FORK,
		CLONE(.flags = SPAWNCTL_NO_WAIT, .stack = (uintptr_t)self->page,
		      .stack_size = self->page_size, .child_tid = (uintptr_t)self->page),
		EINVAL, "a flag of SPAWN only");
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN,
		CLONE(.flags = SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK), EINVAL,
		"two masks at exec");
}

TEST_F(contract, einval_no_wait)
{
	struct spawnctl_hold hold = { 0 };
	const struct spawnctl_clone good = {
		.size = sizeof(good), .flags = SPAWNCTL_NO_WAIT,
		.stack = (uintptr_t)self->page, .stack_size = self->page_size,
		.child_tid = (uintptr_t)self->page,
	};
	struct spawnctl_clone clone = good;

	accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, "NO_WAIT");
	clone.stack = 0;
	clone.stack_size = 0;
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, EINVAL, "no stack");
	clone = good;
	clone.child_tid = 0;
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, EINVAL, "no child_tid");
	clone.child_tid = good.child_tid + 2;
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, EINVAL, "not a multiple of 4");
	clone = good;
	clone.flags |= SPAWNCTL_HOLD;
	clone.hold = (uintptr_t)&hold;
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, EINVAL, "with HOLD");
	clone = good;
	clone.flags |= SPAWNCTL_CGROUP;
	clone.cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, &clone, EINVAL, "with CGROUP");
	close(clone.cgroup);
}

TEST_F(contract, einval_member_without_flag)
{
	int pidfd = -1;

	both_refuse(_metadata, self->fd, CLONE(.window_mask = 1), EINVAL, "window_mask");
	both_refuse(_metadata, self->fd, CLONE(.exec_mask = 1), EINVAL, "exec_mask");
	both_refuse(_metadata, self->fd, CLONE(.pidfd = (uintptr_t)&pidfd), EINVAL, "pidfd");
	both_refuse(_metadata, self->fd, CLONE(.cgroup = 1), EINVAL, "cgroup");
	both_refuse(_metadata, self->fd, CLONE(.cgroup = -1), EINVAL, "cgroup -1");
	both_refuse(_metadata, self->fd, CLONE(.parent_tid = (uintptr_t)&pidfd), EINVAL,
		    "parent_tid");
	both_refuse(_metadata, self->fd, CLONE(.hold = 8), EINVAL, "hold");
	both_refuse(_metadata, self->fd, CLONE(.child_tid = 8), EINVAL, "child_tid");
	both_refuse(_metadata, self->fd,
		    CLONE(.flags = SPAWNCTL_PIDFD | SPAWNCTL_PARENT_SETTID,
			  .pidfd = (uintptr_t)&pidfd, .parent_tid = (uintptr_t)&pidfd),
		    EINVAL, "pidfd and parent_tid at one address");
	EXPECT_EQ(-1, pidfd);
}

TEST_F(contract, einval_exit_signal)
{
	static const unsigned int bad[] = { 65, 66, 127, 128, 255, 256 + SIGCHLD, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		both_refuse(_metadata, self->fd, CLONE(.exit_signal = bad[i]), EINVAL,
			    "exit_signal");
	both_accept(_metadata, self->fd, CLONE(.exit_signal = SIGCHLD), "SIGCHLD");
	/* Signal 40 is blocked here (ODD_MASK), so that it does not end the test. */
	both_accept(_metadata, self->fd, CLONE(.exit_signal = 40), "a real-time exit signal");
	raw_sigprocmask(SIG_BLOCK, SIGBIT(64), NULL);
	EXPECT_LT(0, raw_spawn_exit(self->fd, SPAWNCTL_IOC_SPAWN, CLONE(.exit_signal = 64)));
	EXPECT_LT(0, waitpid(-1, NULL, __WALL));
}

TEST_F(contract, einval_stack)
{
	unsigned long page = (uintptr_t)self->page;

	both_refuse(_metadata, self->fd, CLONE(.stack = page), EINVAL, "stack without a size");
	both_refuse(_metadata, self->fd, CLONE(.stack_size = 4096), EINVAL, "size without a stack");
	both_refuse(_metadata, self->fd, CLONE(.stack = page, .stack_size = 15), EINVAL,
		    "stack too small to be aligned");
	both_refuse(_metadata, self->fd, CLONE(.stack = page + 8, .stack_size = 7), EINVAL,
		    "odd stack too small to be aligned");
	both_refuse(_metadata, self->fd, CLONE(.stack = 1ULL << 63, .stack_size = 4096), EINVAL,
		    "stack in the kernel");
	/* Regardless of the number of page table levels. */
	both_refuse(_metadata, self->fd,
		    CLONE(.stack = ARCH_USER_SPACE_END, .stack_size = 4096), EINVAL,
		    "stack above user space");
	both_refuse(_metadata, self->fd, CLONE(.stack = page, .stack_size = 1ULL << 63), EINVAL,
		    "stack that ends in the kernel");
	both_refuse(_metadata, self->fd, CLONE(.stack = page, .stack_size = ~0ULL), EINVAL,
		    "stack that wraps around");
	both_refuse(_metadata, self->fd, CLONE(.stack = ~0ULL - 15, .stack_size = 4096), EINVAL,
		    "stack that wraps around");
	both_accept(_metadata, self->fd, CLONE(.stack = page, .stack_size = 16), "smallest stack");
	both_accept(_metadata, self->fd, CLONE(.stack = page + 1, .stack_size = 31), "odd stack");
}

TEST_F(contract, einval_signals)
{
	both_refuse(_metadata, self->fd, CLONE(.sig_ignore = SIGBIT(SIGKILL)), EINVAL,
		    "SIGKILL ignored");
	both_refuse(_metadata, self->fd, CLONE(.sig_ignore = SIGBIT(SIGSTOP)), EINVAL,
		    "SIGSTOP ignored");
	both_refuse(_metadata, self->fd, CLONE(.sig_ignore = ~0ULL), EINVAL, "all signals ignored");
	both_refuse(_metadata, self->fd,
		    CLONE(.sig_ignore = SIGBIT(64), .sig_default = SIGBIT(64) | SIGBIT(1)),
		    EINVAL, "a signal both default and ignored");
	both_accept(_metadata, self->fd, CLONE(.sig_ignore = ~UNBLOCKABLE),
		    "all ignored but SIGKILL and SIGSTOP");
	both_accept(_metadata, self->fd, CLONE(.sig_default = ~0ULL), "all signals default");
	both_accept(_metadata, self->fd,
		    CLONE(.flags = SPAWNCTL_WINDOW_MASK, .window_mask = ~0ULL),
		    "all signals blocked");
}

/*
 * Kernels before 6.2 cannot share memory across time namespaces and answer EINVAL. vfork(),
 * which fails there too, shows which kind of kernel this is.
 */
TEST_F(contract, einval_time_namespace)
{
	int may;
	pid_t pid;

	ASSERT_EQ(0, unshare(CLONE_NEWTIME));
	pid = vfork();
	if (pid == 0)
		_exit(0);
	may = pid > 0;
	EXPECT_TRUE(may || errno == EINVAL);
	if (may)
		EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(kernel_at_least(6, 2), may);
	if (may)
		accepted(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), "other time namespace");
	else
		refused(_metadata, self->fd, SPAWNCTL_IOC_SPAWN, CLONE(), EINVAL,
			"other time namespace");
	accepted(_metadata, self->fd, SPAWNCTL_IOC_FORK, CLONE(), "other time namespace");
}

TEST_F(contract, eopnotsupp_autoreap)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	struct spawnctl_clone *clone = CLONE(.flags = SPAWNCTL_AUTOREAP);

	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	EXPECT_EQ(info.spawn_flags & SPAWNCTL_AUTOREAP, info.fork_flags & SPAWNCTL_AUTOREAP);
	/* EINVAL on every kernel, with or without CLONE_AUTOREAP */
	both_refuse(_metadata, self->fd,
		    CLONE(.flags = SPAWNCTL_AUTOREAP, .exit_signal = SIGCHLD), EINVAL,
		    "autoreap with an exit signal");
	both_refuse(_metadata, self->fd, CLONE(.flags = SPAWNCTL_AUTOREAP, .exit_signal = 1),
		    EINVAL, "autoreap with an exit signal");
	if (!(info.spawn_flags & SPAWNCTL_AUTOREAP)) {
		EXPECT_FALSE(kernel_at_least(7, 1));
		both_refuse(_metadata, self->fd, clone, EOPNOTSUPP, "autoreap");
		return;
	}
	EXPECT_TRUE(kernel_at_least(7, 0));
}

/* INFO on a fresh descriptor reports every command and served flag, and no limit. */
TEST_F(contract, info_is_true)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	unsigned int known = ALL_FLAGS & ~SPAWNCTL_AUTOREAP;

	ASSERT_EQ(0, ioctl(self->fd, SPAWNCTL_IOC_INFO, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(SPAWNCTL_ABI + 0U, info.abi);
	EXPECT_EQ(1U << SPAWNCTL_CMD_INFO | 1U << SPAWNCTL_CMD_SPAWN | 1U << SPAWNCTL_CMD_FORK |
		  1U << SPAWNCTL_CMD_LIMIT, info.commands);
	EXPECT_EQ(0U, info.refusal);
	EXPECT_EQ(SPAWNCTL_NO_LIMIT, info.children);
	EXPECT_EQ(0U, info.limits);
	EXPECT_EQ(SPAWNCTL_LIMIT_KILL * 2U - 1, info.limit_flags);
	EXPECT_EQ(known & ~SPAWNCTL_SET_TID, info.spawn_flags & ~SPAWNCTL_AUTOREAP);
	EXPECT_EQ(known & ~SPAWN_ONLY, info.fork_flags & ~SPAWNCTL_AUTOREAP);
}

TEST_F(contract, enotty_commands)
{
	struct spawnctl_clone *clone = CLONE();
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		unsigned long command = _IO(SPAWNCTL_MAGIC, nr);

		if (nr <= SPAWNCTL_CMD_LIMIT)
			continue;
		EXPECT_EQ(-1, ioctl(self->fd, command, clone));
		EXPECT_EQ(ENOTTY, errno)
			TH_LOG("command %u", nr);
	}
	/* A valid number with a wrong type, direction or size. */
	EXPECT_EQ(-1, ioctl(self->fd, _IO(SPAWNCTL_MAGIC + 1, SPAWNCTL_CMD_FORK), clone));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IO(SPAWNCTL_MAGIC - 1, SPAWNCTL_CMD_SPAWN), clone));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IOW(SPAWNCTL_MAGIC, SPAWNCTL_CMD_FORK,
					   struct spawnctl_clone), clone));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IOR(SPAWNCTL_MAGIC, SPAWNCTL_CMD_SPAWN,
					   struct spawnctl_clone), clone));
	EXPECT_EQ(ENOTTY, errno);
	nothing_left(_metadata, "unknown command");
}

#ifdef raw_ioctl32
/* A 32-bit program on a 64-bit kernel uses the same structs */
TEST_F(contract, caller_32_bit)
{
	union {
		struct spawnctl_clone clone;
		struct spawnctl_info info;
		struct spawnctl_limit limit;
		__s32 pidfd[1024];
	} *arg = mmap(NULL, self->page_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned int at = (uintptr_t)arg, i;
	long pid;

	ASSERT_NE(MAP_FAILED, arg);
	for (i = 0; i < ARRAY_SIZE(births); i++) {
		arg->clone = *CLONE();
		arg->clone.flags = SPAWNCTL_PIDFD;
		arg->clone.pidfd = (uintptr_t)&arg->pidfd[512];
		pid = raw_ioctl32(self->fd, births[i], at);
		EXPECT_EQ(0, wait_status(pid));
		EXPECT_EQ(0, close(arg->pidfd[512]));
		arg->clone.exit_signal = 65;
		EXPECT_EQ(-EINVAL, raw_ioctl32(self->fd, births[i], at));
	}
	arg->info = (struct spawnctl_info){ .size = sizeof(arg->info) };
	EXPECT_EQ(0, raw_ioctl32(self->fd, SPAWNCTL_IOC_INFO, at));
	EXPECT_LT(0U, arg->info.abi);
	EXPECT_EQ(SPAWNCTL_NO_LIMIT, arg->info.children);
	EXPECT_EQ(-ENOTTY, raw_ioctl32(self->fd, _IO(SPAWNCTL_MAGIC, 0x7f), at));
	arg->limit = (struct spawnctl_limit){
		.size = sizeof(arg->limit),
		.flags = SPAWNCTL_LIMIT_COMMANDS,
		.commands = 1U << SPAWNCTL_CMD_FORK,
	};
	EXPECT_EQ(0, raw_ioctl32(self->fd, SPAWNCTL_IOC_LIMIT, at));
	arg->clone = *CLONE();
	EXPECT_EQ(-EPERM, raw_ioctl32(self->fd, SPAWNCTL_IOC_SPAWN, at));
	EXPECT_EQ(0, wait_status(raw_ioctl32(self->fd, SPAWNCTL_IOC_FORK, at)));
}
#endif

/* The device supports no read(2), write(2), pread(2) or mmap(2). */
TEST_F(contract, no_read_write_or_mmap)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, self->page_size, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_HARNESS_MAIN
