// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl serve: give clients of a Unix socket descriptors of the device, by a policy.
 *
 * A client sends nothing. The service answers at once with one message and closes the connection,
 * so a client has no state here, and none can delay another, except by connecting more often.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <locale.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawnctl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "peer.h"
#include "policy.h"
#include "tool.h"

#define POLICY		"/etc/spawnctl/policy"
#define BACKLOG		128
/* The id of a user and of a group that own nothing */
#define NOBODY		0x7ffffffe
/* asm-generic/socket.h, from Linux 6.16 on */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif

const char usage_serve[] =
	"Usage: spawnctl serve [OPTION]... [POLICY]\n"
	"       spawnctl serve --check [POLICY]\n"
	"\n"
	"Give each process that connects to a Unix socket a descriptor of the device, narrowed\n"
	"as the first rule of the file POLICY (" POLICY ") that matches the process\n"
	"says. Tasks under a seccomp filter can use it. libspawnctl asks for a descriptor where\n"
	"it cannot open the device, for example in a container. SIGHUP reads POLICY again.\n"
	"\n"
	"  -c, --check        check POLICY, and exit\n"
	"  -s, --socket=PATH  listen there, and not on the socket that systemd passes\n"
	"  -j, --json         also print each grant and refusal as a JSON object, one per line\n"
	"\n"
	"Exit status: 0 after SIGTERM or SIGINT, or if POLICY is valid; 1 on failure; 2 if the\n"
	"command line is wrong.\n";

/* The open files of one rule that the service keeps; a user can have many cgroups */
#define MOST_FILES	256
/* Lines that the log gets for one rule: so many at once, and then so many in a second */
#define LOG_BURST	20
#define LOG_RATE	2
/* How often the open files of cgroups that are gone are closed */
#define SWEEP_S		60
/* What the log shows of a cgroup or label, which the client may have chosen */
#define LOG_NAME	256

/**
 * struct file - an open file of the device, with the limits of a rule, shared by some clients
 * @rule: the rule
 * @uid: PER_USER: the user
 * @cgroup: PER_CGROUP: the cgroup
 * @cgroup_id: PER_CGROUP: its inode number, which is never used again; 0 if it is not known
 * @fd: descriptor of the open file
 * @id: its number in the module's events
 */
struct file {
	const struct rule *rule;
	uid_t uid;
	char *cgroup;
	__u64 cgroup_id;
	int fd;
	__u64 id;
};

/* How many lines the log may get for one rule */
struct quota {
	unsigned int left, suppressed;
	time_t filled;
};

static struct policy policy;
/* For each rule, and after the last for the clients that no rule matches */
static struct quota *quotas;
static struct file *files;
static unsigned int file_count;
/* Connections to close, with descriptors that clients have sent; what closes earlier ones, or 0 */
static int *held;
static unsigned int held_count;
static pid_t closer;
static volatile sig_atomic_t reload, stop;

