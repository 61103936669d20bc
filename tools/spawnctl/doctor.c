// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl doctor: whether programs get the device, and what to do if they do not.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <spawnctl/spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

const char usage_doctor[] =
	"Usage: spawnctl doctor [--json]\n"
	"\n"
	"Looks at all that a program needs to get the device, as this user and in this\n"
	"place, and says what would mend what is not well.\n"
	"\n"
	"  -j, --json  as one JSON object\n"
	"\n"
	"Exit status: 0: programs get the device; 3: the module is not loaded; 1: something\n"
	"else is in the way.\n";

#define NODE	"/dev/spawnctl"
#define SYSFS	"/sys/module/spawnctl/"

enum state { OK, NOTE, PROBLEM };

struct finding {
	enum state state;
	const char *about;
	char text[256];
	char mend[128];		/* a command, or nothing */
};

struct report {
	struct finding finding[24];
	unsigned int count;
	bool loaded;
	bool device;		/* programs get it */
};

static struct finding *say(struct report *report, enum state state, const char *about,
			   const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));

static struct finding *say(struct report *report, enum state state, const char *about,
			   const char *format, ...)
{
	struct finding *finding = &report->finding[report->count];
	va_list args;

	if (report->count < ARRAY_SIZE(report->finding) - 1)
		report->count++;
	finding->state = state;
	finding->about = about;
	finding->mend[0] = '\0';
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	return finding;
}

#define MEND(finding, ...) snprintf((finding)->mend, sizeof((finding)->mend), __VA_ARGS__)

