// SPDX-License-Identifier: GPL-2.0
/*
 * A descriptor that the libraries open reaches no process that has not asked for it, and none
 * is leaked, regardless of what interrupts a call.
 */
#include "filter.h"
#include "mounts.h"
#include "preload_self.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <spawnctl/rfork.h>
#include <spawnctl/spawn.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

extern char **environ;

static char *true_argv[] = { "true", NULL };

/* Counts the descriptors of the device in this thread's table */
static unsigned int devices(void)
{
	char name[64], target[64];
	unsigned int fd, n = 0;

	for (fd = 0; fd < 1024; fd++) {
		ssize_t len;

		snprintf(name, sizeof(name), "/proc/thread-self/fd/%u", fd);
		len = readlink(name, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		n += !strcmp(target, "/dev/spawnctl");
	}
	return n;
}

static int spawn_true(const spawnctl_attr_t *attr)
{
	pid_t pid;
	int error = spawnctl_spawn(&pid, "/bin/true", NULL, attr, true_argv, environ);

	return error ? error : wait_status(pid);
}

static struct {
	int stop;
	unsigned int spawns;
	pid_t thread;
} spawner;

/* Spawns until @spawner says stop: through the preload library if it is loaded, else libc */
static void *spawn_on(void *arg)
{
	pid_t pid;

	WRITE_ONCE(spawner.thread, raw_syscall(SYS_gettid));
	while (!READ_ONCE(spawner.stop)) {
		CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ));
		CHECK(waitpid(pid, NULL, 0) == pid);
		WRITE_ONCE(spawner.spawns, spawner.spawns + 1);
	}
	return arg;
}

static pid_t raw_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* Makes @n workers while another thread spawns. Returns how many inherited the device */
static unsigned int holders(pid_t (*make)(void), unsigned int n)
{
	unsigned int i, holding = 0;

	for (i = 0; i < n; i++) {
		pid_t pid = make();

		if (!pid) {
			unsigned int fd, found = 0;

			for (fd = 0; fd < 64; fd++) {
				struct stat st;

				found += !fstat(fd, &st) && S_ISCHR(st.st_mode) &&
					 major(st.st_rdev) == 10;
			}
			_exit(found);
		}
		CHECK(pid > 0);
		holding += wait_status(pid) != 0;
	}
	return holding;
}

static int beside_a_spawner(pid_t (*make)(void), unsigned int n)
{
	pthread_t thread;
	unsigned int holding;

	CHECK(!pthread_create(&thread, NULL, spawn_on, NULL));
	while (READ_ONCE(spawner.spawns) < 2)
		sched_yield();
	holding = holders(make, n);
	WRITE_ONCE(spawner.stop, 1);
	pthread_join(thread, NULL);
	fprintf(stderr, "# %u of %u workers hold the device\n", holding, n);
	CHECK(open_fds() == 3);
	return !!holding;
}

FIXTURE(descriptor) {
};

FIXTURE_SETUP(descriptor)
{
}

FIXTURE_TEARDOWN(descriptor)
{
}

/*
 * A worker that fork(3) makes while another thread is in posix_spawn(3) does not inherit the
 * device. The control: a worker made by the raw system call, which runs no handlers of
 * pthread_atfork(3), does inherit it.
 */
TEST_F_TIMEOUT(descriptor, preload_fork_during_spawn, 240)
{
	EXPECT_EQ(0, run_self("device", "--workers", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(1, run_self("device", "--raw-workers", NULL));
	EXPECT_NE(NULL, strstr(said, "workers hold the device")) TH_LOG("%s", said);
}

static bool is_device(pid_t pid, int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, "/dev/spawnctl");
}

/* Stops the spawning thread of the parent where it has opened the device, for 200 ms */
static void stop_after_open(int peer)
{
	struct __ptrace_syscall_info info = { 0 };
	pid_t thread = spawner.thread;
	bool opens = false;
	int status;
	char byte;

	CHECK(!ptrace(PTRACE_SEIZE, thread, NULL, PTRACE_O_TRACESYSGOOD));
	CHECK(!ptrace(PTRACE_INTERRUPT, thread, NULL, NULL));
	for (;;) {
		CHECK(waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status));
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
				opens = info.entry.nr == SYS_openat;
			else if (opens && is_device(getppid(), info.exit.rval))
				break;
		}
		CHECK(!ptrace(PTRACE_SYSCALL, thread, NULL, NULL));
	}
	CHECK(write(peer, "", 1) == 1);
	CHECK(read(peer, &byte, 1) == 1);
	usleep(200000);
	/* With its tracer's end the thread continues */
	_exit(0);
}