static void note(int level, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* Write a line to the log. @level: 3 (error) to 6 (information), see sd-daemon(3) */
static void note(int level, const char *format, ...)
{
	char text[2 * PATH_MAX], clean[4 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	plain(text, clean, sizeof(clean));
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", level, clean);
	else
		fprintf(stderr, "spawnctl serve: %s\n", clean);
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Whether the log may get a line for @rule: clients that connect all the time must not fill it */
static bool may_log(const struct rule *rule, unsigned int *suppressed)
{
	struct quota *quota = &quotas[rule ? rule - policy.rules : policy.count];
	time_t now = seconds();
	unsigned int more;

	more = now - quota->filled > LOG_BURST ? LOG_BURST : (now - quota->filled) * LOG_RATE;
	if (more) {
		quota->left = quota->left + more > LOG_BURST ? LOG_BURST : quota->left + more;
		quota->filled = now;
	}
	*suppressed = quota->suppressed;
	if (!quota->left) {
		quota->suppressed++;
		return false;
	}
	quota->left--;
	quota->suppressed = 0;
	return true;
}

/* Add a text that the client may have chosen, if there is one */
static void add_clean(struct json_object *event, const char *key, const char *text)
{
	char clean[2 * PATH_MAX];

	if (!text[0])
		return;
	plain(text, clean, sizeof(clean));
	add_text(event, key, clean);
}

static void put_event(const struct peer *peer, const struct rule *rule, const struct file *file,
		      int error)
{
	struct json_object *event = json_object_new_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	add_text(event, "event", error ? "refusal" : "grant");
	add_number(event, "time_ns", now.tv_sec * 1000000000ULL + now.tv_nsec);
	add_number(event, "pid", peer->pid);
	add_number(event, "uid", peer->uid);
	add_number(event, "gid", peer->gid);
	add_clean(event, "cgroup", peer->cgroup);
	add_clean(event, "label", peer->label);
	if (rule)
		add_number(event, "line", rule->line);
	if (error) {
		add_number(event, "errno", error);
		add_text(event, "error", errno_name(error));
	} else {
		add_number(event, "file_id", file->id);
	}
	put_json(event, true);
	fflush(stdout);
}

/* Log the answer to a client. @error: why it got no descriptor, a positive errno, or 0 */
static void report(const struct peer *peer, const struct rule *rule, const struct file *file,
		   int error)
{
	char by[32] = "no rule", outcome[160], more[48] = "";
	const char *why = NULL;
	unsigned int suppressed;

	if (json_wanted)
		put_event(peer, rule, file, error);
	if (!may_log(rule, &suppressed))
		return;
	if (rule)
		snprintf(by, sizeof(by), "line %u", rule->line);
	/* The client is not the cause */
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		why = device_error(error);
	if (error)
		snprintf(outcome, sizeof(outcome), "refused (%s, %s%s%s)", by, errno_name(error),
			 why ? ": " : "", why ? why : "");
	else
		snprintf(outcome, sizeof(outcome), "granted (%s, open file %llu)", by,
			 (unsigned long long)file->id);
	if (suppressed)
		snprintf(more, sizeof(more), " (%u lines like this were left out)", suppressed);
	note(error ? 5 : 6, "%s: process %d, user %u, group %u%s%.*s%s%.*s%s", outcome, peer->pid,
	     peer->uid, peer->gid, peer->cgroup[0] ? ", cgroup " : "", LOG_NAME, peer->cgroup,
	     peer->label[0] ? ", label " : "", LOG_NAME, peer->label, more);
}

/* Open the device, narrowed as @rule says. Return: 0, or a negative errno */
static int open_file(const struct rule *rule, struct file *file)
{
	struct spawnctl_info info = { .size = sizeof(info) };
	int error;

	/* Not by spawnctl_open(), which would ask this service */
	file->fd = open(NODE, O_RDWR | O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	if (!spawnctl_narrow(file->fd, &rule->limit) && !spawnctl_get_info(file->fd, &info)) {
		file->id = info.id;
		return 0;
	}
	error = -errno;
	close(file->fd);
	return error;
}

/* The inode number of a cgroup; 0 if it does not exist, or the hierarchy is not mounted here */
static __u64 cgroup_id(const char *cgroup)
{
	static const char * const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[PATH_MAX + 32];
	struct statfs fs;
	struct stat st;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s%s", roots[i], cgroup);
		if (!statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC && !stat(path, &st))
			return st.st_ino;
	}
	return 0;
}

static void drop_file(unsigned int i)
{
	close(files[i].fd);
	free(files[i].cgroup);
	files[i] = files[--file_count];
}

/* Whether all limits of an open file are as in its rule, so that a new one would be the same */
static bool is_unused(const struct file *file)
{
	const struct spawnctl_limit *limit = &file->rule->limit;
	struct spawnctl_info info = { .size = sizeof(info) };

	return !spawnctl_get_info(file->fd, &info) && !info.live &&
	       (!(limit->flags & SPAWNCTL_LIMIT_CHILDREN) || info.children == limit->children);
}

/* Close the open files of cgroups that do not exist any more, and the unused ones of @rule */
static void sweep(const struct rule *rule)
{
	unsigned int i = 0;

	while (i < file_count) {
		if (files[i].cgroup ? cgroup_id(files[i].cgroup) != files[i].cgroup_id :
		    files[i].rule == rule && is_unused(&files[i]))
			drop_file(i);
		else
			i++;
	}
}

static unsigned int count_files(const struct rule *rule)
{
	unsigned int i, n = 0;

	for (i = 0; i < file_count; i++)
		n += files[i].rule == rule;
	return n;
}

static bool same_sharers(const struct file *a, const struct file *b)
{
	return a->rule == b->rule && a->uid == b->uid && a->cgroup_id == b->cgroup_id &&
	       !strcmp(a->cgroup ? a->cgroup : "", b->cgroup ? b->cgroup : "");
}

/*
 * Find the open file for a client, or open one that later clients can share. Return: 0, or a
 * negative errno
 */
static int shared_file(const struct rule *rule, const struct peer *peer, struct file *file)
{
	struct file *all;
	char path[PATH_MAX];
	unsigned int i;
	int error;

	if (rule->per == PER_USER)
		file->uid = peer->uid;
	if (rule->per == PER_CGROUP) {
		snprintf(path, sizeof(path), "%.*s", policy_matched(rule->cgroup, peer->cgroup),
			 peer->cgroup);
		file->cgroup = path;
		file->cgroup_id = cgroup_id(path);
		if (!file->cgroup_id)
			return -ESRCH;
	}
	for (i = 0; i < file_count; i++) {
		if (!same_sharers(&files[i], file))
			continue;
		*file = files[i];
		return 0;
	}
	if (count_files(rule) >= MOST_FILES) {
		sweep(rule);
		if (count_files(rule) >= MOST_FILES)
			return -EUSERS;
	}
	all = realloc(files, (file_count + 1) * sizeof(*files));
	if (!all)
		return -ENOMEM;
	files = all;
	if (file->cgroup) {
		file->cgroup = strdup(path);
		if (!file->cgroup)
			return -ENOMEM;
	}
	error = open_file(rule, file);
	if (error) {
		free(file->cgroup);
		return error;
	}
	files[file_count++] = *file;
	return 0;
}

/* Send the errno, and the descriptor if it is 0. Return: 0, or a negative errno */
static int answer(int client, int fd, __s32 error)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align.cmsg_len = CMSG_LEN(sizeof(int)) };
	struct iovec data = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (!error) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void serve(int client)
{
	struct file file = { .fd = -1 };
	const struct rule *rule = NULL;
	bool own = false;
	struct peer peer;
	int error = peer_read(client, &peer), sent;
	bool unknown;

	if (!error) {
		rule = policy_match(&policy, &peer, &unknown);
		file.rule = rule;
		if (!rule || !rule->grant || unknown)
			error = -EACCES;
		else if (rule->per == PER_CONNECTION)
			own = !(error = open_file(rule, &file));
		else
			error = shared_file(rule, &peer, &file);
	}
	sent = answer(client, file.fd, -error);
	/* ETOOMANYREFS: clients do not receive what has been sent to them */
	if (!error && (sent == -ETOOMANYREFS || sent == -ENOMEM)) {
		error = sent;
		sent = answer(client, -1, -error);
	}
	/* A client that is gone has no descriptor */
	if (!sent || error)
		report(&peer, rule, &file, -error);
	if (own)
		close(file.fd);
	peer_forget(&peer);
}

/* Whether the client has sent descriptors that are not closed yet */
static bool has_descriptors(int client)
{
	char path[32], line[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", client);
	return !line_with(path, "scm_fds:", line, sizeof(line)) ||
	       atoi(line + strlen("scm_fds:")) > 0;
}

/*
 * Close the connections that have descriptors: fork a process that has them, too, close them here,
 * and kill that process. Until it has ended, further such connections stay open.
 */
static void close_held(void)
{
	const pid_t service = getpid();
	unsigned int i;

	if (closer && !waitpid(closer, NULL, WNOHANG))
		return;
	closer = 0;
	if (!held_count)
		return;
	closer = fork();
	if (!closer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == service)
			pause();
		_exit(0);
	}
	if (closer < 0) {
		closer = 0;
		return;
	}
	for (i = 0; i < held_count; i++)
		close(held[i]);
	held_count = 0;
	kill(closer, SIGKILL);
}

/*
 * Close the connection. That closes the descriptors that the client has sent, and the close of some
 * takes long, even for a process that is being killed: of thousands of packet sockets, for example.
 */
static void let_go(int client)
{
	int *more;

	/* From now on nothing can be sent */
	shutdown(client, SHUT_RD);
	more = has_descriptors(client) ? realloc(held, (held_count + 1) * sizeof(*held)) : NULL;
	if (!more) {
		close(client);
		return;
	}
	held = more;
	held[held_count++] = client;
	close_held();
}

static void on_signal(int signal)
{
	if (signal == SIGHUP)
		reload = 1;
	else if (signal != SIGCHLD)
		stop = 1;
}

/* Use @read as the policy. The open files of rules that are in both stay as they are */
static void take_policy(struct policy *read)
{
	struct quota *all = calloc(read->count + 1, sizeof(*all));
	struct policy old = policy;
	unsigned int i = 0, r;

	if (!all)
		abort();
	while (i < file_count) {
		for (r = 0; r < read->count; r++)
			if (!strcmp(read->rules[r].text, files[i].rule->text))
				break;
		if (r == read->count) {
			drop_file(i);
			continue;
		}
		files[i++].rule = &read->rules[r];
	}
	for (i = 0; i <= read->count; i++)
		all[i].left = LOG_BURST;
	free(quotas);
	quotas = all;
	policy = *read;
	policy_free(&old);
}

static void warn_about(const struct policy *read)
{
	if (policy_has_cgroup(read) && !peer_cgroup_known())
		note(4, "this kernel cannot show the cgroup of a client (SO_PEERPIDFD, Linux 6.5): "
		     "a client for which only the cgroup= of a rule is left to decide is refused");
	else if (policy_has_cgroup(read) && peer_cgroups_hidden())
		note(4, "/proc hides the processes of other users (hidepid=): a client for which "
		     "only the cgroup= of a rule is left to decide is refused");
}

/*
 * Whether the unit can read @path: it runs the service as user spawnctl. Until there is such a
 * user, NOBODY stands for it. Only root can find out; for others the answer is yes.
 */
static bool unit_can_read(const char *path)
{
	const struct passwd *user = getpwnam("spawnctl");
	const gid_t gid = user ? user->pw_gid : NOBODY;
	char whole[PATH_MAX];
	pid_t child;
	int status;

	/* The whole path, because the working directory is reached already */
	if (geteuid() || !realpath(path, whole))
		return true;
	signal(SIGCHLD, SIG_DFL);
	child = fork();
	if (!child) {
		if ((user ? initgroups(user->pw_name, gid) : setgroups(0, NULL)) || setgid(gid) ||
		    setuid(user ? user->pw_uid : NOBODY))
			_exit(0);
		_exit(access(whole, R_OK) && errno == EACCES);
	}
	return child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
	       !WEXITSTATUS(status);
}

static void warn_about_device(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		note(4, "cannot open " NODE ": %s: until it can be opened, every client is "
		     "refused", strerror(errno));
	else
		close(fd);
}

static void note_policy(const char *path)
{
	note(6, "%s: %u rule%s", path, policy.count, policy.count == 1 ? "" : "s");
}

static void read_again(const char *path)
{
	struct policy read;
	int error = policy_read(path, &read);

	if (error) {
		note(3, "%s: %s: the policy stays as it was", path,
		     error == -EINVAL ? "not a valid policy" : strerror(-error));
		return;
	}
	take_policy(&read);
	warn_about(&policy);
	note_policy(path);
}

/* The listening socket that systemd passes as descriptor 3. Return: the socket, or a status */
static int passed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int type, domain, listens;
	socklen_t size = sizeof(int);
	uint64_t number;

	if (!pid || !count || !read_number(pid, INT_MAX, &number) || number != (uint64_t)getpid())
		return -bad_usage("systemd passes no socket: give one with --socket");
	if (strcmp(count, "1"))
		return -fail(EXIT_FAILURE, 0, NULL, "systemd passes %s sockets, not 1", count);
	if (getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size) ||
	    getsockopt(3, SOL_SOCKET, SO_DOMAIN, &domain, &size) ||
	    getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size))
		return -fail(EXIT_FAILURE, errno, NULL, "the socket that systemd passes");
	if (domain != AF_UNIX || type != SOCK_SEQPACKET || !listens)
		return -fail(EXIT_FAILURE, 0, NULL, "the socket that systemd passes is no "
			     "ListenSequentialPacket= of the Unix domain");
	if (fcntl(3, F_SETFD, FD_CLOEXEC) || fcntl(3, F_SETFL, O_NONBLOCK))
		return -fail(EXIT_FAILURE, errno, NULL, "the socket that systemd passes");
	return 3;
}

