// SPDX-License-Identifier: GPL-2.0
/*
 * File actions on each backend, compared with a child of fork(2) that does them one
 * by one: both get the same error of the same action, or the same descriptors.
 */
#include "filter.h"
#include "spawnctl_test.h"

#include <pthread.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <time.h>

extern char **environ;

#define FIRST	10		/* the random lists use descriptors FIRST to LAST */
#define LAST	75
#define MAX	12

struct step {
	enum { CLOSE, DUP2, OPEN, CHDIR, FCHDIR, CLOSEFROM } op;
	int a, b;
};

/* The outcome of a list: an error and its step, or the file of each descriptor */
struct table {
	int error;
	int step;
	dev_t dev[LAST + 1];
	ino_t ino[LAST + 1];
	dev_t cwd_dev;
	ino_t cwd_ino;
};

/* The last two name a directory and a file that every test has open, by their descriptors */
static const char * const paths[] = {
	"/dev/null", "/tmp", "/none", "/etc/passwd", "/proc/self/fd/60", "/proc/self/fd/61"
};

static void look(struct table *table)
{
	struct stat st;
	int fd;

	for (fd = FIRST; fd <= LAST; fd++)
		if (!fstat(fd, &st)) {
			table->dev[fd] = st.st_dev;
			table->ino[fd] = st.st_ino;
		}
	if (!stat(".", &st)) {
		table->cwd_dev = st.st_dev;
		table->cwd_ino = st.st_ino;
	}
}

/* The new program: this one again, which reports what it has open */
static int report(int fd)
{
	struct table table = { 0 };

	look(&table);
	return write(fd, &table, sizeof(table)) != sizeof(table);
}

static int one_step(const struct step *step)
{
	int fd;

	switch (step->op) {
	case CLOSE:
		close(step->a);
		return 0;
	case DUP2:
		if (step->a == step->b) {
			fd = fcntl(step->a, F_GETFD);
			return fd < 0 || fcntl(step->a, F_SETFD, fd & ~FD_CLOEXEC) ? errno : 0;
		}
		return dup2(step->a, step->b) < 0 ? errno : 0;
	case OPEN:
		close(step->a);
		fd = open(paths[step->b], O_RDONLY);
		if (fd < 0)
			return errno;
		if (fd != step->a) {
			if (dup2(fd, step->a) < 0)
				return errno;
			close(fd);
		}
		return 0;
	case CHDIR:
		return chdir(paths[step->b]) ? errno : 0;
	case FCHDIR:
		return fchdir(step->a) ? errno : 0;
	case CLOSEFROM:
		for (fd = step->a; fd < 4096; fd++)
			close(fd);
		return 0;
	}
	return EINVAL;
}

static int is_kept(const struct step *steps, int n, int fd)
{
	int i;

	for (i = 0; i < n; i++)
		if ((steps[i].op == DUP2 && steps[i].b == fd) ||
		    (steps[i].op == OPEN && steps[i].a == fd))
			return 1;
	return 0;
}

/* Does the steps in a child of fork(2). @kept: the library's own descriptor, or -1 */
static void model(const struct step *steps, int n, int only_named, int kept,
		  struct table *table)
{
	struct table *shared = shared_alloc(sizeof(*shared));
	pid_t pid = fork();

	if (!pid) {
		int i, fd;

		/* The library's child closes it first, so that no action finds it */
		close(kept);
		for (i = 0; i < n; i++) {
			shared->error = one_step(&steps[i]);
			if (shared->error) {
				shared->step = i;
				_exit(0);
			}
		}
		/* As exec does, and as SPAWNCTL_SPAWN_CLOEXEC_DEFAULT (@only_named) does */
		for (fd = FIRST; fd <= LAST; fd++)
			if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) ||
			    (only_named && !is_kept(steps, n, fd)))
				close(fd);
		look(shared);
		_exit(0);
	}
	wait_status(pid);
	*table = *shared;
	munmap(shared, sizeof(*shared));
}