static int beside_a_slow_open(void)
{
	unsigned int holding;
	pthread_t thread;
	int peer[2];
	pid_t tracer;
	char byte;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer));
	CHECK(!pthread_create(&thread, NULL, spawn_on, NULL));
	while (READ_ONCE(spawner.spawns) < 2)
		sched_yield();
	tracer = fork();
	if (!tracer)
		stop_after_open(peer[1]);
	close(peer[1]);
	CHECK(read(peer[0], &byte, 1) == 1);
	CHECK(write(peer[0], "", 1) == 1);
	holding = holders(fork, 1);
	WRITE_ONCE(spawner.stop, 1);
	CHECK(!wait_status(tracer));
	pthread_join(thread, NULL);
	return holding;
}

/*
 * The same if the spawning thread does not run for a long time (on a busy machine, for example)
 * after it has opened the device, and before it has listed the descriptor.
 */
TEST_F(descriptor, preload_fork_beside_a_slow_open)
{
	EXPECT_EQ(0, run_self("device", "--slow", NULL)) TH_LOG("%s", said);
}

static sigjmp_buf before_open;
static int left_open;

static void leave_open(int sig)
{
	siglongjmp(before_open, 1);
}

/* Leaves a spawn by siglongjmp(3) out of its open(2) of the device, and lives on */
static void *hold_for_ever(void *arg)
{
	struct sigaction action = { .sa_handler = leave_open };
	pid_t pid;

	CHECK(!sigaction(SIGSYS, &action, NULL));
	CHECK(!filter(SYS_openat, SECCOMP_RET_TRAP));
	if (!sigsetjmp(before_open, 1))
		posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ);
	WRITE_ONCE(left_open, 1);
	for (;;)
		pause();
	return arg;
}

static unsigned long alarms;

static void count_alarm(int sig)
{
	alarms++;
}

