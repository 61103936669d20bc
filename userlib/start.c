// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A spawn that does not wait: the child runs beside its caller, in the same memory. Its stack and
 * copies of all that it reads are in a mapping of its own. The kernel clears a word in this mapping
 * when the child has executed its program or has ended. Before that, the parent must neither unmap
 * the mapping nor use it for anything else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend.h"
#include "inflight.h"
#include "kernel.h"
#include "spawn_int.h"

/*
 * A mapping: a guard page, the child's stack, struct spawnctl_start, and the copies. Only the pages
 * that are used take up memory. COPIES_SIZE and COPIES_MAX include the struct.
 */
#define STACK_SIZE	CALL_STACK
#define COPIES_SIZE	(128UL * 1024)
#define COPIES_MAX	(256UL * 1024 * 1024)
/* This many mappings of COPIES_SIZE are kept for the next spawns */
#define POOL		32
/* At most this many abandoned spawns are checked per call */
#define LOOK_AT		4
/* Interval of the checks where the kernel does not wake a waiter: before set_word(), a zombie */
#define POLL_NS		1000000L

/* The value of @magic. In the child of a fork it is 0, because the kernel has zeroed the mapping */
#define MAGIC		0x73747274

enum { UNREAPED, REAPING, REAPED };

/**
 * struct spawnctl_start - a spawn under way; the child's stack ends where it begins
 * @word: a futex; 1 until the kernel stores 0 because the child has left the mapping. This library
 *	stores 0 if the kernel cannot: see has_ended() and make_child()
 * @magic: MAGIC; 0 after spawnctl_start_free() and in the child of a fork
 * @size: bytes from the start of this struct to the end of the mapping
 * @next: the next abandoned spawn
 * @poll_fd: the reading end of a pipe, or -1. poll(2) reports POLLHUP for it when the other end,
 *	which only the child has, is closed
 * @waiters: how many threads sleep until @word is 0
 * @reaped: UNREAPED, REAPING while a thread in spawnctl_start_wait() tries to reap the child, or
 *	REAPED; atomic
 * @pidfd_is_callers: spawnctl_start_wait() has reported the pidfd
 * @spawn: what the child executes
 * @attr: copy of its attributes
 * @copies: all other copies
 */
struct spawnctl_start {
	int word;
	unsigned int magic;
	size_t size;
	struct spawnctl_start *next;
	int poll_fd;
	int waiters;
	int reaped;
	bool pidfd_is_callers;
	struct spawn spawn;
	struct spawnctl_attr attr;
	char copies[] __attribute__((__aligned__(16)));
};

static struct spawnctl_start *pool[POOL];	/* unused mappings of COPIES_SIZE; atomic */
/* Freed before the child had left the mapping; atomic */
static struct spawnctl_start *abandoned;

static size_t guard_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static int advise(struct spawnctl_start *start, size_t size, int advice)
{
	return madvise((char *)start - STACK_SIZE, STACK_SIZE + size, advice);
}

static struct spawnctl_start *map_start(size_t size)
{
	const size_t guard = guard_size(), length = guard + STACK_SIZE + size;
	struct spawnctl_start *start;
	char *map;

	map = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
		   -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	start = (struct spawnctl_start *)(map + guard + STACK_SIZE);
	/*
	 * The child of a fork gets a mapping of zeros: a spawn under way belongs to the parent, and
	 * the kernel clears the word in the parent's memory only
	 */
	if (mprotect(map + guard, STACK_SIZE + size, PROT_READ | PROT_WRITE) ||
	    advise(start, size, MADV_WIPEONFORK)) {
		munmap(map, length);
		return NULL;
	}
	start->size = size;
	return start;
}

static void unmap_start(struct spawnctl_start *start)
{
	const size_t guard = guard_size();

	munmap((char *)start - STACK_SIZE - guard, guard + STACK_SIZE + start->size);
}

/* Whether the child has left the mapping */
static bool is_left(const struct spawnctl_start *start)
{
	return !__atomic_load_n(&start->word, __ATOMIC_ACQUIRE);
}

/* With clone(2), the child itself passes the address of the word to the kernel, see set_word() */
static bool awaits_set_word(const struct spawnctl_start *start)
{
	const struct request *request = &start->spawn.request;

	return request->backend == SPAWNCTL_BACKEND_CLONE &&
	       !__atomic_load_n(&request->clears_word, __ATOMIC_RELAXED);
}

