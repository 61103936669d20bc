// SPDX-License-Identifier: GPL-2.0
/*
 * fork() under the preload library. If the device is demanded, it makes the child by FORK, and
 * nothing that a program with one thread can observe differs from libc's fork(). This program
 * executes itself under the library; the control of most tests is libc's own function.
 */
#include "filter.h"
#include "own_calls.h"
#include "preload_self.h"
#include "storm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/stat.h>

#define ODD_ERRNO	4711
#define DONE		17

static pid_t (*libc_fork)(void);

static bool tells_of_threads(void)
{
	extern char __libc_single_threaded __attribute__((__weak__));

	return &__libc_single_threaded;
}

/* Whether the debug output has the line of a fork by the device */
static bool said_device(void)
{
	return strstr(said, "spawnctl: fork: device\n");
}

static int child_status(pid_t pid)
{
	int status = wait_status(pid);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

struct robust_head {
	struct robust_head *next;
	long futex_offset;
	struct robust_head *pending;
};

static int cached_tid(void)
{
	pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	int owner;

	pthread_mutex_lock(&mutex);
	owner = mutex.__data.__owner;
	pthread_mutex_unlock(&mutex);
	return owner;
}

/* What a child can observe of itself. The padding is 0: it is compared as bytes */
struct view {
	struct kernel_sigaction actions[NSIGNALS];
	__u64 mask;
	struct signal_status status;
	stack_t altstack;
	pthread_t self;
	struct robust_head *robust;
	size_t robust_size;
	int error;
	unsigned int fds;
	bool own_tid, child_of_caller, robust_is_empty, robust_works;
};

static struct view *views;
static volatile sig_atomic_t handled;

static void handler(int sig)
{
	handled++;
}

static void action_handler(int sig, siginfo_t *info, void *context)
{
	handled++;
}

static void look(struct view *view, pid_t parent)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;
	int sig;

	view->error = errno;
	for (sig = 1; sig <= NSIGNALS; sig++)
		raw_sigaction(sig, NULL, &view->actions[sig - 1]);
	view->mask = current_mask();
	read_signal_status("/proc/self/status", &view->status);
	sigaltstack(NULL, &view->altstack);
	view->self = pthread_self();
	view->fds = open_fds();
	view->own_tid = cached_tid() == raw_syscall(SYS_gettid) && getpid() == cached_tid();
	view->child_of_caller = getppid() == parent;
	raw_syscall(SYS_get_robust_list, 0, &view->robust, &view->robust_size);
	if (!view->robust)
		return;
	view->robust_is_empty = view->robust->next == view->robust;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attr);
	pthread_mutex_lock(&mutex);
	view->robust_works = view->robust->next != view->robust;
	pthread_mutex_unlock(&mutex);
}

/* The child of fork() and that of libc's have the same view, and the caller has its own again */
static void same_views(void)
{
	static struct view before, after;
	const pid_t self = getpid();
	int i;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	memset(views, 0, 2 * sizeof(*views));
	errno = ODD_ERRNO;
	look(&before, self);
	for (i = 0; i < 2; i++) {
		pid_t pid;

		errno = ODD_ERRNO;
		pid = i ? libc_fork() : fork();
		if (!pid) {
			look(&views[i], self);
			_exit(DONE);
		}
		CHECK(errno == ODD_ERRNO);
		CHECK(child_status(pid) == DONE);
	}
	CHECK(views[0].own_tid && views[0].child_of_caller && views[0].robust_works);
	CHECK(views[0].error == ODD_ERRNO);
	CHECK(!views[0].status.pending && !views[0].status.shared_pending);
	for (i = 0; i < NSIGNALS; i++) {
		const struct kernel_sigaction *ours = &views[0].actions[i];
		const struct kernel_sigaction *libcs = &views[1].actions[i];

		if (!memcmp(ours, libcs, sizeof(*ours)))
			continue;
		fprintf(stderr, "# signal %d: handler %lx, flags %lx; by libc %lx, %lx\n", i + 1,
			ours->handler, ours->flags, libcs->handler, libcs->flags);
		exit(1);
	}
	CHECK(!memcmp(&views[0], &views[1], sizeof(views[0])));
	errno = ODD_ERRNO;
	look(&after, self);
	/* The child has sent SIGCHLD */
	before.status.shared_pending &= ~SIGBIT(SIGCHLD);
	after.status.shared_pending &= ~SIGBIT(SIGCHLD);
	CHECK(!memcmp(&before, &after, sizeof(before)));
}