static int beside_a_dead_holder(void)
{
	const struct itimerval fast = { { 0, 5000 }, { 0, 5000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
	pthread_t thread;
	__u64 start;
	int i;

	raw_sigprocmask(SIG_BLOCK, SIGBIT(SIGALRM), NULL);
	CHECK(!pthread_create(&thread, NULL, hold_for_ever, NULL));
	raw_sigprocmask(SIG_UNBLOCK, SIGBIT(SIGALRM), NULL);
	while (!READ_ONCE(left_open))
		usleep(1000);
	CHECK(!sigaction(SIGALRM, &action, NULL));
	CHECK(!setitimer(ITIMER_REAL, &fast, NULL));
	/* The first fork gives up waiting, and the second need not wait */
	for (i = 0; i < 2; i++) {
		pid_t pid;

		start = raw_now_us();
		pid = fork();
		if (!pid)
			_exit(3);
		CHECK(wait_status(pid) == 3 << 8);
		fprintf(stderr, "# fork %d took %llu us\n", i, raw_now_us() - start);
	}
	CHECK(raw_now_us() - start < 1000000);
	CHECK(!setitimer(ITIMER_REAL, &off, NULL));
	CHECK(alarms > 0);
	return 0;
}

/*
 * A spawn that never ends, as a handler has left it, does not keep other threads from forking,
 * even if a timer interrupts each of their waits.
 */
TEST_F(descriptor, preload_fork_beside_a_dead_holder)
{
	EXPECT_EQ(0, run_self("device", "--dead", NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "# fork 0 took ")) TH_LOG("%s", said);
}

/* The descriptor that libspawnctl keeps is not open in a child of fork(3) and its variants. */
TEST_F(descriptor, kept_is_closed_in_a_fork)
{
	struct spawnctl_limit marked = {
		.size = sizeof(marked), .flags = SPAWNCTL_LIMIT_FILTERED,
	};
	int fd, i;
	pid_t pid;

	ASSERT_EQ(0, spawn_true(NULL));
	ASSERT_EQ(1U, devices());
	fd = device_fd(0);
	for (i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			int held = devices();

			/* A child that spawns opens a descriptor of its own */
			_exit(held || spawn_true(NULL) || devices() != 1);
		}
		EXPECT_TRUE(exited_with(pid, 0));
	}
	pid = rfork(RFPROC | RFFDG);
	if (!pid)
		_exit(devices());
	EXPECT_TRUE(exited_with(pid, 0));
	pid = spawnctl_fork(fd);
	if (!pid)
		_exit(devices());
	EXPECT_TRUE(exited_with(pid, 0));
	EXPECT_EQ(fd, device_fd(0));
	/* A descriptor that the program itself has opened is inherited */
	pid = fork();
	if (!pid) {
		int own = spawnctl_open();
		pid_t inner;

		spawnctl_narrow(own, &marked);
		inner = fork();
		if (!inner)
			_exit(devices() != 1 || device_fd(0) != own);
		_exit(!exited_with(inner, 0));
	}
	EXPECT_TRUE(exited_with(pid, 0));
}

/* spawnctl_open() returns the number that the library kept: the descriptor is the program's */
TEST_F(descriptor, opened_with_the_number_of_the_kept)
{
	int kept, fd;
	pid_t pid;

	ASSERT_EQ(0, spawn_true(NULL));
	kept = device_fd(0);
	ASSERT_LE(0, kept);
	ASSERT_EQ(0, syscall(436 /* close_range */, kept, ~0U, 0));
	do
		fd = dup(0);
	while (fd >= 0 && fd < kept - 1);
	ASSERT_EQ(kept - 1, fd);
	ASSERT_EQ(kept, spawnctl_open());
	pid = fork();
	if (!pid)
		_exit(fcntl(kept, F_GETFD) < 0);
	EXPECT_TRUE(exited_with(pid, 0));
	/* The library opens another */
	ASSERT_EQ(0, spawn_true(NULL));
	EXPECT_EQ(2U, devices());
}

/* A fork's child does not close another file that has taken the kept descriptor's number. */
TEST_F(descriptor, reused_number_in_a_fork)
{
	int null = open("/dev/null", O_RDONLY), fd;
	pid_t pid;

	ASSERT_EQ(0, spawn_true(NULL));
	fd = device_fd(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(fd, dup2(null, fd));
	pid = fork();
	if (!pid)
		_exit(fcntl(fd, F_GETFD) < 0);
	EXPECT_TRUE(exited_with(pid, 0));
}

struct own_table {
	pthread_t thread;
	pthread_barrier_t *barrier;
	unsigned int most;
	unsigned int wrong;
};

/* Spawns in lock step with the other threads, each of which changes what the library keeps */
static void *spawn_in_own_table(void *arg)
{
	struct own_table *own = arg;
	spawnctl_attr_t *attr;
	int i;

	own->wrong += unshare(CLONE_FILES);
	own->wrong += spawnctl_attr_init(&attr) + spawnctl_attr_setbackend(attr,
			SPAWNCTL_BACKEND_DEVICE);
	for (i = 0; i < 50; i++) {
		unsigned int n;

		pthread_barrier_wait(own->barrier);
		if (i % 7 == 3)
			close(device_fd(0));
		own->wrong += spawn_true(attr);
		n = devices();
		if (n > own->most)
			own->most = n;
	}
	spawnctl_attr_destroy(attr);
	return NULL;
}

/* Each thread with a descriptor table of its own has one kept descriptor at most. */
TEST_F_TIMEOUT(descriptor, one_per_descriptor_table, 120)
{
	pthread_barrier_t barrier;
	struct own_table own[3];
	unsigned int i;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(own)));
	for (i = 0; i < ARRAY_SIZE(own); i++) {
		own[i] = (struct own_table){ .barrier = &barrier };
		ASSERT_EQ(0, pthread_create(&own[i].thread, NULL, spawn_in_own_table, &own[i]));
	}
	for (i = 0; i < ARRAY_SIZE(own); i++) {
		pthread_join(own[i].thread, NULL);
		EXPECT_EQ(1U, own[i].most);
		EXPECT_EQ(0U, own[i].wrong);
	}
}