static bool is_end(int si_code)
{
	return si_code == CLD_EXITED || si_code == CLD_KILLED || si_code == CLD_DUMPED;
}

/*
 * The word of a child that has ended can still be 1: the child was killed before set_word(), or the
 * kernel's write failed. The write, in mm_release(), fails if it needs a page fault that waits for
 * a lock while a signal is killing the child. This function finds such a child and clears the word.
 * Return: whether the child has left the mapping.
 */
static bool has_ended(struct spawnctl_start *start)
{
	struct spawn *spawn = &start->spawn;
	siginfo_t info;
	long ret;

	info.si_pid = 0;
	ret = -EINVAL;
	if (spawn->pidfd >= 0)
		ret = raw_syscall(SYS_waitid, P_PIDFD, spawn->pidfd, &info,
				  WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
	if (ret && ret != -ECHILD)
		ret = raw_syscall(SYS_waitid, P_PID, spawn->request.tid, &info,
				  WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
	/*
	 * ECHILD: the child has been reaped already. The kernel reports the stops of a child that
	 * this process traces, too
	 */
	if (ret == -ECHILD || (info.si_pid && is_end(info.si_code)))
		__atomic_store_n(&start->word, 0, __ATOMIC_RELEASE);
	return is_left(start);
}

/* Put an unused mapping into the pool, or unmap it */
static void recycle(struct spawnctl_start *start)
{
	int i;

	for (i = 0; i < POOL && start->size == COPIES_SIZE; i++) {
		struct spawnctl_start *expected = NULL;

		if (__atomic_compare_exchange_n(&pool[i], &expected, start, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
	unmap_start(start);
}

static void push_abandoned(struct spawnctl_start *first, struct spawnctl_start *last)
{
	last->next = __atomic_load_n(&abandoned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&abandoned, &last->next, first, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/*
 * Recycle abandoned mappings whose child has left them. Takes the whole list, so that no other
 * thread has a pointer to a mapping in it. Mappings that are still in use go to the list's end.
 */
static void look_at_abandoned(void)
{
	struct spawnctl_start *start, *first, *last = NULL, **end = &first;
	int looked = 0;

	if (!__atomic_load_n(&abandoned, __ATOMIC_RELAXED))
		return;
	first = __atomic_exchange_n(&abandoned, NULL, __ATOMIC_ACQUIRE);
	for (start = first; start && looked < LOOK_AT; looked++) {
		struct spawnctl_start *next = start->next;

		/* In the child of a fork the size is 0, so the mapping cannot be unmapped */
		if (start->size && (is_left(start) || has_ended(start))) {
			recycle(start);
		} else if (start->size) {
			*end = start;
			end = &start->next;
			last = start;
		}
		start = next;
	}
	*end = NULL;
	if (start) {
		struct spawnctl_start *tail = start;

		while (tail->next)
			tail = tail->next;
		tail->next = first;
		push_abandoned(start, last ? last : tail);
	} else if (first) {
		push_abandoned(first, last);
	}
}

static struct spawnctl_start *take(size_t size)
{
	struct spawnctl_start *start;
	int i;

	for (i = 0; i < POOL && size == COPIES_SIZE; i++) {
		if (!__atomic_load_n(&pool[i], __ATOMIC_RELAXED))
			continue;
		start = __atomic_exchange_n(&pool[i], NULL, __ATOMIC_ACQUIRE);
		if (start) {
			start->size = size;
			return start;
		}
	}
	return map_start(size);
}

/* Copies go to @at and after it, up to @end. @full: a copy did not fit */
struct copier {
	char *at;
	char *end;
	bool full;
};

static void *reserve(struct copier *to, size_t size)
{
	char *place = (char *)(((unsigned long)to->at + 7) & ~7UL);

	if (to->full || place > to->end || size > (size_t)(to->end - place)) {
		to->full = true;
		return NULL;
	}
	to->at = place + size;
	return place;
}

static char *copy_string(struct copier *to, const char *string)
{
	char *copy = to->at, *end;

	if (!string || to->full)
		return NULL;
	/* One pass: another thread may change the string, or the environment, at any time */
	end = memccpy(copy, string, 0, to->end - to->at);
	if (!end) {
		to->full = true;
		return NULL;
	}
	to->at = end;
	return copy;
}

static char *const *copy_list(struct copier *to, char *const list[])
{
	size_t n = 0, i;
	char **copy;

	if (!list)
		return NULL;
	while (list[n])
		n++;
	copy = reserve(to, (n + 1) * sizeof(*copy));
	if (!copy)
		return NULL;
	/* The list can have become shorter since it was counted */
	for (i = 0; i < n && list[i]; i++)
		copy[i] = copy_string(to, list[i]);
	copy[i] = NULL;
	return copy;
}

/* A part of the attributes, for spawnctl_attr_parts() */
static void copy_part(void *to, void **part, size_t size)
{
	void *copy = size ? reserve(to, size) : NULL;

	if (copy)
		memcpy(copy, *part, size);
	*part = copy;
}

static void copy_list_of(struct copier *to, struct action *action)
{
	int *copy = reserve(to, action->but.n * sizeof(*copy));

	if (copy)
		memcpy(copy, action->but.list, action->but.n * sizeof(*copy));
	action->but.list = copy;
}

static void copy_actions(struct copier *to, struct spawn *spawn)
{
	struct action *copy = reserve(to, spawn->used * sizeof(*copy));
	int i;

	if (!copy)
		return;
	for (i = 0; i < spawn->used; i++) {
		char **path;

		copy[i] = spawn->actions[i];
		path = spawnctl_action_path(&copy[i]);
		if (path)
			*path = copy_string(to, *path);
		if (copy[i].op == ACTION_CLOSEFROM_BUT)
			copy_list_of(to, &copy[i]);
	}
	spawn->actions = copy;
}

/* Copy @from and all that it points to. Return: false if the mapping is too small */
static bool copy_inputs(struct spawnctl_start *start, const struct spawn *from)
{
	struct copier to = { .at = start->copies };
	struct spawn *spawn = &start->spawn;

	to.end = (char *)start + start->size;
	*spawn = *from;
	start->attr = from->attr ? *from->attr : (struct spawnctl_attr){ .fd = -1 };
	spawn->attr = &start->attr;
	spawnctl_attr_parts(&start->attr, copy_part, &to);
	spawn->path = copy_string(&to, from->path);
	spawn->search = copy_string(&to, from->search);
	spawn->argv = copy_list(&to, from->argv);
	spawn->envp = copy_list(&to, from->envp);
	if (spawn->used)
		copy_actions(&to, spawn);
	if (spawn->search && !to.full) {
		spawn->candidate_size = spawnctl_candidate_size(spawn);
		spawn->candidate = reserve(&to, spawn->candidate_size);
	}
	if (start->attr.flags & SPAWNCTL_SPAWN_SHELL) {
		const size_t size = to.full ? 0 : spawnctl_shell_size(spawn);
		const char **shell = reserve(&to, size);

		if (shell)
			spawnctl_set_shell(spawn, shell, size);
	}
	return !to.full;
}

static struct spawnctl_start *take_with_copies(const struct spawn *from, int *error)
{
	size_t size;

	for (size = COPIES_SIZE; size <= COPIES_MAX; size *= 2) {
		struct spawnctl_start *start = take(size);

		if (!start) {
			*error = ENOMEM;
			return NULL;
		}
		if (copy_inputs(start, from))
			return start;
		recycle(start);
	}
	*error = E2BIG;
	return NULL;
}

/*
 * Only the child must keep the writing end. The lock makes forks of other threads wait, so that
 * they do not copy it. Signals are blocked, so that this thread does not fork in a handler.
 */
static long open_pipe(struct spawnctl_start *start, bool *locked)
{
	int ends[2];
	long ret;

	spawnctl_signals_hold(&start->spawn.request.signals, SPAWNCTL_SIGSET_HELD);
	*locked = spawnctl_inflight_lock(false);
	ret = raw_syscall(SYS_pipe2, ends, O_CLOEXEC);
	if (ret < 0)
		return ret;
	start->poll_fd = ends[0];
	start->spawn.poll[0] = ends[0];
	start->spawn.poll[1] = ends[1];
	return 0;
}

/*
 * Whether a start has to wait for exec. valgrind does not support a child that runs beside its
 * parent in the same memory. If such a child is in another cgroup, and that cgroup is out of
 * memory, the kernel can kill the parent, see check_arg() of the module.
 */
static bool waits_for_exec(const spawnctl_attr_t *attr)
{
	return spawnctl_arch_emulated() || attr->flags & SPAWNCTL_SPAWN_SETCGROUP;
}

/*
 * Whether to try again and wait: qemu-user has no child that runs beside its parent in the same
 * memory. Not for a child that waits for its parent.
 */
static bool needs_wait(const struct spawn *spawn, long error)
{
	return error == -EINVAL && spawn->request.backend == SPAWNCTL_BACKEND_CLONE &&
	       request_no_wait(&spawn->request) && !(spawn->attr->flags & SPAWNCTL_SPAWN_STOP);
}

/*
 * Where the child that is waited for has a copy of the memory, under valgrind and qemu-user, the
 * copy must have the stack and the request, not zeros
 */
static long make_waited_for(struct spawnctl_start *start)
{
	struct request *request = &start->spawn.request;
	long pid;

	request->clone.flags &= ~SPAWNCTL_NO_WAIT;
	advise(start, start->size, MADV_KEEPONFORK);
	pid = spawnctl_backend_make_child(request);
	advise(start, start->size, MADV_WIPEONFORK);
	return pid;
}

static long make_by_backend(struct spawnctl_start *start)
{
	long pid;

	if (spawnctl_arch_emulated())
		return make_waited_for(start);
	pid = spawnctl_backend_make_child(&start->spawn.request);
	return needs_wait(&start->spawn, pid) ? make_waited_for(start) : pid;
}

static long make_child(struct spawnctl_start *start)
{
	struct spawn *spawn = &start->spawn;
	struct request *request = &spawn->request;
	int writer = spawn->poll[1];
	long pid;

	request->hold_all = false;
	request->clone.stack = (unsigned long)start - STACK_SIZE;
	request->clone.stack_size = STACK_SIZE;
	if (!waits_for_exec(spawn->attr)) {
		request->clone.flags |= SPAWNCTL_NO_WAIT;
		request->clone.child_tid = (unsigned long)&start->word;
	}
	__atomic_store_n(&start->word, 1, __ATOMIC_RELAXED);
	pid = spawnctl_backend_begin(request);
	if (!pid)
		pid = make_by_backend(start);
	if (pid > 0)
		request->tid = pid;
	/* No child, or a child that has executed its program or ended before the call returned */
	if (pid < 0 || !request_no_wait(request))
		__atomic_store_n(&start->word, 0, __ATOMIC_RELAXED);
	if (writer >= 0)
		raw_syscall(SYS_close, writer);
	return pid;
}

/* NULL in a program that cannot load libraries */
__typeof__(dlopen) dlopen __attribute__((__weak__));
__typeof__(dladdr) dladdr __attribute__((__weak__));

/* Keep dlclose(3) from unmapping code that a child may still execute, for any length of time */
static void stay_loaded(void)
{
	static bool stays;	/* atomic */
	Dl_info info;

	if (__atomic_load_n(&stays, __ATOMIC_RELAXED))
		return;
	if (dlopen && dladdr && dladdr(&pool, &info) && info.dli_fname)
		dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	__atomic_store_n(&stays, true, __ATOMIC_RELAXED);
}

static int start_spawn(spawnctl_start_t **out, const char *path, const char *search,
		       const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
		       char *const argv[], char *const envp[])
{
	int error = 0, saved = errno;
	struct spawnctl_start *start;
	bool locked = false;
	struct spawn from = { 0 };
	long ret = 0;

	*out = NULL;
	/* Without vfork(2), the kernel sets it in all processes that share the memory */
	if (attr && (attr->steps & STEP_BIT(OOM_SCORE_ADJ)))
		return EINVAL;
	/* This call would wait for the exec of a child that waits for the caller */
	if (attr && attr->flags & SPAWNCTL_SPAWN_STOP && waits_for_exec(attr))
		return EINVAL;
	stay_loaded();
	look_at_abandoned();
	spawnctl_spawn_set(&from, path, search, actions, attr, argv, envp);
	start = take_with_copies(&from, &error);
	errno = saved;
	if (!start)
		return error;
	if (start->spawn.attr->flags & SPAWNCTL_SPAWN_PIDFD)
		start->spawn.pidfd_out = &start->spawn.pidfd;
	start->magic = MAGIC;
	start->poll_fd = -1;
	start->waiters = 0;
	start->reaped = UNREAPED;
	start->pidfd_is_callers = false;
	spawnctl_spawn_request(&start->spawn);
	if (start->spawn.attr->flags & SPAWNCTL_SPAWN_POLL)
		ret = open_pipe(start, &locked);
	if (!ret)
		ret = make_child(start);
	if (locked)
		spawnctl_inflight_unlock();
	if (ret < 0 && start->poll_fd >= 0)
		raw_syscall(SYS_close, start->poll_fd);
	spawnctl_signals_release(&start->spawn.request.signals);
	if (ret < 0) {
		recycle(start);
		errno = saved;
		return -ret;
	}
	*out = start;
	return 0;
}

int spawnctl_spawn_start(spawnctl_start_t **start, const char *path,
			 const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			 char *const argv[], char *const envp[])
{
	return start_spawn(start, path, NULL, actions, attr, argv, envp);
}

int spawnctl_spawnp_start(spawnctl_start_t **start, const char *file,
			  const spawnctl_file_actions_t *actions, const spawnctl_attr_t *attr,
			  char *const argv[], char *const envp[])
{
	return start_spawn(start, file, spawnctl_search_path(file, attr), actions, attr, argv,
			   envp);
}

static bool is_before(const struct futex_time *a, const struct futex_time *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_past(const struct futex_time *end)
{
	const struct timespec none = { 0, 0 };
	struct futex_time now = spawnctl_time_after(&none);

	return !is_before(&now, end);
}

/* When a waiter looks for the child's end: soon before set_word(), else in a second, or at @end */
static struct futex_time next_look(const struct spawnctl_start *start,
				   const struct futex_time *end)
{
	static const struct timespec second = { 1, 0 }, a_moment = { 0, POLL_NS };
	struct futex_time look = spawnctl_time_after(awaits_set_word(start) ? &a_moment : &second);

	return end && is_before(end, &look) ? *end : look;
}

/*
 * Sleep until @start is left, or until @end (NULL: for ever). Return: false at @end. The kernel
 * wakes one thread, which wakes the others. A handler that runs in that thread can leave this
 * function by siglongjmp(3) before, and the kernel may never clear the word: hence each thread also
 * looks by itself, each second.
 */
static bool sleep_until(struct spawnctl_start *start, const struct futex_time *end)
{
	struct futex_time look = next_look(start, end);

	__atomic_add_fetch(&start->waiters, 1, __ATOMIC_SEQ_CST);
	while (!is_left(start)) {
		/* The kernel wakes a futex that is not private */
		long ret = raw_syscall(SYS_futex, &start->word, FUTEX_WAIT_BITSET, 1, &look, NULL,
				       FUTEX_BITSET_MATCH_ANY);

		/* A signal does not postpone the look */
		if (ret != -ETIMEDOUT)
			continue;
		if (has_ended(start) || (end && is_past(end)))
			break;
		look = next_look(start, end);
	}
	if (__atomic_sub_fetch(&start->waiters, 1, __ATOMIC_SEQ_CST) && is_left(start))
		raw_syscall(SYS_futex, &start->word, FUTEX_WAKE, INT_MAX);
	return is_left(start);
}

static bool await_word(struct spawnctl_start *start, const struct timespec *timeout)
{
	struct futex_time end;

	if (is_left(start))
		return true;
	if (!timeout)
		return sleep_until(start, NULL);
	if (!timeout->tv_sec && !timeout->tv_nsec)
		return has_ended(start);
	end = spawnctl_time_after(timeout);
	return sleep_until(start, &end);
}

/*
 * Whether the child has closed the pipe. The pipe can be closed while the word is still 1:
 * execve(2) of Linux 6.12 closes descriptors before it leaves the memory, and for a child that was
 * killed before set_word() the kernel never clears the word.
 */
static bool has_closed_pipe(const struct spawnctl_start *start)
{
	struct pollfd poller = { .fd = start->poll_fd };
	struct futex_time none = { 0, 0 };

	return start->poll_fd >= 0 &&
	       raw_syscall(SYS_ppoll, &poller, 1, &none, NULL, 8) == 1 &&
	       (poller.revents & POLLHUP);
}

/*
 * Reap a child that has failed. Return: whether it has been reaped, by this call or by another
 * thread. The child becomes a zombie soon after it has left the mapping. If the program has reaped
 * it already, another child can have the same process id. So without a pidfd, only a zombie with
 * the exit status of a failure is reaped.
 */
static bool is_reaped(const struct spawnctl_start *start)
{
	const struct spawn *spawn = &start->spawn;
	siginfo_t info;
	long ret;

	info.si_pid = 0;
	if (spawn->pidfd >= 0) {
		ret = raw_syscall(SYS_waitid, P_PIDFD, spawn->pidfd, &info,
				  WEXITED | WNOHANG | __WALL, NULL);
		if (!ret || ret == -ECHILD)
			return info.si_pid || ret;
	}
	ret = raw_syscall(SYS_waitid, P_PID, spawn->request.tid, &info,
			  WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
	if (ret == -ECHILD)
		return true;
	if (!info.si_pid || info.si_code != CLD_EXITED || info.si_status != FAILED_STATUS)
		return false;
	raw_syscall(SYS_wait4, spawn->request.tid, NULL, WNOHANG | __WALL, NULL);
	return true;
}

/*
 * One attempt to reap, by one thread at a time. Signals are blocked, as a handler that leaves by
 * siglongjmp() would leave the state REAPING.
 */
static bool try_to_reap(struct spawnctl_start *start)
{
	struct caller_signals signals = { 0 };
	int expected = UNREAPED;
	bool reaped = false;

	spawnctl_signals_hold(&signals, SPAWNCTL_SIGSET_HELD);
	if (__atomic_compare_exchange_n(&start->reaped, &expected, REAPING, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		reaped = is_reaped(start);
		if (reaped && start->spawn.pidfd >= 0)
			raw_syscall(SYS_close, start->spawn.pidfd);
		__atomic_store_n(&start->reaped, reaped ? REAPED : UNREAPED, __ATOMIC_RELEASE);
	}
	spawnctl_signals_release(&signals);
	return reaped || expected == REAPED;
}

/*
 * Reap a child that has failed, unless a thread has done so. Return: false if the child has not
 * ended, or not as a child that has failed, within a tenth of a second.
 */
static bool reap(struct spawnctl_start *start)
{
	struct futex_time nap = { 0, POLL_NS };
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (__atomic_load_n(&start->reaped, __ATOMIC_ACQUIRE) == REAPED ||
		    try_to_reap(start))
			return true;
		raw_syscall(SYS_nanosleep, &nap, NULL);
	}
	return false;
}

int spawnctl_start_wait(spawnctl_start_t *start, const struct timespec *timeout,
			struct spawnctl_result *result)
{
	static const struct timespec a_moment = { 0, POLL_NS };
	const struct spawn *spawn = &start->spawn;

	if (result->size < SPAWNCTL_RESULT_SIZE_VER0)
		return EINVAL;
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
			timeout->tv_nsec >= NSEC_PER_SEC))
		return EINVAL;
	if (start->magic != MAGIC)
		return ECHILD;
	while (!await_word(start, timeout)) {
		if (!has_closed_pipe(start))
			return ETIMEDOUT;
		/* A moment later the child has left the mapping, or has ended */
		timeout = &a_moment;
	}
	spawnctl_spawn_result_store(spawn, result);
	result->pid = spawn->error && reap(start) ? -1 : spawn->request.tid;
	result->pidfd = spawn->error ? -1 : spawn->pidfd;
	if (!spawn->error)
		__atomic_store_n(&start->pidfd_is_callers, true, __ATOMIC_RELAXED);
	return 0;
}

pid_t spawnctl_start_pid(const spawnctl_start_t *start)
{
	return start->magic == MAGIC ? start->spawn.request.tid : -1;
}

int spawnctl_start_fd(const spawnctl_start_t *start)
{
	return start->magic == MAGIC ? start->poll_fd : -1;
}

void spawnctl_start_free(spawnctl_start_t *start)
{
	/* In the child of a fork the mapping is zeroed, and its size is unknown: it stays mapped */
	if (!start || start->magic != MAGIC)
		return;
	if (start->poll_fd >= 0)
		raw_syscall(SYS_close, start->poll_fd);
	if (start->spawn.pidfd >= 0 && !start->pidfd_is_callers && start->reaped != REAPED)
		raw_syscall(SYS_close, start->spawn.pidfd);
	/* Another file can get the number: has_ended() must not wait for that */
	start->spawn.pidfd = -1;
	start->magic = 0;
	if (is_left(start))
		recycle(start);
	else
		push_abandoned(start, start);
}
