// SPDX-License-Identifier: GPL-2.0
/*
 * The program that children execute. It reports the state it was started in, waits
 * to be killed, or exits. It is linked without libpthread: where that is a separate library, it
 * unblocks signals 32 and 33 before main().
 */
#include <stdlib.h>
#include <unistd.h>

#include "program.h"

/* Writes the signal state, as struct signal_status */
static int report(int fd)
{
	struct signal_status status;

	if (read_signal_status("/proc/self/status", &status) ||
	    write(fd, &status, sizeof(status)) != sizeof(status))
		return 1;
	return 0;
}

/* Executes the program again, in mode "report" and with another mask */
static int again(char *fd)
{
	char * const argv[] = { "program", "report", fd, NULL };

	raw_sigprocmask(SIG_SETMASK, AGAIN_MASK, NULL);
	raw_syscall(SYS_execve, "/proc/self/exe", argv, argv + 3);
	return 1;
}

/* Takes and writes every pending signal, in the order of sigwaitinfo(2) */
static int collect(int fd)
{
	static const struct timespec now;
	siginfo_t info;
	__u64 all = ~0ULL;

	while (raw_syscall(SYS_rt_sigtimedwait, &all, &info, &now, SIGMASK_SIZE) > 0) {
		struct taken taken = {
			info.si_signo, info.si_code, info.si_pid, info.si_value.sival_int
		};

		if (write(fd, &taken, sizeof(taken)) != sizeof(taken))
			return 1;
	}
	return 0;
}

/* Checks that all signals are blocked, reports that it runs, and waits to be killed */
static int linger(int fd)
{
	if (current_mask() != ~UNBLOCKABLE || write(fd, "", 1) != 1)
		return 2;
	raw_sleep_us(20 * 1000000);
	return 1;
}

/* Makes copies of descriptor 0. They must have the lowest numbers, from 3 up to @last */
static int lowest(int last)
{
	int fd;

	for (fd = 3; fd <= last; fd++)
		if (dup(0) != fd)
			return 1;
	return 0;
}

/* Which effective ids differ from the real ones */
static int ids(void)
{
	return (geteuid() != getuid() ? IDS_USER : 0) | (getegid() != getgid() ? IDS_GROUP : 0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 3;
	if (!strcmp(argv[1], "report"))
		return report(atoi(argv[2]));
	if (!strcmp(argv[1], "again"))
		return again(argv[2]);
	if (!strcmp(argv[1], "collect"))
		return collect(atoi(argv[2]));
	if (!strcmp(argv[1], "linger"))
		return linger(atoi(argv[2]));
	if (!strcmp(argv[1], "lowest"))
		return lowest(atoi(argv[2]));
	if (!strcmp(argv[1], "ids"))
		return ids();
	if (!strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	return strcmp(argv[1], "nothing") ? 3 : 0;
}
