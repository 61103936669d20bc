// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl doctor: find out whether programs can use the device and, if not, why and what to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

const char usage_doctor[] =
	"Usage: spawnctl doctor [--json]\n"
	"\n"
	"Start a test program, and find out whether programs of this user can use the device\n"
	"from here. If they cannot, show why and, if there is one, a command that root can run\n"
	"here to fix the cause.\n"
	"\n"
	"  -j, --json  print one JSON object, also for a failure\n"
	"\n"
	"Exit status: 1 if at least one finding is a PROBLEM, 2 if the command line is wrong,\n"
	"otherwise 0. If programs can be started, but only without the device, by clone3(2) or\n"
	"clone(2), that is no PROBLEM.\n";

#define SOCKET	"/run/spawnctl/socket"	/* as in the library */
#define SYSFS	"/sys/module/spawnctl/"
#define NUMBER	"/sys/class/misc/spawnctl/dev"	/* the device number, MAJOR:MINOR */
#define MISC_MAJOR	10	/* Documentation/admin-guide/devices.txt */

/* A NOTE does not prevent programs from being started, a PROBLEM does */
enum state { OK, NOTE, PROBLEM };

struct finding {
	enum state state;
	const char *about;
	char text[320];
	char mend[160];		/* a command, or empty */
};

struct report {
	struct finding finding[24];
	unsigned int count, printed;
	bool mendable;		/* root can administer the machine from here */
	bool loaded;
	bool filtered;		/* a seccomp filter is installed */
	bool refused;		/* by the service */
	bool device;		/* programs get the device */
	enum spawnctl_backend backend;	/* the backend that programs get; ANY: none */
};

/* Names of enum spawnctl_backend, in JSON and in text */
static const char * const backends[] = { "none", "device", "clone3", "clone" };
static const char * const backend_names[] = { "nothing", "the device", "clone3(2)", "clone(2)" };

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

/* Whether @tool is in one of the directories for root's programs */
static bool have(const char *tool)
{
	static const char * const folders[] = {
		"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin",
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], tool);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* Propose a command for root that needs @tool, if it can be run here */
static void mend(const struct report *report, struct finding *finding, const char *tool,
		 const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));

static void mend(const struct report *report, struct finding *finding, const char *tool,
		 const char *format, ...)
{
	va_list args;

	if (!report->mendable || !have(tool))
		return;
	va_start(args, format);
	vsnprintf(finding->mend, sizeof(finding->mend), format, args);
	va_end(args);
}

/* Whether the mask @key in /proc/self/status contains CAP_SYS_MODULE */
static bool has_module_capability(const char *key)
{
	const int cap_sys_module = 16;
	unsigned long long mask = 0;
	char line[128];

	return line_with("/proc/self/status", key, line, sizeof(line)) &&
	       sscanf(line + strlen(key), "%llx", &mask) == 1 &&
	       mask & (1ULL << cap_sys_module);
}

/*
 * Whether root, or a user who becomes root, can administer the machine from here. Root cannot in
 * a user namespace, nor in a container with a limited capability bounding set.
 */
static bool can_administer(void)
{
	unsigned long from, to, count;
	char line[128];

	if (!line_of("/proc/self/uid_map", line, sizeof(line)) ||
	    sscanf(line, "%lu %lu %lu", &from, &to, &count) != 3 || from || to ||
	    count != UINT32_MAX || !has_module_capability("CapBnd:"))
		return false;
	if (!geteuid())
		return has_module_capability("CapEff:");
	return !line_with("/proc/self/status", "NoNewPrivs:\t1", line, sizeof(line));
}

/*
 * DKMS signs modules with a key of its own, which the kernel accepts only after it has been
 * enrolled. The kernel shows the names of the keys that it accepts only to root. Return: whether
 * the kernel may accept a module of DKMS now.
 */
