// SPDX-License-Identifier: GPL-2.0
/*
 * If libc's posix_spawn(3) and vfork(2) work under a filter, the libraries must work too:
 * a system call that only the libraries make traps into the program's handler of SIGSYS,
 * or is refused, or kills the child. The libraries must also work if clone3(2) fails with
 * the errors of kernels, emulators and filters.
 */
#include "preload_self.h"

#include <dlfcn.h>
#include <elf.h>
#include <spawn.h>
#include <spawnctl/rfork.h>
#include <spawnctl/spawn.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

#include "filter.h"

#define UNPRIVILEGED	65534

extern char **environ;

static volatile sig_atomic_t trapped;

/* Like the handler of a broker, which answers in the kernel's place: ENOSYS */
static void answer(int sig, siginfo_t *info, void *context)
{
	ARCH_UCONTEXT_RESULT(context) = -ENOSYS;
	trapped++;
}

static int trap(unsigned int nr)
{
	struct sigaction action = { .sa_sigaction = answer, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSYS, &action, NULL) || filter(nr, SECCOMP_RET_TRAP);
}

static char *nothing[] = { program_path, "nothing", "0", NULL };

static int spawn_nothing(const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr)
{
	pid_t pid;
	int error = spawnctl_spawn(&pid, program_path, actions, attr, nothing, environ);

	return error ? error : wait_status(pid);
}

static int by_posix_spawn(void)
{
	pid_t pid;
	int error = posix_spawn(&pid, program_path, NULL, NULL, nothing, environ);

	return error ? error : wait_status(pid);
}

/* A macro, as the function that makes the child must not return in the child */
#define EXECUTE_BY(call)						\
({									\
	pid_t pid = call;						\
									\
	if (!pid) {							\
		execve(program_path, nothing, environ);			\
		_exit(99);						\
	}								\
	pid < 0 ? errno : wait_status(pid);				\
})

static __attribute__((__noinline__)) int by_vfork(void)
{
	return EXECUTE_BY(vfork());
}

static __attribute__((__noinline__)) int by_rfspawn(void)
{
	return EXECUTE_BY(rfork(RFSPAWN));
}

static int exec_nothing(void *arg)
{
	execve(program_path, nothing, environ);
	return 99;
}

static int by_rfork_thread(void)
{
	static char stack[65536] __attribute__((__aligned__(16)));
	pid_t pid = rfork_thread(RFSPAWN, stack + sizeof(stack), exec_nothing, NULL);

	return pid < 0 ? errno : wait_status(pid);
}

FIXTURE(trap) {
	spawnctl_file_actions_t *actions;
};

FIXTURE_VARIANT(trap) {
	unsigned int nr;
};

FIXTURE_VARIANT_ADD(trap, openat) { .nr = SYS_openat };
FIXTURE_VARIANT_ADD(trap, ioctl) { .nr = SYS_ioctl };
/* By which the library looks at the device */
#ifdef SYS_newfstatat
FIXTURE_VARIANT_ADD(trap, newfstatat) { .nr = SYS_newfstatat };
#else
FIXTURE_VARIANT_ADD(trap, fstatat64) { .nr = SYS_fstatat64 };
#endif
FIXTURE_VARIANT_ADD(trap, clone3) { .nr = SYS_clone3 };
FIXTURE_VARIANT_ADD(trap, close_range) { .nr = 436 };

FIXTURE_SETUP(trap)
{
	ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 3));
}

FIXTURE_TEARDOWN(trap)
{
	spawnctl_file_actions_destroy(self->actions);
}

/* The handler runs in the caller, and the library goes on with what libc would do */
TEST_F(trap, in_the_caller)
{
	int i;

	ASSERT_EQ(0, trap(variant->nr));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, spawn_nothing(NULL, NULL));
	EXPECT_EQ(0, by_rfspawn());
	EXPECT_EQ(0, by_rfork_thread());
	/* Control: the system call does trap */
	trapped = 0;
	syscall(variant->nr, -1, 0, 0, 0, 0);
	EXPECT_EQ(1, trapped);
}