/* The first line of a file, or false */
static bool line_of(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

/* Whether a line of @path has @what, which is copied whole to @line */
static bool line_with(const char *path, const char *what, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool found = false;

	while (file && !found && fgets(line, size, file))
		found = strstr(line, what);
	if (file)
		fclose(file);
	return found;
}

/*
 * DKMS signs with a key of its own, which the kernel does not know until it is
 * enrolled. The kernel shows the names of those it knows to root alone.
 */
static void look_at_signature(struct report *report)
{
	static const char signer[] = "DKMS module signing key";
	static const char certificate[] = "/var/lib/dkms/mok.pub";
	struct finding *finding;
	char line[512];

	if (!(line_of("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) &&
	      line[0] == 'Y') &&
	    !(line_of("/sys/kernel/security/lockdown", line, sizeof(line)) &&
	      !strstr(line, "[none]")))
		return;
	if (line_with("/proc/keys", signer, line, sizeof(line))) {
		say(report, NOTE, "signature",
		    "the kernel loads signed modules only, and knows a key of DKMS's");
		return;
	}
	/* Without UEFI there is nowhere to enrol one. */
	if (geteuid() || access(certificate, F_OK) || access("/sys/firmware/efi", F_OK)) {
		say(report, NOTE, "signature", "the kernel loads only modules that are signed with "
		    "a key it knows: root sees which in /proc/keys");
		return;
	}
	finding = say(report, PROBLEM, "signature",
		      "the kernel loads only modules that are signed with a key it knows, and "
		      "DKMS's is none: have it enrolled, then reboot");
	MEND(finding, "mokutil --import %s", certificate);
}

static void look_at_installed(struct report *report, const char *release)
{
	char path[512], line[512];
	struct finding *finding;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	if (line_with(path, "/spawnctl.ko", line, sizeof(line))) {
		look_at_signature(report);
		line[strcspn(line, ":")] = '\0';
		finding = say(report, PROBLEM, "module",
			      "installed for this kernel (%.150s), not loaded", line);
		MEND(finding, "modprobe spawnctl");
		return;
	}
	finding = say(report, PROBLEM, "module", "not installed for this kernel, %.100s", release);
	if (!access("/var/lib/dkms/spawnctl", F_OK))
		MEND(finding, "dkms autoinstall -k %.80s && modprobe spawnctl", release);
	else
		MEND(finding, "dkms install spawnctl/" VERSION " -k %.60s && modprobe spawnctl",
		     release);
}

static void look_at_module(struct report *report)
{
	struct utsname kernel;
	char line[64];
	int major = 0, minor = 0;

	uname(&kernel);
	if (strcmp(kernel.machine, "x86_64"))
		say(report, PROBLEM, "machine", "%s: the module is for x86_64 so far",
		    kernel.machine);
	if (sscanf(kernel.release, "%d.%d", &major, &minor) != 2 || major < 5 ||
	    (major == 5 && minor < 10))
		say(report, PROBLEM, "kernel", "%s: the module needs 5.10", kernel.release);
	else
		say(report, OK, "kernel", "%s", kernel.release);
	report->loaded = !access(SYSFS, F_OK);
	if (!report->loaded) {
		look_at_installed(report, kernel.release);
		return;
	}
	if (!line_of(SYSFS "version", line, sizeof(line)))
		say(report, NOTE, "module", "loaded, of unknown version");
	else if (strcmp(line, VERSION))
		say(report, NOTE, "module", "loaded, %s; this command is " VERSION, line);
	else
		say(report, OK, "module", "loaded, %s", line);
}

/* Whether the group database has this user in it, and whether this process is */
static void look_at_group(struct report *report, const char *name, gid_t gid)
{
	const struct passwd *user = getpwuid(getuid());
	struct group *group = getgrgid(gid);
	gid_t groups[256];
	struct finding *finding;
	int n = getgroups(ARRAY_SIZE(groups), groups), i;

	for (i = 0; i < n; i++)
		if (groups[i] == gid)
			return;
	for (i = 0; group && user && group->gr_mem[i]; i++) {
		if (strcmp(group->gr_mem[i], user->pw_name))
			continue;
		say(report, PROBLEM, "group", "%s is in group %s, but this session began before: "
		    "log in again", user->pw_name, name);
		return;
	}
	finding = say(report, PROBLEM, "group", "this user is not in group %s", name);
	MEND(finding, "usermod -aG %s %s", name, user ? user->pw_name : "USER");
}

static void look_at_node(struct report *report)
{
	const struct group *group;
	char line[32], number[32];
	struct finding *finding;
	struct stat node;
	char name[64];

	if (stat(NODE, &node)) {
		finding = say(report, PROBLEM, "node", "%s: %s", NODE, strerror(errno));
		if (report->loaded)
			MEND(finding, "udevadm trigger --sysname-match=spawnctl");
		return;
	}
	snprintf(number, sizeof(number), "%u:%u", major(node.st_rdev), minor(node.st_rdev));
	if (!S_ISCHR(node.st_mode) ||
	    (line_of("/sys/class/misc/spawnctl/dev", line, sizeof(line)) && strcmp(line, number))) {
		finding = say(report, PROBLEM, "node", "%s is not the device", NODE);
		MEND(finding, "rm %s && udevadm trigger --sysname-match=spawnctl", NODE);
		return;
	}
	group = getgrgid(node.st_gid);
	snprintf(name, sizeof(name), "%s", group ? group->gr_name : "?");
	say(report, OK, "node", "%s, mode %04o, uid %u, group %s", NODE, node.st_mode & 07777,
	    node.st_uid, name);
	if (!access(NODE, R_OK | W_OK))
		return;
	if (errno != EACCES) {
		say(report, PROBLEM, "access", "%s", strerror(errno));
	} else if ((node.st_mode & 0060) == 0060 && node.st_gid) {
		look_at_group(report, name, node.st_gid);
	} else {
		finding = say(report, PROBLEM, "access", "the device is root's alone: "
			      "there is no udev rule that gives it to a group");
		MEND(finding, "make install-udev; udevadm control --reload; "
		     "udevadm trigger --sysname-match=spawnctl");
	}
}

static void look_at_filters(struct report *report)
{
	char line[128], parameter[8] = "?";
	int mode = 0;

	if (!line_with("/proc/self/status", "Seccomp:", line, sizeof(line)) ||
	    sscanf(line, "Seccomp: %d", &mode) != 1)
		say(report, NOTE, "filter", "/proc/self/status does not tell of any");
	line_of(SYSFS "parameters/allow_filtered", parameter, sizeof(parameter));
	if (!mode)
		say(report, OK, "filter", "none on this process");
	else if (parameter[0] == 'Y')
		say(report, OK, "filter", "one on this process; allow_filtered lets it pass");
	else
		say(report, NOTE, "filter", "one on this process: only a descriptor that was "
		    "marked for such serves (spawnctl limit --filtered, outside)");
}

static void look_at_environment(struct report *report)
{
	static const char * const names[] = {
		"SPAWNCTL_FD", "SPAWNCTL_BACKEND", "LISTEN_FDNAMES",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char text[128];

		if (!getenv(names[i]))
			continue;
		plain(getenv(names[i]), text, sizeof(text));
		say(report, NOTE, "environment", "%s=%s", names[i], text);
	}
}

static void look_at_backend(struct report *report)
{
	enum spawnctl_backend backend;
	spawnctl_attr_t *attr;
	int error;

	if (spawnctl_attr_init(&attr))
		return;
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	error = spawnctl_backend(attr, &backend);
	spawnctl_attr_destroy(attr);
	report->device = !error;
	if (!error)
		say(report, OK, "programs", "get the device");
	else if (!spawnctl_backend(NULL, &backend))
		say(report, PROBLEM, "programs", "get %s in place of the device: %s",
		    backend_name(backend), strerror(error));
	else
		say(report, PROBLEM, "programs", "get nothing: %s", strerror(error));
}

static void print_text(const struct report *report)
{
	static const char * const words[] = { "ok", "note", "PROBLEM" };
	static const char * const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool coloured = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	unsigned int i;

	for (i = 0; i < report->count; i++) {
		const struct finding *finding = &report->finding[i];

		printf("%s%-8s%s %-12s %s\n", coloured ? colours[finding->state] : "",
		       words[finding->state], coloured ? "\033[0m" : "", finding->about,
		       finding->text);
		if (finding->mend[0])
			printf("%22s# %s\n", "", finding->mend);
	}
}

static void print_json(const struct report *report)
{
	static const char * const words[] = { "ok", "note", "problem" };
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	unsigned int i;

	add_bool(all, "device", report->device);
	add_bool(all, "loaded", report->loaded);
	for (i = 0; i < report->count; i++) {
		const struct finding *finding = &report->finding[i];
		struct json_object *one = json_object_new_object();

		add_text(one, "state", words[finding->state]);
		add_text(one, "about", finding->about);
		add_text(one, "text", finding->text);
		if (finding->mend[0])
			add_text(one, "mend", finding->mend);
		json_object_array_add(list, one);
	}
	json_object_object_add(all, "findings", list);
	put_json(all, false);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { } };
	struct report report = { 0 };
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j')
			return bad_usage("doctor", "no option '%s'", argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return bad_usage("doctor", "no argument '%s' is known", argv[optind]);
	look_at_module(&report);
	look_at_node(&report);
	look_at_filters(&report);
	look_at_environment(&report);
	look_at_backend(&report);
	(json ? print_json : print_text)(&report);
	return report.device ? EXIT_SUCCESS : report.loaded ? EXIT_FAILURE : EXIT_NO_MODULE;
}