/*
 * dlclose(3) of the library closes the kept descriptor and removes the handlers of
 * pthread_atfork(3). A copy is loaded, as this program is linked to the library itself.
 */
TEST_F(descriptor, dlclose_closes_the_kept)
{
	char path[] = "/tmp/descriptor_testXXXXXX";
	int (*spawn)(pid_t *pid, const char *path, const spawnctl_file_actions_t *actions,
		     const spawnctl_attr_t *attr, char *const argv[], char *const envp[]);
	Dl_info info;
	void *library;
	pid_t pid;
	int i;

	ASSERT_NE(0, dladdr((void *)spawnctl_open, &info));
	close(mkstemp(path));
	ASSERT_EQ(0, copy_file(info.dli_fname, path, 0600));
	for (i = 0; i < 3; i++) {
		library = dlopen(path, RTLD_NOW);
		ASSERT_NE(NULL, library) TH_LOG("%s", dlerror());
		spawn = (__typeof__(spawn))dlsym(library, "spawnctl_spawn");
		ASSERT_NE(NULL, spawn);
		ASSERT_EQ(0, spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ));
		ASSERT_EQ(0, wait_status(pid));
		EXPECT_EQ(1U, devices());
		ASSERT_EQ(0, dlclose(library));
		EXPECT_EQ(0U, devices());
		/* A fork(3) must not call the unloaded handlers */
		pid = fork();
		if (!pid)
			_exit(0);
		EXPECT_TRUE(exited_with(pid, 0));
	}
	unlink(path);
}

static sigjmp_buf back;
static volatile sig_atomic_t inside, jumps;

static void jump(int sig)
{
	if (inside) {
		inside = 0;
		jumps++;
		siglongjmp(back, 1);
	}
}

/* Calls posix_spawn() and vfork() by turns, until a handler has jumped out of @n calls */
static int jumping(unsigned int n)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 300 } }, off = { { 0, 0 }, { 0, 0 } };
	volatile unsigned int i;
	pid_t pid;

	signal(SIGALRM, jump);
	signal(SIGCHLD, SIG_IGN);
	for (i = 0; jumps < (int)n; i++) {
		CHECK(i < 100 * n);
		if (!sigsetjmp(back, 1)) {
			inside = 1;
			CHECK(!setitimer(ITIMER_REAL, &soon, NULL));
			if (i % 2) {
				pid = vfork();
				if (!pid) {
					execve("/bin/true", true_argv, environ);
					_exit(9);
				}
			} else {
				posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ);
			}
			inside = 0;
		}
		setitimer(ITIMER_REAL, &off, NULL);
		CHECK(current_mask() == 0);
	}
	fprintf(stderr, "# %u descriptors leaked by %d jumps out of %u calls\n", open_fds() - 3,
		jumps, i);
	return open_fds() != 3;
}

/* A siglongjmp(3) out of a call leaks no descriptor and leaves no signal blocked. */
TEST_F_TIMEOUT(descriptor, preload_siglongjmp, 120)
{
	EXPECT_EQ(0, run_self("device", "--jump", NULL)) TH_LOG("%s", said);
}

static struct {
	int stop;
	int waits;
	int taken;
	int null;
} taker;

