// SPDX-License-Identifier: GPL-2.0
/*
 * Spawns from a signal handler that runs on an alternate stack, above inaccessible pages:
 * through the library's own functions and, in a second run of this program, through the
 * preload library.
 */
#include "spawnctl_test.h"

#include <spawn.h>
#include <spawnctl/spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PRELOAD		"libspawnctl-preload.so"
#define BELOW		(1 << 20)
#define PAINT		0xa5

extern char **environ;

static spawnctl_attr_t *attr;
static spawnctl_file_actions_t *actions;
static char *many_argv[5001];	/* what a spawn uses does not depend on their number */
static const char *program;
static char *frame, *top;	/* the handler's frame, and the top of its stack */
static int error;
static pid_t pid;

static void by_library(int sig)
{
	frame = __builtin_frame_address(0);
	error = (*program == '/' ? spawnctl_spawn : spawnctl_spawnp)(&pid, program, actions, attr,
								    many_argv, environ);
}

static void by_posix(int sig)
{
	char *argv[] = { "true", NULL };

	frame = __builtin_frame_address(0);
	error = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
}

/*
 * Runs @handler on an alternate stack of @size bytes. Stores in @used how many bytes were used
 * below the handler's frame, and in @overrun how many were written below the stack.
 */
static void on_stack(void (*handler)(int), size_t size, long *used, long *overrun)
{
	char *map = mmap(NULL, BELOW + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	stack_t stack = { .ss_sp = map + BELOW, .ss_size = size };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	char *deepest = map;

	top = map + BELOW + size;
	memset(map, PAINT, BELOW + size);
	mprotect(map, BELOW, PROT_NONE);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	if (!error)
		error = wait_status(pid);
	mprotect(map, BELOW, PROT_READ | PROT_WRITE);
	while (*deepest == (char)PAINT)
		deepest++;
	*used = frame - deepest;
	*overrun = deepest < map + BELOW ? map + BELOW - deepest : 0;
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	munmap(map, BELOW + size);
}

/* Sets PATH. If @is_long, one directory is too long for the child's stack and takes a mapping */
static void set_path(bool is_long)
{
	char path[4096] = "/usr/bin:/bin";
	int i;

	for (i = 0; is_long && i < 400; i++)
		strcat(path, i ? "/x" : ":/x");
	setenv("PATH", path, 1);
}

static void do_nothing(int sig)
{
	frame = __builtin_frame_address(0);
	error = ENOENT;
}

/*
 * The smallest stack on which a spawn must work: a signal frame, MINSIGSTKSZ at least, and
 * SPAWNCTL_SPAWN_STACK. The frame grows with the processor's state. It is measured, as x86
 * kernels before 5.14 do not report its size. MINSIGSTKSZ alone is less than a spawn may take,
 * even without the frame.
 */
static size_t least_stack(void)
{
	size_t frame_size;
	long used, overrun;

	on_stack(do_nothing, BELOW, &used, &overrun);
	frame_size = (top - frame + 63) & ~63L;
	if (frame_size < ARCH_MINSIGSTKSZ)
		frame_size = ARCH_MINSIGSTKSZ;
	return frame_size + SPAWNCTL_SPAWN_STACK;
}

/* Tries each combination of stack size, program and PATH. Returns 0, or the line that failed */
static int try_all(void (*handler)(int))
{
	static const char * const programs[] = { "true", "none.", "/bin/true" };
	long used, overrun;
	unsigned int i;

	/* Bind the symbols first: the stack that ld.so takes for that is not the library's */
	program = "none.";
	handler(0);
	program = "/none.";
	handler(0);
	for (i = 0; i < 4 * ARRAY_SIZE(programs); i++) {
		size_t size = i & 2 ? least_stack() : ARCH_SIGSTKSZ;

		set_path(i & 1);
		program = programs[i / 4];
		on_stack(handler, size, &used, &overrun);
		fprintf(stderr, "# stack of %zu, %s, %s PATH: %ld bytes\n", size, program,
			i & 1 ? "long" : "short", used);
		if (error != (i / 4 == 1 ? ENOENT : 0))
			return __LINE__;
		if (overrun)
			return __LINE__;
		if (used >= SPAWNCTL_SPAWN_STACK)
			return __LINE__;
	}
	return 0;
}

FIXTURE(altstack) {
};

FIXTURE_VARIANT(altstack) {
	enum spawnctl_backend backend;
	const char *name;
};

FIXTURE_VARIANT_ADD(altstack, device) { SPAWNCTL_BACKEND_DEVICE, "device" };
FIXTURE_VARIANT_ADD(altstack, clone3) { SPAWNCTL_BACKEND_CLONE3, "clone3" };
FIXTURE_VARIANT_ADD(altstack, clone) { SPAWNCTL_BACKEND_CLONE, "clone" };

FIXTURE_SETUP(altstack)
{
	unsigned int i;

	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(attr, variant->backend));
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, 1, 2));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	for (i = 0; i < ARRAY_SIZE(many_argv) - 1; i++)
		many_argv[i] = "argument";
}