/* A descriptor of the device that filtered tasks may use, or -1 */
static int open_marked(void)
{
	const struct spawnctl_limit marked = {
		.size = sizeof(marked), .flags = SPAWNCTL_LIMIT_FILTERED,
	};
	int fd = spawnctl_open();

	return spawnctl_narrow(fd, &marked) ? -1 : fd;
}

/* Demands a backend; the device by @fd */
static int demand(spawnctl_attr_t *attr, int backend, int fd)
{
	int error = spawnctl_attr_setbackend(attr, backend);

	return error ? error :
	       spawnctl_attr_setdevice(attr, backend == SPAWNCTL_BACKEND_DEVICE ? fd : -1);
}

/*
 * For a long PATH the library maps memory, and unmaps it after the spawn: the handler runs for
 * munmap(2), too, on each backend.
 */
TEST(long_path_is_unmapped)
{
	char path[300 + PATH_MAX], *file = strrchr(program_path, '/') + 1;
	int fd = open_marked(), backend;
	spawnctl_attr_t *attr;
	pid_t pid;

	/* Two directories, as each name is at most NAME_MAX bytes long */
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[150] = '/';
	snprintf(path + 300, PATH_MAX, ":%.*s", (int)(file - program_path), program_path);
	ASSERT_EQ(0, setenv("PATH", path, 1));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, trap(SYS_munmap));
	for (backend = SPAWNCTL_BACKEND_DEVICE; backend <= SPAWNCTL_BACKEND_CLONE; backend++) {
		ASSERT_EQ(0, demand(attr, backend, fd));
		trapped = 0;
		EXPECT_EQ(0, spawnctl_spawnp(&pid, file, NULL, attr, nothing, environ));
		EXPECT_EQ(0, wait_status(pid));
		EXPECT_EQ(1, trapped) TH_LOG("backend %d", backend);
	}
	spawnctl_attr_destroy(attr);
	close(fd);
}

/* A child that has failed is waited for: the handler runs for waitid(2), too, on each backend */
TEST(failed_child_is_reaped)
{
	struct spawnctl_result result = { .size = sizeof(result) };
	int fd = open_marked(), backend;
	spawnctl_attr_t *attr;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	/* With a pidfd, the child is waited for by waitid(2) */
	ASSERT_EQ(0, spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_PIDFD));
	ASSERT_EQ(0, trap(SYS_waitid));
	for (backend = SPAWNCTL_BACKEND_DEVICE; backend <= SPAWNCTL_BACKEND_CLONE; backend++) {
		ASSERT_EQ(0, demand(attr, backend, fd));
		trapped = 0;
		EXPECT_EQ(ENOENT, spawnctl_spawn_result(&result, "/nowhere", NULL, attr, nothing,
							environ));
		EXPECT_EQ(1, trapped) TH_LOG("backend %d", backend);
		EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));
		EXPECT_EQ(ECHILD, errno);
	}
	spawnctl_attr_destroy(attr);
	close(fd);
}

/* If close_range(2), which makes the child's table, is fatal, only the child dies */
TEST_F(trap, kills_the_child_alone)
{
	pid_t pid;

	if (variant->nr != 436)
		return;
	pid = fork();
	if (!pid) {
		if (filter(436, SECCOMP_RET_KILL_PROCESS))
			_exit(1);
		_exit((spawn_nothing(self->actions, NULL) & 127) == SIGSYS ? 7 : 2);
	}
	/* Before 5.16 a signal that dumps core ends all processes that share the memory */
	EXPECT_TRUE(kernel_at_least(5, 16) ? exited_with(pid, 7) :
					     (wait_status(pid) & 127) == SIGSYS);
}

/* Installs a filter that gives @answer to a clone(2) with @flag and without @without */
static int filter_clone(unsigned int flag, unsigned int without, unsigned int answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, without, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return install_filter(&program);
}