/* Puts another file at the descriptor's number while the caller waits for its child */
static void *take_number(void *arg)
{
	while (!READ_ONCE(taker.stop)) {
		int fd = READ_ONCE(taker.waits) ? device_fd(3) : -1;

		if (fd >= 0 && dup2(taker.null, fd) == fd) {
			WRITE_ONCE(taker.taken, fd);
			return arg;
		}
	}
	return arg;
}

/* A file that came to the descriptor's number during the wait is not closed. */
static int number_taken(void)
{
	pthread_t thread;
	pid_t pid;
	int i;

	taker.null = open("/dev/null", O_RDONLY);
	for (i = 0; i < 10; i++) {
		WRITE_ONCE(taker.taken, 0);
		CHECK(!pthread_create(&thread, NULL, take_number, NULL));
		do {
			pid = vfork();
			if (!pid) {
				WRITE_ONCE(taker.waits, 1);
				raw_sleep_us(20000);
				WRITE_ONCE(taker.waits, 0);
				_exit(3);
			}
			CHECK(exited_with(pid, 3));
		} while (!READ_ONCE(taker.taken));
		pthread_join(thread, NULL);
		CHECK(fcntl(taker.taken, F_GETFD) != -1);
		CHECK(device_fd(0) == -1);
		close(taker.taken);
	}
	return 0;
}

TEST_F(descriptor, preload_reused_number)
{
	EXPECT_EQ(0, run_self("device", "--taken", NULL)) TH_LOG("%s", said);
}

/* Closes the descriptors that other threads have opened: no call may fail because of that. */
static void *close_all(void *arg)
{
	while (!READ_ONCE(taker.stop))
		syscall(436 /* close_range */, 3, ~0U, 0);
	return arg;
}

static int closed_by_a_thread(unsigned int n)
{
	pthread_t thread;
	unsigned int i;
	pid_t pid;

	CHECK(!pthread_create(&thread, NULL, close_all, NULL));
	for (i = 0; i < n; i++) {
		pid = vfork();
		if (!pid)
			_exit(3);
		CHECK(exited_with(pid, 3));
		CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ));
		CHECK(exited_with(pid, 0));
	}
	WRITE_ONCE(taker.stop, 1);
	pthread_join(thread, NULL);
	return open_fds() != 3;
}

TEST_F_TIMEOUT(descriptor, preload_closed_by_a_thread, 120)
{
	EXPECT_EQ(0, run_self(NULL, "--closed", NULL)) TH_LOG("%.2000s", said);
}

static struct {
	int go[2];
	unsigned int children;
} waiters;

static void *vfork_and_wait(void *arg)
{
	pid_t pid = vfork();
	char byte;

	if (!pid) {
		__atomic_fetch_add(&waiters.children, 1, __ATOMIC_RELAXED);
		raw_syscall(SYS_read, waiters.go[0], &byte, 1);
		_exit(3);
	}
	CHECK(exited_with(pid, 3));
	return arg;
}

/* More calls at a time than descriptors can be noted (INFLIGHT_MAX, 256): none fails */
static int many_at_a_time(void)
{
	/* arm64's least stack is larger than 65536 */
	long least = sysconf(_SC_THREAD_STACK_MIN), size = least > 65536 ? least : 65536;
	pthread_t threads[280];
	pthread_attr_t attr;
	unsigned int i;
	pid_t pid;

	CHECK(!pipe(waiters.go));
	CHECK(!pthread_attr_init(&attr) && !pthread_attr_setstacksize(&attr, size));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(!pthread_create(&threads[i], &attr, vfork_and_wait, NULL));
	while (__atomic_load_n(&waiters.children, __ATOMIC_RELAXED) < ARRAY_SIZE(threads))
		usleep(1000);
	CHECK(open_fds() == 5 + 256);
	pid = fork();
	if (!pid)
		_exit(device_fd(0) >= 0);
	CHECK(exited_with(pid, 0));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(write(waiters.go[1], "", 1) == 1);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(!pthread_join(threads[i], NULL));
	return open_fds() != 5;
}