static bool look_at_signature(struct report *report)
{
	static const char signer[] = "DKMS module signing key";
	static const char certificate[] = "/var/lib/dkms/mok.pub";
	struct finding *finding;
	char line[512];

	if (!(line_of("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) &&
	      line[0] == 'Y') &&
	    !(line_of("/sys/kernel/security/lockdown", line, sizeof(line)) &&
	      !strstr(line, "[none]")))
		return true;
	if (line_with("/proc/keys", signer, line, sizeof(line))) {
		say(report, NOTE, "signature",
		    "the kernel loads signed modules only, and accepts a key of DKMS");
		return true;
	}
	/* Without UEFI a key cannot be enrolled */
	if (geteuid() || access(certificate, F_OK) || access("/sys/firmware/efi", F_OK)) {
		say(report, NOTE, "signature", "the kernel loads only modules that are signed with "
		    "a key that it accepts; /proc/keys shows these keys to root");
		return true;
	}
	finding = say(report, NOTE, "signature",
		      "the kernel loads only modules that are signed with a key that it accepts, "
		      "and the key of DKMS is not one of these: enroll the key, then reboot");
	mend(report, finding, "mokutil", "mokutil --import %s", certificate);
	return false;
}

/* Whether DKMS knows the module, and its source is there */
static bool dkms_has_source(void)
{
	glob_t found;
	bool has = !glob("/var/lib/dkms/spawnctl/*/source/dkms.conf", 0, NULL, &found);

	globfree(&found);
	return has;
}

/* Propose a build by DKMS, if the sources of the module and the kernel's headers are installed */
static void mend_by_dkms(const struct report *report, struct finding *finding, const char *release)
{
	char headers[160];

	snprintf(headers, sizeof(headers), "/lib/modules/%.100s/build/Makefile", release);
	if (access(headers, F_OK))
		return;
	if (dkms_has_source())
		mend(report, finding, "dkms", "dkms autoinstall -k %.60s && modprobe spawnctl",
		     release);
	else if (!access("/usr/src/spawnctl-" VERSION "/dkms.conf", F_OK))
		mend(report, finding, "dkms",
		     "dkms install spawnctl/" VERSION " -k %.60s && modprobe spawnctl", release);
}

static void look_at_installed(struct report *report, const char *release)
{
	char path[512], line[512];
	struct finding *finding;
	bool may_load;

	/* /proc itself may be absent */
	if (!access("/proc/version", F_OK) && access("/proc/modules", F_OK)) {
		say(report, NOTE, "module", "not loaded: this kernel can load no modules "
		    "(CONFIG_MODULES)");
		return;
	}
	may_load = look_at_signature(report);
	if (line_of("/proc/sys/kernel/modules_disabled", line, sizeof(line)) && line[0] == '1') {
		say(report, NOTE, "module", "this kernel loads no more modules until it is "
		    "booted again (kernel.modules_disabled)");
		may_load = false;
	}
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	if (line_with(path, "/spawnctl.ko", line, sizeof(line))) {
		line[strcspn(line, ":")] = '\0';
		finding = say(report, NOTE, "module",
			      "installed for this kernel (%.150s), not loaded", line);
		if (may_load)
			mend(report, finding, "modprobe", "modprobe spawnctl");
		return;
	}
	finding = say(report, NOTE, "module",
		      "not loaded, and not installed for this kernel, %.100s", release);
	if (may_load)
		mend_by_dkms(report, finding, release);
}

/* Whether @major.@minor is one of the tested kernels in META */
static bool is_tested(int major, int minor)
{
	char version[32], tested[] = LINUX_TESTED;
	char *rest, *word;

	snprintf(version, sizeof(version), "%d.%d", major, minor);
	for (word = strtok_r(tested, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (!strcmp(word, version))
			return true;
	return false;
}

static void look_at_kernel(struct report *report, const struct utsname *kernel)
{
	int major, minor, oldest_major, oldest_minor;

	if (strcmp(kernel->machine, "x86_64") && strcmp(kernel->machine, "aarch64") &&
	    strcmp(kernel->machine, "riscv64"))
		say(report, NOTE, "machine", "%s: not tested; the tested machines are x86_64, "
		    "aarch64 and riscv64", kernel->machine);
	if (sscanf(LINUX_MINIMUM, "%d.%d", &oldest_major, &oldest_minor) != 2 ||
	    sscanf(kernel->release, "%d.%d", &major, &minor) != 2 || major < oldest_major ||
	    (major == oldest_major && minor < oldest_minor))
		say(report, NOTE, "kernel", "%s: the module needs " LINUX_MINIMUM " or later",
		    kernel->release);
	else if (!is_tested(major, minor))
		say(report, NOTE, "kernel", "%s: not tested; the tested kernels are " LINUX_TESTED,
		    kernel->release);
	else
		say(report, OK, "kernel", "%s", kernel->release);
}

static void look_at_module(struct report *report)
{
	struct utsname kernel;
	char line[64];

	uname(&kernel);
	look_at_kernel(report, &kernel);
	report->loaded = is_loaded();
	if (!report->loaded)
		look_at_installed(report, kernel.release);
	else if (!line_of(SYSFS "version", line, sizeof(line)))
		say(report, NOTE, "module", "loaded, of unknown version");
	else if (strcmp(line, VERSION))
		say(report, NOTE, "module", "loaded, %s; this command is " VERSION, line);
	else
		say(report, OK, "module", "loaded, %s", line);
}

/* Whether a user is in the file of users */
static bool is_local(const char *name)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user;
	bool found = false;

	while (file && !found && (user = fgetpwent(file)))
		found = !strcmp(user->pw_name, name);
	if (file)
		fclose(file);
	return found;
}

/* Find out why this process is not in group @name, which may open the device */
static void look_at_group(struct report *report, const char *name, gid_t gid)
{
	const struct passwd *user = getpwuid(getuid());
	const struct group *group = getgrgid(gid);
	struct finding *finding;
	unsigned int i;

	for (i = 0; group && user && group->gr_mem[i]; i++) {
		if (strcmp(group->gr_mem[i], user->pw_name))
			continue;
		say(report, NOTE, "group", "%s is a member of group %s, but this process is not "
		    "in the group: log in again", user->pw_name, name);
		return;
	}
	finding = say(report, NOTE, "group", "this user is not in group %s; a change takes effect "
		      "at the next login", name);
	if (!group || !user)
		return;
	/* usermod(8) does not change users of another database */
	if (is_local(user->pw_name))
		mend(report, finding, "usermod", "usermod -aG %s %s", name, user->pw_name);
}

/*
 * Whether the udev rule that gives the device to a group is installed (package, make
 * install-udev)
 */
static bool has_rule(void)
{
	static const char rule[] = "udev/rules.d/60-spawnctl.rules";
	static const char * const folders[] = { "/etc", "/usr/lib", "/usr/local/lib", "/lib" };
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], rule);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

static bool udev_runs(void)
{
	return !access("/run/udev/control", F_OK) && have("udevadm");
}

#define TRIGGER	"udevadm trigger --settle --sysname-match=spawnctl"

/* udev sets the owner and mode of a node, but does not create it */
static void mend_node(const struct report *report, struct finding *finding, const char *before)
{
	unsigned int number[2];
	char line[32];

	if (line_of(NUMBER, line, sizeof(line)) &&
	    sscanf(line, "%u:%u", &number[0], &number[1]) == 2)
		mend(report, finding, "mknod", "%smknod -m 600 " NODE " c %u %u%s", before,
		     number[0], number[1], udev_runs() ? " && " TRIGGER : "");
}

static void look_at_access(struct report *report, const struct stat *node, const char *group)
{
	int fd = open_node(), error = errno;
	struct finding *finding;

	if (fd >= 0) {
		close(fd);
	} else if (error == EACCES && !access(NODE, R_OK | W_OK)) {
		say(report, NOTE, "access", "the module refuses open(2) to a task under a seccomp "
		    "filter, or a nodev mount or an LSM such as Landlock forbids it");
	} else if (error == EPERM) {
		say(report, NOTE, "access", "the device is not allowed in this cgroup, for example "
		    "in a container or a service with DeviceAllow=");
	} else if (error != EACCES) {
		say(report, NOTE, "access", "cannot open %s: %s", NODE, strerror(error));
	} else if ((node->st_mode & 0060) == 0060 && node->st_gid) {
		look_at_group(report, group, node->st_gid);
	} else if (!has_rule()) {
		say(report, NOTE, "access", "only root may open the device: no udev rule gives it "
		    "to a group; the package spawnctl-dkms, or make install-udev in the source, "
		    "installs one");
	} else {
		finding = say(report, NOTE, "access", "only root may open the device: the udev "
			      "rule that gives it to a group has not been applied");
		if (udev_runs())
			mend(report, finding, "udevadm", "%sudevadm control --reload && " TRIGGER,
			     getgrnam("spawnctl") ? "" : "systemd-sysusers && ");
	}
}

/* While it is open in a process, the module cannot be unloaded */
static void look_at_holders(struct report *report, dev_t device)
{
	char text[256];

	if (holders(device, text, sizeof(text)))
		say(report, OK, "use", "open in %s", text);
}

static void look_at_node(struct report *report)
{
	const struct group *group;
	char line[32], number[32];
	struct finding *finding;
	struct stat node;
	char name[64];

	if (stat(NODE, &node)) {
		finding = say(report, NOTE, "node", "%s: %s", NODE, strerror(errno));
		/* A symbolic link can be in the way */
		if (errno == ENOENT)
			mend_node(report, finding, lstat(NODE, &node) ? "" : "rm " NODE " && ");
		return;
	}
	snprintf(number, sizeof(number), "%u:%u", major(node.st_rdev), minor(node.st_rdev));
	if (!S_ISCHR(node.st_mode) ||
	    (line_of(NUMBER, line, sizeof(line)) && strcmp(line, number))) {
		finding = say(report, NOTE, "node", "%s is not the device", NODE);
		if (!S_ISDIR(node.st_mode))
			mend_node(report, finding, "rm " NODE " && ");
		return;
	}
	group = getgrgid(node.st_gid);
	snprintf(name, sizeof(name), "%s", group ? group->gr_name : "?");
	say(report, OK, "node", "%s, mode %04o, uid %u, group %s", NODE, node.st_mode & 07777,
	    node.st_uid, name);
	look_at_access(report, &node, name);
	look_at_holders(report, node.st_rdev);
}

static void look_at_filters(struct report *report)
{
	char line[128], parameter[8] = "?";
	int mode = 0;

	if (!line_with("/proc/self/status", "Seccomp:", line, sizeof(line)) ||
	    sscanf(line, "Seccomp: %d", &mode) != 1) {
		say(report, NOTE, "filter", "/proc/self/status does not show whether this "
		    "process is under a seccomp filter");
		return;
	}
	report->filtered = mode;
	line_of(SYSFS "parameters/allow_filtered", parameter, sizeof(parameter));
	if (!mode)
		say(report, OK, "filter", "this process is under no seccomp filter");
	else if (parameter[0] == 'Y')
		say(report, OK, "filter", "this process is under a seccomp filter, but "
		    "allow_filtered=1 lets such processes use the device");
	else
		say(report, NOTE, "filter", "this process is under a seccomp filter, so it can use "
		    "only a descriptor that a process without a filter has marked (spawnctl limit "
		    "--filtered, spawnctl serve)");
}

/* Return: 0, or the errno with which a connection to the socket at @path fails */
static int connect_error(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0)
		return errno;
	/* EAGAIN: it listens, and others wait already */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) && errno != EAGAIN)
		error = errno;
	close(fd);
	return error;
}

