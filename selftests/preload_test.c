// SPDX-License-Identifier: GPL-2.0
/*
 * The preload library. This program executes itself under it. With each backend the
 * results are those of libc, no descriptor is left open, and the library and glibc accept
 * file actions and attributes that the other has filled in.
 */
#include "filter.h"
#include "own_calls.h"
#include "preload_self.h"

#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#define SECURE_NAME	"libspawnctl-secure-test.so"

extern char **environ;

static int handled;

static void handler(int sig)
{
	handled++;
}

static int run_sh(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
		  const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	pid_t pid;

	errno = 4321;
	CHECK(posix_spawnp(&pid, "sh", actions, attr, argv, environ) == 0);
	CHECK(errno == 4321);
	return WEXITSTATUS(wait_status(pid));
}

/* Whether a new program's /proc/self/status has a line that matches @pattern */
static int status_has(const posix_spawnattr_t *attr, const char *pattern)
{
	char *argv[] = { "grep", "-q", (char *)pattern, "/proc/self/status", NULL };
	pid_t pid;

	CHECK(posix_spawnp(&pid, "grep", NULL, attr, argv, environ) == 0);
	return wait_status(pid) == 0;
}

/*
 * Nested calls of vfork(), whose children overwrite the stack. The innermost child sends
 * itself a signal that the parent catches: the handler must not run in it.
 */
static __attribute__((__noinline__)) int by_vfork(int depth)
{
	volatile char scribble[512];
	pid_t pid = vfork();

	if (!pid) {
		memset((void *)scribble, depth, sizeof(scribble));
		if (open_fds() != 3)
			_exit(50);
		if (!depth) {
			raw_syscall(SYS_kill, raw_syscall(SYS_getpid), SIGUSR1);
			_exit(9);
		}
		_exit(by_vfork(depth - 1));
	}
	if (pid < 0)
		return 60;
	pid = wait_status(pid);
	return WIFSIGNALED(pid) ? 10 : WEXITSTATUS(pid);
}

static void mixed_copies(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	int (*libc_dup2)(posix_spawn_file_actions_t *, int, int) =
		dlsym(libc, "posix_spawn_file_actions_adddup2");
	int (*libc_open)(posix_spawn_file_actions_t *, int, const char *, int, mode_t) =
		dlsym(libc, "posix_spawn_file_actions_addopen");
	int (*libc_destroy)(posix_spawn_file_actions_t *) =
		dlsym(libc, "posix_spawn_file_actions_destroy");
	int (*libc_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			  const posix_spawnattr_t *, char *const *, char *const *) =
		dlsym(libc, "posix_spawn");
	char *argv[] = { "sh", "-c", "[ -e /proc/self/fd/7 ] && [ -e /proc/self/fd/8 ]", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int i;

	CHECK(libc_dup2 && libc_open && libc_destroy && libc_spawn);
	CHECK(libc_dup2 != posix_spawn_file_actions_adddup2);
	/* A zeroed object is as good as an initialized one */
	memset(&actions, 0, sizeof(actions));
	memset(&attr, 0, sizeof(attr));
	for (i = 0; i < 20; i++) {
		CHECK(libc_dup2(&actions, 0, 7) == 0);
		CHECK(posix_spawn_file_actions_addopen(&actions, 8, "/dev/null", O_RDONLY, 0) == 0);
		CHECK(libc_open(&actions, 8, "/dev/null", O_RDONLY, 0) == 0);
	}
	CHECK(run_sh(&actions, &attr, argv[2]) == 0);
	CHECK(libc_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ) == 0);
	CHECK(wait_status(pid) == 0);
	CHECK(libc_destroy(&actions) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_addchdir_np(&actions, "/none") == 0);
	CHECK(posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ) == ENOENT);
	CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
}