static int add(spawnctl_file_actions_t *actions, const struct step *step)
{
	switch (step->op) {
	case CLOSE:
		return spawnctl_file_actions_addclose(actions, step->a);
	case DUP2:
		return spawnctl_file_actions_adddup2(actions, step->a, step->b);
	case OPEN:
		return spawnctl_file_actions_addopen(actions, step->a, paths[step->b], O_RDONLY,
						     0);
	case CHDIR:
		return spawnctl_file_actions_addchdir(actions, paths[step->b]);
	case FCHDIR:
		return spawnctl_file_actions_addfchdir(actions, step->a);
	case CLOSEFROM:
		return spawnctl_file_actions_addclosefrom(actions, step->a);
	}
	return EINVAL;
}

static int random_fd(void)
{
	return FIRST + rand() % (LAST - FIRST + 1);
}

static int random_steps(struct step *steps)
{
	int i, n = rand() % MAX;

	for (i = 0; i < n; i++) {
		int r = rand() % 20;

		steps[i] = (struct step){ .a = random_fd(), .b = random_fd() };
		if (r < 6) {
			steps[i].op = CLOSE;
		} else if (r < 13) {
			steps[i].op = DUP2;
			if (r == 12)
				steps[i].b = steps[i].a;
		} else if (r < 15) {
			steps[i].op = OPEN;
			steps[i].b = rand() % 8 ? rand() % 2 : rand() % 2 ? 2 : 5;
		} else if (r < 16) {
			steps[i].op = CHDIR;
			steps[i].b = rand() % 4 ? 1 : rand() % 2 ? 2 : 4;
		} else if (r < 17) {
			steps[i].op = FCHDIR;
		} else {
			steps[i].op = CLOSEFROM;
		}
	}
	return n;
}

FIXTURE(files) {
	spawnctl_attr_t *attr;
	struct spawnctl_result result;
	int report[2];
	int kept;
};

FIXTURE_VARIANT(files) {
	enum spawnctl_backend backend;
};

FIXTURE_VARIANT_ADD(files, device) { .backend = SPAWNCTL_BACKEND_DEVICE };
FIXTURE_VARIANT_ADD(files, clone3) { .backend = SPAWNCTL_BACKEND_CLONE3 };
FIXTURE_VARIANT_ADD(files, clone) { .backend = SPAWNCTL_BACKEND_CLONE };

FIXTURE_SETUP(files)
{
	int fd;

	ASSERT_EQ(0, spawnctl_attr_init(&self->attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(self->attr, variant->backend));
	self->result.size = sizeof(self->result);
	ASSERT_EQ(0, pipe2(self->report, O_CLOEXEC));
	ASSERT_GT(FIRST, self->report[1]);
	/* Each memfd is a file of its own, so that a mix-up of descriptors shows */
	for (fd = FIRST; fd <= LAST; fd++) {
		int from;

		if (fd % 7 == 0)
			continue;
		from = fd % 5 ? memfd_create("file", MFD_CLOEXEC) : open("/tmp", O_RDONLY);
		ASSERT_LE(0, from);
		ASSERT_EQ(fd, dup3(from, fd, fd % 3 ? 0 : O_CLOEXEC));
		if (from < FIRST || from > LAST)
			close(from);
	}
	/* A first spawn, so that the library keeps its descriptor, within FIRST to LAST */
	ASSERT_EQ(0, spawnctl_spawn(NULL, "/bin/true", NULL, self->attr,
				    (char *[]){ "true", NULL }, environ));
	ASSERT_LT(0, wait(NULL));
	self->kept = device_fd(FIRST);
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE) {
		ASSERT_LE(FIRST, self->kept);
		ASSERT_GE(LAST, self->kept);
	}
}

FIXTURE_TEARDOWN(files)
{
	spawnctl_attr_destroy(self->attr);
}

/* Spawns this program with @steps as actions. It reports on descriptor 9. */
static int spawn_steps(FIXTURE_SELF(files) self, const struct step *steps, int n,
		       struct table *table)
{
	char self_path[] = "/proc/self/exe", *argv[] = { "files", "--report", NULL };
	spawnctl_file_actions_t *actions;
	int i, error, status;

