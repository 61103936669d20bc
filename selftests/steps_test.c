// SPDX-License-Identifier: GPL-2.0
/*
 * Each step of a spawn, on each backend: what it does, that it comes in its order, and that the
 * spawn names it if it fails. And the file actions that libc does not have.
 */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>

#include "spawn_fixture.h"

#define LANDLOCK_EXECUTE	1ULL
#define SCRIPT			"/tmp/steps_test_script"

/* Runs a shell script, and returns what it writes, without the last newline; or the failed step */
static int write_script(const char *text)
{
	int fd = open(SCRIPT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static const char *run(FIXTURE_SELF(spawn) self, char *script)
{
	char *argv[] = { "sh", "-c", script, NULL };
	static char text[512];
	ssize_t n;
	int i;

	if (self->report[1] != 9)
		spawnctl_file_actions_adddup2(self->actions, self->report[1], 9);
	if (spawnctl_spawn_result(&self->result, "/bin/sh", self->actions, self->attr, argv,
				  environ)) {
		snprintf(text, sizeof(text), "%s: %s",
			 spawnctl_step_name(self->result.step), strerror(self->result.error));
		return text;
	}
	i = wait_status(self->result.pid);
	if (i) {
		snprintf(text, sizeof(text), "status %#x", i);
		return text;
	}
	/* Not for ever, if a script that was not to run has written nothing */
	fcntl(self->report[0], F_SETFL, O_NONBLOCK);
	n = read(self->report[0], text, sizeof(text) - 1);
	text[n > 0 ? n - 1 : 0] = '\0';
	return text;
}

#define EXPECT_TEXT(expected, seen) do {			\
	const char *_expected = expected, *_seen = seen;	\
								\
	EXPECT_EQ(0, strcmp(_expected, _seen))			\
		TH_LOG("expected \"%s\", seen \"%s\"", _expected, _seen);	\
} while (0)

/* The field of /proc/self/status of the shell */
#define FIELD(name) "sed -n 's/^" name ":[[:space:]]*//p' /proc/$$/status | tr '\\t' ' ' >&9"

TEST_F(spawn, priority)
{
	ASSERT_EQ(0, spawnctl_attr_setpriority(self->attr, 7));
	EXPECT_TEXT("7", run(self, "cut -d' ' -f19 /proc/$$/stat >&9"));
	EXPECT_EQ(EINVAL, spawnctl_attr_setpriority(self->attr, 20));
	EXPECT_EQ(EINVAL, spawnctl_attr_setpriority(self->attr, -21));
	EXPECT_EQ(0, getpriority(PRIO_PROCESS, 0));
}

TEST_F(spawn, affinity)
{
	cpu_set_t one, none;

	CPU_ZERO(&none);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, spawnctl_attr_setaffinity(self->attr, sizeof(one), &one));
	EXPECT_TEXT("0", run(self, FIELD("Cpus_allowed_list")));
	ASSERT_EQ(0, spawnctl_attr_setaffinity(self->attr, sizeof(none), &none));
	EXPECT_TEXT("affinity: Invalid argument", run(self, ""));
	EXPECT_EQ(EINVAL, spawnctl_attr_setaffinity(self->attr, 0, &one));
	EXPECT_EQ(EINVAL, spawnctl_attr_setaffinity(self->attr, 100000, &one));
}

TEST_F(spawn, ioprio)
{
	char *argv[] = { "sh", "-c", "read line <&9", NULL };
	int hold[2];

	/* Class "best effort", level 7 */
	ASSERT_EQ(0, spawnctl_attr_setioprio(self->attr, 2 << 13 | 7));
	ASSERT_EQ(0, pipe(hold));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, hold[0], 9));
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "/bin/sh", self->actions, self->attr,
					   argv, environ));
	EXPECT_EQ(2 << 13 | 7, syscall(SYS_ioprio_get, 1, self->result.pid));
	EXPECT_EQ(1, write(hold[1], "\n", 1));
	EXPECT_EQ(0, wait_status(self->result.pid));
	close(hold[0]);
	close(hold[1]);
	EXPECT_EQ(EINVAL, spawnctl_attr_setioprio(self->attr, 4 << 13));
	EXPECT_EQ(EINVAL, spawnctl_attr_setioprio(self->attr, -1));
}

static long own_oom_score_adj(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "re");
	long value = -9999;

	if (fscanf(file, "%ld", &value) != 1)
		value = -9998;
	fclose(file);
	return value;
}