/* The library asks the service where it cannot open the device */
static void look_at_service(struct report *report)
{
	const char *path = getenv("SPAWNCTL_SOCKET");
	const bool named = path && *path;
	struct stat st;
	char clean[160];
	int fd;

	if (!path)
		path = SOCKET;
	plain(path, clean, sizeof(clean));
	if (stat(path, &st) || !S_ISSOCK(st.st_mode)) {
		if (named)
			say(report, NOTE, "service", "SPAWNCTL_SOCKET=%s is no socket that this "
			    "process can see, and is ignored", clean);
		return;
	}
	fd = open_node();
	if (fd >= 0) {
		say(report, OK, "service", "%s: the service (spawnctl serve) is for processes that "
		    "cannot open the device", clean);
	} else {
		int error, unreachable;

		fd = spawnctl_open();
		error = errno;
		unreachable = fd < 0 ? connect_error(path) : 0;
		report->refused = fd < 0;
		if (fd >= 0)
			say(report, OK, "service", "%s: the service (spawnctl serve) gives this "
			    "process a descriptor", clean);
		else if (unreachable)
			say(report, NOTE, "service", "%s: this process cannot connect to the "
			    "service (spawnctl serve): %s", clean, strerror(unreachable));
		else
			say(report, NOTE, "service", "%s: the service (spawnctl serve) gives this "
			    "process no descriptor: %s; its log has the reason", clean,
			    strerror(error));
	}
	if (fd >= 0)
		close(fd);
}

