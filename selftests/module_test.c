// SPDX-License-Identifier: GPL-2.0
/*
 * The module as such: modinfo tells the truth, the device node belongs to root, and the
 * module can be unloaded whenever its reference count is 0, whatever state its children
 * are in.
 */
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "spawnctl_test.h"

#define NODE		"/dev/spawnctl"
#define SYSFS		"/sys/module/spawnctl"

FIXTURE(module)
{
	int kmsg;
};

FIXTURE_SETUP(module)
{
	/* The children of callers that are killed here are reparented to this process */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, system("modprobe spawnctl"));
	self->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, lseek(self->kmsg, 0, SEEK_END));
}

/* Since the setup the kernel has logged no sign of trouble */
FIXTURE_TEARDOWN(module)
{
	static const char * const bad[] = {
		"WARNING:", "BUG:", "Oops", "Call Trace", "Call trace", "spawnctl:",
	};
	char record[8192];
	unsigned int i;
	ssize_t length;

	system("modprobe spawnctl");
	while ((length = read(self->kmsg, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[length > 0 ? length : 0] = '\0';
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			/*
			 * The first load logs that the module is out-of-tree, and KCSAN
			 * reports races in a kernel without the module too.
			 */
			if (strstr(record, "taint") || strstr(record, "BUG: KCSAN:"))
				continue;
			EXPECT_EQ(NULL, strstr(record, bad[i]))
				TH_LOG("%s", record);
		}
		errno = 0;
	}
	close(self->kmsg);
}

static long unload(void)
{
	return raw_syscall(SYS_delete_module, "spawnctl", O_NONBLOCK);
}

static int load(void)
{
	return system("modprobe spawnctl");
}

/* The first line that @command prints; empty if it prints none. */
static const char *first_line(const char *command, char *line, size_t size)
{
	FILE *pipe = popen(command, "r");

	line[0] = '\0';
	if (pipe && !fgets(line, size, pipe))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (pipe)
		pclose(pipe);
	return line;
}

static const char *file_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "r");

	line[0] = '\0';
	if (file && !fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (file)
		fclose(file);
	return line;
}

TEST_F(module, modinfo)
{
	char told[256], true_one[256];
	struct utsname name;

	EXPECT_STREQ("GPL", first_line("modinfo -F license spawnctl", told, sizeof(told)));
	EXPECT_LT(10U, strlen(first_line("modinfo -F description spawnctl", told, sizeof(told))));
	EXPECT_LT(3U, strlen(first_line("modinfo -F author spawnctl", told, sizeof(told))));
	/* It is not marked as an in-tree module */
	EXPECT_STREQ("", first_line("modinfo -F intree spawnctl", told, sizeof(told)));

	ASSERT_EQ(0, uname(&name));
	first_line("modinfo -F vermagic spawnctl", told, sizeof(told));
	told[strcspn(told, " ")] = '\0';
	EXPECT_STREQ(name.release, told);

	/* The loaded module is the file that modinfo reads */
	EXPECT_LT(8U, strlen(file_line(SYSFS "/srcversion", true_one, sizeof(true_one))));
	EXPECT_STREQ(true_one, first_line("modinfo -F srcversion spawnctl", told, sizeof(told)));
	EXPECT_LT(2U, strlen(file_line(SYSFS "/version", true_one, sizeof(true_one))));
	EXPECT_STREQ(true_one, first_line("modinfo -F version spawnctl", told, sizeof(told)));
	EXPECT_STREQ(true_one, META_VERSION);
}

/* modinfo lists each parameter of the loaded module, and no other */
TEST_F(module, parameters)
{
	unsigned int listed = 0, there = 0;
	char line[256], path[512];
	struct dirent *entry;
	FILE *pipe;
	DIR *dir;

	pipe = popen("modinfo -F parm spawnctl", "r");
	ASSERT_NE(NULL, pipe);
	while (fgets(line, sizeof(line), pipe)) {
		line[strcspn(line, ":\n")] = '\0';
		snprintf(path, sizeof(path), SYSFS "/parameters/%s", line);
		EXPECT_EQ(0, access(path, F_OK))
			TH_LOG("%s", path);
		listed++;
	}
	pclose(pipe);
	dir = opendir(SYSFS "/parameters");
	while (dir && (entry = readdir(dir)))
		there += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	EXPECT_EQ(listed, there);
}

TEST_F(module, node_belongs_to_root)
{
	char told[64], number[64];
	struct stat node;

	ASSERT_EQ(0, stat(NODE, &node));
	EXPECT_TRUE(S_ISCHR(node.st_mode));
	EXPECT_EQ(0600U, node.st_mode & 07777U);
	EXPECT_EQ(0U, node.st_uid);
	EXPECT_EQ(0U, node.st_gid);
	snprintf(number, sizeof(number), "%u:%u", major(node.st_rdev), minor(node.st_rdev));
	EXPECT_STREQ(number, file_line("/sys/class/misc/spawnctl/dev", told, sizeof(told)));

	ASSERT_EQ(0, unload());
	EXPECT_EQ(-1, access(NODE, F_OK));
	EXPECT_EQ(-1, access(SYSFS, F_OK));
	EXPECT_EQ(-1, spawnctl_open());
	EXPECT_TRUE(errno == ENOENT || errno == ENXIO);
	ASSERT_EQ(0, load());
	EXPECT_EQ(0, access(NODE, F_OK));
}

