// SPDX-License-Identifier: GPL-2.0
/*
 * A worker's thread that makes calls and checks the result of each.
 */
#include <sched.h>
#include "filter.h"
#include "fuzz_worker.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

_Static_assert(sizeof(struct step) == 9 * sizeof(long), "as raw_ioctl_script() goes through them");

static void complain(const struct caller *caller, const char *what, long ret)
{
	const struct call *call = &caller->call;
	const __u64 *w = call->image.words;
	static int complaining;

	if (__atomic_exchange_n(&complaining, 1, __ATOMIC_SEQ_CST))
		return;
	snprintf(caller->job->complaint, sizeof(caller->job->complaint),
		 "thread %u, call %u: %s: command %#x on file %d, at place %d, cut %u, dirt %u, result %ld; %llx %llx %llx %llx %llx %llx %llx %llx %llx %llx %llx",
		 caller->number, caller->index, what, call->command, call->target, call->place,
		 call->cut, call->dirt, ret, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8],
		 w[9], w[10]);
}

int put_filter(unsigned int flags)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_allow_all(flags) ? -1 : 0;
}

int open_device(void)
{
	return raw_syscall(SYS_openat, AT_FDCWD, "/dev/spawnctl", O_RDWR | O_CLOEXEC);
}

/*
 * Closes @fd if it is a pidfd. The call can have overwritten the number: the address of parent_tid,
 * hold or child_tid can overlap that of pidfd. If another descriptor were closed, the next open(2)
 * would take its number. Calls on the shared open file would then go to one without limits.
 */
void close_pidfd(int fd)
{
	if (raw_syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) != -EBADF)
		close(fd);
}