static void in_handler(int sig)
{
	same_views();
	handled++;
}

/* The handlers with each flag, in some mask, with an alternate stack, with pending signals */
static int inner_state(void)
{
	static const int flags[] = {
		0, SA_RESTART, SA_ONSTACK, SA_SIGINFO, SA_NODEFER, SA_NOCLDSTOP | SA_RESETHAND,
		SA_RESTART | SA_ONSTACK | SA_SIGINFO | SA_NODEFER,
	};
	static char stack[65536];
	const stack_t altstack = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action;
	pthread_mutex_t robust;
	pthread_mutexattr_t attr;
	int sig;

	same_views();
	for (sig = 1; sig <= SIGRTMAX; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGCHLD ||
		    (sig >= 32 && sig < SIGRTMIN))
			continue;
		memset(&action, 0, sizeof(action));
		if (sig % 4 == 0) {
			action.sa_handler = SIG_IGN;
		} else if (sig % 4 != 3) {
			action.sa_flags = flags[sig % ARRAY_SIZE(flags)];
			if (action.sa_flags & SA_SIGINFO)
				action.sa_sigaction = action_handler;
			else
				action.sa_handler = handler;
			sigaddset(&action.sa_mask, sig % 31 + 1);
			sigaddset(&action.sa_mask, SIGRTMAX - sig % 20);
		}
		CHECK(!sigaction(sig, &action, NULL));
	}
	/* The kernel keeps the flags of SIG_DFL and SIG_IGN, too */
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_IGN;
	action.sa_flags = SA_RESTART;
	CHECK(!sigaction(SIGURG, &action, NULL));
	action.sa_handler = SIG_DFL;
	CHECK(!sigaction(SIGWINCH, &action, NULL));
	CHECK(!sigaltstack(&altstack, NULL));
	same_views();
	/* A robust mutex that is locked in the parent is none of the child's */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	pthread_mutex_lock(&robust);
	same_views();
	pthread_mutex_unlock(&robust);
	/* All blocked, some pending */
	CHECK(!raw_sigprocmask(SIG_SETMASK, ~0ULL, NULL));
	kill(getpid(), SIGUSR1);
	raise(SIGRTMIN + 3);
	same_views();
	CHECK(!raw_sigprocmask(SIG_SETMASK, SIGBIT(SIGUSR1) | SIGBIT(SIGHUP), NULL));
	same_views();
	/* In a handler on the alternate stack */
	memset(&action, 0, sizeof(action));
	action.sa_handler = in_handler;
	action.sa_flags = SA_ONSTACK;
	CHECK(!sigaction(SIGUSR2, &action, NULL));
	handled = 0;
	raise(SIGUSR2);
	CHECK(handled == 1);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1);
	return 0;
}

/* The handlers write letters here, in the caller and in its child at the same time */
static struct {
	unsigned int count;
	char text[256];
} *letters;
static bool registers;

static void letter(char c)
{
	letters->text[__atomic_fetch_add(&letters->count, 1, __ATOMIC_RELAXED)] = c;
}

#define LETTER(name, c) static void name(void) { letter(c); }
LETTER(prepare_1, 'a')
LETTER(parent_1, 'b')
LETTER(child_1, 'c')
LETTER(parent_2, 'e')
LETTER(child_2, 'f')
LETTER(prepare_3, 'g')
LETTER(child_3, 'i')
LETTER(prepare_4, 'j')
LETTER(parent_4, 'k')
LETTER(child_4, 'l')

static void prepare_2(void)
{
	letter('d');
	if (registers) {
		registers = false;
		pthread_atfork(prepare_4, parent_4, child_4);
	}
}

static const char *order(pid_t (*make)(void))
{
	static char copy[256];
	pid_t pid;

	memset(letters, 0, sizeof(*letters));
	pid = make();
	if (!pid) {
		letter('.');
		_exit(DONE);
	}
	CHECK(child_status(pid) == DONE);
	memcpy(copy, letters->text, sizeof(copy));
	return copy;
}