/* As in libc, the child does not look up a process group that the caller has given */
TEST(tcsetpgrp_without_getpgid)
{
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addtcsetpgrp(actions, ends[0]));
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETPGROUP));
	ASSERT_EQ(0, spawnctl_attr_setpgroup(attr, getpgrp()));
	ASSERT_EQ(0, filter(SYS_getpgid, SECCOMP_RET_KILL_PROCESS));
	/* A pipe is no terminal */
	EXPECT_EQ(ENOTTY, spawn_nothing(actions, attr));
	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
}

/* A filter that allows only the flags with which libc calls clone(2) does not break a spawn */
TEST(clone_files_is_refused)
{
	static const int errors[] = { EPERM, EACCES, EINVAL };
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	unsigned int i;

	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_CLONE));
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		/* Of several filters that answer with an errno, the newest one's counts */
		ASSERT_EQ(0, filter_clone(CLONE_FILES, 0, SECCOMP_RET_ERRNO | errors[i]));
		EXPECT_EQ(0, spawn_nothing(actions, attr));
		EXPECT_EQ(0, spawn_nothing(NULL, attr));
	}
	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
}

#ifdef ARCH_REGS_ARG0

/* By clone(2), a spawn that closes descriptors, and two starts with the same mapping */
static int spawn_and_start(void)
{
	spawnctl_file_actions_t *actions;
	struct spawnctl_result result = { .size = sizeof(result) };
	char *argv[] = { program_path, "exit", "5", NULL };
	spawnctl_start_t *start;
	spawnctl_attr_t *attr;
	int i;

	CHECK(!spawnctl_attr_init(&attr));
	CHECK(!spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_CLONE));
	CHECK(!spawnctl_file_actions_init(&actions));
	CHECK(!spawnctl_file_actions_addclosefrom(actions, 3));
	CHECK(!spawn_nothing(actions, attr));
	spawnctl_file_actions_destroy(actions);
	for (i = 0; i < 2; i++) {
		CHECK(!spawnctl_spawn_start(&start, program_path, NULL, attr, argv, environ));
		CHECK(!spawnctl_start_wait(start, NULL, &result));
		CHECK(!result.error);
		CHECK(exited_with(result.pid, 5));
		spawnctl_start_free(start);
	}
	CHECK(!spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_STOP));
	CHECK(spawnctl_spawn_start(&start, program_path, NULL, attr, argv, environ) == EINVAL);
	spawnctl_attr_destroy(attr);
	return 0;
}

/*
 * By filters, clone(2) is as under qemu-user: EINVAL for a child that shares the descriptor table,
 * and for one beside its parent in the same memory. For one that its parent would wait for, the
 * tracer takes the flags away.
 */
static int filter_as_emulator(void)
{
	return filter_clone(CLONE_FILES, 0, SECCOMP_RET_ERRNO | EINVAL) ||
	       filter_clone(CLONE_VM, CLONE_VFORK, SECCOMP_RET_ERRNO | EINVAL) ||
	       filter_clone(CLONE_VFORK, 0, SECCOMP_RET_TRACE);
}

static pid_t start_emulated(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit(filter_as_emulator() ? 99 : spawn_and_start());
}

static int copy_memory(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov))
		return -1;
	regs.ARCH_REGS_ARG0 &= ~(unsigned long)(CLONE_VM | CLONE_VFORK);
	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

/* The child is a copy of its parent. That of a start must not find zeros in its mapping. */
TEST(under_an_emulator)
{
	pid_t pid = start_emulated();
	int copies = 0, status;

	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL));
	for (;;) {
		ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		if (!WIFSTOPPED(status))
			break;
		if (status >> 16 == PTRACE_EVENT_SECCOMP) {
			ASSERT_EQ(0, copy_memory(pid));
			copies++;
		}
	}
	EXPECT_EQ(0, status);
	/* Control: the tracer has changed the calls */
	EXPECT_EQ(3, copies);
}

#endif