/*
 * Make the path of @address free: remove the socket of a process that ended. Return: 0, or an
 * errno, EADDRINUSE if something listens there, or the file is no socket
 */
static int make_free(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, error;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED)
		return EADDRINUSE;
	return unlink(address->sun_path) ? errno : 0;
}

/* Create a listening socket. Return: the socket, or a status */
static int own_socket(const char *path, struct stat *st)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;
	mode_t mask;

	if (!*path)
		return -bad_usage("the path of the socket is empty");
	if (strlen(path) >= sizeof(address.sun_path))
		return -fail(EXIT_FAILURE, ENAMETOOLONG, NULL, "cannot listen at %s", path);
	memcpy(address.sun_path, path, strlen(path));
	error = make_free(&address);
	if (error)
		return -fail(EXIT_FAILURE, error, NULL, "cannot listen at %s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Any user may connect: the policy decides */
	mask = umask(0111);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    lstat(path, st) || listen(fd, BACKLOG))
		return -fail(EXIT_FAILURE, errno, NULL, "cannot listen at %s", path);
	umask(mask);
	return fd;
}

/* A filtered task can neither open the device nor mark a descriptor for filtered tasks */
static bool is_filtered(void)
{
	char line[256];

	return line_with("/proc/self/status", "Seccomp:", line, sizeof(line)) &&
	       !strstr(line, "\t0");
}