TEST_F(descriptor, preload_more_than_inflight_max)
{
	EXPECT_EQ(0, run_self(NULL, "--many", NULL)) TH_LOG("%.2000s", said);
}

static void without_device(void)
{
	if (hide_device())
		abort();
}

/* Whether filtered tasks can use the device: "Y" or "N" */
static int let_filtered(const char *value)
{
	int fd = open("/sys/module/spawnctl/parameters/allow_filtered", O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, value, 1);

	close(fd);
	return n == 1;
}

#ifdef SYS_newfstatat
static void *sleep_on(void *arg)
{
	pause();
	return arg;
}

static void spawn_twice(void)
{
	pid_t pid;
	int i;

	for (i = 0; i < 2; i++) {
		CHECK(!posix_spawn(&pid, program_path, NULL, NULL, true_argv, environ));
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
}

/* Under filters that refuse newfstatat(2) and then fstat(2), which look at a descriptor */
static int blind(void)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, sleep_on, NULL));
	CHECK(!filter(SYS_newfstatat, SECCOMP_RET_ERRNO | EPERM));
	spawn_twice();
	CHECK(devices() == 0);
	CHECK(!filter(SYS_fstat, SECCOMP_RET_ERRNO | EPERM));
	spawn_twice();
	/* With one thread it is known to be the device's */
	CHECK(devices() == 1);
	return 0;
}

static int blind_and_alone(void)
{
	CHECK(!filter(SYS_newfstatat, SECCOMP_RET_ERRNO | EPERM));
	CHECK(!filter(SYS_fstat, SECCOMP_RET_ERRNO | EPERM));
	spawn_twice();
	return open_fds() != 3;
}

/* At most one descriptor is left open, and none where the library can look or is alone */
TEST_F(descriptor, preload_without_fstat)
{
	ASSERT_TRUE(let_filtered("Y"));
	EXPECT_EQ(0, run_self(NULL, "--blind", NULL)) TH_LOG("%.2000s", said);
	/* Another file at the name. glibc before 2.32 does not tell whether there is one thread */
	if (dlsym(RTLD_DEFAULT, "__libc_single_threaded"))
		EXPECT_EQ(0, run_self(NULL, "--alone", without_device)) TH_LOG("%.2000s", said);
	ASSERT_TRUE(let_filtered("N"));
}
#endif

/* A terminal at the device's name does not become the one that controls the process */
TEST_F(descriptor, terminal_at_the_name)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	pid_t pid;

	ASSERT_LE(0, master);
	ASSERT_EQ(0, grantpt(master) || unlockpt(master));
	pid = fork();
	if (!pid) {
		CHECK(!own_mounts() && setsid() > 0);
		CHECK(!mount(ptsname(master), "/dev/spawnctl", NULL, MS_BIND, NULL));
		CHECK(spawnctl_open() == -1);
		CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
		/* The control */
		CHECK(open("/dev/spawnctl", O_RDWR) >= 0);
		CHECK(open("/dev/tty", O_RDWR) >= 0);
		_exit(0);
	}
	EXPECT_TRUE(exited_with(pid, 0));
	close(master);
}

/* More children of vfork(2) than INFLIGHT_MAX (256) are killed during their own spawns */
static int killed_in_their_spawns(void)
{
	pid_t pid, child;
	int i;

	/* Before 5.16 a core dump ends all processes that share the memory */
	CHECK(!prctl(PR_SET_DUMPABLE, 0));
	for (i = 0; i < 300; i++) {
		pid = vfork();
		if (!pid) {
			filter(SYS_ioctl, SECCOMP_RET_KILL_PROCESS);
			posix_spawn(&child, "/bin/true", NULL, NULL, true_argv, environ);
			_exit(9);
		}
		CHECK(pid > 0 && (wait_status(pid) & 127) == SIGSYS);
	}
	CHECK(!posix_spawn(&child, "/bin/true", NULL, NULL, true_argv, environ));
	CHECK(exited_with(child, 0));
	return open_fds() != 3;
}

