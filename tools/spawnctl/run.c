// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl run: set signals and other state of this process, and execute a program in its place.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool.h"

#ifndef SYS_close_range
#define SYS_close_range	436
#endif

const char usage_run[] =
	"Usage: spawnctl run [OPTION]... [--] COMMAND [ARGUMENT]...\n"
	"\n"
	"Execute COMMAND in place of spawnctl, under the same process id, with every signal\n"
	"at its default action and none blocked. This repairs, for example, an inherited\n"
	"SIGPIPE that is ignored or SIGTERM that is blocked. spawnctl run needs neither the\n"
	"module nor the device.\n"
	"\n"
	"  -i, --ignore-signal=SIG,...  ignore these signals: PIPE, SIGPIPE, 13, RTMIN+1\n"
	"  -m, --mask=SIG,...           block these signals\n"
	"  -k, --keep-signals           keep actions and mask, except as -i and -m set them\n"
	"  -f, --keep-fd=N,...          close every file descriptor except 0 to 2 and these;\n"
	"                               '': keep 0 to 2 only\n"
	"  -C, --chdir=DIR              change to this directory\n"
	"  -n, --no-new-privs           set no_new_privs, see prctl(2)\n"
	"  -s, --setsid                 become a session leader, see setsid(2); fails for a\n"
	"                               job of an interactive shell: use setsid(1), which forks\n"
	"  -g, --cgroup=DIR             move into this cgroup (v2)\n"
	"\n"
	"Exit status: that of COMMAND. 125: spawnctl failed, or the command line is wrong. 126:\n"
	"COMMAND cannot be executed. 127: COMMAND was not found.\n";

/* Bit n - 1 is signal n. libc's functions for sigset_t leave out 32 and 33 */
#define BIT_OF(sig)	(1ULL << ((sig) - 1))
#define LAST_SIGNAL	64

struct run {
	uint64_t ignore;
	uint64_t mask;
	const char *directory;
	const char *cgroup;
	unsigned int *fds;	/* to keep, if @only_fds */
	size_t n_fds;
	bool has_mask;
	bool keep_signals;
	bool only_fds;
	bool no_new_privs;
	bool setsid;
};

static bool add_signal(const char *part, void *data)
{
	int sig = signal_by_name(part);

	if (sig > 0)
		*(uint64_t *)data |= BIT_OF(sig);
	return sig > 0;
}

static int parse_signals(char *list, uint64_t *set, const char *what)
{
	const char *wrong = each(list, add_signal, set);

	if (wrong)
		return bad_usage("unknown signal '%s'", wrong);
	if (*set & (BIT_OF(SIGKILL) | BIT_OF(SIGSTOP)))
		return bad_usage("%s cannot be %s",
				 *set & BIT_OF(SIGKILL) ? "KILL" : "STOP", what);
	return 0;
}

static bool add_fd(const char *part, void *data)
{
	struct run *run = data;
	uint64_t fd;

	if (!read_number(part, INT_MAX, &fd) || fcntl(fd, F_GETFD) == -1)
		return false;
	run->fds = realloc(run->fds, (run->n_fds + 1) * sizeof(*run->fds));
	if (!run->fds)
		exit(fail(EXIT_OURS, ENOMEM, NULL, "cannot store the list of --keep-fd"));
	run->fds[run->n_fds++] = fd;
	return true;
}

/* Parse the options, up to COMMAND. Return 0, or the exit status. */
static int parse(struct run *run, int argc, char **argv)
{
	static const char letters[] = "+:i:m:kf:C:nsg:";
	static const struct option options[] = {
		{ "ignore-signal", required_argument, NULL, 'i' },
		{ "mask", required_argument, NULL, 'm' },
		{ "keep-signals", no_argument, NULL, 'k' },
		{ "keep-fd", required_argument, NULL, 'f' },
		{ "chdir", required_argument, NULL, 'C' },
		{ "no-new-privs", no_argument, NULL, 'n' },
		{ "setsid", no_argument, NULL, 's' },
		{ "cgroup", required_argument, NULL, 'g' }, { }
	};
	const char *wrong;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'i':
			ret = parse_signals(optarg, &run->ignore, "ignored");
			break;
		case 'm':
			run->has_mask = true;
			ret = parse_signals(optarg, &run->mask, "blocked");
			break;
		case 'k':
			run->keep_signals = true;
			break;
		case 'f':
			run->only_fds = true;
			wrong = each(optarg, add_fd, run);
			if (wrong)
				ret = bad_usage("file descriptor '%s' is not open", wrong);
			break;
		case 'C':
			run->directory = optarg;
			break;
		case 'n':
			run->no_new_privs = true;
			break;
		case 's':
			run->setsid = true;
			break;
		case 'g':
			run->cgroup = optarg;
			break;
		default:
			ret = bad_option(c, argv, letters);
		}
	}
	if (!ret && optind == argc)
		ret = bad_usage("no command to execute");
	return ret;
}

