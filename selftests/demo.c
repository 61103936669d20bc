// SPDX-License-Identifier: GPL-2.0
/*
 * Demonstrates the promise: a signal storm and a job-control stop hit the children of vfork(),
 * glibc's posix_spawn() and spawnctl. Then spawnctl starts a program.
 *
 * Exit status: 0 if the promise held, and a child of vfork() ran a handler in the storm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <spawnctl.h>

#define CHILDREN	500
#define LINGER_US	2000		/* a child's time before exec */
#define STORM_US	20000		/* between rounds of signals */
#define STUCK_MS	3000		/* a parent that takes longer to return is stuck */
#define FIFO		"/tmp/spawnctl-demo.fifo"

enum method { VFORK, POSIX_SPAWN, SPAWNCTL, METHODS };

static const char * const names[METHODS] = {
	"vfork()", "glibc posix_spawn()", "spawnctl_thread()",
};

/* Shared between this program and the process under test */
static struct {
	int children;
	int in_parent;
	int in_child;
	int returned;
} *result;

static int device;
static const char *fifo;	/* to be opened in the child, before exec */
static pid_t parent;
static char * const program[] = { "true", NULL };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void sleep_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void handler(int sig)
{
	(void)sig;
	if (syscall(SYS_getpid) == parent)
		__atomic_add_fetch(&result->in_parent, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&result->in_child, 1, __ATOMIC_RELAXED);
}

static int child(void *unused)
{
	long end = now_us() + LINGER_US;

	(void)unused;
	if (fifo)
		open(fifo, O_RDONLY);
	else
		while (now_us() < end)
			;
	execv("/bin/true", program);
	return 127;
}

static pid_t start_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(child(NULL));
	return pid;
}

static pid_t start_posix_spawn(void)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	if (fifo)
		posix_spawn_file_actions_addopen(&actions, 0, fifo, O_RDONLY, 0);
	posix_spawn(&pid, "/bin/true", &actions, NULL, program, environ);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static pid_t start_spawnctl(void)
{
	/* Everything is blocked before exec, nothing after it */
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.exec_mask = 0,
		.exit_signal = SIGCHLD,
	};

	return spawnctl_thread(device, &clone, child, NULL);
}

static pid_t (* const start[METHODS])(void) = {
	start_vfork, start_posix_spawn, start_spawnctl,
};

/* Forks the process under test, in a process group of its own. It is killed when this one ends */
static pid_t subject(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid) {
		setpgid(pid, pid);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	parent = getpid();
	return 0;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* SIGKILL and SIGSTOP cannot be caught; 32 and 33 are glibc's own */
static int catchable(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP && sig != 32 && sig != 33;
}

static void storm_subject(enum method method)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	int sig, status;
	pid_t pid;

	for (sig = 1; sig <= 64; sig++)
		if (catchable(sig) && sigaction(sig, &action, NULL))
			die("sigaction");
	result->returned = 1;	/* ready */
	while (result->children < CHILDREN) {
		pid = start[method]();
		if (pid < 0)
			die(names[method]);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		result->children++;
	}
	exit(0);
}

static void storm(enum method method)
{
	pid_t pid, sender;
	int sig;

	memset(result, 0, sizeof(*result));
	pid = subject();
	if (!pid)
		storm_subject(method);
	while (!__atomic_load_n(&result->returned, __ATOMIC_ACQUIRE))
		sleep_us(1000);

	sender = fork();
	if (!sender) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			for (sig = 1; sig <= 64; sig++)
				if (catchable(sig))
					kill(-pid, sig);
			sleep_us(STORM_US);
		}
	}
	waitpid(pid, NULL, 0);
	end(sender);
	printf("  %-22s %8d %18d %18d\n", names[method], result->children,
	       result->in_parent, result->in_child);
	fflush(stdout);
}

/* The first child of @pid, or 0 */
static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%d", &child) != 1)
		child = 0;
	if (file)
		fclose(file);
	return child;
}

static char state_of(pid_t pid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%*d %*s %c", &state) != 1)
		state = '?';
	if (file)
		fclose(file);
	return state;
}

/*
 * Sends SIGTSTP to the child before its exec. Returns whether the parent has returned nevertheless,
 * with the new program stopped.
 */