/* What LIMIT still allows with a descriptor of the device */
static void look_at_descriptor(struct report *report, int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	char children[32] = "any number", live[64] = "", commands[32];

	if (spawnctl_get_info(fd, &info)) {
		say(report, NOTE, "descriptor",
		    "SPAWNCTL_FD=%d: cannot query what the descriptor allows: %s", fd,
		    strerror(errno));
		return;
	}
	if (info.children != SPAWNCTL_NO_LIMIT)
		snprintf(children, sizeof(children), "%llu", (unsigned long long)info.children);
	if (info.most_live != SPAWNCTL_NO_LIMIT)
		snprintf(live, sizeof(live), "; alive: %llu of at most %llu",
			 (unsigned long long)info.live, (unsigned long long)info.most_live);
	snprintf(commands, sizeof(commands), "%s%s%s",
		 info.commands & (1U << SPAWNCTL_CMD_SPAWN) ? ", spawn" : "",
		 info.commands & (1U << SPAWNCTL_CMD_FORK) ? ", fork" : "",
		 info.commands & (1U << SPAWNCTL_CMD_LIMIT) ? ", limit" : "");
	say(report, OK, "descriptor",
	    "SPAWNCTL_FD=%d is used; allowed commands: %s%s%s%s%s; children left: %s%s", fd,
	    commands[0] ? commands + 2 : "none",
	    info.limits & SPAWNCTL_LIMIT_NO_NEW_PRIVS ? "; every child has no_new_privs" : "",
	    info.limits & SPAWNCTL_LIMIT_RESET ?
	    "; every child starts with all signals at their default action" : "",
	    info.limits & SPAWNCTL_LIMIT_FILTERED ?
	    "; tasks under a seccomp filter may use it" : "",
	    info.limits & SPAWNCTL_LIMIT_KILL ?
	    "; the children are killed when it is last closed" : "", children, live);
}