TEST_F(spawn, oom_score_adj)
{
	char *argv[] = { "true", NULL };
	long before = own_oom_score_adj();
	spawnctl_start_t *start;

	ASSERT_EQ(0, spawnctl_attr_setoomscoreadj(self->attr, 345));
	EXPECT_TEXT("345", run(self, "cat /proc/$$/oom_score_adj >&9"));
	EXPECT_EQ(before, own_oom_score_adj());
	EXPECT_EQ(EINVAL, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, argv,
					       environ));
	ASSERT_EQ(0, spawnctl_attr_setoomscoreadj(self->attr, 0));
	EXPECT_TEXT("0", run(self, "cat /proc/$$/oom_score_adj >&9"));
	ASSERT_EQ(0, spawnctl_attr_setoomscoreadj(self->attr, -1000));
	EXPECT_TEXT("-1000", run(self, "cat /proc/$$/oom_score_adj >&9"));
	EXPECT_EQ(EINVAL, spawnctl_attr_setoomscoreadj(self->attr, 1001));
	EXPECT_EQ(EINVAL, spawnctl_attr_setoomscoreadj(self->attr, -1001));
}

TEST_F(spawn, rlimit)
{
	struct rlimit before, after;

	getrlimit(RLIMIT_NOFILE, &before);
	ASSERT_EQ(0, spawnctl_attr_setrlimit(self->attr, RLIMIT_NOFILE, 50, 60));
	ASSERT_EQ(0, spawnctl_attr_setrlimit(self->attr, RLIMIT_CORE, 0, ~0ULL));
	ASSERT_EQ(0, spawnctl_attr_setrlimit(self->attr, RLIMIT_NOFILE, 51, 61));
	EXPECT_TEXT("51 61 0 unlimited",
		    run(self, "echo `ulimit -S -n` `ulimit -H -n` "
			      "`ulimit -S -c` `ulimit -H -c` >&9"));
	getrlimit(RLIMIT_NOFILE, &after);
	EXPECT_EQ(before.rlim_cur, after.rlim_cur);
	EXPECT_EQ(before.rlim_max, after.rlim_max);
	EXPECT_EQ(EINVAL, spawnctl_attr_setrlimit(self->attr, RLIM_NLIMITS, 1, 1));
	EXPECT_EQ(EINVAL, spawnctl_attr_setrlimit(self->attr, -1, 1, 1));
	EXPECT_EQ(EINVAL, spawnctl_attr_setrlimit(self->attr, RLIMIT_CORE, 2, 1));
	/* Above fs.nr_open */
	ASSERT_EQ(0, spawnctl_attr_setrlimit(self->attr, RLIMIT_NOFILE, 1ULL << 40, 1ULL << 40));
	EXPECT_TEXT("rlimit: Operation not permitted", run(self, ""));
}

TEST_F(spawn, umask)
{
	ASSERT_EQ(0, spawnctl_attr_setumask(self->attr, 0137));
	EXPECT_TEXT("0137", run(self, "umask >&9"));
	EXPECT_EQ(EINVAL, spawnctl_attr_setumask(self->attr, 01000));
}

/* In the order groups, group, user. The caller stays as it is, but is not dumpable any more. */
TEST_F(spawn, ids)
{
	const gid_t groups[] = { 4321, 1234 };

	ASSERT_EQ(1, prctl(PR_GET_DUMPABLE));
	ASSERT_EQ(0, spawnctl_attr_setgroups(self->attr, 2, groups));
	ASSERT_EQ(0, spawnctl_attr_setgid(self->attr, 2345));
	ASSERT_EQ(0, spawnctl_attr_setuid(self->attr, 3456));
	EXPECT_TEXT("3456 3456 3456 3456", run(self, FIELD("Uid")));
	EXPECT_TEXT("2345 2345 2345 2345", run(self, FIELD("Gid")));
	EXPECT_TEXT("1234 4321 ", run(self, FIELD("Groups")));
	EXPECT_EQ(0U, geteuid());
	EXPECT_NE(1, prctl(PR_GET_DUMPABLE));
	ASSERT_EQ(0, spawnctl_attr_setgroups(self->attr, 0, NULL));
	EXPECT_TEXT("", run(self, FIELD("Groups")));
	EXPECT_EQ(EINVAL, spawnctl_attr_setgroups(self->attr, 65537, groups));
	EXPECT_EQ(EINVAL, spawnctl_attr_setgroups(self->attr, 2, (const gid_t[]){ 0, -1 }));
	EXPECT_EQ(EINVAL, spawnctl_attr_setuid(self->attr, -1));
	EXPECT_EQ(EINVAL, spawnctl_attr_setgid(self->attr, -1));
}