	spawnctl_file_actions_init(&actions);
	/* The first action; no step closes descriptor 9, as all are about FIRST and above */
	spawnctl_file_actions_adddup2(actions, self->report[1], 9);
	for (i = 0; i < n; i++)
		if (add(actions, &steps[i]))
			return -1;
	error = spawnctl_spawn_result(&self->result, self_path, actions, self->attr, argv,
				      environ);
	spawnctl_file_actions_destroy(actions);
	if (error) {
		table->error = error;
		table->step = self->result.action - 1;
		return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : -1;
	}
	status = wait_status(self->result.pid);
	if (status || read(self->report[0], table, sizeof(*table)) != sizeof(*table))
		return -1;
	return 0;
}

/* A list as text, for the log */
static const char *list_text(const struct step *steps, int n)
{
	static const char * const names[] = {
		"close", "dup2", "open", "chdir", "fchdir", "closefrom"
	};
	static char text[MAX * 24];
	int i, used = 0;

	for (i = 0; i < n; i++)
		used += snprintf(text + used, sizeof(text) - used, "%s(%d,%d) ",
				 names[steps[i].op], steps[i].a, steps[i].b);
	return text;
}

/* Does one list both ways, and compares the outcomes. Returns the library's error. */
static int compare(struct __test_metadata *_metadata, FIXTURE_SELF(files) self,
		   const struct step *steps, int n, int only_named, int with_pidfd)
{
	struct table ours = { 0 }, theirs = { 0 }, before = { 0 }, after = { 0 };
	int fd;

	look(&before);
	spawnctl_attr_setflags(self->attr, (only_named ? SPAWNCTL_SPAWN_CLOEXEC_DEFAULT : 0) |
					   (with_pidfd ? SPAWNCTL_SPAWN_PIDFD : 0));
	model(steps, n, only_named, self->kept, &theirs);
	ASSERT_EQ(0, spawn_steps(self, steps, n, &ours)) TH_LOG("%s", list_text(steps, n));
	if (self->result.pidfd >= 0)
		close(self->result.pidfd);
	ASSERT_EQ(theirs.error, ours.error) TH_LOG("%s", list_text(steps, n));
	ASSERT_EQ(theirs.step, ours.step) TH_LOG("%s", list_text(steps, n));
	for (fd = FIRST; fd <= LAST; fd++) {
		ASSERT_EQ(theirs.ino[fd], ours.ino[fd])
			TH_LOG("descriptor %d: %s", fd, list_text(steps, n));
		ASSERT_EQ(theirs.dev[fd], ours.dev[fd]);
	}
	ASSERT_EQ(theirs.cwd_ino, ours.cwd_ino);
	/* The caller's own descriptors are unchanged */
	look(&after);
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(after)));
	return ours.error;
}

static void compare_random(struct __test_metadata *_metadata, FIXTURE_SELF(files) self,
			   int only_named)
{
	unsigned int round, rounds = scaled(4000, 150, "lists"), failed = 0;
	const char *again = getenv("SPAWNCTL_SEED");
	unsigned int seed = again ? strtoul(again, NULL, 10) : time(NULL);
	struct step steps[MAX];

	TH_LOG("seed %u (SPAWNCTL_SEED repeats one)", seed);
	srand(seed);
	for (round = 0; round < rounds; round++) {
		int n = random_steps(steps);

		failed += compare(_metadata, self, steps, n, only_named, !(round % 3)) != 0;
	}
	/* Enough lists have failed, and enough have succeeded */
	EXPECT_LT(rounds / 20, failed);
	EXPECT_GT(rounds - rounds / 20, failed);
}

