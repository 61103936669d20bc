// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The version of the kernel, from a note in the vDSO, times as futex(2) takes them, and fstatat(2).
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel.h"

typedef ElfW(Ehdr) header_t;
typedef ElfW(Phdr) segment_t;
typedef ElfW(Nhdr) note_t;

/* Encoded as in <linux/version.h>; 0: not found */
static unsigned int version_in(const char *at, const char *end)
{
	while (at + sizeof(note_t) <= end) {
		const note_t *note = (const void *)at;
		const char *name = at + sizeof(*note);
		const char *data = name + ((note->n_namesz + 3) & ~3U);

		if (note->n_namesz == sizeof("Linux") && !strcmp(name, "Linux") && !note->n_type &&
		    note->n_descsz == sizeof(unsigned int))
			return *(const unsigned int *)data;
		at = data + ((note->n_descsz + 3) & ~3U);
	}
	return 0;
}

static unsigned int version(void)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	const header_t *header = (const void *)vdso;
	const segment_t *segment;
	unsigned int i, found = 0;

	if (!vdso)
		return 0;
	segment = (const void *)(vdso + header->e_phoff);
	for (i = 0; i < header->e_phnum && !found; i++)
		if (segment[i].p_type == PT_NOTE)
			found = version_in(vdso + segment[i].p_offset,
					   vdso + segment[i].p_offset + segment[i].p_filesz);
	return found;
}

/* As version(); 1, which is 0.0.1, if it is not known */
static unsigned int running(void)
{
	static unsigned int known;	/* atomic */
	unsigned int code = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!code) {
		code = version();
		code = code ? code : 1;
		__atomic_store_n(&known, code, __ATOMIC_RELAXED);
	}
	return code;
}

#define VERSION(major, minor, patch)	((major) << 16 | (minor) << 8 | (patch))

bool spawnctl_kernel_at_least(unsigned int major, unsigned int minor)
{
	return running() >= VERSION(major, minor, 0);
}

bool spawnctl_kernel_cuts_tables(void)
{
	static const unsigned int fixed[] = {
		VERSION(5, 10, 225), VERSION(5, 15, 166), VERSION(6, 1, 107), VERSION(6, 6, 48),
		VERSION(6, 10, 7),
	};
	const unsigned int code = running();
	unsigned int i;

	for (i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (code >> 8 == fixed[i] >> 8)
			return code >= fixed[i];
	return code >= VERSION(6, 11, 0);
}

struct futex_time spawnctl_time_after(const struct timespec *timeout)
{
	struct timespec now;
	long long seconds;

	clock_gettime(CLOCK_MONOTONIC, &now);
	/* Limited to 34 years, so that the sum fits into a 32-bit long */
	seconds = timeout->tv_sec < INT_MAX / 2 ? timeout->tv_sec : INT_MAX / 2;
	seconds += now.tv_sec;
	now.tv_nsec += timeout->tv_nsec;
	if (now.tv_nsec >= NSEC_PER_SEC) {
		now.tv_nsec -= NSEC_PER_SEC;
		seconds++;
	}
	if (seconds > INT_MAX)
		seconds = INT_MAX;
	return (struct futex_time){ seconds, now.tv_nsec };
}

long spawnctl_raw_stat(int fd, const char *path, int flags, struct stat *st)
{
#if __SIZEOF_LONG__ == 4
	/* The kernel's struct stat64, on i386 and arm; libc's can be another */
	struct {
		unsigned long long dev;
		unsigned int pad, ino, mode, nlink, uid, gid;
		unsigned long long rdev;
		unsigned long long rest[8];
	} old;
	struct statx stx;
	/* In libc's order: a filter may know no other */
	long ret = raw_syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS, &stx);

	if (ret == -ENOSYS) {
		ret = raw_syscall(SYS_fstatat64, fd, path, &old, flags);
		st->st_dev = old.dev;
		st->st_ino = old.ino;
		st->st_mode = old.mode;
		st->st_rdev = old.rdev;
	} else {
		st->st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
		st->st_ino = stx.stx_ino;
		st->st_mode = stx.stx_mode;
		st->st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
	}
	return ret;
#else
	long ret = raw_syscall(SYS_newfstatat, fd, path, st, flags);

	/* Some versions of glibc look at descriptors by fstat(2), and a filter may know no other */
	if (ret && ret != -EBADF && !*path)
		ret = raw_syscall(SYS_fstat, fd, st);
	return ret;
#endif
}