TEST_F(spawn, ids_without_privilege)
{
	const gid_t group = 1;
	int fd = spawnctl_open();
	pid_t pid = fork();

	if (!pid) {
		unsigned int wrong = 0;

		if (variant->backend == SPAWNCTL_BACKEND_DEVICE)
			spawnctl_attr_setdevice(self->attr, fd);

		setgid(65534);
		setuid(65534);
		spawnctl_attr_setuid(self->attr, 1);
		wrong += strcmp("uid: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setgid(self->attr, 1);
		wrong += strcmp("gid: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setgroups(self->attr, 1, &group);
		wrong += strcmp("groups: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setsecurebits(self->attr, 1);
		wrong += strcmp("securebits: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setchroot(self->attr, "/");
		wrong += strcmp("chroot: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setunshare(self->attr, CLONE_NEWUTS);
		wrong += strcmp("unshare: Operation not permitted", run(self, "")) != 0;
		spawnctl_attr_setpriority(self->attr, -5);
		wrong += strcmp("priority: Permission denied", run(self, "")) != 0;
		_exit(wrong);
	}
	EXPECT_EQ(0, wait_status(pid));
	close(fd);
}

TEST_F(spawn, ambient_capabilities)
{
	const unsigned long long net = 1ULL << CAP_NET_BIND_SERVICE;

	ASSERT_EQ(0, spawnctl_attr_setuid(self->attr, 3456));
	ASSERT_EQ(0, spawnctl_attr_setambient(self->attr, net));
	EXPECT_TEXT("0000000000000400", run(self, FIELD("CapEff")));
	EXPECT_TEXT("0000000000000400", run(self, FIELD("CapAmb")));
	/* The actions have the rights of the user, and not those of the superuser */
	ASSERT_EQ(0, write_script("secret") || chmod(SCRIPT, 0600));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(self->actions, 3, SCRIPT, O_RDONLY, 0));
	EXPECT_TEXT("action: Permission denied", run(self, ""));
	unlink(SCRIPT);
	spawnctl_file_actions_destroy(self->actions);
	ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
	/* Those that were set before are not added to */
	ASSERT_EQ(0, spawnctl_attr_setambient(self->attr, 0));
	EXPECT_TEXT("0000000000000000", run(self, FIELD("CapAmb")));
	/* No such capability */
	ASSERT_EQ(0, spawnctl_attr_setambient(self->attr, 1ULL << 63));
	EXPECT_TEXT("ambient: Invalid argument", run(self, ""));
}

TEST_F(spawn, securebits)
{
	/* SECBIT_NOROOT: a program of the superuser gains nothing. */
	ASSERT_EQ(0, spawnctl_attr_setsecurebits(self->attr, 1));
	EXPECT_TEXT("0000000000000000", run(self, FIELD("CapEff")));
}

TEST_F(spawn, root_directory)
{
	struct stat st;

	ASSERT_EQ(0, spawnctl_attr_setchroot(self->attr, "/proc"));
	/* The path is below the new root, which is on another file system */
	EXPECT_TEXT("exec: No such file or directory", run(self, ""));
	ASSERT_EQ(0, spawnctl_attr_setchroot(self->attr, "/none"));
	EXPECT_TEXT("chroot: No such file or directory", run(self, ""));
	EXPECT_EQ(EFAULT, spawnctl_attr_setchroot(self->attr, NULL));
	ASSERT_EQ(0, spawnctl_attr_setchroot(self->attr, "/"));
	EXPECT_TEXT("in", run(self, "echo in >&9"));
	EXPECT_EQ(0, stat("/proc/self", &st));
}

static int is_alive(pid_t pid)
{
	return !kill(pid, 0) && process_state(pid) != 'Z';
}

static void *spawn_and_end(void *arg)
{
	FIXTURE_SELF(spawn) self = arg;
	char *argv[] = { "sleep", "60", NULL };

	return (void *)(long)spawnctl_spawnp_result(&self->result, "sleep", self->actions,
						    self->attr, argv, environ);
}

/* The signal comes when the thread ends that has called the spawn */
TEST_F(spawn, death_signal)
{
	pthread_t thread;
	void *error;
	int status;

	ASSERT_EQ(0, spawnctl_attr_setpdeathsig(self->attr, SIGUSR2));
	ASSERT_EQ(0, spawnctl_attr_setuid(self->attr, 3456));
	ASSERT_EQ(0, pthread_create(&thread, NULL, spawn_and_end, self));
	pthread_join(thread, &error);
	ASSERT_EQ(NULL, error);
	EXPECT_EQ(self->result.pid, waitpid(self->result.pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGUSR2, WTERMSIG(status));
	EXPECT_FALSE(is_alive(self->result.pid));
	EXPECT_EQ(EINVAL, spawnctl_attr_setpdeathsig(self->attr, 0));
	EXPECT_EQ(EINVAL, spawnctl_attr_setpdeathsig(self->attr, 65));
}

TEST_F(spawn, namespaces)
{
	char before[64] = "", seen[64] = "";
	int fd, pid_fd, i = 0;

	ASSERT_LT(0, readlink("/proc/self/ns/uts", before, sizeof(before) - 1));
	ASSERT_EQ(0, spawnctl_attr_setunshare(self->attr, CLONE_NEWUTS | CLONE_NEWIPC));
	EXPECT_NE(0, strcmp(before, run(self, "readlink /proc/$$/ns/uts >&9")));
	EXPECT_LT(0, readlink("/proc/self/ns/uts", seen, sizeof(seen) - 1));
	EXPECT_EQ(0, strcmp(before, seen));
	/* Joining this one's own after that */
	fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	pid_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, spawnctl_attr_addnamespace(self->attr, fd, CLONE_NEWUTS));
	EXPECT_NE(0, strncmp("setns", run(self, "echo in >&9"), 5));
	ASSERT_EQ(0, spawnctl_attr_addnamespace(self->attr, pid_fd, CLONE_NEWUTS));
	EXPECT_TEXT("setns: Invalid argument", run(self, ""));
	EXPECT_EQ(EBADF, spawnctl_attr_addnamespace(self->attr, -1, 0));
	EXPECT_EQ(EINVAL, spawnctl_attr_addnamespace(self->attr, fd, CLONE_VM | CLONE_NEWUTS));
	while (i++ < 6)
		EXPECT_EQ(0, spawnctl_attr_addnamespace(self->attr, fd, 0));
	EXPECT_EQ(E2BIG, spawnctl_attr_addnamespace(self->attr, fd, 0));
	close(fd);
	close(pid_fd);
	EXPECT_EQ(EINVAL, spawnctl_attr_setunshare(self->attr, CLONE_VM));
	EXPECT_EQ(EINVAL, spawnctl_attr_setunshare(self->attr, 0));
}

static int write_map(pid_t pid, const char *name)
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = write(fd, "0 5000 1\n", 9);
	close(fd);
	return n == 9 ? 0 : -1;
}

/* The caller writes the maps of a user namespace while the child is stopped */
TEST_F(spawn, user_namespace)
{
	char *argv[] = { "sh", "-c", "cat /proc/self/uid_map >&9", NULL };
	unsigned int inside = 1, outside = 1;
	spawnctl_start_t *start;
	char text[64] = "";
	int status, i;
	pid_t pid;

	ASSERT_EQ(0, spawnctl_attr_setunshare(self->attr, CLONE_NEWUSER | CLONE_NEWUTS));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
	FLAGS(SPAWNCTL_SPAWN_STOP);
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/sh", self->actions, self->attr, argv,
					  environ));
	pid = spawnctl_start_pid(start);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, write_map(pid, "uid_map"));
	EXPECT_EQ(0, write_map(pid, "gid_map"));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(pid));
	EXPECT_LT(0, read(self->report[0], text, sizeof(text) - 1));
	i = sscanf(text, "%u %u", &inside, &outside);
	ASSERT_EQ(2, i);
	EXPECT_EQ(0U, inside);
	EXPECT_EQ(5000U, outside);
}