/*
 * Compares device numbers, because another driver may act on an ioctl. If /sys is hidden, only the
 * major number is known.
 */
static bool is_device(int fd)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	char line[32], number[32];
	struct stat file;

	if (fstat(fd, &file) || !S_ISCHR(file.st_mode) || major(file.st_rdev) != MISC_MAJOR)
		return false;
	if (!line_of(NUMBER, line, sizeof(line)))
		return !spawnctl_get_info(fd, &info);
	snprintf(number, sizeof(number), "%u:%u", major(file.st_rdev), minor(file.st_rdev));
	return !strcmp(line, number);
}

static void look_at_inherited(struct report *report)
{
	const char *text = getenv("SPAWNCTL_FD");
	uint64_t fd;

	if (!text)
		return;
	if (read_number(text, INT_MAX, &fd) && is_device(fd)) {
		look_at_descriptor(report, fd);
	} else {
		char clean[64];

		plain(text, clean, sizeof(clean));
		say(report, NOTE, "descriptor",
		    "SPAWNCTL_FD=%s is not an open descriptor of the device, and is ignored",
		    clean);
	}
}

/*
 * Start a program as other programs start theirs. Return: 0 if a child was made, or an errno;
 * *@about: what failed, or NULL
 */
static int test_spawn(spawnctl_attr_t *attr, const char **about)
{
	char *const words[] = { "spawnctl", "version", NULL };
	spawnctl_file_actions_t *actions;
	struct spawnctl_result result = { .size = sizeof(result) };
	const char *path = (const char *)getauxval(AT_EXECFN);
	char self[PATH_MAX];
	/* Not /proc/self/exe: under valgrind, execve(2) of that executes another program */
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status = 0, error, output[2];

	*about = NULL;
	if (spawnctl_file_actions_init(&actions))
		return ENOMEM;
	/* It has room for the output, so nothing needs to read it */
	if (pipe2(output, O_CLOEXEC)) {
		error = errno;
		*about = "cannot make a pipe for the test program";
		spawnctl_file_actions_destroy(actions);
		return error;
	}
	if (length >= 0) {
		self[length] = '\0';
		path = self;
	}
	error = spawnctl_file_actions_adddup2(actions, output[1], STDOUT_FILENO);
	if (!error)
		error = spawnctl_spawn_result(&result, path, actions, attr, words, environ);
	spawnctl_file_actions_destroy(actions);
	if (result.step == SPAWNCTL_STEP_EXEC)
		*about = "cannot execute the test program, which is spawnctl itself";
	if (!error && waitpid(result.pid, &status, 0) == result.pid && status) {
		*about = "the test program failed";
		error = EIO;
	}
	close(output[0]);
	close(output[1]);
	return error;
}