/* The letters of the caller in their order, then those of the child */
static const char *sorted(const char *text)
{
	static char result[256];
	size_t n = 0, i;

	memset(result, 0, sizeof(result));
	for (i = 0; text[i]; i++)
		if (!strchr("cfil.Z", text[i]))
			result[n++] = text[i];
	result[n++] = '/';
	for (i = 0; text[i]; i++)
		if (strchr("cfil.Z", text[i]))
			result[n++] = text[i];
	return result;
}

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
		      void *object);
void __cxa_finalize(void *object);

static const char *object_path(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

	CHECK(length > 0);
	path[length] = '\0';
	snprintf(strrchr(path, '/') + 1, 32, "fork_object.so");
	return path;
}

static void expect_order(const char *wanted)
{
	const char *by_libc = sorted(order(libc_fork));

	if (strcmp(by_libc, wanted)) {
		fprintf(stderr, "# libc: %s, wanted %s\n", by_libc, wanted);
		exit(1);
	}
	CHECK(!strcmp(sorted(order(fork)), wanted));
}

static int inner_atfork(void)
{
	const char *backend = getenv("SPAWNCTL_BACKEND"), *during;
	bool by_device = backend && !strcmp(backend, "device") && tells_of_threads();
	static int object;
	void *handle, (**log)(char c);
	int i;

	letters = shared_alloc(4096);
	expect_order("/.");
	CHECK(!pthread_atfork(prepare_1, parent_1, child_1));
	CHECK(!pthread_atfork(prepare_2, parent_2, child_2));
	CHECK(!pthread_atfork(prepare_3, NULL, child_3));
	expect_order("gdabe/cfi.");
	/* Handlers of an object disappear with it */
	CHECK(!__register_atfork(prepare_4, parent_4, child_4, &object));
	CHECK(!pthread_atfork(NULL, NULL, NULL));
	expect_order("jgdabek/cfil.");
	__cxa_finalize(&object);
	expect_order("gdabe/cfi.");
	handle = dlopen(object_path(), RTLD_NOW);
	CHECK(handle);
	log = dlsym(handle, "fork_object_log");
	CHECK(log);
	*log = letter;
	expect_order("XgdabeY/cfiZ.");
	CHECK(!dlclose(handle));
	expect_order("gdabe/cfi.");
	/* One that is registered during a fork runs in the next one. Not so in glibc before 2.36 */
	registers = true;
	during = sorted(order(fork));
	CHECK(!by_device || !strcmp(during, "gdabe/cfi."));
	expect_order("jgdabek/cfil.");
	/* More than the library has room for at first */
	for (i = 0; i < 200; i++)
		CHECK(!__register_atfork(NULL, NULL, i % 50 ? NULL : child_4, &object));
	expect_order("jgdabek/cfilllll.");
	__cxa_finalize(&object);
	expect_order("jgdabek/cfil.");
	return 0;
}

static void *open_object(void *arg)
{
	CHECK(dlopen(object_path(), RTLD_NOW));
	return arg;
}

static void check_spawns(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK(!posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
	CHECK(exited_with(pid, 0));
	pid = vfork();
	if (!pid)
		_exit(3);
	CHECK(exited_with(pid, 3));
}

/*
 * Another thread is in dlopen(3). pthread_atfork(3), posix_spawn(3) and vfork(2) do not wait for
 * it, and the last two leave the message of dlerror(3)
 */
static int inner_atfork_beside_dlopen(void)
{
	int release[2], in_constructor[2];
	pthread_t thread;
	char text[32], byte;

	CHECK(!dlopen("/no/such/object", RTLD_NOW));
	check_spawns();
	CHECK(dlerror());
	CHECK(!pipe(release) && !pipe(in_constructor));
	snprintf(text, sizeof(text), "%d %d", in_constructor[1], release[0]);
	setenv("FORK_OBJECT", text, 1);
	CHECK(!pthread_create(&thread, NULL, open_object, NULL));
	CHECK(read(in_constructor[0], &byte, 1) == 1);
	alarm(20);
	CHECK(!pthread_atfork(prepare_1, parent_1, child_1));
	check_spawns();
	CHECK(write(release[1], "", 1) == 1);
	CHECK(!pthread_join(thread, NULL));
	return 0;
}

/* The handler of the caller, and of each child, drops the signals to the whole group */
static int inner_storm(void)
{
	unsigned int i, count = scaled(1000, 100, "forks in a storm");
	struct storm *storm;
	int status;

	CHECK(!own_group());
	signal(SIGUSR1, handler);
	signal(SIGRTMIN + 1, handler);
	storm = storm_start(-getpid(), SIGBIT(SIGUSR1) | SIGBIT(SIGRTMIN + 1), 200);
	CHECK(storm);
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			raw_sleep_us(1000);
			raw_syscall(SYS_exit_group, DONE);
		}
		CHECK(pid > 0);
		/* Interrupted by the storm */
		while (waitpid(pid, &status, 0) != pid)
			;
		CHECK(is_exit(status, DONE));
	}
	CHECK(storm_stop(storm) > 0);
	CHECK(handled > 0);
	return 0;
}