TEST_F(spawn, seccomp_filter)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	ASSERT_EQ(0, spawnctl_attr_setseccomp(self->attr, &program));
	memset(code, 0, sizeof(code));
	EXPECT_TEXT("2", run(self, FIELD("Seccomp")));
	program.len = 0;
	EXPECT_EQ(EINVAL, spawnctl_attr_setseccomp(self->attr, &program));
	program.len = 4097;
	EXPECT_EQ(EINVAL, spawnctl_attr_setseccomp(self->attr, &program));
	/* Not a filter */
	program.len = 1;
	ASSERT_EQ(0, spawnctl_attr_setseccomp(self->attr, &program));
	EXPECT_TEXT("seccomp: Invalid argument", run(self, ""));
}

/* The filter is the last step: it refuses what an action, and the mask before exec, have needed */
TEST_F(spawn, seccomp_is_last)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	ASSERT_EQ(0, spawnctl_attr_setseccomp(self->attr, &program));
	ASSERT_EQ(0, spawnctl_attr_setumask(self->attr, 022));
	ASSERT_EQ(0, spawnctl_file_actions_addchdir(self->actions, "/"));
	EXPECT_TEXT("in", run(self, "echo in >&9"));
}

TEST_F(spawn, landlock_ruleset)
{
	__u64 handled = LANDLOCK_EXECUTE;
	int ruleset = syscall(444, &handled, sizeof(handled), 0), there = ruleset >= 0;

	/* Before Linux 5.13, or not enabled: the step says so */
	if (ruleset < 0)
		ruleset = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, spawnctl_attr_setlandlock(self->attr, ruleset));
	FLAGS(SPAWNCTL_SPAWN_NO_NEW_PRIVS | SPAWNCTL_SPAWN_CLOEXEC_DEFAULT);
	run(self, "");
	/* Nothing may be executed. The ruleset is open in spite of CLOEXEC_DEFAULT */
	EXPECT_EQ(there ? SPAWNCTL_STEP_EXEC : SPAWNCTL_STEP_LANDLOCK, self->result.step);
	if (there)
		EXPECT_EQ(EACCES, self->result.error);
	close(ruleset);
	EXPECT_EQ(EBADF, spawnctl_attr_setlandlock(self->attr, -1));
}

