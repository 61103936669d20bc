// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes have the device open.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

/* Whether a descriptor of the process @pid is @device */
static bool holds(const char *pid, dev_t device)
{
	const struct dirent *entry;
	bool found = false;
	struct stat file;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		char target[16];

		/* Follow links to a device only: stat(2) of a dead network mount would hang */
		if (readlinkat(dirfd(dir), entry->d_name, target, 5) == 5 &&
		    !memcmp(target, "/dev/", 5) && !fstatat(dirfd(dir), entry->d_name, &file, 0))
			found = S_ISCHR(file.st_mode) && file.st_rdev == device;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void name_of(const char *pid, char *name, size_t size)
{
	char path[64], comm[32];

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	plain(line_of(path, comm, sizeof(comm)) ? comm : "", name, size);
}

unsigned int holders(dev_t device, char *text, size_t size)
{
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	unsigned int count = 0;
	size_t used = 0;

	*text = '\0';
	while (dir && (entry = readdir(dir))) {
		char name[72];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    atol(entry->d_name) == getpid() || !holds(entry->d_name, device))
			continue;
		count++;
		name_of(entry->d_name, name, sizeof(name));
		/* Room for the other parts of the entry, and for "..." */
		if (used + strlen(name) + 40 < size)
			used += sprintf(text + used, "%sprocess %s (%s)", used ? ", " : "",
					entry->d_name, name);
		else if (used + 4 < size && strcmp(text + used - 3, "..."))
			used += sprintf(text + used, "...");
	}
	if (dir)
		closedir(dir);
	return count;
}