/* Why a write to cgroup.procs can fail, see cgroups(7) */
static const char *cgroup_error(int error)
{
	switch (error) {
	case EACCES:
		return "this user may not write to its cgroup.procs, or to that of the "
		       "common ancestor of it and the current cgroup";
	case EBUSY:
		return "it has controllers in cgroup.subtree_control, so it cannot hold processes";
	case EOPNOTSUPP:
		return "its cgroup.type does not let it hold processes";
	case ENODEV:
		return "it has been removed";
	case ENOENT:
		return "it, or the current cgroup, is outside this cgroup namespace";
	default:
		return NULL;
	}
}

static int enter_cgroup(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error = 0;
	struct statfs fs;

	if (dir < 0)
		return fail(EXIT_OURS, errno, NULL, "cannot open cgroup '%s'", path);
	if (fstatfs(dir, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
		return fail(EXIT_OURS, 0, NULL, "'%s' is not a cgroup (v2) directory", path);
	fd = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		error = errno;
	close(fd);
	close(dir);
	if (error)
		return fail(EXIT_OURS, error, cgroup_error(error), "cannot move into cgroup '%s'",
			    path);
	return 0;
}

/* A process that already leads its session has nothing to do */
static int lead_session(void)
{
	if (setsid() >= 0 || getsid(0) == getpid())
		return 0;
	return fail(EXIT_OURS, errno,
		    "this process leads a process group, for example as a job of an interactive "
		    "shell: use setsid(1), which forks", "cannot start a session");
}

/* For systems without close_range(2): before Linux 5.9, or under a filter that refuses it */
static bool close_by_list(unsigned int from, unsigned int to)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint64_t fd;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (read_number(entry->d_name, INT_MAX, &fd) && fd >= from && fd <= to &&
		    (int)fd != dirfd(dir))
			close(fd);
	closedir(dir);
	return true;
}

static int by_number(const void *a, const void *b)
{
	unsigned int left = *(const unsigned int *)a, right = *(const unsigned int *)b;

	return left < right ? -1 : left > right;
}

static int close_from_to(unsigned int from, unsigned int to)
{
	if (!syscall(SYS_close_range, from, to, 0) || close_by_list(from, to))
		return 0;
	return fail(EXIT_OURS, errno, NULL,
		    "cannot read /proc/self/fd to close the other descriptors");
}

/* Close all descriptors between those to keep, and after the last of them */
static int close_others(struct run *run)
{
	unsigned int from = STDERR_FILENO + 1;
	int ret = 0;
	size_t i;

	if (run->n_fds)
		qsort(run->fds, run->n_fds, sizeof(*run->fds), by_number);
	for (i = 0; !ret && i < run->n_fds; i++) {
		if (run->fds[i] > from)
			ret = close_from_to(from, run->fds[i] - 1);
		if (run->fds[i] >= from)
			from = run->fds[i] + 1;
	}
	return ret ? ret : close_from_to(from, ~0U);
}

/*
 * Uses system calls, because sigaction(3) refuses 32 and 33, which a child inherits as ignored
 * like any other signal. In the kernel's struct sigaction all members but the handler are 0 here.
 */
static int set_signals(const struct run *run)
{
	const size_t size = sizeof(run->mask);
	int sig;

	for (sig = 1; sig <= LAST_SIGNAL; sig++) {
		bool ignore = run->ignore & BIT_OF(sig);
		struct {
			void (*handler)(int sig);
			unsigned long rest[7];
		} action = { .handler = ignore ? SIG_IGN : SIG_DFL };

		if (sig == SIGKILL || sig == SIGSTOP || (run->keep_signals && !ignore))
			continue;
		if (syscall(SYS_rt_sigaction, sig, &action, NULL, size))
			return fail(EXIT_OURS, errno, NULL, "cannot set the action of signal %d",
				    sig);
	}
	if (run->keep_signals && !run->has_mask)
		return 0;
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &run->mask, NULL, size))
		return fail(EXIT_OURS, errno, NULL, "cannot set the signal mask");
	return 0;
}

/* Look up paths before --chdir, and before a privilege is dropped */
static int set_all(struct run *run)
{
	int ret = 0;

	if (run->cgroup)
		ret = enter_cgroup(run->cgroup);
	if (!ret && run->setsid)
		ret = lead_session();
	if (!ret && run->directory && chdir(run->directory))
		ret = fail(EXIT_OURS, errno, NULL, "cannot change to directory '%s'",
			   run->directory);
	if (!ret && run->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = fail(EXIT_OURS, errno, NULL, "cannot set no_new_privs");
	if (!ret && run->only_fds)
		ret = close_others(run);
	return ret ? ret : set_signals(run);
}

int cmd_run(int argc, char **argv)
{
	struct run run = { 0 };
	int ret = parse(&run, argc, argv);

	if (!ret)
		ret = set_all(&run);
	if (!ret)
		ret = exec_command(argv + optind);
	free(run.fds);
	return ret;
}