TEST_F(spawn, traced_from_exec)
{
	char *argv[] = { "true", NULL };
	int status;

	FLAGS(SPAWNCTL_SPAWN_TRACEME);
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "/bin/true", NULL, self->attr, argv,
					   environ));
	ASSERT_EQ(self->result.pid, waitpid(self->result.pid, &status, 0));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
	ptrace(PTRACE_CONT, self->result.pid, NULL, NULL);
	EXPECT_EQ(0, wait_status(self->result.pid));
}

TEST_F(spawn, started_stopped)
{
	const struct timespec at_once = { 0 };
	char *argv[] = { "true", NULL };
	spawnctl_start_t *start;
	int status;
	pid_t pid;

	/* A start in a cgroup waits for exec */
	FLAGS(SPAWNCTL_SPAWN_STOP | SPAWNCTL_SPAWN_SETCGROUP);
	ASSERT_EQ(0, spawnctl_attr_setcgroup(self->attr, 0));
	EXPECT_EQ(EINVAL, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, argv,
					       environ));
	FLAGS(SPAWNCTL_SPAWN_STOP);
	EXPECT_EQ(EINVAL, spawnctl_spawn(NULL, "/bin/true", NULL, self->attr, argv, environ));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", NULL, self->attr, argv, environ));
	pid = spawnctl_start_pid(start);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(ETIMEDOUT, spawnctl_start_wait(start, &at_once, &self->result));
	kill(pid, SIGCONT);
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error);
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(pid));
}

TEST_F(spawn, exec_by_descriptor)
{
	char *argv[] = { "sh", "-c", "exit 5", NULL };
	int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC), directory, script;

	ASSERT_EQ(0, spawnctl_attr_setexecfd(self->attr, fd));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom(self->actions, 3));
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "", self->actions, self->attr, argv,
					   environ));
	EXPECT_TRUE(exited_with(self->result.pid, 5));
	directory = open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_EQ(0, spawnctl_attr_setexecfd(self->attr, directory));
	FLAGS(SPAWNCTL_SPAWN_CLOEXEC_DEFAULT);
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "sh", NULL, self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 5));
	EXPECT_EQ(EACCES, spawnctl_spawn_result(&self->result, "", NULL, self->attr, argv,
						environ));
	EXPECT_EQ(SPAWNCTL_STEP_EXEC, self->result.step);
	close(directory);
	EXPECT_EQ(EBADF, spawnctl_spawn_result(&self->result, "", NULL, self->attr, argv,
					       environ));
	/* A script by a close-on-exec descriptor: the interpreter could not open it */
	ASSERT_EQ(0, write_script("#!/bin/sh\nexit 6\n"));
	script = open(SCRIPT, O_RDONLY);
	FLAGS(0);
	ASSERT_EQ(0, spawnctl_attr_setexecfd(self->attr, script));
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "", NULL, self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 6));
	fcntl(script, F_SETFD, FD_CLOEXEC);
	EXPECT_EQ(ENOENT, spawnctl_spawn_result(&self->result, "", NULL, self->attr, argv,
						environ));
	close(script);
	close(fd);
	unlink(SCRIPT);
	EXPECT_EQ(EBADF, spawnctl_attr_setexecfd(self->attr, -1));
}