/* Each open file that is kept needs a descriptor */
static void raise_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Have signals delivered in ppoll() only, so that none is lost between a check and the wait */
static void take_signals(sigset_t *in_wait)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT, SIGCHLD };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;
	unsigned int i;

	sigprocmask(SIG_BLOCK, NULL, in_wait);
	sigemptyset(&blocked);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], &action, NULL);
		sigdelset(in_wait, signals[i]);
		sigaddset(&blocked, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* The reader of --json may end */
	signal(SIGPIPE, SIG_IGN);
}

/* A client waits in the backlog, and cannot be accepted now (EMFILE, an LSM): do not spin */
static void cannot_accept(int error)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	static time_t told;

	if (seconds() != told)
		note(3, "cannot accept a client: %s", strerror(error));
	told = seconds();
	nanosleep(&pause, NULL);
}

static void run(int listener, const char *path, const sigset_t *in_wait)
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	const struct timespec timeout = { .tv_sec = SWEEP_S }, none = { 0 };
	time_t swept = seconds();

	for (;;) {
		int client;

		/* While clients wait, the other ppoll() returns before it delivers a signal */
		ppoll(NULL, 0, &none, in_wait);
		if (stop)
			break;
		close_held();
		if (reload) {
			reload = 0;
			read_again(path);
		}
		if (seconds() - swept >= SWEEP_S) {
			sweep(NULL);
			swept = seconds();
		}
		if (ppoll(&wait, 1, file_count ? &timeout : NULL, in_wait) <= 0)
			continue;
		client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client >= 0) {
			serve(client);
			let_go(client);
		} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			cannot_accept(errno);
		}
	}
}

