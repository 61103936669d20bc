// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl run: start a program with a clean signal state.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

const char usage_run[] =
	"Usage: spawnctl run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	"\n"
	"Runs COMMAND with every signal at its default action and none blocked, whatever\n"
	"this process was started with: the cure for an inherited ignored SIGPIPE or a\n"
	"blocked SIGTERM. By the device if this user has it, else by clone3(2) or clone(2).\n"
	"\n"
	"  -i, --ignore-signal=SIG,...  these are ignored\n"
	"  -m, --mask=SIG,...           these are blocked\n"
	"  -k, --keep-signals           as this process has them, but for -i and -m\n"
	"  -f, --keep-fd=N,...          no descriptor but these, and 0 to 2; '' for none\n"
	"  -C, --chdir=DIR              in this directory\n"
	"  -n, --no-new-privs           with no_new_privs set, prctl(2)\n"
	"  -s, --setsid                 in a session of its own\n"
	"  -g, --cgroup=DIR             born in this cgroup (v2)\n"
	"  -d, --device                 by the device, or not at all\n"
	"  -v, --verbose                say on stderr what it is made by\n"
	"\n"
	"Signals that are sent to spawnctl go on to COMMAND; if that stops and a shell is to\n"
	"see it, spawnctl stops too. Exit status: COMMAND's; if a signal ends it, spawnctl\n"
	"ends by the same. 125: spawnctl failed. 126: COMMAND cannot be executed. 127: there\n"
	"is none.\n";

struct run {
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	sigset_t ignore;
	sigset_t mask;
	bool has_mask;
	unsigned int flags;
	bool verbose;
};

static int fail(const char *what, int error)
{
	fprintf(stderr, "spawnctl run: %s: %s\n", what, strerror(error));
	return EXIT_OURS;
}

static bool add_signal(const char *part, void *data)
{
	int sig = signal_by_name(part);

	return sig > 0 && !sigaddset(data, sig);
}

static bool keep_fd(const char *part, void *data)
{
	struct run *run = data;
	uint64_t fd;

	return read_number(part, INT_MAX, &fd) && fcntl(fd, F_GETFD) != -1 &&
	       !spawnctl_file_actions_adddup2(run->actions, fd, fd);
}

static void keep_only(struct run *run)
{
	int fd;

	run->flags |= SPAWNCTL_SPAWN_CLOEXEC_DEFAULT;
	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			spawnctl_file_actions_adddup2(run->actions, fd, fd);
}

static int set_cgroup(struct run *run, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	run->flags |= SPAWNCTL_SPAWN_SETCGROUP;
	return spawnctl_attr_setcgroup(run->attr, fd);
}

/* What this process ignores is to be ignored, as far as nothing else is said of it */
static void keep_signals(struct run *run)
{
	struct sigaction action;
	int sig;

	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (!sigaction(sig, NULL, &action) && action.sa_handler == SIG_IGN)
			sigaddset(&run->ignore, sig);
	if (!run->has_mask)
		sigprocmask(SIG_SETMASK, NULL, &run->mask);
}

