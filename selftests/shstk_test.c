// SPDX-License-Identifier: GPL-2.0
/*
 * The library under user shadow stacks, on a machine that has none. A tracer
 * single-steps caller and child, and models the shadow stack of an x86 CPU with CET, or the
 * guarded control stack of an arm64 CPU: a call pushes its return address, and a ret must go to
 * the address in the entry that it pops. A child of vfork begins with the caller's shadow stack
 * pointer, in the caller's shadow stack. An entry that it pops and overwrites is lost to the
 * caller.
 *
 * Each architecture with ARCH_SINGLE_STEP defines:
 *
 * ARCH_PC(), ARCH_RETURN_ADDRESS()	The program counter, and the return address after a call,
 *					in a struct user_regs_struct.
 * ARCH_RETURNING_VFORK			The body of returning_vfork().
 * arch_is_call(), arch_is_return()	Whether the instruction in these 8 bytes is one.
 * arch_is_feature_check()		Whether it asks the CPU for its shadow stack.
 * ARCH_ANSWER_FEATURE_CHECK()		Sets the result of that to "on".
 */
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#ifndef ARCH_SINGLE_STEP

/*
 * riscv64: besides, only the instructions sspush and sspopchk use the shadow stack there, and
 * compilers do not emit them by default. The library's assembly has none. arm: 32-bit programs have
 * no shadow stack on any CPU.
 */
TEST(return_addresses)
{
	SKIP(return, "single-step: this kernel does not have it");
}

#else

#define ENTRIES	4096

#define __noipa __attribute__((__noipa__))

/*
 * Control: a vfork that differs from the library's only in that its child returns by a
 * ret. Its parameters are in the registers that the system call takes them from, or, on i386, on
 * the stack.
 */
pid_t returning_vfork(int fd, unsigned long command, const void *clone)
	__attribute__((__returns_twice__));
__asm__(".text\n"
	".globl returning_vfork\n"
	".type returning_vfork, %function\n"
	"returning_vfork:\n"
	ARCH_RETURNING_VFORK
	".size returning_vfork, . - returning_vfork\n");

enum kind { OTHER, CALL, RET, FEATURE_CHECK };

struct task {
	pid_t pid;
	unsigned int ssp;
	unsigned long pc;	/* of the instruction that is being stepped over */
	enum kind kind;		/* of the same */
	int status;		/* wait status at its end */
	unsigned int calls;
	unsigned int rets;
	unsigned int mismatches;
};

#define TASKS	4

struct model {
	unsigned long entry[ENTRIES];	/* 0: pushed before the model was started */
	struct task task[TASKS];	/* the caller, its child, its child's child */
	unsigned int tasks;
};

FIXTURE(shstk)
{
	int fd;
	struct model model;
};

FIXTURE_VARIANT(shstk)
{
	int (*run)(int fd);
	unsigned int children;
	int breaks;	/* the model must find a wrong return of the caller */
};

static __noipa int leaf(int value)
{
	__asm__ volatile("" : "+r" (value));
	return value + 1;
}

/* Calls and returns, with return addresses that occur nowhere else */
static __noipa int work(int value)
{
	value = leaf(value) + 1;
	value = leaf(value) + 1;
	__asm__ volatile("" : "+r" (value));
	return value;
}

/* Each of these functions returns 4 in the caller. The status of each child is 7. */
static __noipa int run_vfork(int fd)
{
	pid_t pid = spawnctl_vfork(fd);

	if (pid == 0)
		raw_syscall(SYS_exit_group, work(3));
	return pid > 0 ? work(pid) - pid : -1;
}

static __noipa int run_nested_vfork(int fd)
{
	pid_t pid = spawnctl_vfork(fd);

	if (pid == 0)
		raw_syscall(SYS_exit_group, run_vfork(fd) == 4 ? work(3) : 1);
	return pid > 0 ? work(pid) - pid : -1;
}

static int work_in_thread(void *arg)
{
	return work((intptr_t)arg);
}

static __noipa int run_thread(int fd)
{
	pid_t pid = spawnctl_thread(fd, NULL, work_in_thread, (void *)3);

	return pid > 0 ? work(pid) - pid : -1;
}

static __noipa int run_returning_vfork(int fd)
{
	static const struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.exit_signal = SIGCHLD,
	};
	pid_t pid = returning_vfork(fd, SPAWNCTL_IOC_SPAWN, &clone);

	if (pid == 0)
		raw_syscall(SYS_exit_group, work(3));
	return pid > 0 ? work(pid) - pid : -1;
}

FIXTURE_VARIANT_ADD(shstk, vfork)
{
	.run = run_vfork,
	.children = 1,
};

FIXTURE_VARIANT_ADD(shstk, vfork_in_the_child_of_vfork)
{
	.run = run_nested_vfork,
	.children = 2,
};