/* posix_spawn() and vfork() succeed under the preload library */
static int preloaded(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(!by_posix_spawn());
		CHECK(!by_vfork());
	}
	CHECK(open_fds() == 3);
	return 0;
}

/* The descriptor of the device is closed although the child has failed */
static int closed_under_the_preload(void)
{
	pid_t pid;

	CHECK(posix_spawn(&pid, "/nowhere", NULL, NULL, nothing, environ) == ENOENT);
	CHECK(trapped == 1);
	return 0;
}

TEST(failed_child_under_the_preload)
{
	int fd = open("/sys/module/spawnctl/parameters/allow_filtered", O_WRONLY);

	ASSERT_EQ(1, write(fd, "Y", 1));
	EXPECT_EQ(0, run_self(NULL, "--close", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(1, write(fd, "N", 1));
	close(fd);
}

TEST_F(trap, under_the_preload)
{
	char mode[32];

	/* clone3(2) is not the libraries' alone: some libcs call it too */
	snprintf(mode, sizeof(mode), "--trap-%u", variant->nr);
	EXPECT_EQ(0, run_self(NULL, mode, NULL)) TH_LOG("%s", said);
}

FIXTURE(refused) {
};

FIXTURE_VARIANT(refused) {
	int error;
};

FIXTURE_VARIANT_ADD(refused, enosys) { .error = ENOSYS };
FIXTURE_VARIANT_ADD(refused, einval) { .error = EINVAL };
FIXTURE_VARIANT_ADD(refused, eperm) { .error = EPERM };
FIXTURE_VARIANT_ADD(refused, eacces) { .error = EACCES };
FIXTURE_VARIANT_ADD(refused, eopnotsupp) { .error = EOPNOTSUPP };

FIXTURE_SETUP(refused)
{
}

FIXTURE_TEARDOWN(refused)
{
}

/*
 * If clone3(2) fails, each entry point uses the next backend. The filter also makes the
 * device refuse.
 */
TEST_F(refused, each_entry_point)
{
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum spawnctl_backend backend;
	spawnctl_attr_t *attr;

	ASSERT_LE(0, cgroup);
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, filter(SYS_clone3, SECCOMP_RET_ERRNO | variant->error));
	EXPECT_EQ(0, spawnctl_get_backend(NULL, &backend));
	EXPECT_EQ(SPAWNCTL_BACKEND_CLONE, backend);
	EXPECT_EQ(0, spawn_nothing(NULL, NULL));
	EXPECT_EQ(0, by_rfspawn());
	EXPECT_EQ(0, by_rfork_thread());
	/* If clone3(2) is demanded, the call fails with that error */
	EXPECT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_CLONE3));
	EXPECT_EQ(variant->error, spawnctl_get_backend(attr, &backend));
	EXPECT_EQ(variant->error, spawn_nothing(NULL, attr));
	/* Without clone3(2) there is no cgroup; its other errors can refer to that */
	EXPECT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_ANY));
	EXPECT_EQ(0, spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETCGROUP));
	EXPECT_EQ(0, spawnctl_attr_setcgroup(attr, cgroup));
	EXPECT_EQ(variant->error == ENOSYS ? EOPNOTSUPP : variant->error,
		  spawn_nothing(NULL, attr));
	spawnctl_attr_destroy(attr);
	close(cgroup);
}

TEST_F(refused, under_the_preload)
{
	char mode[32];

	snprintf(mode, sizeof(mode), "--refused-%d", variant->error);
	EXPECT_EQ(0, run_self(NULL, mode, NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "vfork: clone")) TH_LOG("%s", said);
}