/* Lists that once had a wrong outcome */
TEST_F(files, regressions)
{
	/* The child's table was made for the first closefrom, and the last one was skipped */
	const struct step two_closefroms[] = {
		{ CLOSE, 50 }, { CLOSEFROM, 35 }, { DUP2, 29, 57 }, { CLOSEFROM, 51 },
	};
	/* The child's table is made for the first closefrom, and the second closes more */
	const struct step second_closefrom[] = { { CLOSEFROM, 50 }, { CLOSEFROM, 35 } };
	/* The highest descriptor that is named is needed, even if it is closed later */
	const struct step highest[] = { { DUP2, 50, 20 }, { CLOSEFROM, 30 } };
	/* The last action closes the descriptor that the first has made */
	const struct step highest_target[] = { { DUP2, 11, 50 }, { CLOSEFROM, 12 } };
	const struct step directory[] = { { FCHDIR, 50 }, { CLOSEFROM, 30 } };
	/* Clears close-on-exec, so that the descriptor stays open over exec */
	const struct step itself[] = { { DUP2, 15, 15 } };

	EXPECT_EQ(0, compare(_metadata, self, two_closefroms, 4, 0, 0));
	EXPECT_EQ(0, compare(_metadata, self, two_closefroms, 4, 1, 1));
	EXPECT_EQ(0, compare(_metadata, self, second_closefrom, 2, 0, 0));
	EXPECT_EQ(0, compare(_metadata, self, highest, 2, 0, 0));
	EXPECT_EQ(0, compare(_metadata, self, highest, 1, 1, 0));
	EXPECT_EQ(0, compare(_metadata, self, highest_target, 2, 0, 0));
	EXPECT_EQ(0, compare(_metadata, self, directory, 2, 0, 0));
	EXPECT_EQ(0, compare(_metadata, self, itself, 1, 0, 0));
}

/* An action that names the library's own descriptor does not find it */
TEST_F(files, kept_descriptor_is_hidden)
{
	const struct step by_dup2[] = { { DUP2, self->kept, 20 } };
	const struct step by_fchdir[] = { { FCHDIR, self->kept } };

	if (variant->backend != SPAWNCTL_BACKEND_DEVICE) {
		EXPECT_EQ(-1, self->kept);
		return;
	}
	EXPECT_EQ(EBADF, compare(_metadata, self, by_dup2, 1, 0, 0));
	EXPECT_EQ(EBADF, compare(_metadata, self, by_dup2, 1, 1, 0));
	EXPECT_EQ(EBADF, compare(_metadata, self, by_fchdir, 1, 0, 0));
}

/* A descriptor that is closed at the end is open for an earlier action that uses its path */
TEST_F(files, path_of_a_descriptor_closed_later)
{
	const struct step lists[][3] = {
		{ { OPEN, 20, 5 }, { DUP2, 11, 12 }, { CLOSEFROM, 30 } },
		{ { DUP2, 11, 12 }, { OPEN, 20, 5 }, { CLOSEFROM, 30 } },
		{ { DUP2, 11, 12 }, { CHDIR, 0, 4 }, { CLOSEFROM, 30 } },
		{ { CHDIR, 0, 4 }, { CHDIR, 0, 4 }, { CLOSEFROM, 30 } },
		{ { CHDIR, 0, 1 }, { OPEN, 20, 5 }, { CLOSEFROM, 30 } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		EXPECT_EQ(0, compare(_metadata, self, lists[i], 3, 0, 0));
		EXPECT_EQ(0, compare(_metadata, self, lists[i], 3, 0, 1));
		/* With SPAWNCTL_SPAWN_CLOEXEC_DEFAULT, without the closefrom */
		EXPECT_EQ(0, compare(_metadata, self, lists[i], 2, 1, 0));
		EXPECT_EQ(0, compare(_metadata, self, lists[i], 2, 1, 1));
	}
}

/* The pidfd is the parent's: no action of the child finds it, in a shared table or not */
TEST_F(files, pidfd_is_hidden)
{
	char path[32], *argv[] = { "true", NULL };
	spawnctl_file_actions_t *actions;
	int number = dup(0);

	/* The number that the pidfd will have */
	ASSERT_LE(0, number);
	ASSERT_EQ(0, close(number));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", number);
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addchdir(actions, path));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	ASSERT_EQ(0, spawnctl_attr_setflags(self->attr, SPAWNCTL_SPAWN_PIDFD));
	EXPECT_EQ(ENOENT, spawnctl_spawn_result(&self->result, "/bin/true", actions,
						self->attr, argv, environ));
	EXPECT_EQ(0, self->result.action);
	spawnctl_file_actions_destroy(actions);
	/* By its number, after the child has made a table of its own */
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, number, LAST));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, LAST + 1));
	EXPECT_EQ(EBADF, spawnctl_spawn_result(&self->result, "/bin/true", actions,
					       self->attr, argv, environ));
	EXPECT_EQ(0, self->result.action);
	spawnctl_file_actions_destroy(actions);
}