static pid_t caller;
static int in_caller, *in_children;

static void count_in_caller(int sig)
{
	/* One signal's handler can interrupt the other's */
	__atomic_add_fetch(raw_syscall(SYS_getpid) == caller ? &in_caller : in_children, 1,
			   __ATOMIC_SEQ_CST);
}

/* Signals to the caller alone: each is handled once, in the caller; none in a child */
static int inner_counted(void)
{
	unsigned int i, count = scaled(1000, 100, "forks, counting signals");
	struct storm *storm;
	long sent;
	int status;

	caller = getpid();
	in_children = shared_alloc(sizeof(*in_children));
	signal(SIGRTMIN + 1, count_in_caller);
	signal(SIGRTMIN + 2, count_in_caller);
	storm = storm_start(caller, SIGBIT(SIGRTMIN + 1) | SIGBIT(SIGRTMIN + 2), 100);
	CHECK(storm);
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			raw_sleep_us(200);
			raw_syscall(SYS_exit_group, DONE);
		}
		CHECK(pid > 0);
		while (waitpid(pid, &status, 0) != pid)
			;
		CHECK(is_exit(status, DONE));
	}
	sent = storm_stop(storm);
	fprintf(stderr, "sent %ld, handled %d, in children %d\n", sent, in_caller, *in_children);
	CHECK(sent > 0 && in_caller == sent && !*in_children);
	return 0;
}

/* A child's own signal, sent at once, meets the child's handler and not the default action */
static int inner_own_signal(void)
{
	unsigned int i;

	signal(SIGUSR1, handler);
	for (i = 0; i < 500; i++) {
		pid_t pid = fork();

		if (!pid) {
			while (!handled)
				raw_sleep_us(100);
			_exit(handled == 1 ? DONE : 1);
		}
		CHECK(pid > 0 && !kill(pid, SIGUSR1));
		CHECK(child_status(pid) == DONE);
	}
	CHECK(!handled);
	return 0;
}

static int inner_many(void)
{
	unsigned int i, count = scaled(10000, 500, "forks without a leak");

	CHECK(open_fds() == 3);
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i % 64 || open_fds() == 3 ? DONE : 1);
		CHECK(pid > 0 && child_status(pid) == DONE);
	}
	CHECK(open_fds() == 3);
	return 0;
}

/* Forks of forks, in which libc works: malloc(3), stdio, threads */
static int nest(int depth, unsigned int fds)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	pid_t pid;

	fprintf(file, "%d", depth);
	if (fclose(file) || atoi(text) != depth)
		return 1;
	free(text);
	if (!depth)
		return open_fds() == fds ? DONE : 2;
	pid = fork();
	if (!pid)
		exit(nest(depth - 1, fds));
	return child_status(pid);
}

static void *return_it(void *arg)
{
	return arg;
}

static int inner_nested(void)
{
	pthread_t thread;
	pid_t pid;

	CHECK(nest(6, 3) == DONE);
	/* A child can have threads */
	pid = fork();
	if (!pid) {
		if (pthread_create(&thread, NULL, return_it, NULL) || pthread_join(thread, NULL))
			_exit(1);
		pid = fork();
		_exit(!pid ? DONE : child_status(pid));
	}
	CHECK(child_status(pid) == DONE);
	return 0;
}

/* The kernel has a robust list of this process, to which libc adds */
static bool robust_list_works(void)
{
	struct view *view = &views[0];

	memset(view, 0, sizeof(*view));
	look(view, 0);
	return view->robust && view->robust_is_empty && view->robust_works;
}