FIXTURE_TEARDOWN(altstack)
{
	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
}

/* A spawn takes less than SPAWNCTL_SPAWN_STACK bytes, regardless of its arguments and actions. */
TEST_F(altstack, spawn_on_small_stack)
{
	EXPECT_EQ(0, try_all(by_library));
}

/* The same for posix_spawnp() of the preload library. */
TEST_F(altstack, preload_on_small_stack)
{
	pid_t process = fork();

	if (!process) {
		setenv("LD_PRELOAD", PRELOAD, 1);
		setenv("SPAWNCTL_BACKEND", variant->name, 1);
		execl("/proc/self/exe", "altstack_test", "--posix", NULL);
		_exit(99);
	}
	EXPECT_EQ(0, wait_status(process));
}

/* The first call fits too, for which ld.so binds the symbol on the alternate stack. */
TEST_F(altstack, first_call_on_small_stack)
{
	long used, overrun;

	set_path(false);
	program = "true";
	on_stack(by_library, ARCH_SIGSTKSZ, &used, &overrun);
	EXPECT_EQ(0, error);
	EXPECT_EQ(0, overrun);
}

/* The size of this process in pages. /proc/PID/maps shows adjacent mappings as one line */
static unsigned long mapped(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (fscanf(file, "%lu", &pages) != 1)
		abort();
	fclose(file);
	return pages;
}

/* Neither a successful nor a failed spawn leaves its mapping or a changed signal mask. */
TEST_F(altstack, no_mapping_is_left)
{
	const __u64 mask = current_mask();
	unsigned long before = 0;
	int i;

	set_path(true);
	for (i = 0; i < 40; i++) {
		program = i & 1 ? "none." : "true";
		by_library(0);
		if (i == 3)
			before = mapped();
		EXPECT_EQ(i & 1 ? ENOENT : 0, error);
		if (!error)
			EXPECT_EQ(0, wait_status(pid));
	}
	EXPECT_EQ(before, mapped());
	EXPECT_EQ(mask, current_mask());
}

/* A program is found in the longest directory of PATH, whose length sizes the mapping. */
TEST_F(altstack, program_in_a_long_directory)
{
	char dir[512] = "/tmp/altstack_test", path[1024], file[600];
	int i;

	mkdir(dir, 0700);
	for (i = 0; i < 3; i++) {
		memset(dir + strlen(dir) + 1, 'd', 100);
		dir[strlen(dir)] = '/';
		mkdir(dir, 0700);
	}
	snprintf(file, sizeof(file), "%s/here", dir);
	ASSERT_EQ(0, symlink("/bin/true", file));
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), i ? "/x:%s" : "%s:/x", dir);
		setenv("PATH", path, 1);
		program = "here";
		by_library(0);
		EXPECT_EQ(0, error);
		EXPECT_EQ(0, wait_status(pid));
	}
	unlink(file);
	for (i = 0; i < 4; i++) {
		rmdir(dir);
		*strrchr(dir, '/') = '\0';
	}
}

/* The new program has the caller's mask, not the wider one in force while the mapping exists. */
TEST_F(altstack, mask_with_a_long_path)
{
	char *argv[] = { "grep", "-q", "SigBlk:.*0000800$", "/proc/self/status", NULL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_path(true);
	ASSERT_EQ(0, spawnctl_spawnp(&pid, "grep", NULL, attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
}

static int run_mode(char **argv)
{
	return !!try_all(by_posix);
}

TEST_HARNESS_MAIN_OR(run_mode)