/* Do not remove the socket of another service that has taken the path */
static void remove_socket(const char *path, const struct stat *own)
{
	struct stat st;

	if (!lstat(path, &st) && st.st_dev == own->st_dev && st.st_ino == own->st_ino)
		unlink(path);
}

int cmd_serve(int argc, char **argv)
{
	static const char letters[] = ":cs:j";
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { }
	};
	const char *path = POLICY, *own = NULL;
	const int off = 0;
	bool check = false;
	struct policy read = { 0 };
	sigset_t in_wait;
	struct stat st;
	int c, error, listener;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'c':
			check = true;
			break;
		case 's':
			own = optarg;
			break;
		case 'j':
			json_wanted = true;
			break;
		default:
			return bad_option(c, argv, letters);
		}
	}
	if (check && json_wanted)
		return bad_usage("--check and --json cannot be combined");
	if (argc - optind > 1)
		return bad_usage("unexpected argument '%s'", argv[optind + 1]);
	if (optind < argc)
		path = argv[optind];
	/* fnmatch(3) is to compare bytes: a denial must also match a name that is not valid text */
	setlocale(LC_ALL, "C");
	if (!check)
		take_signals(&in_wait);
	error = policy_read(path, &read);
	/* After an exit, systemd would start it again for each client, and soon give up for good */
	if (error && !check && !own)
		note(3, "%s: %s: every client is refused until a valid policy is read (SIGHUP)",
		     path, error == -EINVAL ? "not a valid policy" : strerror(-error));
	else if (error)
		return fail(EXIT_FAILURE, -error, error == -EINVAL ? "not a valid policy" : NULL,
			    "%s", path);
	if (check) {
		warn_about(&read);
		if (!unit_can_read(path))
			note(4, "%s: user spawnctl, as which spawnctl.service runs, cannot read it",
			     path);
		printf("%s: %u rule%s\n", path, read.count, read.count == 1 ? "" : "s");
		return EXIT_SUCCESS;
	}
	if (is_filtered())
		return fail(EXIT_FAILURE, EACCES, "this process is under a seccomp filter, so it "
			    "cannot open the device for others (in a unit of systemd, options such "
			    "as SystemCallFilter= install one)", "cannot serve");
	listener = own ? own_socket(own, &st) : passed_socket();
	if (listener < 0)
		return -listener;
	/* Clients have nothing to send. Linux before 6.16 does not know this, see let_go() */
	setsockopt(listener, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
	raise_files_limit();
	take_policy(&read);
	warn_about(&policy);
	warn_about_device();
	note_policy(path);
	run(listener, path, &in_wait);
	closer = 0;
	close_held();
	if (own)
		remove_socket(own, &st);
	return EXIT_SUCCESS;
}
