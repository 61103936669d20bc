// SPDX-License-Identifier: GPL-2.0
/*
 * A tracer of the caller gets the events of vfork(2) for SPAWN, and the event of
 * fork(2) for FORK (of clone(2) if the exit signal is not SIGCHLD). The child is
 * traced from its first instruction.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include "ring.h"
#include "spawnctl_test.h"

#define OPTIONS	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
		 PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL)

FIXTURE(ptrace)
{
	int fd;
};

FIXTURE_VARIANT(ptrace)
{
	unsigned long command;
	int exit_signal;
	int event;
	int vfork_done;
};

FIXTURE_VARIANT_ADD(ptrace, spawn)
{
	.command = SPAWNCTL_IOC_SPAWN,
	.exit_signal = SIGCHLD,
	.event = PTRACE_EVENT_VFORK,
	.vfork_done = 1,
};

FIXTURE_VARIANT_ADD(ptrace, spawn_without_exit_signal)
{
	.command = SPAWNCTL_IOC_SPAWN,
	.exit_signal = 0,
	.event = PTRACE_EVENT_VFORK,
	.vfork_done = 1,
};

FIXTURE_VARIANT_ADD(ptrace, fork)
{
	.command = SPAWNCTL_IOC_FORK,
	.exit_signal = SIGCHLD,
	.event = PTRACE_EVENT_FORK,
};

FIXTURE_VARIANT_ADD(ptrace, fork_without_exit_signal)
{
	.command = SPAWNCTL_IOC_FORK,
	.exit_signal = 0,
	.event = PTRACE_EVENT_CLONE,
};

FIXTURE_SETUP(ptrace)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(ptrace)
{
	close(self->fd);
}

static pid_t start_tracee(int fd, unsigned long command, int exit_signal)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = exit_signal };
	pid_t pid = fork();
	long child;

	if (pid)
		return pid;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	child = raw_spawn_exit(fd, command, &clone);
	_exit(child > 0 && wait_status(child) == 0 ? 17 : 1);
}

TEST_F(ptrace, events)
{
	int events = 0, dones = 0, status;
	unsigned long child = 0, done = 0;
	pid_t tracee, pid;
	int child_stopped = 0, child_ended = 0, tracee_code = -1;

	tracee = start_tracee(self->fd, variant->command, variant->exit_signal);
	ASSERT_LT(0, tracee);
	ASSERT_EQ(tracee, waitpid(tracee, &status, __WALL));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, tracee, NULL, OPTIONS));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, tracee, NULL, NULL));
	for (;;) {
		int deliver = 0;

		pid = waitpid(-1, &status, __WALL);
		if (pid == -1 && errno == ECHILD)
			break;
		ASSERT_LT(0, pid);
		if (!WIFSTOPPED(status)) {
			if (pid == tracee)
				tracee_code = WIFEXITED(status) ? WEXITSTATUS(status) : -2;
			else
				child_ended += WIFEXITED(status) && WEXITSTATUS(status) == 0;
			continue;
		}
		if (pid == tracee && status >> 16 == variant->event) {
			events++;
			ASSERT_EQ(0, ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child));
		} else if (pid == tracee && status >> 16 == PTRACE_EVENT_VFORK_DONE) {
			dones++;
			ASSERT_EQ(0, ptrace(PTRACE_GETEVENTMSG, pid, NULL, &done));
		} else if (pid != tracee && WSTOPSIG(status) == SIGSTOP) {
			/* Every traced child begins with this stop */
			child_stopped++;
		} else {
			EXPECT_EQ(SIGCHLD, WSTOPSIG(status))
				TH_LOG("stop %#x of %d", status, pid);
			deliver = WSTOPSIG(status);
		}
		ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, deliver));
	}
	EXPECT_EQ(1, events);
	EXPECT_EQ(variant->vfork_done, dones);
	EXPECT_EQ(1, child_stopped);
	EXPECT_EQ(1, child_ended);
	EXPECT_EQ(17, tracee_code);
	EXPECT_LT(0UL, child);
	if (variant->vfork_done)
		EXPECT_EQ(child, done);
}