FIXTURE_VARIANT_ADD(shstk, thread)
{
	.run = run_thread,
	.children = 1,
};

FIXTURE_VARIANT_ADD(shstk, control_child_that_returns)
{
	.run = run_returning_vfork,
	.children = 1,
	.breaks = 1,
};

FIXTURE_SETUP(shstk)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(shstk)
{
	close(self->fd);
}

static pid_t start_tracee(int fd, int (*run)(int fd))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/*
	 * Once untraced, so that the dynamic linker has nothing to resolve later: on i386 it jumps
	 * to the function by a ret
	 */
	if (run(fd) != 4 || waitpid(-1, NULL, 0) < 0)
		_exit(1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	return raw_syscall(SYS_exit_group, run(fd) == 4 ? 17 : 1);
}

/* The kind of the instruction at @pc */
static enum kind kind_at(pid_t pid, unsigned long pc)
{
	unsigned char code[8];
	unsigned int i;
	long word;

	for (i = 0; i < sizeof(code); i += sizeof(word)) {
		errno = 0;
		word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(pc + i), NULL);
		if (errno)
			return OTHER;
		memcpy(code + i, &word, sizeof(word));
	}
	if (arch_is_call(code))
		return CALL;
	if (arch_is_return(code))
		return RET;
	return arch_is_feature_check(code) ? FEATURE_CHECK : OTHER;
}

/* Updates the model for the instruction that has just been stepped over */
static void account(struct __test_metadata *_metadata, struct model *model, struct task *task)
{
	struct user_regs_struct regs;
	struct iovec whole = { &regs, sizeof(regs) };
	unsigned long expected;

	ASSERT_EQ(0, ptrace(PTRACE_GETREGSET, task->pid, (void *)NT_PRSTATUS, &whole));
	/* arm64 can report a step twice, if the instruction was a system call */
	if (task->pc == ARCH_PC(&regs))
		return;
	if (task->kind == CALL) {
		task->calls++;
		ASSERT_LT(0U, task->ssp);
		model->entry[--task->ssp] = ARCH_RETURN_ADDRESS(task->pid, &regs);
	} else if (task->kind == RET) {
		task->rets++;
		ASSERT_GT(ENTRIES + 0U, task->ssp);
		expected = model->entry[task->ssp++];
		task->mismatches += expected && expected != ARCH_PC(&regs);
	} else if (task->kind == FEATURE_CHECK) {
		ARCH_ANSWER_FEATURE_CHECK(&regs);
		ASSERT_EQ(0, ptrace(PTRACE_SETREGSET, task->pid, (void *)NT_PRSTATUS, &whole));
	}
	task->pc = ARCH_PC(&regs);
	task->kind = kind_at(task->pid, task->pc);
}

/* The task @pid. A new one begins with the shadow stack pointer of the newest, its caller. */
static struct task *task_of(struct __test_metadata *_metadata, struct model *model, pid_t pid)
{
	struct task *task;
	unsigned int i;

	for (i = 0; i < model->tasks; i++)
		if (model->task[i].pid == pid)
			return &model->task[i];
	ASSERT_GT(TASKS + 0U, model->tasks);
	task = &model->task[model->tasks++];
	task->pid = pid;
	task->status = -1;
	task->ssp = i ? model->task[i - 1].ssp : ENTRIES / 2;
	account(_metadata, model, task);
	return task;
}

TEST_F_TIMEOUT(shstk, return_addresses, 120)
{
	struct model *model = &self->model;
	unsigned int i;
	int status;
	pid_t pid;

	pid = start_tracee(self->fd, variant->run);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL));
	task_of(_metadata, model, pid);
	ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, NULL, 0));
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct task *task = task_of(_metadata, model, pid);
		int deliver = 0;

		if (!WIFSTOPPED(status)) {
			task->status = status;
			continue;
		}
		if (WSTOPSIG(status) == SIGTRAP && !(status >> 16))
			account(_metadata, model, task);
		else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP)
			deliver = WSTOPSIG(status);
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, NULL, deliver));
	}
	ASSERT_EQ(1 + variant->children, model->tasks);
	for (i = 0; i < model->tasks; i++) {
		struct task *task = &model->task[i];

		TH_LOG("task %u: %u calls, %u returns, %u wrong", i, task->calls, task->rets,
		       task->mismatches);
		/* All exit normally, as the machine has no shadow stacks */
		EXPECT_TRUE(WIFEXITED(task->status));
		EXPECT_EQ(i ? 7 : 17, WEXITSTATUS(task->status));
		EXPECT_LE(3U, task->calls);
		EXPECT_LE(3U, task->rets);
		if (!variant->breaks)
			EXPECT_EQ(0U, task->mismatches);
	}
	if (variant->breaks)
		EXPECT_LT(0U, model->task[0].mismatches);
}

#endif /* ARCH_SINGLE_STEP */

TEST_HARNESS_MAIN