TEST_F(module, open_descriptor_holds_module)
{
	int fd = spawnctl_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, unload());
	close(fd);
	EXPECT_EQ(0, unload());
}

/* A child that stays in the window, and whose caller has been killed */
struct orphan {
	int device;
	int ready[2];
	int release[2];
	int executes;
};

static int wait_in_window(void *arg)
{
	struct orphan *orphan = arg;
	char byte = 0;

	raw_syscall(SYS_close, orphan->device);
	raw_syscall(SYS_close, orphan->release[1]);
	raw_syscall(SYS_write, orphan->ready[1], &byte, 1);
	raw_syscall(SYS_read, orphan->release[0], &byte, 1);
	if (!orphan->executes)
		return 17;
	return exec_program("exit", 17);
}

/* Makes a child, and kills its caller while the child is in the window: 0 or -1 */
static int make_orphan(struct orphan *orphan, unsigned long command, unsigned int flags)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = flags,
		.exit_signal = SIGCHLD,
	};
	char byte;
	pid_t caller;

	if (pipe2(orphan->ready, O_CLOEXEC) || pipe2(orphan->release, O_CLOEXEC))
		return -1;
	caller = fork();
	if (caller == 0) {
		orphan->device = spawnctl_open();
		start_child(orphan->device, command, &clone, wait_in_window, orphan);
		pause();
		_exit(1);
	}
	close(orphan->ready[1]);
	if (read(orphan->ready[0], &byte, 1) != 1)
		return -1;
	kill(caller, SIGKILL);
	return wait_status(caller) == SIGKILL ? 0 : -1;
}

/* Lets the child leave the window. Returns 0 if it then ends as it should. */
static int end_orphan(struct orphan *orphan)
{
	int status = 0;

	close(orphan->release[1]);
	while (waitpid(-1, &status, __WALL) == -1 && errno == EINTR)
		;
	close(orphan->release[0]);
	close(orphan->ready[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 17 ? 0 : -1;
}

static long pending(void)
{
	int fd = spawnctl_open();
	long count = exec_pending(fd);

	close(fd);
	return count;
}

/* A child whose exec mask is still pending holds the module */
static void cycle_exec_mask(struct __test_metadata *_metadata, int executes)
{
	struct orphan orphan = { .executes = executes };

	ASSERT_EQ(0, make_orphan(&orphan, SPAWNCTL_IOC_SPAWN, SPAWNCTL_EXEC_MASK));
	EXPECT_EQ(1, pending());
	EXPECT_EQ(-EAGAIN, unload());
	EXPECT_EQ(0, end_orphan(&orphan));
	EXPECT_EQ(0, pending());
	/* A probe drops the reference before the child can be reaped */
	EXPECT_EQ(0, unload());
	EXPECT_EQ(-1, access(NODE, F_OK));
}

/* A child without an exec mask does not hold the module */
static void cycle_plain(struct __test_metadata *_metadata, unsigned long command, int executes)
{
	struct orphan orphan = { .executes = executes };

	ASSERT_EQ(0, make_orphan(&orphan, command, SPAWNCTL_WINDOW_MASK));
	EXPECT_EQ(0, pending());
	EXPECT_EQ(0, unload());
	EXPECT_EQ(-1, access(NODE, F_OK));
	EXPECT_EQ(0, end_orphan(&orphan));
}

static int exec_exit(void *arg)
{
	return exec_program("exit", 17);
}

/* Kills a caller that spawns in a loop, at a different moment in each round */
static void cycle_random(struct __test_metadata *_metadata, unsigned int round)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = ~0ULL,
	};
	pid_t caller;

	caller = fork();
	if (caller == 0) {
		int fd = spawnctl_open();

		for (;;)
			wait_status(spawnctl_thread(fd, &clone, exec_exit, NULL));
	}
	raw_sleep_us(2000 + round * 7919 % 30000);
	kill(caller, SIGKILL);
	EXPECT_EQ(SIGKILL, wait_status(caller));
	/* Once no child is left that can hold the module, unloading must succeed */
	while (unload()) {
		if (waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD) {
			EXPECT_EQ(0, unload());
			break;
		}
		raw_sleep_us(500);
	}
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

TEST_F_TIMEOUT(module, load_and_unload, 1800)
{
	unsigned int cycles = scaled(1000, 50, "times loaded and unloaded");
	unsigned int i;

	for (i = 0; i < cycles; i++) {
		ASSERT_EQ(0, load());
		switch (i % 8) {
		case 0:
			cycle_exec_mask(_metadata, 1);
			break;
		case 1:
			cycle_exec_mask(_metadata, 0);
			break;
		case 2:
			cycle_plain(_metadata, SPAWNCTL_IOC_SPAWN, 1);
			break;
		case 3:
			cycle_plain(_metadata, SPAWNCTL_IOC_FORK, 1);
			break;
		case 4:
			ASSERT_EQ(0, unload());
			break;
		default:
			cycle_random(_metadata, i);
		}
		ASSERT_EQ(ENOENT, access(SYSFS, F_OK) ? errno : 0);
	}
}

TEST_HARNESS_MAIN