TEST_F(spawn, path_to_search)
{
	char *argv[] = { "sh", "-c", "exit 7", NULL };

	ASSERT_EQ(0, spawnctl_attr_setpath(self->attr, "/none:/proc"));
	EXPECT_EQ(ENOENT, spawnctl_spawnp_result(&self->result, "sh", NULL, self->attr, argv,
						 environ));
	ASSERT_EQ(0, spawnctl_attr_setpath(self->attr, "/none:/bin"));
	setenv("PATH", "/none", 1);
	ASSERT_EQ(0, spawnctl_spawnp_result(&self->result, "sh", NULL, self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 7));
	EXPECT_EQ(EFAULT, spawnctl_attr_setpath(self->attr, NULL));
}

TEST_F(spawn, shell_for_unknown_format)
{
	char *argv[] = { "name", "one", "two", NULL };
	spawnctl_start_t *start;

	ASSERT_EQ(0, write_script("test \"$*\" = 'one two' && exit 8\n"));
	EXPECT_EQ(ENOEXEC, spawnctl_spawn_result(&self->result, SCRIPT, NULL,
						 self->attr, argv, environ));
	FLAGS(SPAWNCTL_SPAWN_SHELL);
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, SCRIPT, NULL,
					   self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 8));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, SCRIPT, NULL, self->attr,
					  argv, environ));
	EXPECT_TRUE(exited_with(spawnctl_start_pid(start), 8));
	spawnctl_start_free(start);
	/* Through a search, too, but not for other errors */
	ASSERT_EQ(0, spawnctl_attr_setpath(self->attr, "/none:/tmp"));
	ASSERT_EQ(0, spawnctl_spawnp_result(&self->result, strrchr(SCRIPT, '/') + 1, NULL,
					    self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 8));
	EXPECT_EQ(ENOENT, spawnctl_spawn_result(&self->result, "/none", NULL, self->attr, argv,
						environ));
	argv[0] = NULL;
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, SCRIPT, NULL,
					   self->attr, argv, environ));
	EXPECT_TRUE(exited_with(self->result.pid, 1));
	unlink(SCRIPT);
}

/* Descriptors of the program, 0 to 40, as "0 1 2" */
#define OPEN "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 20 30 40; do " \
	     "[ -e /proc/self/fd/$i ] && l=\"$l $i\"; done; echo$l >&9"

TEST_F(spawn, close_all_except)
{
	const int keep[] = { 30, 9, 12, 12, 99 };
	int fd;

	for (fd = 10; fd <= 40; fd++)
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, 0, fd));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom_except(self->actions, 3,
							       ARRAY_SIZE(keep), keep));
	self->report[1] = dup2(self->report[1], 9);
	EXPECT_TEXT("0 1 2 9 12 30", run(self, "unset l; " OPEN));
	EXPECT_EQ(EBADF, spawnctl_file_actions_addclosefrom_except(self->actions, -1, 0, NULL));
	EXPECT_EQ(EBADF, spawnctl_file_actions_addclosefrom_except(self->actions, 3, 1,
								   (int[]){ -1 }));
	close(9);
	self->report[1] = -1;
}

TEST_F(spawn, close_at_exec_from)
{
	int fd;

	for (fd = 10; fd <= 40; fd++)
		ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, 0, fd));
	ASSERT_EQ(0, spawnctl_file_actions_addcloexecfrom(self->actions, 10));
	EXPECT_TEXT("0 1 2 9", run(self, "unset l; exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&-; " OPEN));
	EXPECT_EQ(EBADF, spawnctl_file_actions_addcloexecfrom(self->actions, -1));
}

TEST_F(spawn, controlling_terminal)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	ASSERT_LE(0, master);
	ASSERT_EQ(0, grantpt(master) || unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ASSERT_LE(0, slave);
	ASSERT_EQ(0, spawnctl_file_actions_addctty(self->actions, slave));
	EXPECT_TEXT("action: Operation not permitted", run(self, ""));
	FLAGS(SPAWNCTL_SPAWN_SETSID);
	EXPECT_TEXT("yes", run(self, "[ -c /dev/tty ] && : </dev/tty && echo yes >&9"));
	close(slave);
	close(master);
}

TEST_F(spawn, blocking_mode)
{
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, ends[0], 0));
	ASSERT_EQ(0, spawnctl_file_actions_addblocking(self->actions, 0));
	EXPECT_TEXT("in", run(self, "echo in >&9"));
	EXPECT_EQ(0, fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(O_NONBLOCK, fcntl(ends[1], F_GETFL) & O_NONBLOCK);
	ASSERT_EQ(0, spawnctl_file_actions_addblocking(self->actions, 200));
	EXPECT_TEXT("action: Bad file descriptor", run(self, ""));
	close(ends[0]);
	close(ends[1]);
}