/* Parsed up to COMMAND: 0, or the exit status */
static int parse(struct run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{ "ignore-signal", required_argument, NULL, 'i' },
		{ "mask", required_argument, NULL, 'm' },
		{ "keep-signals", no_argument, NULL, 'k' },
		{ "keep-fd", required_argument, NULL, 'f' },
		{ "chdir", required_argument, NULL, 'C' },
		{ "no-new-privs", no_argument, NULL, 'n' },
		{ "setsid", no_argument, NULL, 's' },
		{ "cgroup", required_argument, NULL, 'g' },
		{ "device", no_argument, NULL, 'd' },
		{ "verbose", no_argument, NULL, 'v' }, { }
	};
	bool keep = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+i:m:kf:C:nsg:dv", options, NULL)) != -1) {
		const char *wrong = NULL;

		switch (c) {
		case 'i':
			wrong = each(optarg, add_signal, &run->ignore);
			break;
		case 'm':
			run->has_mask = true;
			wrong = each(optarg, add_signal, &run->mask);
			break;
		case 'k':
			keep = true;
			break;
		case 'f':
			if (!(run->flags & SPAWNCTL_SPAWN_CLOEXEC_DEFAULT))
				keep_only(run);
			wrong = each(optarg, keep_fd, run);
			if (wrong)
				return bad_usage("run", "'%s' is no open descriptor", wrong);
			break;
		case 'C':
			if (spawnctl_file_actions_addchdir(run->actions, optarg))
				return fail(optarg, ENOMEM);
			break;
		case 'n':
			run->flags |= SPAWNCTL_SPAWN_NO_NEW_PRIVS;
			break;
		case 's':
			run->flags |= SPAWNCTL_SPAWN_SETSID;
			break;
		case 'g':
			if (set_cgroup(run, optarg))
				return fail(optarg, errno);
			break;
		case 'd':
			spawnctl_attr_setbackend(run->attr, SPAWNCTL_BACKEND_DEVICE);
			break;
		case 'v':
			run->verbose = true;
			break;
		default:
			return bad_usage("run", "no option '%s', or no value for it",
					 argv[optind - 1]);
		}
		if (wrong)
			return bad_usage("run", "no signal '%s'", wrong);
	}
	if (optind == argc)
		return bad_usage("run", "no command");
	if (sigismember(&run->ignore, SIGKILL) || sigismember(&run->ignore, SIGSTOP))
		return bad_usage("run", "KILL and STOP cannot be ignored");
	if (keep)
		keep_signals(run);
	return 0;
}

/* All that is not ignored is reset */
static void set_signals(struct run *run)
{
	sigset_t reset;
	int sig;

	sigfillset(&reset);
	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (sigismember(&run->ignore, sig) == 1)
			sigdelset(&reset, sig);
	spawnctl_attr_setsigdefault(run->attr, &reset);
	spawnctl_attr_setsigignore(run->attr, &run->ignore);
	spawnctl_attr_setsigmask(run->attr, &run->mask);
	run->flags |= SPAWNCTL_SPAWN_SETSIGDEF | SPAWNCTL_SPAWN_SETSIGIGN |
		      SPAWNCTL_SPAWN_SETSIGMASK;
}

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
				 SIGCONT, SIGTSTP };

/* Blocked from before the child is there, so that none of them is lost */
static void block_signals(sigset_t *set)
{
	unsigned int i;

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(set, passed_on[i]);
	/* Ignored, they would leave nothing to wait for, and not stop */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGTSTP, SIG_DFL);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/*
 * By a signal that stops nobody in an orphaned process group, where no shell could
 * wake it up, and that a SIGCONT takes away; unless @pid has gone on meanwhile. That
 * SIGCONT has been taken away from here.
 */