/* Their records in the memory of their parent do not keep it from using the device */
TEST_F(descriptor, preload_killed_children)
{
	/* Or the children could not open the device under their filter */
	ASSERT_TRUE(let_filtered("Y"));
	EXPECT_EQ(0, run_self("device", "--killed", NULL)) TH_LOG("%s", strstr(said, "# line"));
	ASSERT_TRUE(let_filtered("N"));
}

/* Kills this process if it makes an ioctl on @fd */
static int filter_ioctl_on(unsigned int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return install_filter(&program);
}

/* A child of vfork(2) keeps a descriptor. Its parent has another file at that number */
TEST_F(descriptor, kept_by_a_child_of_vfork)
{
	volatile int kept = -1;
	pid_t pid;

	pid = vfork();
	if (!pid) {
		if (spawn_true(NULL))
			_exit(9);
		kept = device_fd(3);
		_exit(3);
	}
	ASSERT_TRUE(exited_with(pid, 3));
	ASSERT_LE(3, kept);
	ASSERT_EQ(0U, devices());
	EXPECT_EQ(kept, dup2(2, kept));
	EXPECT_EQ(0, filter_ioctl_on(kept));
	EXPECT_EQ(0, spawn_true(NULL));
}

static int another_file_at_the_name(void)
{
	pid_t pid;

	CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, environ));
	CHECK(exited_with(pid, 0));
	CHECK(open_fds() == 3);
	/* For so long is it remembered that the device is not there */
	usleep(1100000);
	pid = vfork();
	if (!pid)
		_exit(open_fds() == 3 ? 3 : 4);
	CHECK(exited_with(pid, 3));
	return open_fds() != 3;
}

/* What is at the device's name is opened, found to be another file, and closed */
TEST_F(descriptor, preload_another_file_at_the_name)
{
	EXPECT_EQ(0, run_self(NULL, "--hidden", without_device)) TH_LOG("%.2000s", said);
}

/* A file action finds no descriptor that only the library has opened */
static int seen_by_a_path(void)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	CHECK(!posix_spawn_file_actions_init(&actions));
	CHECK(!posix_spawn_file_actions_addopen(&actions, 9, "/proc/self/fd/3", O_RDWR, 0));
	CHECK(posix_spawn(&pid, "/bin/true", &actions, NULL, true_argv, environ) == ENOENT);
	return 0;
}

TEST_F(descriptor, preload_hidden_from_file_actions)
{
	EXPECT_EQ(0, run_self("device", "--path", NULL)) TH_LOG("%.2000s", said);
}

static int run_mode(char **argv)
{
	const char *mode = argv[0];

	if (!strcmp(mode, "--workers"))
		return beside_a_spawner(fork, scaled(2000, 400, "workers"));
	if (!strcmp(mode, "--raw-workers"))
		return beside_a_spawner(raw_fork, 100);
	if (!strcmp(mode, "--slow"))
		return beside_a_slow_open();
	if (!strcmp(mode, "--dead"))
		return beside_a_dead_holder();
	if (!strcmp(mode, "--jump"))
		return jumping(scaled(6000, 300, "jumps"));
	if (!strcmp(mode, "--taken"))
		return number_taken();
	if (!strcmp(mode, "--hidden"))
		return another_file_at_the_name();
	if (!strcmp(mode, "--path"))
		return seen_by_a_path();
#ifdef SYS_newfstatat
	if (!strcmp(mode, "--blind"))
		return blind();
	if (!strcmp(mode, "--alone"))
		return blind_and_alone();
#endif
	if (!strcmp(mode, "--killed"))
		return killed_in_their_spawns();
	if (!strcmp(mode, "--many"))
		return many_at_a_time();
	return closed_by_a_thread(scaled(2000, 100, "calls of each kind"));
}

TEST_HARNESS_MAIN_OR(run_mode)
