/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the tests: child processes, and the number of repetitions. Without the harness, for
 * the files of a program that are linked to it.
 */
#ifndef SPAWNCTL_TEST_UTIL_H
#define SPAWNCTL_TEST_UTIL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <spawnctl.h>

#include "kselftest.h"
#include "raw.h"

/* Missing in the headers of some C libraries that the tests are built with */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* By how much to divide numbers of repetitions: 1 in a soak */
static inline unsigned int divisor_of_counts(void)
{
	const char *text = getenv("SPAWNCTL_DIVISOR");
	unsigned int divisor = text ? atoi(text) : 1;

	return divisor ? divisor : 1;
}

/*
 * Divides @count, the number of repetitions in a soak, by SPAWNCTL_DIVISOR, but
 * returns at least @floor. Prints the result, so that the log shows how thorough
 * a run was.
 */
static inline unsigned int scaled(unsigned int count, unsigned int floor, const char *what)
{
	unsigned int divisor = divisor_of_counts();
	unsigned int result = count / divisor;

	if (result < floor)
		result = floor;
	fprintf(stderr, "# %u %s (%u, divided by %u, at least %u)\n",
		result, what, count, divisor, floor);
	return result;
}

/* waitpid(), repeated if one of the test's own handlers interrupts it: status or -1 */
static inline int wait_status(pid_t pid)
{
	int status;
	pid_t ret;

	do {
		ret = waitpid(pid, &status, __WALL);
	} while (ret == -1 && errno == EINTR);
	return ret == pid ? status : -1;
}

static inline int is_exit(int status, int code)
{
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* Waits for the child @pid. Whether it has exited with @code; false if @pid is an error */
static inline int exited_with(pid_t pid, int code)
{
	return pid > 0 && is_exit(wait_status(pid), code);
}

/*
 * Makes a child by either command. As with spawnctl_thread(), the child runs @fn(@arg)
 * a few instructions after its first one, and exits with the result.
 */
static inline pid_t start_child(int fd, unsigned long command, struct spawnctl_clone *clone,
				int (*fn)(void *arg), void *arg)
{
	long ret;

	if (command == SPAWNCTL_IOC_SPAWN)
		return spawnctl_thread(fd, clone, fn, arg);
	ret = raw_syscall(SYS_ioctl, fd, command, clone);
	if (ret == 0)
		raw_syscall(SYS_exit_group, fn(arg));
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Zeroed memory that a child with a copy of the address space shares too */
static inline void *shared_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/*
 * Moves the caller to a process group of its own, for a test that sends signals
 * to its group, or whose child stops. The harness is then outside the group, but
 * in the same session. A process that has left the harness's group is not killed
 * by the harness's timeout, so it asks to be killed when its parent ends.
 */
static inline int own_group(void)
{
	return setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline int kernel_at_least(int major, int minor)
{
	struct utsname name;
	int a = 0, b = 0;

	if (uname(&name) || sscanf(name.release, "%d.%d", &a, &b) != 2)
		return 0;
	return a > major || (a == major && b >= minor);
}

/*
 * Number of open descriptors of this process, by /proc: a system call for each possible
 * number would take seconds on a busy emulated machine. Raw system calls, so that a
 * child that shares the memory may call this.
 */
static inline unsigned int open_fds(void)
{
	long fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_CLOEXEC);
	union { struct dirent64 entry; char bytes[4096]; } room;
	const struct dirent64 *entry;
	unsigned int n = 0;
	long length, at;

	/* openat(2) fails if no descriptor is left, or if a filter refuses it */
	if (fd < 0) {
		for (at = 0; at < 256; at++)
			n += raw_syscall(SYS_fcntl, at, F_GETFD) >= 0;
		return n;
	}
	while ((length = raw_syscall(SYS_getdents64, fd, &room, sizeof(room))) > 0)
		for (at = 0; at < length; at += entry->d_reclen) {
			entry = (const struct dirent64 *)(room.bytes + at);
			n += entry->d_name[0] != '.';
		}
	raw_syscall(SYS_close, fd);
	/* @fd itself does not count */
	return n - 1;
}

/* Number of children with an exec mask that have not executed a program yet, or -1 */
static inline long exec_pending(int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };

	return ioctl(fd, SPAWNCTL_IOC_INFO, &info) ? -1 : (long)info.exec_pending;
}

/* Writes @text to a file of proc, sysfs or the like, by one call. Returns 0 or -1 */
static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* Copies the file @from to @to, which gets @mode. Returns 0 or -1 */
static inline int copy_file(const char *from, const char *to, mode_t mode)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	char bytes[4096];
	ssize_t n;
	int ret = 0;

	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		ret |= write(out, bytes, n) != n;
	ret |= n < 0 || fchmod(out, mode);
	close(in);
	close(out);
	return ret ? -1 : 0;
}

/* The state of @pid, as in /proc/PID/stat; '?' if there is no such process */
static inline char process_state(pid_t pid)
{
	char path[32], text[256] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '?';
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

/* How many references to the module there are, or -1 */
static inline int module_references(void)
{
	FILE *file = fopen("/sys/module/spawnctl/refcnt", "r");
	int n = -1;

	if (file && fscanf(file, "%d", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

/* The lowest descriptor of the device that is not below @from, or -1 */
static inline int device_fd(int from)
{
	char name[64], target[64];
	ssize_t n;

	for (; from < 1024; from++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", from);
		n = readlink(name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strcmp(target, "/dev/spawnctl"))
			return from;
	}
	return -1;
}

/*
 * Makes each access to these pages wait until this process supplies them by UFFDIO_COPY
 * on the returned userfaultfd. Returns -1 on failure.
 */
static inline int own_page(void *page, size_t size)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)page, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -1;
	return fd;
}

#endif /* SPAWNCTL_TEST_UTIL_H */