/*
 * The program can use every number that is not open in it, though the parent has used all. On a
 * kernel without 9a2fa1472083, a table without the closed descriptors would keep whole blocks of
 * 64 numbers unusable.
 */
TEST_F(files, closed_numbers_are_free)
{
	char *argv[] = { program_path, "lowest", "300", NULL };
	spawnctl_file_actions_t *actions;
	int fd;

	do
		fd = dup(0);
	while (fd >= 0 && fd < 1000);
	ASSERT_EQ(1000, fd);
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	for (fd = 0; fd < 3; fd++)
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, fd, fd));
	ASSERT_EQ(0, spawnctl_attr_setflags(self->attr, SPAWNCTL_SPAWN_CLOEXEC_DEFAULT));
	EXPECT_EQ(0, spawnctl_spawn_result(&self->result, program_path, actions, self->attr,
					   argv, environ));
	EXPECT_EQ(0, wait_status(self->result.pid));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(actions, 3));
	ASSERT_EQ(0, spawnctl_attr_setflags(self->attr, 0));
	EXPECT_EQ(0, spawnctl_spawn_result(&self->result, program_path, actions, self->attr,
					   argv, environ));
	EXPECT_EQ(0, wait_status(self->result.pid));
	spawnctl_file_actions_destroy(actions);
}

/*
 * The library's own descriptor does not change what O_CLOEXEC does: here open(2) returns the number
 * below the wanted one, which is then inherited
 */
TEST_F(files, open_beside_the_kept_descriptor)
{
	const int free = self->kept >= 0 ? self->kept : LAST + 5;
	char test[64], *argv[] = { "sh", "-c", test, NULL };
	spawnctl_file_actions_t *actions;
	pid_t pid;
	int fd;

	do
		fd = dup(0);
	while (fd >= 0 && fd < free);
	close(fd);
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, free + 1, "/dev/null",
						   O_RDONLY | O_CLOEXEC, 0));
	snprintf(test, sizeof(test), "[ -e /proc/self/fd/%d ]", free + 1);
	EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, self->attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	spawnctl_file_actions_destroy(actions);
}

/*
 * An open action passes its flags and mode to open(2). O_CLOEXEC lasts only if open(2)
 * itself returns the wanted number.
 */
TEST_F(files, open_flags_and_mode)
{
	char path[] = "/tmp/spawn_files_opened", *argv[] = { "sh", "-c",
		"cd /proc/self/fd && [ -e 20 ] && [ -e 22 ] && [ ! -e 19 ] && [ ! -e 21 ] && "
		"grep -q '^flags:.*1$' /proc/self/fdinfo/20", NULL };
	spawnctl_file_actions_t *actions;
	mode_t old = umask(022);
	struct stat st;
	int fd;
	pid_t pid;

	unlink(path);
	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	/* The action first closes 21, which then is the lowest free number; later 19 is */
	for (fd = 0; fd < 21; fd++)
		fcntl(0, F_DUPFD, fd);
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 21, "/dev/null",
						   O_RDONLY | O_CLOEXEC, 0));
	ASSERT_EQ(0, spawnctl_file_actions_addclose(actions, 19));
	/* Nor is the number that open(2) returned left open */
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 22, "/dev/null", O_RDONLY, 0));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 20, path,
						   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
						   0664));
	EXPECT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, self->attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_EQ(0, stat(path, &st));
	EXPECT_EQ(0100644U, st.st_mode);
	spawnctl_file_actions_destroy(actions);
	unlink(path);
	umask(old);
}

TEST_F_TIMEOUT(files, random_lists, 600)
{
	compare_random(_metadata, self, 0);
}

TEST_F_TIMEOUT(files, random_lists_cloexec_default, 600)
{
	compare_random(_metadata, self, 1);
}

