// SPDX-License-Identifier: GPL-2.0
/*
 * Names, numbers and untrusted text: parse them, and make them readable.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/spawnctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "tool.h"

const char *device_error(int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "the module is not loaded, or /dev/spawnctl does not exist";
	case EACCES:
		return "this user may not open the device, "
		       "or this process is under a seccomp filter";
	case EDQUOT:
		return "LIMIT allows no more children";
	case EAGAIN:
		return "as many children are alive as LIMIT allows at a time, "
		       "or the system allows no more processes";
	case EPERM:
		return "LIMIT has taken away the command or a flag that the command needs, "
		       "or the system does not allow this process to use the device";
	case ENOTTY:
		return "/dev/spawnctl is not the device";
	default:
		return NULL;
	}
}

bool read_number(const char *text, uint64_t most, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *number <= most;
}

const char *command_name(uint32_t command)
{
	static char text[16];

	if (command == SPAWNCTL_CMD_SPAWN)
		return "SPAWN";
	if (command == SPAWNCTL_CMD_FORK)
		return "FORK";
	snprintf(text, sizeof(text), "command %u", command);
	return text;
}

/* The errors of the ioctls (linux/spawnctl.h), of clone(2), of sockets and of paths */
static const struct {
	int error;
	const char *name;
} errors[] = {
#define ERROR(name) { name, #name }
	ERROR(E2BIG), ERROR(EACCES), ERROR(EADDRINUSE), ERROR(EAFNOSUPPORT), ERROR(EAGAIN),
	ERROR(EBADF), ERROR(EBADMSG), ERROR(EBUSY), ERROR(ECHILD), ERROR(ECONNREFUSED),
	ERROR(ECONNRESET), ERROR(EDQUOT), ERROR(EEXIST), ERROR(EFAULT), ERROR(EFBIG), ERROR(EINTR),
	ERROR(EINVAL), ERROR(EIO), ERROR(EISDIR), ERROR(ELOOP), ERROR(EMFILE), ERROR(EMSGSIZE),
	ERROR(ENAMETOOLONG), ERROR(ENFILE), ERROR(ENOBUFS), ERROR(ENODATA), ERROR(ENODEV),
	ERROR(ENOENT), ERROR(ENOEXEC), ERROR(ENOLCK), ERROR(ENOMEM), ERROR(ENOSPC), ERROR(ENOSYS),
	ERROR(ENOTCONN), ERROR(ENOTDIR), ERROR(ENOTSOCK), ERROR(ENOTTY), ERROR(ENXIO),
	ERROR(EOPNOTSUPP), ERROR(EOVERFLOW), ERROR(EPERM), ERROR(EPIPE), ERROR(EPROTO),
	ERROR(EPROTOTYPE), ERROR(ERANGE), ERROR(EROFS), ERROR(ESRCH), ERROR(ETIMEDOUT),
	ERROR(ETOOMANYREFS), ERROR(ETXTBSY), ERROR(EUSERS),
};

const char *errno_name(uint32_t error)
{
	static char text[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == (int)error)
			return errors[i].name;
	if (!error)
		return "other";
	snprintf(text, sizeof(text), "errno %u", error);
	return text;
}

int errno_by_name(const char *text)
{
	uint64_t number;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcasecmp(errors[i].name, text))
			return errors[i].error;
	return read_number(text, 4095, &number) && number ? (int)number : -1;
}