/* A child of vfork() forks. Its own child is a full process */
static __attribute__((__noinline__)) int fork_by_vfork(void)
{
	volatile pid_t pid = vfork(), forked;

	if (!pid) {
		forked = fork();
		if (!forked)
			_exit(cached_tid() != raw_syscall(SYS_gettid) ? 1 :
			      open_fds() != 3 ? 2 :
			      __SIZEOF_POINTER__ == 8 && !robust_list_works() ? 4 : DONE);
		_exit(forked > 0 ? child_status(forked) : 3);
	}
	return child_status(pid);
}

static int inner_vfork(void)
{
	const int own = cached_tid();
	int i;

	for (i = 0; i < 50; i++) {
		CHECK(fork_by_vfork() == DONE);
		CHECK(cached_tid() == own && open_fds() == 3);
	}
	/* The caller itself can fork afterward */
	CHECK(nest(1, 3) == DONE);
	return 0;
}

static void *no_thread(void *arg)
{
	pause();
	return arg;
}

/* libc's fork() is called, and the library's own lists are as they should be */
static int inner_threads(void)
{
	pthread_t thread;
	static int object;

	letters = shared_alloc(4096);
	CHECK(!pthread_atfork(prepare_1, parent_1, child_1));
	CHECK(!pthread_create(&thread, NULL, no_thread, NULL));
	CHECK(!__register_atfork(prepare_2, parent_2, child_2, &object));
	expect_order("dabe/cf.");
	__cxa_finalize(&object);
	expect_order("ab/c.");
	return 0;
}

/* _Fork() runs no handlers, and can be called by a process with threads */
static int inner_bare(void)
{
	pid_t (*bare)(void) = (pid_t (*)(void))dlsym(dlopen("libc.so.6", RTLD_NOW), "_Fork");
	pid_t (*ours)(void) = (pid_t (*)(void))dlsym(RTLD_DEFAULT, "_Fork");
	pthread_t thread;
	int i;

	if (!bare)
		return 0;
	CHECK(ours && ours != bare);
	letters = shared_alloc(4096);
	CHECK(!pthread_atfork(prepare_1, parent_1, child_1));
	for (i = 0; i < 2; i++) {
		CHECK(!strcmp(order(ours), "."));
		if (!i)
			CHECK(!pthread_create(&thread, NULL, no_thread, NULL));
	}
	fputs("bare\n", stderr);
	return 0;
}

static int failed_handlers;

static void count_failed(void)
{
	failed_handlers++;
}

/* @good forks succeed, and the next one fails. The handlers of the parent run in both cases */
static int inner_refused(int error, int good)
{
	int i;

	CHECK(!pthread_atfork(count_failed, count_failed, NULL));
	for (i = 0; i <= good; i++) {
		pid_t pid;

		errno = ODD_ERRNO;
		failed_handlers = 0;
		pid = fork();
		if (!pid)
			_exit(DONE);
		CHECK(failed_handlers == 2);
		if (i < good) {
			CHECK(pid > 0 && errno == ODD_ERRNO && child_status(pid) == DONE);
		} else {
			CHECK(pid == -1);
			CHECK(errno == error);
		}
	}
	CHECK(current_mask() == 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	fputs("alive\n", stderr);
	return 0;
}

static int inner_filtered(void)
{
	pid_t pid;

	CHECK(!filter_allow_all(0));
	errno = 0;
	pid = fork();
	if (!pid)
		_exit(DONE);
	CHECK(pid == -1 && errno == EACCES);
	return 0;
}

/* A descriptor that the program was given stays open, in the child too */
static int inner_inherited(void)
{
	const unsigned int fds = open_fds();
	pid_t pid = fork();

	if (!pid)
		_exit(open_fds() == fds ? DONE : 1);
	CHECK(child_status(pid) == DONE && open_fds() == fds);
	return 0;
}

/* A filter that kills for clone(2) and clone3(2), which libc's fork() calls */
static int inner_killed(void)
{
	CHECK(!filter(SYS_clone, SECCOMP_RET_KILL_PROCESS));
	CHECK(!filter(435 /* clone3 */, SECCOMP_RET_KILL_PROCESS));
	CHECK(nest(3, open_fds()) == DONE);
	fputs("alive\n", stderr);
	return 0;
}

/* LIMIT_RESET resets what the caller ignores, in the child: fork() ignores it again */
static int inner_reset(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, handler);
	same_views();
	return 0;
}