/* With @room descriptors left, a spawn that cannot get one for the device still succeeds */
static int no_descriptor(unsigned int room)
{
	struct rlimit limit = { 3 + room, 64 };
	struct spawnctl_result result = { .size = sizeof(result) };
	char *argv[] = { "true", NULL };
	spawnctl_attr_t *attr;

	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(!by_posix_spawn());
	CHECK(!by_vfork());
	if (!room) {
		CHECK(open_fds() == 3);
		/* The lack of a descriptor does not count, and is not remembered, as absence */
		CHECK(!spawn_nothing(NULL, NULL));
		limit.rlim_cur = 64;
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		CHECK(!spawn_nothing(NULL, NULL));
		return device_fd(3) < 0;
	}
	/* spawnctl_spawn() keeps the device at the only free number, which the pidfd then needs */
	CHECK(!spawnctl_attr_init(&attr));
	CHECK(!spawn_nothing(NULL, NULL));
	CHECK(!spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_PIDFD));
	CHECK(!spawnctl_spawn_result(&result, "/bin/true", NULL, attr, argv, environ));
	CHECK(wait_status(result.pid) == 0);
	CHECK(result.pidfd >= 0);
	close(result.pidfd);
	return 0;
}

TEST(full_descriptor_table)
{
	EXPECT_EQ(0, run_self(NULL, "--room-0", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self(NULL, "--room-1", NULL)) TH_LOG("%s", said);
}

/* What libc's vfork() calls */
#ifdef SYS_vfork
#define VFORK_CALL	SYS_vfork
#else
#define VFORK_CALL	SYS_clone
#endif

/* The filter allows the system call of libc's vfork(), and no other way to make a process */
static int vfork_alone(void)
{
#ifdef SYS_vfork
	CHECK(!filter(SYS_clone, SECCOMP_RET_ERRNO | EPERM));
#endif
	CHECK(!filter(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS));
	CHECK(!by_vfork());
	/* That one traps too: the handler gives ENOSYS, and no process can be made */
	CHECK(!trap(VFORK_CALL));
	CHECK(by_vfork() == ENOSYS);
	return 0;
}

TEST(vfork_is_the_last_backend)
{
	EXPECT_EQ(0, run_self(NULL, "--only-vfork", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("clone", "--only-vfork", NULL)) TH_LOG("%s", said);
}

/*
 * EACCES for a cgroup that the caller may not put a process into does not count as
 * absence of the device: the next child is made by the device.
 */
static int refused_cgroup(void)
{
	int (*setcgroup)(posix_spawnattr_t *attr, int cgroup) =
		dlsym(RTLD_DEFAULT, "posix_spawnattr_setcgroup_np");
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	posix_spawnattr_t attr;
	pid_t pid;

	CHECK(setcgroup && cgroup >= 0);
	CHECK(!setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
	CHECK(!posix_spawnattr_init(&attr));
	CHECK(!posix_spawnattr_setflags(&attr, SPAWNCTL_SPAWN_SETCGROUP));
	CHECK(!setcgroup(&attr, cgroup));
	CHECK(posix_spawn(&pid, program_path, NULL, &attr, nothing, environ) == EACCES);
	CHECK(!by_vfork());
	return 0;
}

TEST(refused_cgroup_does_not_fall_back)
{
	ASSERT_EQ(0, chmod("/dev/spawnctl", 0666));
	EXPECT_EQ(0, run_self(NULL, "--cgroup", NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "vfork: device")) TH_LOG("%s", said);
	ASSERT_EQ(0, chmod("/dev/spawnctl", 0600));
}

static int run_mode(char **argv)
{
	const char *mode = argv[0], *number = strrchr(mode, '-') + 1;

	if (!strcmp(mode, "--only-vfork"))
		return vfork_alone();
	if (!strcmp(mode, "--cgroup"))
		return refused_cgroup();
	if (!strcmp(mode, "--close"))
		return trap(SYS_close) || closed_under_the_preload();
	if (!strncmp(mode, "--room", 6))
		return no_descriptor(atoi(number));
	if (!strncmp(mode, "--trap", 6))
		CHECK(!trap(atoi(number)));
	else
		CHECK(!filter(SYS_clone3, SECCOMP_RET_ERRNO | atoi(number)));
	return preloaded();
}

TEST_HARNESS_MAIN_OR(run_mode)