/*
 * Whether the test program's file is gone, for example because spawnctl has been upgraded or is in
 * another root directory. Then the child was made.
 */
static bool is_gone(int error, const char *about)
{
	return error == ENOENT && about;
}

/*
 * Start a program from a process of its own, which a seccomp filter may kill. Return: its status as
 * from waitpid(2), 0 if a child was made, or -1
 */
static int trial(spawnctl_attr_t *attr)
{
	const struct rlimit none = { 0 };
	const char *about;
	int status = 0;
	pid_t child;

	child = fork();
	if (!child) {
		int error;

		setrlimit(RLIMIT_CORE, &none);
		error = test_spawn(attr, &about);
		_exit(error && !is_gone(error, about));
	}
	return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* Whether @backend, where ANY is no demand, can start programs */
static bool is_usable(const struct report *report, enum spawnctl_backend backend)
{
	spawnctl_attr_t *attr;
	bool usable;

	if (backend == SPAWNCTL_BACKEND_ANY)
		return true;
	if (backend == SPAWNCTL_BACKEND_DEVICE)
		return report->device;
	if (spawnctl_attr_init(&attr))
		return false;
	spawnctl_attr_setbackend(attr, backend);
	usable = !trial(attr);
	spawnctl_attr_destroy(attr);
	return usable;
}

/*
 * With the preload library, every spawn fails if SPAWNCTL_BACKEND has an unknown value, or demands
 * a backend that is not available
 */
static void look_at_demand(struct report *report, const char *demanded)
{
	char text[128];
	unsigned int i = 0;

	plain(demanded, text, sizeof(text));
	while (i < ARRAY_SIZE(backends) && strcmp(demanded, i ? backends[i] : ""))
		i++;
	if (i == ARRAY_SIZE(backends) && strcmp(demanded, "libc"))
		say(report, PROBLEM, "environment", "SPAWNCTL_BACKEND=%s is not a backend: with "
		    "the preload library no program can be started", text);
	else if (i < ARRAY_SIZE(backends) && !is_usable(report, i))
		say(report, PROBLEM, "environment", "SPAWNCTL_BACKEND=%s: with the preload library "
		    "no program can be started", text);
	else
		say(report, NOTE, "environment", "SPAWNCTL_BACKEND=%s", text);
}

/* Report variables that the libraries read */
static void look_at_environment(struct report *report)
{
	const char *demanded = getenv("SPAWNCTL_BACKEND"), *names = getenv("LISTEN_FDNAMES");
	char text[128];

	if (demanded)
		look_at_demand(report, demanded);
	if (!names)
		return;
	plain(names, text, sizeof(text));
	say(report, NOTE, "environment", "LISTEN_FDNAMES=%s", text);
}

static const char *words_of(int error)
{
	const char *text = device_error(error);

	return text ? text : strerror(error);
}

/* Why @report->backend has failed */
static const char *why_failed(const struct report *report, int error)
{
	if (report->backend == SPAWNCTL_BACKEND_DEVICE)
		return words_of(error);
	if (report->filtered && (error == EPERM || error == EACCES || error == ENOSYS))
		return "the seccomp filter refuses it";
	return strerror(error);
}

/* Start a program through @report->backend. @missing: why the device is not available, or 0 */
static void start_one(struct report *report, spawnctl_attr_t *attr, int missing)
{
	const char *why = report->refused ? "the service gives this process no descriptor" :
			  words_of(missing);
	const char *about, *by = backend_names[report->backend];
	int error = test_spawn(attr, &about);

	if (is_gone(error, about)) {
		report->device = report->backend == SPAWNCTL_BACKEND_DEVICE;
		say(report, NOTE, "programs", "%s makes children, but %s: %s%s%s", by, about,
		    strerror(error), report->device ? "" : "; the device cannot be used: ",
		    report->device ? "" : why);
	} else if (error) {
		say(report, PROBLEM, "programs", "programs cannot be started by %s: %s%s%s", by,
		    about ? about : why_failed(report, error), about ? ": " : "",
		    about ? strerror(error) : "");
		report->backend = SPAWNCTL_BACKEND_ANY;
	} else if (report->backend == SPAWNCTL_BACKEND_DEVICE) {
		report->device = true;
		say(report, OK, "programs",
		    "programs can use the device: it has started a test program");
	} else {
		say(report, NOTE, "programs", "programs are started by %s, as the test program "
		    "was, because the device cannot be used: %s", by, why);
	}
}

static void look_at_programs(struct report *report)
{
	spawnctl_attr_t *attr;
	int missing, error = 0;
	bool killed = false;

	if (spawnctl_attr_init(&attr)) {
		say(report, PROBLEM, "programs", "cannot start a test program: %s",
		    strerror(ENOMEM));
		return;
	}
	spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_DEVICE);
	missing = spawnctl_get_backend(attr, &report->backend);
	if (missing) {
		int status;

		spawnctl_attr_setbackend(attr, SPAWNCTL_BACKEND_ANY);
		status = report->filtered ? trial(attr) : 0;
		killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		if (!killed)
			error = spawnctl_get_backend(attr, &report->backend);
	}
	if (killed)
		say(report, PROBLEM, "programs", "programs cannot be started: the device cannot be "
		    "used, and the seccomp filter kills a process that calls clone3(2) or "
		    "clone(2)");
	else if (error)
		say(report, PROBLEM, "programs", "programs cannot be started: %s", words_of(error));
	else
		start_one(report, attr, missing);
	spawnctl_attr_destroy(attr);
}