static void attributes(void)
{
	posix_spawnattr_t attr;
	char pattern[32];
	sigset_t set;
	short flags;

	CHECK(posix_spawnattr_init(&attr) == 0);
	CHECK(posix_spawnattr_setflags(&attr, 0x200) == EINVAL);
	CHECK(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0);
	CHECK(posix_spawnattr_getflags(&attr, &flags) == 0);
	CHECK(flags == (POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
	CHECK(posix_spawnattr_setschedpolicy(&attr, 55) == EINVAL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	CHECK(posix_spawnattr_setsigmask(&attr, &set) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	CHECK(posix_spawnattr_setsigdefault(&attr, &set) == 0);
	signal(SIGHUP, SIG_IGN);
	/* Not by a shell, which can change its mask itself */
	CHECK(status_has(&attr, "SigBlk:.0*2$"));
	CHECK(status_has(&attr, "SigIgn:.*[02468ace]$"));
	CHECK(!status_has(NULL, "SigBlk:.0*2$"));
	CHECK(!status_has(NULL, "SigIgn:.*[02468ace]$"));
	signal(SIGHUP, SIG_DFL);
	/* First 0, which is a new group of the child's own, then this group by its number */
	snprintf(pattern, sizeof(pattern), "NSpgid:.%d$", getpgrp());
	CHECK(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP) == 0);
	CHECK(!status_has(&attr, pattern));
	CHECK(posix_spawnattr_setpgroup(&attr, getpgrp()) == 0);
	CHECK(status_has(&attr, pattern));
}

/* Another thread changes the environment: a spawn with its own envp is not affected */
static void *change_environment(void *arg)
{
	char name[32];
	int i;

	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "VAR%d", i);
		setenv(name, "x", 1);
	}
	return arg;
}

static int inner_setenv(void)
{
	char *argv[] = { "x", NULL };
	pthread_t thread;
	pid_t pid;
	int i;

	for (i = 0; i < 40; i++) {
		clearenv();
		CHECK(pthread_create(&thread, NULL, change_environment, NULL) == 0);
		do
			CHECK(posix_spawn(&pid, "/none", NULL, NULL, argv, argv + 1) == ENOENT);
		while (pthread_tryjoin_np(thread, NULL));
	}
	return 0;
}

/* The descriptor that the library opens for a spawn does not disturb actions on descriptors */
static void by_descriptor(void)
{
	char *argv[] = { "sh", "-c", "[ $(pwd) = /usr ] && set -- /proc/self/fd/* && [ $# -le 4 ]",
			 NULL };
	/* Not every glibc has it */
	int (*addclosefrom)(posix_spawn_file_actions_t *, int) =
		dlsym(RTLD_DEFAULT, "posix_spawn_file_actions_addclosefrom_np");
	posix_spawn_file_actions_t actions;
	const char *backend = getenv("SPAWNCTL_BACKEND");
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	bool by_libc = backend && !strcmp(backend, "libc");
	int error, fd = open("/usr", O_RDONLY);
	pid_t pid;

	CHECK(dup2(fd, 30) == 30 && close(fd) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_addchdir_np(&actions, "/proc/self/fd/30") == 0);
	CHECK(addclosefrom && addclosefrom(&actions, 3) == 0);
	error = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
	/* Refused, as an older libc would leave all descriptors open without an error */
	if (by_libc && !dlsym(libc, "posix_spawn_file_actions_addclosefrom_np"))
		CHECK(error == ENOSYS);
	else
		CHECK(error == 0 && wait_status(pid) == 0);
	CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
	/* As in glibc, the descriptor is not checked when the action is added */
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_addfchdir_np(&actions, -1) == 0);
	CHECK(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ) == EBADF);
	CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
	close(30);
}

/* Runs under the preload library. The parent has named the backend in the environment. */
static int inner(void)
{
	char *argv[] = { "x", NULL };
	__u64 before = current_mask();
	Dl_info info;
	pid_t pid;
	int i;

	CHECK(open_fds() == 3);
	CHECK(dladdr((void *)posix_spawn, &info) && strstr(info.dli_fname, PRELOAD));
	CHECK(dladdr((void *)vfork, &info) && strstr(info.dli_fname, PRELOAD));
	CHECK(run_sh(NULL, NULL, "exit 6") == 6);
	/* The child has no descriptor of the library's either */
	CHECK(run_sh(NULL, NULL, "set -- /proc/self/fd/*; [ $# -le 4 ]") == 0);
	CHECK(posix_spawn(&pid, "/none", NULL, NULL, argv, environ) == ENOENT);
	mixed_copies();
	attributes();
	by_descriptor();
	signal(SIGUSR1, handler);
	for (i = 0; i < 100; i++)
		CHECK(by_vfork(i % 3) == 10);
	CHECK(!handled);
	signal(SIGUSR1, SIG_DFL);
	CHECK(current_mask() == before);
	CHECK(open_fds() == 3);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1);
	return 0;
}