static void call_fork(void *arg)
{
	pid_t (*make)(void) = arg;
	pid_t pid = make();

	if (!pid)
		_exit(0);
	CHECK(pid > 0);
	wait_status(pid);
}

static int inner_calls(void)
{
	int ours = own_calls(call_fork, fork), libcs = own_calls(call_fork, libc_fork);

	fprintf(stderr, "calls: %d, libc's %d\n", ours, libcs);
	CHECK(ours > 0 && ours == libcs);
	return 0;
}

/* Nor does the device need more than the man page says */
static int inner_calls_of_device(void)
{
	int ours = own_calls(call_fork, fork), libcs = own_calls(call_fork, libc_fork);

	fprintf(stderr, "calls: %d, libc's %d\n", ours, libcs);
	CHECK(ours > 64 && ours - libcs <= 70);
	return 0;
}

static void give(const struct spawnctl_limit *limit)
{
	int fd = open("/dev/spawnctl", O_RDWR);
	char number[16];

	if (fd < 0 || ioctl(fd, SPAWNCTL_IOC_LIMIT, limit))
		_exit(97);
	snprintf(number, sizeof(number), "%d", fd);
	setenv("SPAWNCTL_FD", number, 1);
}

#define GIVE(name, ...)								\
	static void name(void)							\
	{									\
		give(&(struct spawnctl_limit){					\
			.size = sizeof(struct spawnctl_limit), __VA_ARGS__ });	\
	}
GIVE(give_no_fork, .flags = SPAWNCTL_LIMIT_COMMANDS, .commands = 1 << SPAWNCTL_CMD_SPAWN)
GIVE(give_no_flag, .flags = SPAWNCTL_LIMIT_FLAGS, .clone_flags = SPAWNCTL_WINDOW_MASK)
GIVE(give_three, .flags = SPAWNCTL_LIMIT_CHILDREN, .children = 3)
GIVE(give_none_alive, .flags = SPAWNCTL_LIMIT_LIVE, .live = 0)
GIVE(give_unmarked, .flags = SPAWNCTL_LIMIT_CHILDREN, .children = 100)
GIVE(give_marked, .flags = SPAWNCTL_LIMIT_FILTERED)
GIVE(give_reset, .flags = SPAWNCTL_LIMIT_RESET)

FIXTURE(long_one) { int unused; };
FIXTURE_SETUP(long_one) { }
FIXTURE_TEARDOWN(long_one) { }

/* The mode succeeds, with a fork by the device; and with libc's fork() if no device is demanded */
static void by_both(struct __test_metadata *_metadata, const char *mode, void (*prepare)(void))
{
	EXPECT_EQ(0, run_self("device", mode, prepare)) TH_LOG("%s", said);
	EXPECT_EQ(tells_of_threads(), said_device()) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self(NULL, mode, NULL)) TH_LOG("%s", said);
	EXPECT_EQ(false, said_device());
}

TEST(state) { by_both(_metadata, "--state", NULL); }
TEST(state_under_a_full_reset) { by_both(_metadata, "--reset", give_reset); }
TEST(atfork_handlers) { by_both(_metadata, "--atfork", NULL); }
TEST(own_signal) { by_both(_metadata, "--own-signal", NULL); }
TEST(forks_of_forks) { by_both(_metadata, "--nested", NULL); }
TEST(child_of_vfork) { by_both(_metadata, "--vfork", NULL); }
TEST(inherited_descriptor) { by_both(_metadata, "--leaves-inherited", give_marked); }

TEST_F_TIMEOUT(long_one, storm, 300) { by_both(_metadata, "--storm", NULL); }
TEST_F_TIMEOUT(long_one, counted_signals, 300) { by_both(_metadata, "--counted", NULL); }
TEST_F_TIMEOUT(long_one, descriptors_after_many_forks, 300)
{
	by_both(_metadata, "--many", NULL);
}