/* The number of actions is not limited */
TEST_F(files, many_actions)
{
	struct step steps[1] = { { DUP2, 11, 12 } };
	spawnctl_file_actions_t *actions;
	char *argv[] = { "true", NULL };
	pid_t pid;
	int i;

	spawnctl_file_actions_init(&actions);
	for (i = 0; i < 5000; i++)
		ASSERT_EQ(0, add(actions, steps));
	EXPECT_EQ(0, spawnctl_spawnp(&pid, "true", actions, self->attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	spawnctl_file_actions_destroy(actions);
}

/* What a tracer sees of a spawn */
struct seen {
	int calls;	/* the caller's system calls, and the child's up to execve(2); or -1 */
	int shared;	/* the child has the parent's descriptor table when it calls execve(2) */
	int busy;	/* what the parent has just written cannot be executed then */
};

#define NEWER	77
#define WRITTEN	"/tmp/spawn_files_written"

static int ask[2], answer[2], writer;

/* A thread of the tracee that is not traced: on request, opens one file and closes another */
static void *open_and_close(void *arg)
{
	char c;

	if (read(ask[0], &c, 1) != 1 || dup2(ask[0], NEWER) != NEWER || close(writer) ||
	    write(answer[1], &c, 1) != 1)
		_exit(1);
	return NULL;
}

/* The child calls execve(2) now: looks what it has of its parent */
static void look_at_child(pid_t child, struct seen *seen)
{
	char path[64], c = 0;
	struct stat st;
	pid_t pid;

	if (write(ask[1], &c, 1) != 1 || read(answer[0], &c, 1) != 1)
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", child, NEWER);
	seen->shared = !lstat(path, &st);
	pid = fork();
	if (!pid) {
		execl(WRITTEN, "true", NULL);
		_exit(errno == ETXTBSY ? 1 : 2);
	}
	seen->busy = WEXITSTATUS(wait_status(pid));
}

static struct seen trace_spawn(FIXTURE_SELF(files) self, spawnctl_file_actions_t *actions)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status, between = 0, marks = 0, entered[2] = { 0 };
	struct seen seen = { .shared = -1, .busy = -1 };
	char *argv[] = { "true", NULL };
	pid_t tracee, pid;
	pthread_t thread;

	unlink(WRITTEN);
	if (pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC) ||
	    copy_file("/bin/true", WRITTEN, 0755))
		return (struct seen) { -1, -1, -1 };
	writer = open(WRITTEN, O_WRONLY | O_CLOEXEC);
	tracee = fork();
	if (!tracee) {
		pthread_create(&thread, NULL, open_and_close, NULL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		/* Not counted: the library opens its descriptor, and probes this kernel */
		spawnctl_spawn(&pid, "/bin/true", actions, self->attr, argv, environ);
		wait_status(pid);
		raise(SIGSTOP);
		raw_syscall(SYS_getuid);
		spawnctl_spawn(&pid, "/bin/true", actions, self->attr, argv, environ);
		raw_syscall(SYS_getuid);
		_exit(0);
	}
	close(writer);
	if (waitpid(tracee, &status, 0) != tracee || !WIFSTOPPED(status))
		return (struct seen) { -1, -1, -1 };
	ptrace(PTRACE_SETOPTIONS, tracee, NULL, options);
	ptrace(PTRACE_SYSCALL, tracee, NULL, NULL);
	for (;;) {
		int child, sig;

		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			break;
		if (!WIFSTOPPED(status)) {
			if (pid == tracee)
				break;
			continue;
		}
		child = pid != tracee;
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80)) {
			entered[child] = !entered[child];
			if (entered[child]) {
				struct __ptrace_syscall_info info;

				ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
				if (info.entry.nr == SYS_getuid)
					between = !marks++;
				else if (between || child)
					seen.calls++;
				if (child && info.entry.nr == SYS_execve)
					look_at_child(pid, &seen);
			}
		} else if (child && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			/* The new program's system calls do not count */
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
			continue;
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	close(ask[0]);
	close(ask[1]);
	close(answer[0]);
	close(answer[1]);
	unlink(WRITTEN);
	if (marks != 2)
		seen.calls = -1;
	return seen;
}

TEST_F(files, system_calls)
{
	struct step steps[] = { { DUP2, 11, 0 }, { DUP2, 12, 1 }, { CLOSE, 13, 0 },
				{ FCHDIR, 15, 0 }, { CLOSEFROM, 40, 0 } };
	spawnctl_file_actions_t *actions;
	int plain, five;
	unsigned int i;

	spawnctl_file_actions_init(&actions);
	plain = trace_spawn(self, NULL).calls;
	for (i = 0; i < ARRAY_SIZE(steps); i++)
		ASSERT_EQ(0, add(actions, &steps[i]));
	five = trace_spawn(self, actions).calls;
	TH_LOG("plain %d, with 5 actions %d", plain, five);
	if (variant->backend == SPAWNCTL_BACKEND_DEVICE) {
		EXPECT_EQ(2, plain);
		EXPECT_EQ(7, five);
	} else {
		EXPECT_EQ(plain + 5, five);
	}
	spawnctl_file_actions_destroy(actions);
}

/*
 * A child without an action on its table has the parent's until execve(2), so it holds no file of
 * another thread that is open for writing. The control has a copy, and keeps the file busy.
 */
TEST_F(files, table_is_not_copied)
{
	struct seen seen;

	spawnctl_file_actions_t *chdir_only, *closes, *opens;
	struct step close_one = { CLOSE, 13, 0 }, go = { CHDIR, 0, 1 };

	ASSERT_EQ(0, spawnctl_file_actions_init(&chdir_only));
	ASSERT_EQ(0, add(chdir_only, &go));
	ASSERT_EQ(0, spawnctl_file_actions_init(&closes));
	ASSERT_EQ(0, add(closes, &close_one));
	ASSERT_EQ(0, spawnctl_file_actions_init(&opens));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(opens, 0, "/dev/null", O_RDONLY, 0));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(opens, 3));
	/* On older kernels a shared table could kill the parent, without memory in execve(2) */
	seen = trace_spawn(self, NULL);
	EXPECT_EQ(kernel_at_least(5, 16), seen.shared);
	EXPECT_EQ(!kernel_at_least(5, 16), seen.busy);
	seen = trace_spawn(self, chdir_only);
	EXPECT_EQ(kernel_at_least(5, 16), seen.shared);
	EXPECT_EQ(!kernel_at_least(5, 16), seen.busy);
	seen = trace_spawn(self, closes);
	EXPECT_EQ(0, seen.shared);
	EXPECT_EQ(1, seen.busy);
	/* It has closed the file by then */
	seen = trace_spawn(self, opens);
	EXPECT_EQ(0, seen.shared);
	EXPECT_EQ(0, seen.busy);
	spawnctl_file_actions_destroy(chdir_only);
	spawnctl_file_actions_destroy(closes);
	spawnctl_file_actions_destroy(opens);
}

#ifdef SYS_dup2
/*
 * The child makes the system calls that libc makes: a filter allows dup2(2), and kills for
 * dup3(2). (Newer architectures have dup3(2) alone.) The device is not tested, as its child does
 * the same.
 */
TEST(same_calls_as_libc)
{
	char *argv[] = { "sh", "-c", "[ -e /proc/self/fd/7 ] && [ -e /proc/self/fd/8 ]", NULL };
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_file_actions_init(&actions));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(actions, 0, 7));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(actions, 8, "/dev/null", O_RDONLY, 0));
	ASSERT_EQ(0, spawnctl_attr_init(&attr));
	ASSERT_EQ(0, spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_CLONE));
	ASSERT_EQ(0, filter(SYS_dup3, SECCOMP_RET_KILL_PROCESS));
	ASSERT_EQ(0, spawnctl_spawn(&pid, "/bin/sh", actions, attr, argv, environ));
	EXPECT_EQ(0, wait_status(pid));
	spawnctl_attr_destroy(attr);
	spawnctl_file_actions_destroy(actions);
}
#endif

static int run_mode(char **argv)
{
	return report(9);
}

TEST_HARNESS_MAIN_OR(run_mode)