/* posix_spawn() and vfork() fail, as the named backend is unknown or missing */
static int inner_refused(int error)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == error);
	errno = 0;
	pid = vfork();
	if (!pid)
		_exit(1);
	CHECK(pid == -1 && errno == error);
	return 0;
}

static void call_posix_spawn(void *arg)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
}

static void call_vfork(void *arg)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	CHECK(pid > 0);
}

static void *no_thread(void *arg)
{
	pause();
	return arg;
}

static void with_a_thread(void *arg)
{
	static pthread_t thread;
	void (*call)(void *arg) = arg;

	if (!thread)
		CHECK(!pthread_create(&thread, NULL, no_thread, NULL));
	call(NULL);
}

/* The caller makes as many system calls as docs/PERFORMANCE.md says */
static int inner_calls(int most)
{
	int counts[] = {
		own_calls(call_posix_spawn, NULL), own_calls(call_vfork, NULL),
		own_calls(with_a_thread, (void *)call_posix_spawn),
		own_calls(with_a_thread, (void *)call_vfork),
	};

	fprintf(stderr, "calls: posix_spawn %d, vfork %d; with a thread %d, %d\n",
		counts[0], counts[1], counts[2], counts[3]);
	CHECK(counts[0] > 0 && counts[0] <= most);
	CHECK(counts[1] > 0 && counts[1] <= most);
	/* If another thread may have reused the descriptor number, one call checks that */
	CHECK(counts[2] >= counts[0] && counts[2] <= most + 1);
	CHECK(counts[3] >= counts[1] && counts[3] <= most + 1);
	return 0;
}

/* A filter kills this process at system call @nr, which a spawn must not make */
static int inner_filtered(unsigned int nr)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK(!filter(nr, SECCOMP_RET_KILL_PROCESS));
	CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
	CHECK(!wait_status(pid));
	fputs("alive\n", stderr);
	return 0;
}

/* The program has gained privileges: the library ignores the environment set by the user */
static int inner_secure(void)
{
	Dl_info info;

	CHECK(getauxval(AT_SECURE) == 1);
	/* ld.so has preloaded the copy with the set-user-ID bit */
	CHECK(dladdr((void *)posix_spawn, &info) && strstr(info.dli_fname, SECURE_NAME));
	CHECK(run_sh(NULL, NULL, "exit 6") == 6);
	fputs("alive\n", stderr);
	return 0;
}

static void inherit_device(void)
{
	struct spawnctl_limit limit = {
		.size = sizeof(limit), .flags = SPAWNCTL_LIMIT_FILTERED };
	int fd = open("/dev/spawnctl", O_RDWR);
	char number[16];

	CHECK(!ioctl(fd, SPAWNCTL_IOC_LIMIT, &limit));
	snprintf(number, sizeof(number), "%d", fd);
	setenv("SPAWNCTL_FD", number, 1);
}

static void runs(struct __test_metadata *_metadata, const char *backend, const char *says)
{
	EXPECT_EQ(0, run_self(backend, "--inner", NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, says)) TH_LOG("%s", said);
}

TEST(by_device) { runs(_metadata, "device", "spawnctl: posix_spawnp sh: device\n"); }
TEST(by_clone3) { runs(_metadata, "clone3", "spawnctl: posix_spawnp sh: clone3\n"); }
TEST(by_clone) { runs(_metadata, "clone", "spawnctl: vfork: clone\n"); }
TEST(default_backend) { runs(_metadata, NULL, "spawnctl: vfork: device\n"); }

/* Control: with libc's own vfork() the handler runs in the child, in the parent's memory */
TEST(control_libc)
{
	EXPECT_EQ(1, run_self("libc", "--inner", NULL));
	EXPECT_NE(NULL, strstr(said, "by_vfork(i % 3) == 10")) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "spawnctl: posix_spawnp sh: libc\n"));
}

TEST(environment_changes)
{
	EXPECT_EQ(0, run_self(NULL, "--setenv", NULL)) TH_LOG("%s", said);
}

/*
 * A descriptor named in SPAWNCTL_FD is used without blocking signals. Other backends do not
 * use it. Control: if the library has to open a descriptor for the spawn, it blocks signals,
 * and the filter kills the process.
 */
