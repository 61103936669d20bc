// SPDX-License-Identifier: GPL-2.0
/*
 * Generates calls: valid ones, some members of which are then spoiled.
 */
#include <sys/auxv.h>
#include "fuzz.h"

__u64 mix(__u64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

__u64 rnd(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ULL;
	return mix(rng->state);
}

unsigned int below(struct rng *rng, unsigned int n)
{
	return (rnd(rng) >> 32) * n >> 32;
}

int one_in(struct rng *rng, unsigned int n)
{
	return below(rng, n) == 0;
}

struct rng seeded(__u64 seed, __u64 batch, __u64 stream)
{
	return (struct rng){ mix(seed ^ mix(batch * 64 + stream + 1)) };
}

/* Returns the size of user space, a power of two: the program's stack is near its end. */
__u64 user_space(void)
{
	return 1ULL << (64 - __builtin_clzll(getauxval(AT_RANDOM)));
}

__u64 at_page(const struct maker *maker, unsigned int page)
{
	return (uintptr_t)maker->arena + page * FUZZ_PAGE;
}

unsigned int struct_size(unsigned int command)
{
	switch (command) {
	case SPAWNCTL_IOC_INFO:
		return sizeof(struct spawnctl_info);
	case SPAWNCTL_IOC_LIMIT:
		return sizeof(struct spawnctl_limit);
	default:
		return sizeof(struct spawnctl_clone);
	}
}

unsigned int first_size(unsigned int command)
{
	switch (command) {
	case SPAWNCTL_IOC_INFO:
		return SPAWNCTL_INFO_SIZE_VER0;
	case SPAWNCTL_IOC_LIMIT:
		return SPAWNCTL_LIMIT_SIZE_VER0;
	default:
		return SPAWNCTL_CLONE_SIZE_VER0;
	}
}

int is_birth(unsigned int command)
{
	return command == SPAWNCTL_IOC_SPAWN || command == SPAWNCTL_IOC_FORK;
}

static __u64 make_pointer(struct maker *maker)
{
	struct rng *rng = &maker->rng;

	switch (below(rng, 9)) {
	case 0:
		return 0;
	case 1:
		return 1 + below(rng, 64);
	case 2:
		return NOWHERE + below(rng, FUZZ_PAGE);
	case 3:
		return KERNEL_HALF | rnd(rng);
	case 4:
		return at_page(maker, PAGE_READ_ONLY) + below(rng, FUZZ_PAGE);
	case 5:
		return at_page(maker, PAGE_SCRATCH + 1) - 1 - below(rng, 16);
	case 6:
		return at_page(maker, PAGE_SCRATCH) + 512 + below(rng, 1024);
	case 7:
		return ~0ULL - below(rng, 16);
	default:
		return at_page(maker, PAGE_RACED) + 256 + below(rng, FUZZ_PAGE - 512);
	}
}

__u64 make_mask(struct rng *rng)
{
	switch (below(rng, 6)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return UNBLOCKABLE;
	case 3:
		return 1ULL << below(rng, 64);
	default:
		return rnd(rng);
	}
}

static __u32 make_size(struct rng *rng, __u32 known)
{
	switch (below(rng, 12)) {
	case 0:
		return 0;
	case 1:
		return below(rng, known);
	case 2:
		return known - 1;
	case 3:
		return known + 1;
	case 4:
		return known + 8;
	case 5:
		return known + below(rng, FUZZ_PAGE);
	case 6:
		return FUZZ_PAGE - below(rng, 2);
	case 7:
		return FUZZ_PAGE + 1;
	case 8:
		return 2 * FUZZ_PAGE;
	case 9:
		return rnd(rng);
	case 10:
		return 1U << below(rng, 32);
	default:
		return ~0U - below(rng, 8);
	}
}

static __u32 make_flags(struct rng *rng, __u32 known)
{
	switch (below(rng, 6)) {
	case 0:
		return 0;
	case 1:
		return 1U << below(rng, 32);
	case 2:
		return ~(1U << below(rng, 32));
	case 3:
		return rnd(rng);
	case 4:
		return known;
	default:
		return rnd(rng) & known;
	}
}

static void make_stack(struct maker *maker, struct spawnctl_clone *clone)
{
	struct rng *rng = &maker->rng;

	switch (below(rng, 10)) {
	case 0:
	case 1:
	case 2:
		clone->stack = at_page(maker, PAGE_STACK);
		clone->stack_size = 2 * FUZZ_PAGE;
		break;
	case 3:
		clone->stack = at_page(maker, PAGE_STACK) + below(rng, 64);
		clone->stack_size = below(rng, 64);
		break;
	case 4:
		clone->stack = NOWHERE + below(rng, 64);
		clone->stack_size = 1ULL << below(rng, 64);
		break;
	case 5:
		clone->stack = ~0ULL - below(rng, 4096);
		clone->stack_size = below(rng, 8192);
		break;
	case 6:
		clone->stack = at_page(maker, PAGE_RACED_STACK);
		clone->stack_size = FUZZ_PAGE;
		break;
	case 7:
		clone->stack = at_page(maker, PAGE_STACK);
		clone->stack_size = ~0ULL - below(rng, 4096);
		break;
	case 8:
		clone->stack = one_in(rng, 2) ? 0 : rnd(rng);
		clone->stack_size = one_in(rng, 2) ? 0 : rnd(rng);
		break;
	default:
		clone->stack = at_page(maker, PAGE_READ_ONLY);
		clone->stack_size = FUZZ_PAGE;
	}
}

/* Makes a valid request for a child. */
static void make_clone(struct maker *maker, unsigned int command,
		       struct spawnctl_clone *clone)
{
	struct rng *rng = &maker->rng;
	struct scratch *scratch = (void *)(uintptr_t)at_page(maker, PAGE_SCRATCH);
	__u32 known = FUZZ_ALL_FLAGS & ~(command == SPAWNCTL_IOC_FORK ?
					 FUZZ_SPAWN_ONLY : FUZZ_FORK_ONLY);

	*clone = (struct spawnctl_clone){ .size = sizeof(*clone) };
	clone->flags = rnd(rng) & rnd(rng) & known & ~SPAWNCTL_AUTOREAP;
	if (one_in(rng, 16))
		clone->flags |= SPAWNCTL_AUTOREAP;
	else if (!one_in(rng, 4))
		clone->exit_signal = one_in(rng, 4) ? below(rng, 65) : SIGCHLD;
	if (clone->flags & SPAWNCTL_EXEC_MASK)
		clone->flags &= ~SPAWNCTL_EXEC_KEEP_MASK;
	if (maker->cgroup < 0 || !one_in(rng, 4))
		clone->flags &= ~SPAWNCTL_CGROUP;
	if (clone->flags & SPAWNCTL_CGROUP)
		clone->cgroup = maker->cgroup;
	if (clone->flags & SPAWNCTL_WINDOW_MASK)
		clone->window_mask = make_mask(rng);
	if (clone->flags & SPAWNCTL_EXEC_MASK)
		clone->exec_mask = make_mask(rng);
	if (clone->flags & SPAWNCTL_PIDFD)
		clone->pidfd = (uintptr_t)&scratch->pidfd;
	if (clone->flags & SPAWNCTL_PARENT_SETTID)
		clone->parent_tid = (uintptr_t)&scratch->parent_tid;
	if (clone->flags & SPAWNCTL_HOLD)
		clone->hold = (uintptr_t)&scratch->hold;
	clone->sig_default = one_in(rng, 2) ? make_mask(rng) : 0;
	if (one_in(rng, 4))
		clone->sig_ignore = make_mask(rng) & ~clone->sig_default & ~UNBLOCKABLE;
	if (clone->flags & SPAWNCTL_NO_WAIT) {
		clone->flags &= ~(SPAWNCTL_HOLD | SPAWNCTL_CGROUP);
		clone->hold = 0;
		clone->cgroup = 0;
		clone->child_tid = (uintptr_t)&scratch->child_tid;
	}
	if (one_in(rng, 2) || clone->child_tid) {
		clone->stack = at_page(maker, PAGE_STACK);
		clone->stack_size = 2 * FUZZ_PAGE - below(rng, 32);
	}
}

/* Makes one member invalid, or gives it a valid but rare value. */
void spoil_clone(struct maker *maker, struct spawnctl_clone *clone)
{
	struct rng *rng = &maker->rng;
	unsigned int n;

	switch (below(rng, 15)) {
	case 0:
	case 1:
		clone->flags = make_flags(rng, FUZZ_ALL_FLAGS);
		break;
	case 2:
		clone->flags ^= 1U << below(rng, 32);
		break;
	case 3:
	case 4:
		make_stack(maker, clone);
		break;
	case 5:
		clone->window_mask = make_mask(rng);
		clone->exec_mask = make_mask(rng);
		break;
	case 6:
		clone->sig_default = make_mask(rng);
		clone->sig_ignore = make_mask(rng);
		break;
	case 7:
		clone->pidfd = make_pointer(maker);
		break;
	case 8:
		clone->parent_tid = one_in(rng, 4) ? clone->pidfd : make_pointer(maker);
		break;
	case 9:
		clone->hold = make_pointer(maker);
		break;
	case 10:
		clone->cgroup = one_in(rng, 2) ? -1 - (int)below(rng, 3) : (int)rnd(rng);
		break;
	case 11:
		clone->exit_signal = one_in(rng, 2) ? 60 + below(rng, 8) : rnd(rng);
		break;
	case 12:
		clone->child_tid = make_pointer(maker);
		break;
	default:
		for (n = below(rng, 8); n < 8; n++)
			((unsigned char *)clone)[4 + below(rng, sizeof(*clone) - 4)] =
				one_in(rng, 2) ? 0 : rnd(rng);
	}
}

/*
 * Returns @address if a write there, by the kernel or by a child on its stack, is harmless or
 * faults. Otherwise returns an address at which nothing is mapped.
 */
static __u64 harmless(const struct maker *maker, __u64 address)
{
	__u64 base = (uintptr_t)maker->arena;

	/* Not in the struct itself: a call that is restarted reads it again. */
	if (address >= base + (PAGE_STRUCT + 3) * FUZZ_PAGE &&
	    address < base + ARENA_PAGES * FUZZ_PAGE - 64)
		return address;
	if (address < 0x8000 || address >= user_space())
		return address;
	return NOWHERE | (address & 0xfff);
}

/* Changes a request, which may be invalid, so that it can harm nothing but the child. */
void tame_clone(const struct maker *maker, struct spawnctl_clone *clone)
{
	__u64 top = clone->stack + clone->stack_size;
	/* A 32-bit child has only the lower half in its stack pointer */
	unsigned long sp = top;

	clone->pidfd = harmless(maker, clone->pidfd);
	clone->parent_tid = harmless(maker, clone->parent_tid);
	clone->hold = harmless(maker, clone->hold);
	/* The caller has to know when such a child has ended */
	if ((clone->flags & SPAWNCTL_NO_WAIT) && clone->child_tid && !(clone->child_tid % 4))
		clone->child_tid = at_page(maker, PAGE_SCRATCH) +
				   offsetof(struct scratch, child_tid);
	if (clone->stack && clone->stack_size && top > clone->stack &&
	    harmless(maker, sp) != sp) {
		clone->stack = NOWHERE | (clone->stack & 0xfff);
		clone->stack_size &= 0xffff;
	}
	if (!maker->lethal && clone->exit_signal && clone->exit_signal <= NSIGNALS &&
	    (SIGBIT(clone->exit_signal) & LETHAL))
		clone->exit_signal = SIGCHLD;
}

void make_limit(struct rng *rng, struct spawnctl_limit *limit)
{
	*limit = (struct spawnctl_limit){ .size = sizeof(*limit) };
	limit->flags = 1U << below(rng, 8);
	if (one_in(rng, 4))
		limit->flags |= 1U << below(rng, 8);
	if (limit->flags & SPAWNCTL_LIMIT_COMMANDS)
		limit->commands = FUZZ_COMMANDS & ~(one_in(rng, 2) ? 1U << below(rng, 4) : 0);
	if (limit->flags & SPAWNCTL_LIMIT_FLAGS)
		limit->clone_flags = FUZZ_ALL_FLAGS & (rnd(rng) | rnd(rng));
	if (limit->flags & SPAWNCTL_LIMIT_CHILDREN)
		limit->children = one_in(rng, 8) ? rnd(rng) : below(rng, 24);
	if (limit->flags & SPAWNCTL_LIMIT_LIVE)
		limit->live = one_in(rng, 8) ? rnd(rng) : below(rng, 8);
	if (!one_in(rng, 3))
		return;
	switch (below(rng, 5)) {
	case 0:
		limit->flags = make_flags(rng, FUZZ_LIMITS);
		break;
	case 1:
		limit->commands = make_flags(rng, FUZZ_COMMANDS);
		break;
	case 2:
		limit->clone_flags = make_flags(rng, FUZZ_ALL_FLAGS);
		break;
	case 3:
		limit->live = rnd(rng);
		break;
	default:
		limit->children = rnd(rng);
	}
}

static unsigned int make_command(struct rng *rng)
{
	/* Without the types of ioctls that the kernel serves on every file. */
	static const unsigned char letters[] = {
		SPAWNCTL_MAGIC, SPAWNCTL_MAGIC - 1, SPAWNCTL_MAGIC + 1, 0xff, 'S',
	};
	unsigned int letter = letters[below(rng, ARRAY_SIZE(letters))];

	switch (below(rng, 32)) {
	case 0:
		return _IO(SPAWNCTL_MAGIC, below(rng, 256));
	case 1:
		return _IOC(below(rng, 4), letter, below(rng, 8), below(rng, 128));
	case 2 ... 4:
		return SPAWNCTL_IOC_INFO;
	case 5 ... 6:
		return SPAWNCTL_IOC_LIMIT;
	case 7 ... 18:
		return SPAWNCTL_IOC_FORK;
	default:
		return SPAWNCTL_IOC_SPAWN;
	}
}

static void step(struct step **at, long nr, long a, long b, long c, long d)
{
	*(*at)++ = (struct step){ .nr = nr, .a = { a, b, c, d } };
}

/*
 * Makes the script of a child. Before 5.16, a child that dumps core ends its parent as well. Here
 * it dumps none, as the parent is not dumpable, except in a deadly batch.
 */
void make_script(struct maker *maker, struct call *call)
{
	static const struct __kernel_old_timespec naps[] = {
		{ 0, 1 }, { 0, 200000 }, { 0, 2000000 },
	};
	static const __u64 no_signals[3];
	static const struct step end[] = { { .nr = SYS_exit_group } };
	static struct spawnctl_clone plain = { .size = sizeof(plain) };
	static char * const no_environment[] = { NULL };
	struct rng own = { call->script_seed }, *rng = &own;
	struct step *at = call->script;
	unsigned int n;

	if (maker->post) {
		step(&at, SYS_getpid, 0, 0, 0, 0);
		at[-1].dst = &maker->slots[below(rng, NSLOTS)];
	}
	for (n = below(rng, 8); n < 3; n++) {
		switch (below(rng, 10)) {
		case 0:
			step(&at, SYS_sched_yield, 0, 0, 0, 0);
			break;
		case 1:
			step(&at, SYS_nanosleep, (long)&naps[below(rng, 3)], 0, 0, 0);
			break;
		case 2:
			step(&at, SYS_rt_sigprocmask, SIG_SETMASK,
			     (long)&no_signals[below(rng, 3)], 0, SIGMASK_SIZE);
			break;
		case 3:
			step(&at, SYS_getppid, 0, 0, 0, 0);
			break;
		case 4:
			step(&at, SYS_close, maker->roaming, 0, 0, 0);
			break;
		case 5:
			step(&at, SYS_unshare, CLONE_FILES, 0, 0, 0);
			break;
		case 6:
			step(&at, SYS_ioctl, maker->roaming,
			     one_in(rng, 2) ? SPAWNCTL_IOC_SPAWN : SPAWNCTL_IOC_FORK,
			     (long)&plain, 0);
			at[-1].zero = end;
			break;
		case 7:
			/* To itself: the step before stores the id as the argument. */
			step(&at, SYS_getpid, 0, 0, 0, 0);
			at[-1].dst = &at->a[0];
			step(&at, SYS_kill, NOBODY, one_in(rng, 2) ? SIGSTOP : 1 + below(rng, 64),
			     0, 0);
			n++;
			break;
		case 8:
			step(&at, one_in(rng, 2) ? STEP_PUSH : STEP_ILLEGAL, 0, 0, 0, 0);
			break;
		default:
			step(&at, SYS_execve, (long)"/nonexistent", (long)maker->argv,
			     (long)no_environment, 0);
		}
	}
	if (one_in(rng, 24))
		step(&at, SYS_execve, (long)maker->argv[0], (long)maker->argv,
		     (long)no_environment, 0);
	step(&at, one_in(rng, 8) ? SYS_exit : SYS_exit_group, 0, 0, 0, 0);
}

/* Chooses the size and place of the struct, and a nonzero byte behind it. */
static void make_place(struct maker *maker, struct call *call)
{
	struct rng *rng = &maker->rng;
	unsigned int known = struct_size(call->command);

	if (one_in(rng, 6)) {
		call->image.size = make_size(rng, known);
		if (call->image.size > known && call->image.size <= FUZZ_PAGE && one_in(rng, 2))
			call->dirt = known + below(rng, call->image.size - known);
		/* What the kernel takes for zero */
		if (call->image.size >= first_size(call->command) && call->image.size < known)
			memset((char *)&call->image + call->image.size, 0,
			       known - call->image.size);
		/* With a part of an address, a word elsewhere would be cleared */
		if (is_birth(call->command) && call->image.size < known)
			call->image.clone.flags &= ~SPAWNCTL_NO_WAIT;
	}
	if (one_in(rng, 8))
		call->place = PLACE_RACED;
	else if (one_in(rng, 8))
		call->place = 1 + below(rng, PLACE_RACED - 1);
	if (call->place == PLACE_EDGE)
		call->cut = 1 + below(rng, known);
	/* The model cannot follow what a raced LIMIT does to the caller's own open file. */
	if (call->place == PLACE_RACED && call->command == SPAWNCTL_IOC_LIMIT)
		call->target = TARGET_ROAMING;
}

/* Makes the next call. */
void make_call(struct maker *maker, struct call *call)
{
	struct rng *rng = &maker->rng;
	unsigned int n;

	memset(call, 0, offsetof(struct call, script));
	call->command = make_command(rng);
	call->target = one_in(rng, 8) ? 1 + below(rng, TARGETS - 1) : TARGET_OWN;
	if (call->command == SPAWNCTL_IOC_INFO) {
		call->image.info.size = sizeof(call->image.info);
	} else if (call->command == SPAWNCTL_IOC_LIMIT) {
		make_limit(rng, &call->image.limit);
	} else {
		make_clone(maker, call->command, &call->image.clone);
		/* Most calls are refused, as a child costs a thousand times as much. */
		if (!one_in(rng, 6))
			for (n = below(rng, 4); n < 4; n++)
				spoil_clone(maker, &call->image.clone);
		tame_clone(maker, &call->image.clone);
		call->script_seed = rnd(rng);
	}
	make_place(maker, call);
}

/* Changes a struct that a call may be reading. */
void scribble(struct maker *maker, union image *image)
{
	struct rng *rng = &maker->rng;
	union image next;

	memcpy(&next, image, sizeof(next));
	if (one_in(rng, 3))
		make_clone(maker, SPAWNCTL_IOC_SPAWN, &next.clone);
	else
		spoil_clone(maker, &next.clone);
	if (one_in(rng, 8))
		next.size = make_size(rng, sizeof(next));
	tame_clone(maker, &next.clone);
	memcpy(image, &next, sizeof(next));
}