struct called {
	pid_t pid;
	int result;
	int how;
	char *deep;
};

static int call(void *arg)
{
	struct called *called = arg;
	volatile char deep[32 * 1024];

	deep[0] = 1;
	called->pid = raw_syscall(SYS_getpid);
	switch (called->how) {
	case 1:
		raw_syscall(SYS_exit_group, 44);
		break;
	case 2:
		exec_program("exit", 45);
		break;
	case 3:
		__builtin_trap();
	case 4:
		errno = EBADF;
		break;
	}
	return called->result + deep[0] - 1;
}

/* A function that returns, fails, exits, executes a program or crashes */
TEST_F(spawn, function)
{
	char *argv[] = { "true", NULL };
	struct called called = { .how = 4 };
	struct rlimit none = { 0 };

	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, call, &called));
	errno = EXDEV;
	ASSERT_EQ(0, spawnctl_spawn_result(&self->result, "/bin/true", self->actions, self->attr,
					   argv, environ));
	EXPECT_EQ(EXDEV, errno);
	EXPECT_EQ(self->result.pid, waitpid(self->result.pid, NULL, 0));
	called.how = 0;
	EXPECT_TEXT("in", run(self, "echo in >&9"));
	EXPECT_EQ(self->result.pid, called.pid);
	called.result = EXDEV;
	EXPECT_TEXT("action: Invalid cross-device link", run(self, ""));
	EXPECT_EQ(0, self->result.action);
	called.result = -EXDEV;
	EXPECT_TEXT("action: Invalid cross-device link", run(self, ""));
	called.how = 1;
	EXPECT_TEXT("status 0x2c00", run(self, ""));
	called.how = 2;
	EXPECT_TEXT("status 0x2d00", run(self, ""));
	/* Before Linux 5.16, the crash would end this process too */
	called.how = 3;
	if (kernel_at_least(5, 16)) {
		char expected[16];

		snprintf(expected, sizeof(expected), "status %#x", ARCH_TRAP_SIGNAL);
		setrlimit(RLIMIT_CORE, &none);
		EXPECT_TEXT(expected, run(self, ""));
	}
	EXPECT_EQ(EFAULT, spawnctl_file_actions_addcall(self->actions, NULL, NULL));
}

static int execute_with_mask(void *arg)
{
	char *argv[] = { "sed", "-n", "s/^SigBlk:[[:space:]]*//p", "/proc/self/status", NULL };

	raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, arg, NULL, sizeof(__u64));
	raw_syscall(SYS_execve, "/bin/sed", argv, environ);
	return errno;
}

/* By the device, the program has the mask of the spawn; otherwise, that which the function set */
TEST_F(spawn, mask_of_a_program_that_a_function_executes)
{
	bool device = variant->backend == SPAWNCTL_BACKEND_DEVICE;
	__u64 mask = 1ULL << (SIGUSR1 - 1);
	sigset_t of_spawn;

	sigemptyset(&of_spawn);
	sigaddset(&of_spawn, SIGUSR2);
	FLAGS(SPAWNCTL_SPAWN_SETSIGMASK);
	ASSERT_EQ(0, spawnctl_attr_setsigmask(self->attr, &of_spawn));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 1));
	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, execute_with_mask, &mask));
	EXPECT_TEXT(device ? "0000000000000800" : "0000000000000200", run(self, ""));
}

/* Calls a cancellation point */
static int write_byte(void *arg)
{
	return write(*(int *)arg, "", 1) == 1 ? 0 : errno;
}

struct canceled {
	FIXTURE_SELF(spawn) self;
	int error;
};

static void *spawn_canceled(void *arg)
{
	struct canceled *canceled = arg;
	char *argv[] = { "true", NULL };

	pthread_cancel(pthread_self());
	canceled->error = spawnctl_spawn_result(&canceled->self->result, "/bin/true",
						canceled->self->actions, canceled->self->attr,
						argv, environ);
	pthread_testcancel();
	return NULL;
}

/* A cancellation that waits for the caller is not for the child, which shares its control block */
TEST_F(spawn, function_in_a_canceled_thread)
{
	struct canceled canceled = { self, -1 };
	pthread_t thread;
	void *value;

	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, write_byte, &self->report[1]));
	ASSERT_EQ(0, pthread_create(&thread, NULL, spawn_canceled, &canceled));
	ASSERT_EQ(0, pthread_join(thread, &value));
	EXPECT_EQ(PTHREAD_CANCELED, value);
	EXPECT_EQ(0, canceled.error);
	EXPECT_EQ(0, wait_status(self->result.pid));
}

