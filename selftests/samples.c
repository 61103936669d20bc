// SPDX-License-Identifier: GPL-2.0
/*
 * A main() for each sample of docs/ that is a function and not a program.
 * examples.sh includes the sample before this file, and defines its name.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawnctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int device(void)
{
	int fd = spawnctl_open();

	if (fd < 0)
		err(1, "/dev/spawnctl");
	return fd;
}

static inline int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "no child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#if defined(guide_1)
int main(void)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int fd = grant(3);

	if (fd < 0 || spawnctl_get_info(fd, &info))
		err(1, "grant");
	if (info.commands == (1 << SPAWNCTL_CMD_INFO | 1 << SPAWNCTL_CMD_SPAWN) &&
	    info.limits == (SPAWNCTL_LIMIT_NO_NEW_PRIVS | SPAWNCTL_LIMIT_FILTERED))
		printf("%llu children\n", (unsigned long long)info.children);
	return 0;
}

#elif defined(guide_3)
int main(void)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct spawnctl_info info = { .size = sizeof(info) };
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send_descriptor(pair[0], device()) ||
	    recvmsg(pair[1], &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		err(1, "the descriptor was not received");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	if (spawnctl_get_info(fd, &info))
		err(1, "another descriptor was received");
	puts("the device was received");
	return 0;
}

#elif defined(guide_4)
int main(void)
{
	const struct spawnctl_limit limit = {
		.size = sizeof(limit),
		.flags = SPAWNCTL_LIMIT_CHILDREN,
		.children = 1,
	};
	int fd = device();

	if (spawnctl_narrow(fd, &limit) || pass_on(fd, 20))
		err(1, "the descriptor was not passed on");
	execlp("sh", "sh", "-c",
	       "for i in 1 2; do $HELPER device echo by $SPAWNCTL_FD; done", NULL);
	err(127, "sh");
}

#elif defined(guide_5)
/* The filter allows the calls that the guide's table has for these actions, and write(2) */
#include "guide_1.c"
#include "guide_6.c"

#ifdef __NR_newfstatat
#define STAT	SCMP_SYS(newfstatat)
#else
#define STAT	SCMP_SYS(fstatat64)
#endif

int main(void)
{
	static const int calls[] = {
		STAT, SCMP_SYS(execve), SCMP_SYS(exit_group), SCMP_SYS(close_range),
		SCMP_SYS(prlimit64), SCMP_SYS(wait4), SCMP_SYS(rt_sigprocmask), SCMP_SYS(write),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	char *argv[] = { "/no/such/program", NULL };
	int fd = grant(2), ret;
	size_t i;
	pid_t pid;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!filter || fd < 0)
		err(1, "grant");
	ret = allow_spawn(filter, fd);
	for (i = 0; !ret && i < sizeof(calls) / sizeof(*calls); i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (ret || seccomp_load(filter))
		errx(1, "no filter");
	ret = start(&pid, fd, argv);
	printf("%s\n", ret == ENOENT ? "no such program" : "another result");
	ret = start(&pid, fd, argv);
	ret = start(&pid, fd, argv);
	printf("%s\n", ret == EDQUOT ? "no child left" : "another result");
	fork();
	printf("not killed\n");
	return 1;
}

#elif defined(guide_6)
int main(void)
{
	char *argv[] = { "/bin/ls", "/proc/self/fd", NULL };
	int fd = dup2(device(), 20), error;
	pid_t pid;

	error = start(&pid, fd, argv);
	if (error)
		errx(1, "start: %s", strerror(error));
	return status_of(pid);
}

#elif defined(guide_13)
int main(void)
{
	char *argv[] = { "/bin/echo", "started", NULL };
	int error;
	pid_t pid;

	find_library();
	if (!by_library)
		errx(1, "no library is found");
	error = start_plain(&pid, argv[0], argv, environ);
	if (error)
		errx(1, "start_plain: %s", strerror(error));
	return status_of(pid);
}

#elif defined(coming_from_1) || defined(coming_from_2) || defined(coming_from_3)
int main(void)
{
	char *argv[] = { "/bin/echo", "logged", NULL };

	unlink("log");
#ifdef coming_from_3
	if (status_of(run_to_log(device(), argv, "log")))
#else
	if (status_of(run_to_log(argv, "log")))
#endif
		errx(1, "the program has failed");
	execlp("cat", "cat", "log", NULL);
	err(127, "cat");
}

#elif defined(coming_from_4) || defined(coming_from_5)
int main(void)
{
	char *argv[] = { "sh", "-c", "[ \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ ] || exit\n"
		"exec grep -h SigIgn: /proc/self/status /nowhere/at/all", NULL };
	int error;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	error = start(&pid, argv);
	if (error)
		errx(1, "start: %s", strerror(error));
	return status_of(pid);
}

#elif defined(coming_from_6) || defined(coming_from_7)
#ifdef coming_from_7
#include "coming_from_6.c"
#endif

static void handler(int sig)
{
	(void)sig;
}

static void child_of(pid_t pid)
{
	struct sigaction ignored, caught;
	sigset_t mask;

	if (!pid) {
		sigaction(SIGPIPE, NULL, &ignored);
		sigaction(SIGUSR1, NULL, &caught);
		sigprocmask(SIG_SETMASK, NULL, &mask);
		_exit(ignored.sa_handler != SIG_DFL || caught.sa_handler != SIG_DFL ||
		      sigismember(&mask, SIGUSR2));
	}
	puts(status_of(pid) ? "not clean" : "clean");
}

int main(void)
{
	sigset_t mask;

	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, handler);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
#ifdef coming_from_7
	child_of(fork_child(device()));
	child_of(fork_child(-1));
#else
	child_of(clean_fork());
#endif
	return 0;
}

#elif defined(spawnctl_attr_setuid_3_1)
int main(void)
{
	struct spawnctl_result result = { .size = sizeof(result) };
	char *argv[] = { "/bin/true", NULL }, *none[] = { NULL };

	/* The directory need not be there */
	if (!run_as(65534, 65534, argv, none, &result))
		return status_of(result.pid);
	return result.step != SPAWNCTL_STEP_ACTION;
}

#elif defined(coming_from_9)
int main(void)
{
	char *argv[] = { "/bin/echo", "run", NULL };

	return status_of(run(argv));
}

#elif defined(coming_from_11)
int main(void)
{
	char *echo[] = { "echo", "started", NULL }, *cat[] = { "cat", NULL };
	struct spawnctl_result ended, alive;
	int job = make_job(), ends[2], status;

	if (job < 0 || pipe(ends))
		err(1, "no job");
	setvbuf(stdout, NULL, _IONBF, 0);
	if (start(job, echo, ends[0], 1, &ended) || status_of(ended.pid) ||
	    start(job, cat, ends[0], 1, &alive))
		errx(1, "no child");
	/* It reads from the pipe, whose other end is here: nothing but the job ends it */
	close(job);
	alarm(30);
	if (waitpid(alive.pid, &status, 0) != alive.pid)
		err(1, "waitpid");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		errx(1, "status %#x", status);
	puts("one of two was killed");
	return 0;
}

#else
#error "this sample has no main(), and there is none for it here"
#endif