/* Print what has not been printed yet */
static void print_text(struct report *report)
{
	static const char * const words[] = { "ok", "note", "PROBLEM" };
	static const char * const colors[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool colored = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	for (; report->printed < report->count; report->printed++) {
		const struct finding *finding = &report->finding[report->printed];

		printf("%s%-8s%s %-12s %s\n", colored ? colors[finding->state] : "",
		       words[finding->state], colored ? "\033[0m" : "", finding->about,
		       finding->text);
		if (finding->mend[0])
			printf("%22s# %s\n", "", finding->mend);
	}
	/* The test program must not print it again, and a filter may kill this process */
	fflush(stdout);
}

static void print_json(const struct report *report)
{
	static const char * const words[] = { "ok", "note", "problem" };
	struct json_object *all = json_object_new_object(), *list = json_object_new_array();
	unsigned int i;

	add_bool(all, "device", report->device);
	add_text(all, "backend", backends[report->backend]);
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
	static const char letters[] = ":j";
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { } };
	struct report report = { 0 };
	unsigned int i;
	int c;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (c != 'j')
			return bad_option(c, argv, letters);
		json_wanted = true;
	}
	if (optind < argc)
		return bad_usage("unexpected argument '%s'", argv[optind]);
	/* If it is ignored, a process that ends leaves no status */
	signal(SIGCHLD, SIG_DFL);
	report.mendable = can_administer();
	look_at_module(&report);
	look_at_node(&report);
	look_at_filters(&report);
	look_at_inherited(&report);
	look_at_service(&report);
	if (!json_wanted)
		print_text(&report);
	look_at_programs(&report);
	look_at_environment(&report);
	if (!report.device && !report.mendable)
		say(&report, NOTE, "place", "root cannot administer the machine from here, for "
		    "example because this is a container or a sandbox: fix the causes on the "
		    "host");
	if (json_wanted)
		print_json(&report);
	else
		print_text(&report);
	for (i = 0; i < report.count; i++)
		if (report.finding[i].state == PROBLEM)
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