/* A caller that has disabled cancellation still has, whether the spawn succeeds or fails */
TEST_F(spawn, function_and_disabled_cancellation)
{
	struct called called = { 0 };
	struct rlimit limit, none = { 0 };
	char *argv[] = { "true", NULL };
	int state;

	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, call, &called));
	ASSERT_EQ(0, pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL));
	EXPECT_EQ(0, spawnctl_spawn_result(&self->result, "/bin/true", self->actions, self->attr,
					   argv, environ));
	EXPECT_EQ(0, wait_status(self->result.pid));
	EXPECT_EQ(0, pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state));
	EXPECT_EQ(PTHREAD_CANCEL_DISABLE, state);
	/* Without memory for the stack of the function */
	getrlimit(RLIMIT_AS, &limit);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_AS, &none);
	EXPECT_EQ(ENOMEM, spawnctl_spawn_result(&self->result, "/bin/true", self->actions,
						self->attr, argv, environ));
	setrlimit(RLIMIT_AS, &limit);
	EXPECT_EQ(0, pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state));
	EXPECT_EQ(PTHREAD_CANCEL_DISABLE, state);
}

TEST_F(spawn, function_beside_its_caller)
{
	char *argv[] = { "true", NULL };
	struct called called = { .result = EXDEV };
	spawnctl_start_t *start;

	ASSERT_EQ(0, spawnctl_file_actions_addcall(self->actions, call, &called));
	ASSERT_EQ(0, spawnctl_spawn_start(&start, "/bin/true", self->actions, self->attr, argv,
					  environ));
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(EXDEV, self->result.error);
	EXPECT_EQ(SPAWNCTL_STEP_ACTION, self->result.step);
	spawnctl_start_free(start);
}

/* All that an attribute has is copied for a spawn that does not wait */
TEST_F(spawn, start_copies_attributes)
{
	char *argv[] = { "sh", "-c", "echo `id -u` `id -g` `id -G` `ulimit -n` >&9", NULL };
	const char fifo[] = "/tmp/steps_test_fifo";
	const int keep[] = { 9 };
	gid_t groups[] = { 77 };
	char text[64] = "";
	spawnctl_start_t *start;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	ASSERT_EQ(0, spawnctl_attr_setgroups(self->attr, 1, groups));
	ASSERT_EQ(0, spawnctl_attr_setgid(self->attr, 78));
	ASSERT_EQ(0, spawnctl_attr_setuid(self->attr, 79));
	ASSERT_EQ(0, spawnctl_attr_setrlimit(self->attr, RLIMIT_NOFILE, 80, 80));
	ASSERT_EQ(0, spawnctl_attr_setaffinity(self->attr, sizeof(cpus), &cpus));
	ASSERT_EQ(0, spawnctl_attr_setchroot(self->attr, "/"));
	ASSERT_EQ(0, spawnctl_attr_setpath(self->attr, "/none:/bin:/usr/bin"));
	ASSERT_EQ(0, spawnctl_file_actions_adddup2(self->actions, self->report[1], 9));
	/* The child waits here, and takes the other steps afterward */
	unlink(fifo);
	ASSERT_EQ(0, mkfifo(fifo, 0600) || chmod(fifo, 0666));
	ASSERT_EQ(0, spawnctl_file_actions_addopen(self->actions, 3, fifo, O_RDONLY, 0));
	ASSERT_EQ(0, spawnctl_file_actions_addclosefrom_except(self->actions, 3, 1, keep));
	ASSERT_EQ(0, spawnctl_spawnp_start(&start, "sh", self->actions, self->attr, argv,
					   environ));
	spawnctl_attr_destroy(self->attr);
	spawnctl_file_actions_destroy(self->actions);
	self->attr = NULL;
	self->actions = NULL;
	close(open(fifo, O_WRONLY | O_CLOEXEC));
	unlink(fifo);
	EXPECT_EQ(0, spawnctl_start_wait(start, NULL, &self->result));
	EXPECT_EQ(0, self->result.error)
		TH_LOG("%s", spawnctl_step_name(self->result.step));
	spawnctl_start_free(start);
	EXPECT_EQ(0, wait_status(self->result.pid));
	EXPECT_LT(0, read(self->report[0], text, sizeof(text) - 1));
	EXPECT_TEXT("79 78 78 77 80\n", text);
}

TEST_HARNESS_MAIN