TEST(atfork_beside_dlopen)
{
	EXPECT_EQ(0, run_self(NULL, "--atfork-beside-dlopen", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("device", "--atfork-beside-dlopen", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("libc", "--atfork-beside-dlopen", NULL)) TH_LOG("%s", said);
}

/* Its locks cannot be taken from outside */
TEST(threads_use_libc)
{
	EXPECT_EQ(0, run_self("device", "--threads", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(NULL, strstr(said, "spawnctl: fork:")) TH_LOG("%s", said);
}

TEST(bare_fork)
{
	EXPECT_EQ(0, run_self("device", "--bare", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(!!strstr(said, "bare\n"), said_device()) TH_LOG("%s", said);
}

/* Unless the device is demanded, fork() is libc's, and makes no other system call */
TEST(system_calls)
{
	EXPECT_EQ(0, run_self(NULL, "--calls", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("clone3", "--calls", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("libc", "--calls", NULL)) TH_LOG("%s", said);
	if (tells_of_threads())
		EXPECT_EQ(0, run_self("device", "--calls-of-device", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self("fastest", "--own-signal", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(NULL, strstr(said, "spawnctl: fork:")) TH_LOG("%s", said);
}

/* Under a filter that kills for clone: the control is killed */
TEST(under_a_killing_filter)
{
	if (tells_of_threads()) {
		EXPECT_EQ(0, run_self("device", "--killed", give_marked)) TH_LOG("%s", said);
		EXPECT_NE(NULL, strstr(said, "alive\n"));
	}
	EXPECT_EQ(200 + SIGSYS, run_self(NULL, "--killed", give_marked)) TH_LOG("%s", said);
}

/* The device refuses: fork() fails with its errno, and does not fall back */
TEST(refused)
{
	static const struct {
		const char *mode;
		void (*prepare)(void);
		const char *says;
	} cases[] = {
		{ "--refused-EPERM", give_no_fork, "spawnctl: fork: device: failed, errno 1\n" },
		{ "--refused-EPERM", give_no_flag, "spawnctl: fork: device: failed, errno 1\n" },
		{ "--refused-EDQUOT", give_three, "spawnctl: fork: device: failed, errno 122\n" },
		{ "--refused-EAGAIN", give_none_alive,
		  "spawnctl: fork: device: failed, errno 11\n" },
		{ "--filtered", give_unmarked, "spawnctl: fork: device: failed, errno 13\n" },
	};
	unsigned int i;

	if (!tells_of_threads())
		return;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(0, run_self("device", cases[i].mode, cases[i].prepare))
			TH_LOG("%u: %s", i, said);
		EXPECT_NE(NULL, strstr(said, cases[i].says)) TH_LOG("%u: %s", i, said);
	}
	ASSERT_EQ(0, rename("/dev/spawnctl", "/dev/spawnctl.gone"));
	EXPECT_EQ(0, run_self("device", "--refused-ENOENT", NULL)) TH_LOG("%s", said);
	EXPECT_EQ(0, run_self(NULL, "--nested", NULL)) TH_LOG("%s", said);
	ASSERT_EQ(0, rename("/dev/spawnctl.gone", "/dev/spawnctl"));
}

static int run_mode(char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} modes[] = {
		{ "--state", inner_state }, { "--reset", inner_reset },
		{ "--atfork", inner_atfork },
		{ "--atfork-beside-dlopen", inner_atfork_beside_dlopen },
		{ "--storm", inner_storm }, { "--counted", inner_counted },
		{ "--own-signal", inner_own_signal }, { "--many", inner_many },
		{ "--nested", inner_nested }, { "--vfork", inner_vfork },
		{ "--threads", inner_threads }, { "--bare", inner_bare },
		{ "--filtered", inner_filtered }, { "--killed", inner_killed },
		{ "--calls", inner_calls }, { "--calls-of-device", inner_calls_of_device },
		{ "--leaves-inherited", inner_inherited },
	};
	static const struct {
		const char *name;
		int error, good;
	} refusals[] = {
		{ "--refused-EPERM", EPERM, 0 }, { "--refused-EDQUOT", EDQUOT, 3 },
		{ "--refused-EAGAIN", EAGAIN, 0 }, { "--refused-ENOENT", ENOENT, 0 },
	};
	unsigned int i;

	views = shared_alloc(2 * sizeof(*views));
	libc_fork = (pid_t (*)(void))dlsym(dlopen("libc.so.6", RTLD_NOW), "fork");
	CHECK(views && libc_fork && libc_fork != fork);
	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!strcmp(argv[0], refusals[i].name))
			return inner_refused(refusals[i].error, refusals[i].good);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(argv[0], modes[i].name))
			return modes[i].run();
	return 96;
}

TEST_HARNESS_MAIN_OR(run_mode)