static int stop(enum method method)
{
	pid_t pid, child, writer;
	long began;
	int waited;

	memset(result, 0, sizeof(*result));
	pid = subject();
	if (!pid) {
		fifo = FIFO;
		start[method]();
		__atomic_store_n(&result->returned, 1, __ATOMIC_RELEASE);
		pause();
	}
	while (!(child = child_of(pid)))
		sleep_us(1000);
	/* Wait, for 2 s at most, until it sleeps in open(2) */
	for (waited = 0; state_of(child) != 'S' && waited < 2000; waited++)
		sleep_us(1000);
	sleep_us(200000);
	kill(child, SIGTSTP);
	sleep_us(200000);

	began = now_us();
	writer = fork();
	if (!writer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (open(FIFO, O_WRONLY) >= 0)
			pause();
		_exit(1);
	}
	while (!__atomic_load_n(&result->returned, __ATOMIC_ACQUIRE) &&
	       now_us() - began < STUCK_MS * 1000L)
		sleep_us(1000);
	if (result->returned) {
		for (waited = 0; state_of(child) != 'T' && waited < 2000; waited++)
			sleep_us(1000);
		printf("  %-22s returned after %ld ms; the new program is %s\n", names[method],
		       (now_us() - began) / 1000,
		       state_of(child) == 'T' ? "stopped" : "NOT stopped");
	} else {
		printf("  %-22s stuck for %d s, until someone sends SIGCONT\n", names[method],
		       STUCK_MS / 1000);
	}
	fflush(stdout);
	waited = result->returned && state_of(child) == 'T';
	kill(child, SIGKILL);
	end(pid);
	end(writer);
	return waited;
}

static int show(void *unused)
{
	char * const argv[] = {
		"sed", "-n", "/^Name/p; /^Sig[PBIC]/p", "/proc/self/status", NULL
	};

	(void)unused;
	execv("/bin/sed", argv);
	return 127;
}

/* Prints the same lines of this process. No shell, as system(3) changes the signal state */
static int show_own(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "Name", 4) ||
		    (!strncmp(line, "Sig", 3) && line[3] != 'Q'))
			fputs(line, stdout);
	return fclose(file);
}

static int real_program(void)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.flags = SPAWNCTL_WINDOW_MASK | SPAWNCTL_EXEC_MASK,
		.window_mask = SPAWNCTL_SIGSET_ALL,
		.sig_default = SPAWNCTL_SIGSET_ALL,
		.exit_signal = SIGCHLD,
	};
	sigset_t set;
	int status;
	pid_t pid;

	signal(SIGINT, handler);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);

	printf("\nA program started from this one, which catches SIGINT, ignores SIGPIPE and\n"
	       "blocks SIGTERM, with everything reset and nothing blocked. This one:\n\n");
	fflush(stdout);
	if (show_own())
		return 0;
	printf("\nThe new one:\n\n");
	fflush(stdout);
	pid = spawnctl_thread(device, &clone, show, NULL);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int main(void)
{
	int in_child[METHODS], good[METHODS];
	int method, held;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		die("mmap");
	device = spawnctl_open();
	if (device < 0)
		die("/dev/spawnctl");
	unlink(FIFO);
	if (mkfifo(FIFO, 0600))
		die(FIFO);

	printf("The storm: every catchable signal to the process group, over and over, while the\n"
	       "parent, which has a handler for each, starts programs.\n\n"
	       "  %-22s %8s %18s %18s\n", "", "children", "handlers run in", "handlers run in");
	printf("  %-22s %8s %18s %18s\n", "", "", "the parent", "A CHILD");
	for (method = 0; method < METHODS; method++) {
		storm(method);
		in_child[method] = result->in_child;
	}

	printf("\nThe stop: Ctrl-Z hits the child before exec, while it opens a FIFO. Then the\n"
	       "FIFO's other end is opened. The parent:\n\n");
	for (method = 0; method < METHODS; method++)
		good[method] = stop(method);
	unlink(FIFO);

	held = !in_child[SPAWNCTL] && good[SPAWNCTL];
	held &= real_program();
	printf("\nThe promise %s.\n", held ? "held" : "DID NOT HOLD");
	if (!in_child[VFORK]) {
		printf("But vfork() ran no handler in a child either: this storm shows nothing.\n");
		held = 0;
	}
	return !held;
}