const char *flag_name(unsigned int i)
{
	static const char * const names[] = {
		"window_mask", "exec_mask", "pidfd", "cgroup", "share_files", "no_new_privs",
		"autoreap", "set_tid", "exec_keep_mask", "parent_settid", "hold",
		"no_wait",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

const char *limit_name(unsigned int i)
{
	static const char * const names[] = {
		"commands", "flags", "children", "no_new_privs", "reset", "filtered", "live",
		"kill",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

uint32_t flag_by_name(const char *text)
{
	unsigned int i;

	for (i = 0; flag_name(i); i++)
		if (!strcasecmp(flag_name(i), text))
			return 1U << i;
	return 0;
}

int signal_by_name(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
#define SIGNAL(name) { #name, SIG##name }
		SIGNAL(HUP), SIGNAL(INT), SIGNAL(QUIT), SIGNAL(ILL), SIGNAL(TRAP), SIGNAL(ABRT),
		SIGNAL(BUS), SIGNAL(FPE), SIGNAL(KILL), SIGNAL(USR1), SIGNAL(SEGV), SIGNAL(USR2),
		SIGNAL(PIPE), SIGNAL(ALRM), SIGNAL(TERM), SIGNAL(STKFLT), SIGNAL(CHLD),
		SIGNAL(CONT), SIGNAL(STOP), SIGNAL(TSTP), SIGNAL(TTIN), SIGNAL(TTOU), SIGNAL(URG),
		SIGNAL(XCPU), SIGNAL(XFSZ), SIGNAL(VTALRM), SIGNAL(PROF), SIGNAL(WINCH),
		SIGNAL(IO), SIGNAL(PWR), SIGNAL(SYS),
		/* Aliases */
		SIGNAL(IOT), SIGNAL(CLD), SIGNAL(POLL),
	};
	unsigned int i, from = 0;
	uint64_t number;

	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (!strcasecmp(signals[i].name, text))
			return signals[i].number;
	if (!strcasecmp(text, "RTMIN"))
		return SIGRTMIN;
	if (!strcasecmp(text, "RTMAX"))
		return SIGRTMAX;
	if (!strncasecmp(text, "RTMAX-", 6))
		return read_number(text + 6, SIGRTMAX - SIGRTMIN, &number) ?
		       SIGRTMAX - (int)number : -1;
	if (!strncasecmp(text, "RTMIN+", 6)) {
		from = SIGRTMIN;
		text += 6;
	}
	if (!read_number(text, SIGRTMAX - from, &number) || from + number == 0)
		return -1;
	return from + number;
}

const char *each(char *list, bool (*fn)(const char *part, void *data), void *data)
{
	char *rest, *part;

	for (part = strtok_r(list, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
		if (!fn(part, data))
			return part;
	return NULL;
}

const char *duration(uint64_t ns, char text[16])
{
	static const struct {
		double of;
		const char *unit;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		double value = ns / units[i].of;

		if (value < 1)
			continue;
		snprintf(text, 16, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value,
			 units[i].unit);
		return text;
	}
	snprintf(text, 16, "%u ns", (unsigned int)ns);
	return text;
}

void plain(const char *text, char *out, size_t size)
{
	size_t used = 0;

	for (; *text && used + 5 < size; text++) {
		unsigned char c = *text;

		if (c == '\\')
			used += sprintf(out + used, "\\\\");
		else if (c < 0x20 || c >= 0x7f)
			used += sprintf(out + used, "\\x%02x", c);
		else
			out[used++] = c;
	}
	out[used] = '\0';
}

char *printable(const char *text)
{
	size_t left = strlen(text), bytes;
	char *out = malloc(4 * left + 1), *end = out;
	mbstate_t state = { 0 };
	wchar_t character;

	if (!out) {
		perror("spawnctl");
		exit(EXIT_FAILURE);
	}
	for (; left; text += bytes, left -= bytes) {
		bytes = mbrtowc(&character, text, left, &state);
		if (bytes <= left && iswprint(character)) {
			end = mempcpy(end, text, bytes);
			continue;
		}
		end += sprintf(end, "\\x%02x", (unsigned char)*text);
		memset(&state, 0, sizeof(state));
		bytes = 1;
	}
	*end = '\0';
	return out;
}

int open_node(void)
{
	return open(NODE, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

bool is_loaded(void)
{
	char line[128];

	return !access("/sys/module/spawnctl", F_OK) ||
	       line_with("/proc/modules", "spawnctl ", line, sizeof(line));
}

bool line_of(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

bool line_with(const char *path, const char *what, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool found = false;

	while (file && !found && fgets(line, size, file))
		found = strstr(line, what);
	if (file)
		fclose(file);
	return found;
}