TEST(inherited_descriptor)
{
	EXPECT_EQ(0, run_self("device", "--inherited", inherit_device)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "alive\n"));
	EXPECT_EQ(0, run_self("clone", "--inherited-unused", inherit_device)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "alive\n"));
	/* Signals are blocked while a descriptor is open for one spawn */
	run_self("device", "--filtered", NULL);
	EXPECT_EQ(NULL, strstr(said, "alive\n"));
}

/*
 * Into a program that gains privileges, ld.so preloads a library only from a standard
 * directory, and only if it has the set-user-ID bit.
 */
TEST(at_secure)
{
	int out[2], status;
	ssize_t n, used = 0;
	pid_t pid;

	ASSERT_EQ(0, copy_file("/usr/lib/" PRELOAD, "/usr/lib/" SECURE_NAME, 04755));
	ASSERT_EQ(0, pipe(out));
	pid = fork();
	if (!pid) {
		dup2(out[1], 2);
		setenv("LD_PRELOAD", SECURE_NAME, 1);
		setenv("SPAWNCTL_DEBUG", "1", 1);
		setenv("SPAWNCTL_BACKEND", "fastest", 1);
		if (seteuid(65534))
			_exit(98);
		execl("/proc/self/exe", "preload_test", "--secure", NULL);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], said + used, sizeof(said) - 1 - used)) > 0)
		used += n;
	close(out[0]);
	said[used] = '\0';
	status = wait_status(pid);
	EXPECT_TRUE(is_exit(status, 0))
		TH_LOG("status %#x: %s", status, said);
	/* Nor does the library print anything */
	EXPECT_STREQ("alive\n", said);
	unlink("/usr/lib/" SECURE_NAME);
}

static bool tells_of_threads(void)
{
	extern char __libc_single_threaded __attribute__((__weak__));

	return &__libc_single_threaded;
}

TEST(system_calls)
{
	/*
	 * Block signals, open, SPAWN, close, unblock; and one more if glibc (before 2.32)
	 * does not tell that the process has one thread
	 */
	EXPECT_EQ(0, run_self("device", tells_of_threads() ? "--calls-5" : "--calls-6", NULL))
		TH_LOG("%s", said);
	/* clone3(2) alone, or with signals blocked before and unblocked after it */
	EXPECT_EQ(0, run_self("clone3", "--calls-3", NULL)) TH_LOG("%s", said);
	TH_LOG("%s", said);
	/* The library does not look for a missing device at each call */
	ASSERT_EQ(0, rename("/dev/spawnctl", "/dev/spawnctl.gone"));
	EXPECT_EQ(0, run_self(NULL, "--calls-3", NULL)) TH_LOG("%s", said);
	ASSERT_EQ(0, rename("/dev/spawnctl.gone", "/dev/spawnctl"));
}

TEST(unknown_backend)
{
	EXPECT_EQ(0, run_self("fastest", "--refused-EINVAL", NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "unknown value of SPAWNCTL_BACKEND"));
}

/*
 * The device is missing. If it was demanded, the call fails. If no backend was named, the
 * library uses the next one, and says so.
 */
TEST(missing_device)
{
	ASSERT_EQ(0, rename("/dev/spawnctl", "/dev/spawnctl.gone"));
	EXPECT_EQ(0, run_self("device", "--refused-ENOENT", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self(NULL, "--inner", NULL)) TH_LOG("%s", said);
	EXPECT_NE(NULL, strstr(said, "spawnctl: vfork: clone3 (device: errno 2)\n"));
	ASSERT_EQ(0, rename("/dev/spawnctl.gone", "/dev/spawnctl"));
}

static int run_mode(char **argv)
{
	const char *mode = argv[0];

	if (!strcmp(mode, "--inner"))
		return inner();
	if (!strcmp(mode, "--setenv"))
		return inner_setenv();
	if (!strcmp(mode, "--secure"))
		return inner_secure();
	if (!strcmp(mode, "--inherited-unused"))
		return inner_filtered(SYS_ioctl);
	if (!strncmp(mode, "--calls-", 8))
		return inner_calls(atoi(mode + 8));
	if (!strcmp(mode, "--refused-EINVAL"))
		return inner_refused(EINVAL);
	if (!strcmp(mode, "--refused-ENOENT"))
		return inner_refused(ENOENT);
	/* --inherited or --filtered */
	return inner_filtered(SYS_rt_sigprocmask);
}

TEST_HARNESS_MAIN_OR(run_mode)