static void stop(pid_t pid)
{
	siginfo_t since = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	kill(getpid(), SIGTSTP);
	if (pid)
		waitid(P_PID, pid, &since, WEXITED | WCONTINUED | WNOHANG | WNOWAIT);
	if (since.si_pid) {
		sigtimedwait(&set, NULL, &(struct timespec){ 0 });
	} else {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
}

/*
 * Where a shell waits for this process, it has to see that the child has stopped. In
 * a service, which has no terminal, nobody would wake this process up who wakes up
 * the child. Nor if this process is being woken up already.
 */
static void stop_too(pid_t pid)
{
	int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	sigset_t pending;

	if (tty < 0)
		return;
	close(tty);
	sigpending(&pending);
	if (!sigismember(&pending, SIGCONT))
		stop(pid);
}

/*
 * What the terminal sends comes to a process group, which the child may have left, and
 * its hangup to the session's leader alone. A child that stops its group is in it.
 */
static bool has_come_to_child(pid_t pid, const siginfo_t *info)
{
	bool together = getpgid(pid) == getpgrp();

	if (info->si_code <= 0)
		return info->si_signo == SIGTSTP && info->si_pid == pid;
	switch (info->si_signo) {
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
		return together;
	case SIGHUP:
	case SIGCONT:
		return together && getsid(0) != getpid();
	default:
		return false;
	}
}

/*
 * Whether the child has stopped, gone on or ended since this was asked last. Twice, as
 * one that goes on and stops at once can slip between what the kernel looks at.
 */
static bool has_news(pid_t pid, int *status)
{
	const int options = WNOHANG | WUNTRACED | WCONTINUED;

	return waitpid(pid, status, options) == pid || waitpid(pid, status, options) == pid;
}

/*
 * The child's status. At a Ctrl-Z this process waits for the child to stop, which may
 * put the terminal in order first, or not stop at all; but in another session it
 * would not hear of that. A SIGCONT that has woken up both is not passed on: it would
 * undo the child's next stop.
 */
static int wait_for(pid_t pid, const sigset_t *set)
{
	bool stopped = false, news, woken, come;
	sigset_t cont, early;
	siginfo_t info;
	int status;

	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	/* The terminal may have sent them when there was no child yet */
	sigpending(&early);
	for (;;) {
		int sig = sigwaitinfo(set, &info);

		if (sig < 0)
			continue;
		news = (sig == SIGCHLD || sig == SIGCONT) && has_news(pid, &status);
		if (news && !WIFSTOPPED(status) && !WIFCONTINUED(status))
			return status;
		woken = news && stopped;
		if (news)
			stopped = WIFSTOPPED(status);
		come = woken || (!sigismember(&early, sig) && has_come_to_child(pid, &info));
		sigdelset(&early, sig);

		if (sig == SIGCHLD) {
			if (woken)
				sigtimedwait(&cont, NULL, &(struct timespec){ 0 });
		} else if (sig == SIGTSTP && getsid(pid) != getsid(0)) {
			stop(0);
		} else if (!come) {
			kill(pid, sig);
			if (sig == SIGCONT)
				continue;
		}
		if (news && stopped && getsid(pid) == getsid(0))
			stop_too(pid);
	}
}

static int end_as(int status)
{
	sigset_t set;
	int sig;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	sig = WTERMSIG(status);
	/* The core is the child's, if there is one */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	return 128 + sig;
}

static void say_backend(const struct run *run)
{
	enum spawnctl_backend backend;

	if (!spawnctl_backend(run->attr, &backend))
		fprintf(stderr, "spawnctl run: by %s\n", backend_name(backend));
}

static int run_command(struct run *run, char **argv)
{
	extern char **environ;
	struct spawnctl_failure failure = { 0 };
	sigset_t blocked;
	int error;
	pid_t pid;

	set_signals(run);
	spawnctl_attr_setflags(run->attr, run->flags);
	spawnctl_attr_setfailure(run->attr, &failure);
	if (run->verbose)
		say_backend(run);
	block_signals(&blocked);
	error = spawnctl_spawnp(&pid, argv[0], run->actions, run->attr, argv, environ);
	if (!error)
		return end_as(wait_for(pid, &blocked));
	if (failure.step != SPAWNCTL_STEP_EXEC)
		return fail(failure.step == SPAWNCTL_STEP_ACTION ? "cannot set up the child" :
			    failure.step == SPAWNCTL_STEP_CLONE ? "cannot make a child" :
			    "cannot set the child's attributes", error);
	fail(argv[0], error);
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

int cmd_run(int argc, char **argv)
{
	struct run run = { 0 };
	int ret;

	sigemptyset(&run.ignore);
	sigemptyset(&run.mask);
	if (spawnctl_file_actions_init(&run.actions) || spawnctl_attr_init(&run.attr))
		return fail("cannot begin", ENOMEM);
	ret = parse(&run, argc, argv);
	if (!ret)
		ret = run_command(&run, argv + optind);
	spawnctl_file_actions_destroy(run.actions);
	spawnctl_attr_destroy(run.attr);
	return ret;
}