char *make_arena(void)
{
	int mode = PROT_READ | PROT_WRITE, fd = memfd_create("fuzz", MFD_CLOEXEC);
	char *arena, *p;

	arena = mmap(NULL, ARENA_PAGES * FUZZ_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || fd < 0 || ftruncate(fd, FUZZ_PAGE))
		return NULL;
	mprotect(arena + PAGE_STRUCT * FUZZ_PAGE, 3 * FUZZ_PAGE, mode);
	mprotect(arena + PAGE_SCRATCH * FUZZ_PAGE, FUZZ_PAGE, mode);
	mprotect(arena + PAGE_STACK * FUZZ_PAGE, 2 * FUZZ_PAGE, mode);
	mprotect(arena + PAGE_RACED * FUZZ_PAGE, FUZZ_PAGE, mode);
	mprotect(arena + PAGE_RACED_STACK * FUZZ_PAGE, FUZZ_PAGE, mode);
	/* The read-only page is written through a second mapping. */
	p = mmap(arena + PAGE_READ_ONLY * FUZZ_PAGE, FUZZ_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
		 fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	p = mmap(arena, FUZZ_PAGE, mode, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : arena;
}

/* Stores the struct at the call's place. Returns its address. */
static void *place(struct caller *caller, const struct call *call)
{
	char *arena = caller->maker.arena, *at;
	size_t length = struct_size(call->command);

	switch (call->place) {
	case PLACE_NULL:
		return NULL;
	case PLACE_NOWHERE:
		return (void *)(uintptr_t)NOWHERE;
	case PLACE_KERNEL:
		return (void *)(uintptr_t)(BAD_POINTER | call->image.words[1]);
	case PLACE_LAST:
		return (void *)-8UL;
	case PLACE_HOLE:
		return arena + (PAGE_STRUCT + 3) * FUZZ_PAGE + 64;
	case PLACE_READ_ONLY:
		memset(arena, 0, sizeof(call->image));
		memcpy(arena, &call->image, length);
		if (call->dirt)
			arena[call->dirt] = 1;
		return arena + PAGE_READ_ONLY * FUZZ_PAGE;
	case PLACE_EDGE:
		at = arena + (PAGE_STRUCT + 3) * FUZZ_PAGE - call->cut;
		memcpy(at, &call->image, call->cut < length ? call->cut : length);
		return at;
	case PLACE_RACED:
		/* The page may not be mapped. */
		return caller->raced;
	default:
		at = arena + PAGE_STRUCT * FUZZ_PAGE;
		/* An earlier struct may have been longer, or may hold results. */
		memset(at, 0, sizeof(call->image));
		memcpy(at, &call->image, length);
		if (call->dirt)
			at[call->dirt] = 1;
		return at;
	}
}

static void clean(struct caller *caller, const struct call *call)
{
	if (!call->dirt)
		return;
	if (call->place == PLACE_READ_ONLY)
		caller->maker.arena[call->dirt] = 0;
	else if (call->place == PLACE_PLAIN)
		caller->maker.arena[PAGE_STRUCT * FUZZ_PAGE + call->dirt] = 0;
}

static unsigned int row_of(unsigned int command)
{
	return command == _IO(SPAWNCTL_MAGIC, _IOC_NR(command)) && _IOC_NR(command) < ROW_UNKNOWN ?
	       _IOC_NR(command) : ROW_UNKNOWN;
}

static int filtered(const struct caller *caller)
{
	return caller->filtered ? 2 : READ_ONCE(all_filtered);
}

/* Checks mask, pidfd, parent_tid and hold after a call that made a child or failed. */
static void look_after(struct caller *caller, struct call *call, long ret)
{
	struct scratch *scratch = (void *)(uintptr_t)at_page(&caller->maker, PAGE_SCRATCH);
	const struct spawnctl_clone *clone = &call->image.clone;
	int pidfd_here = clone->pidfd == (uintptr_t)&scratch->pidfd;
	int tid_here = clone->parent_tid == (uintptr_t)&scratch->parent_tid;
	int hold_here = clone->hold == (uintptr_t)&scratch->hold;
	__u64 mask = ret > 0 || caller->index % 8 == 0 ? current_mask() : caller->mask;

	if (ret > 0) {
		if (pidfd_here && scratch->pidfd < 0)
			complain(caller, "no pidfd stored", ret);
		if (tid_here && scratch->parent_tid != ret)
			complain(caller, "no parent_tid stored", ret);
		if (clone->pidfd && writable(&caller->maker, clone->pidfd, 4) == 1)
			close_pidfd(*(int *)(uintptr_t)clone->pidfd);
		if (hold_here && scratch->hold.wanted)
			mask = scratch->hold.mask;
		if (mask != caller->mask && (!clone->hold || hold_here))
			complain(caller, "the caller's mask changed with a child", ret);
		raw_sigprocmask(SIG_SETMASK, caller->mask, NULL);
		if (!(clone->flags & SPAWNCTL_AUTOREAP))
			caller->born[caller->births++] = ret;
		return;
	}
	if (mask != caller->mask)
		complain(caller, "the caller's mask changed without a child", ret);
	if (pidfd_here && scratch->pidfd != -2 && scratch->pidfd != -1)
		complain(caller, "a pidfd stored without a child", ret);
	/* After a failure the module stores -1 for the pidfd, perhaps at the same place */
	if (tid_here && scratch->parent_tid != -2 &&
	    !(clone->pidfd - clone->parent_tid + 3 < 7 && scratch->parent_tid == -1))
		complain(caller, "a parent_tid stored without a child", ret);
}

static void judge(struct caller *caller, struct call *call, long ret, void *at,
		  const struct outcome *outcome)
{
	const struct outcome wide = anything(call->command);

	if (ret > 0 && !is_birth(call->command))
		complain(caller, "a child from a command that makes none", ret);
	if (!allows(&wide, ret) || (ret == 0 && is_birth(call->command)))
		complain(caller, "a result outside the contract", ret);
	if (!outcome)
		return;
	if (!allows(outcome, ret))
		complain(caller, "another result than required", ret);
	if (is_birth(call->command))
		look_after(caller, call, ret);
	if (ret < 0)
		return;
	learn(&caller->model, call);
	if (call->command == SPAWNCTL_IOC_INFO && !info_is_true(at, &caller->model))
		complain(caller, "INFO reports wrong values", ret);
}

/*
 * Whether the word of a child that has ended may still be set. The kernel ignores that its write
 * fails: it needs a page fault that waits for mmap_lock while a signal is killing the child. Nobody
 * learns how a child with AUTOREAP has ended.
 */
static int may_leave_word(const struct call *call, pid_t pid)
{
	unsigned int n = __atomic_load_n(&reaped_count, __ATOMIC_ACQUIRE);
	siginfo_t info;

	if (call->image.clone.flags & SPAWNCTL_AUTOREAP)
		return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == -1;
	while (n--)
		if (reaped[n].pid == pid)
			return WIFSIGNALED(reaped[n].status);
	return 0;
}

/*
 * A child that nobody waits for uses the script and the stack until its word is 0. If another
 * thread has changed the struct, it is not known whether the child is such a one: then the end of
 * the child will do.
 */
static void await_child(struct caller *caller, const struct call *call, pid_t pid)
{
	struct scratch *scratch = (void *)(uintptr_t)at_page(&caller->maker, PAGE_SCRATCH);
	int raced = call->place == PLACE_RACED, tries;

	if (!raced && !(call->image.clone.flags & SPAWNCTL_NO_WAIT))
		return;
	for (tries = 0; READ_ONCE(scratch->child_tid); tries++) {
		siginfo_t info = { 0 };

		if (raced && (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ||
			      info.si_pid == pid))
			return;
		if (!raced && tries % 1000 == 999 && may_leave_word(call, pid))
			return;
		if (tries == 30000) {
			complain(caller, "child_tid is not cleared", pid);
			return;
		}
		raw_sleep_us(1000);
	}
}

static void make_one_call(struct caller *caller)
{
	struct scratch *scratch = (void *)(uintptr_t)at_page(&caller->maker, PAGE_SCRATCH);
	static const struct step end[] = { { .nr = SYS_exit_group } };
	struct call *call = &caller->call;
	const struct step *script = NULL;
	int fd = caller->fd, before, after, exact;
	struct outcome outcome = { .success = 1 };
	void *at;
	long ret;

	make_call(&caller->maker, call);
	kcov_before(&caller->kcov, &caller->maker, call);
	if (call->target == TARGET_ROAMING)
		fd = ROAMING;
	else if (call->target == TARGET_COMMON)
		fd = caller->job->common->fd;
	*scratch = (struct scratch){
		.pidfd = -2, .parent_tid = -2, .hold.wanted = caller->index & 1,
		.child_tid = -2,
	};
	at = place(caller, call);

	before = filtered(caller);
	caller->model.filtered = !!before;
	exact = call->target == TARGET_OWN && call->place != PLACE_RACED && before != 1;
	if (exact)
		outcome = foretell(call, &caller->model, &caller->maker);
	if (is_birth(call->command)) {
		script = end;
		if (outcome.success) {
			make_script(&caller->maker, call);
			script = call->script;
		}
	}
	ret = raw_ioctl_script(fd, call->command, at, script);
	kcov_after(&caller->kcov, call);
	if (ret > 0 && is_birth(call->command))
		await_child(caller, call, ret);
	after = filtered(caller);
	exact = exact && before == after;

	__atomic_fetch_add(&caller->job->calls, 1, __ATOMIC_RELAXED);
	if (before)
		__atomic_fetch_add(&caller->job->filtered, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&caller->job->tally[row_of(call->command)]
			   [ret < 0 && -ret < ERRNOS ? -ret : 0], 1, __ATOMIC_RELAXED);
	if (ret > 0 && call->target == TARGET_COMMON)
		__atomic_fetch_add(&caller->job->common->born, 1, __ATOMIC_SEQ_CST);
	judge(caller, call, ret, at, exact ? &outcome : NULL);
	/* The result of a call is not predicted while a filter comes, but its effects count. */
	if (!exact && ret >= 0 && call->target == TARGET_OWN)
		learn(&caller->model, call);
	if (is_birth(call->command) && !exact && (ret > 0 || caller->index % 8 == 0)) {
		/* It is not known whether signals are held back. */
		raw_sigprocmask(SIG_SETMASK, caller->mask, NULL);
	}
	clean(caller, call);
}

/* Replaces the open file, which LIMIT has narrowed, by a fresh one. */
static void reopen(struct caller *caller)
{
	int before = filtered(caller), fd = open_device(), after = filtered(caller);
	int free = caller->job->temper != NO_TASKS && caller->job->temper != NO_FILES &&
		   caller->job->temper != USER_NAMESPACE;

	if ((before == 2 && fd != -EACCES) || (!after && free && fd < 0))
		complain(caller, "open(2) returned an unexpected result", fd);
	if (fd < 0)
		return;
	close(caller->fd);
	caller->fd = fd;
	new_file(&caller->model);
}

void *call_on(void *arg)
{
	struct caller *caller = arg;
	struct job *job = caller->job;
	struct rng *rng = &caller->maker.rng;

	caller->tid = raw_syscall(SYS_gettid);
	kcov_start(&caller->kcov);
	if (job->temper == PID_NAMESPACE && !unshare(CLONE_NEWPID))
		caller->model.no_init = 1;
	if (job->temper == TIME_NAMESPACE && !unshare(CLONE_NEWTIME))
		caller->model.time_namespace = 1;
	for (caller->index = 0; caller->index < BATCH && !*job->complaint; caller->index++) {
		if (job->temper == FILTER_ONE && caller->index == BATCH / 4 && !put_filter(0))
			caller->filtered = 1;
		if (one_in(rng, 48))
			reopen(caller);
		if (one_in(rng, 48)) {
			caller->mask = make_mask(rng) & ~UNBLOCKABLE;
			raw_sigprocmask(SIG_SETMASK, caller->mask, NULL);
		}
		make_one_call(caller);
	}
	WRITE_ONCE(caller->done, 1);
	return NULL;
}