#ifndef PTRACE_SETSIGMASK
#define PTRACE_SETSIGMASK 0x420b
#endif

/*
 * While a caller waits, it has the widened mask. If its tracer sets another mask during
 * this time, the caller must keep that mask. It does so with vfork(2), which is the
 * control. Returns 1 if the caller has kept it, 0 if not, or -1.
 */
static int mask_after(int fd, int use_vfork, __u64 set)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.exit_signal = SIGCHLD,
	};
	pid_t tracee = fork(), pid;
	int status;

	if (!tracee) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		if (use_vfork) {
			if (!vfork())
				_exit(0);
		} else {
			raw_spawn_exit(fd, SPAWNCTL_IOC_SPAWN, &clone);
		}
		_exit(current_mask() == set);
	}
	if (waitpid(tracee, &status, __WALL) != tracee ||
	    ptrace(PTRACE_SETOPTIONS, tracee, NULL, OPTIONS) ||
	    ptrace(PTRACE_CONT, tracee, NULL, NULL))
		return -1;
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == tracee && WIFEXITED(status))
			return WEXITSTATUS(status);
		if (!WIFSTOPPED(status))
			continue;
		if (status >> 16 == PTRACE_EVENT_VFORK &&
		    ptrace(PTRACE_SETSIGMASK, pid, sizeof(set), &set))
			return -1;
		ptrace(PTRACE_CONT, pid, NULL, 0);
	}
	return -1;
}

TEST(mask_set_by_tracer_is_kept)
{
	int fd = spawnctl_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mask_after(fd, 1, SIGBIT(SIGUSR2)))
		TH_LOG("control: vfork()");
	EXPECT_EQ(1, mask_after(fd, 0, SIGBIT(SIGUSR2)));
	close(fd);
}

struct closer {
	int fd;
	int event;
};

/*
 * The child has a copy of the descriptor table, and closes the device in it. Once the
 * caller's descriptor is closed too, only the call itself holds the file.
 */
static int close_and_tell(void *arg)
{
	const struct closer *closer = arg;
	const __u64 one = 1;

	raw_syscall(SYS_close, closer->fd);
	return raw_syscall(SYS_write, closer->event, &one, sizeof(one)) != sizeof(one);
}

/* Has io_uring close the descriptor of the call, as task work of the caller at a ptrace event */
static int close_meanwhile(int fd)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	struct closer closer = { .fd = fd, .event = eventfd(0, 0) };
	struct ring ring;
	pid_t pid;

	if (closer.event < 0 || ring_setup(&ring) || ptrace(PTRACE_TRACEME, 0, NULL, NULL) ||
	    raise(SIGSTOP))
		return 1;
	ring.sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD, .fd = closer.event, .poll_events = POLLIN,
		.flags = IOSQE_IO_LINK,
	};
	ring.sqes[1] = (struct io_uring_sqe){ .opcode = IORING_OP_CLOSE, .fd = fd };
	if (ring_submit(&ring, 2, 0))
		return 2;
	pid = spawnctl_thread(fd, &clone, close_and_tell, &closer);
	if (pid < 0 || wait_status(pid))
		return 3;
	return fcntl(fd, F_GETFD) == -1 ? 0 : 4;
}

/*
 * At a ptrace event, in the middle of kernel_clone(), a task runs its task work. So
 * io_uring can close the descriptor of the call that is in progress.
 */
TEST(descriptor_closed_at_an_event)
{
	int status, dones = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(close_meanwhile(open("/dev/spawnctl", O_RDWR | O_CLOEXEC)));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		int deliver = WSTOPSIG(status);

		if (status >> 16 == PTRACE_EVENT_VFORK_DONE) {
			dones++;
			deliver = 0;
			/* The call holds the file, and the file holds the module */
			EXPECT_EQ(-1, syscall(SYS_delete_module, "spawnctl", O_NONBLOCK));
			EXPECT_EQ(EAGAIN, errno);
		}
		ptrace(PTRACE_CONT, pid, NULL, deliver);
	}
	EXPECT_EQ(1, dones);
	EXPECT_TRUE(is_exit(status, 0))
		TH_LOG("status %#x", status);
}

TEST_HARNESS_MAIN
