/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated calls of the device. Each is a pure function of a seed, except for the addresses of
 * the memory that it points to.
 */
#ifndef SPAWNCTL_FUZZ_H
#define SPAWNCTL_FUZZ_H

#include <sched.h>
#include <stddef.h>
#include "spawnctl_test.h"

#define FUZZ_PAGE	4096U
#define STEPS		8

/* Addresses at which user space never has a mapping. */
#define NOWHERE		0x200000000000ULL
#define KERNEL_HALF	(1ULL << 63)
/* Above the highest possible process id. */
#define NOBODY		0x3fffffff

#define FUZZ_ALL_FLAGS	(SPAWNCTL_HOLD | (SPAWNCTL_HOLD - 1))
#define FUZZ_FORK_ONLY	SPAWNCTL_SET_TID
#define FUZZ_SPAWN_ONLY	(SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | SPAWNCTL_HOLD)
#define FUZZ_COMMANDS	0xfU
#define FUZZ_LIMITS	0x3fU

/* Signals for which a worker has no handler: they end or stop it. libc reserves the last two. */
#define LETHAL		(UNBLOCKABLE | SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | \
			 SIGBIT(SIGFPE) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | \
			 SIGBIT(32) | SIGBIT(33))

/* SplitMix64: every seed is equally good, and adjacent seeds give unrelated sequences. */
struct rng {
	__u64 state;
};

static inline __u64 mix(__u64 z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline __u64 rnd(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ULL;
	return mix(rng->state);
}

static inline unsigned int below(struct rng *rng, unsigned int n)
{
	return (rnd(rng) >> 32) * n >> 32;
}

static inline int one_in(struct rng *rng, unsigned int n)
{
	return below(rng, n) == 0;
}

static inline struct rng seeded(__u64 seed, __u64 batch, __u64 stream)
{
	return (struct rng){ mix(seed ^ mix(batch * 64 + stream + 1)) };
}

/* The pages of a thread's arena; those between them are inaccessible. */
enum {
	PAGE_STRUCT = 1,	/* three: a struct of a page and one byte fits */
	PAGE_READ_ONLY = 5,
	PAGE_SCRATCH = 7,
	PAGE_STACK = 9,		/* two */
	PAGE_RACED = 12,	/* the struct that another thread rewrites and unmaps */
	PAGE_RACED_STACK = 14,
	ARENA_PAGES = 16,
};

/* The contents of the scratch page. */
struct scratch {
	int pidfd;
	int parent_tid;
	struct spawnctl_hold hold;
};

enum place {
	PLACE_PLAIN,
	PLACE_NULL,
	PLACE_NOWHERE,
	PLACE_KERNEL,
	PLACE_LAST,
	PLACE_HOLE,
	PLACE_READ_ONLY,
	PLACE_EDGE,	/* only its first @cut bytes are mapped */
	PLACE_RACED,
};

enum target {
	TARGET_OWN,	/* an open file that only the calling thread uses */
	TARGET_ROAMING,	/* a descriptor number that other tasks close and reuse */
	TARGET_COMMON,	/* an open file that several processes share */
	TARGETS,
};

/*
 * A system call of a child, made without a stack. Its result is stored at @dst, unless that is
 * NULL. If the result is 0, the child goes on at @zero, unless that is NULL.
 */
struct step {
	long nr;
	long a[6];
	long *dst;
	const struct step *zero;
};

enum {
	STEP_PUSH = -1,		/* uses the stack, if there is one */
	STEP_ILLEGAL = -2,
};

union image {
	unsigned char bytes[sizeof(struct spawnctl_clone)];
	__u64 words[sizeof(struct spawnctl_clone) / 8];
	__u32 size;
	struct spawnctl_clone clone;
	struct spawnctl_info info;
	struct spawnctl_limit limit;
};

struct call {
	unsigned int command;
	enum target target;
	enum place place;
	unsigned int cut;
	unsigned int dirt;	/* offset of a nonzero byte behind the struct, or 0 */
	union image image;
	__u64 script_seed;
	struct step script[STEPS];	/* if there may be a child */
};

/* The thread for which calls are generated. */
struct maker {
	struct rng rng;
	char *arena;
	int lethal;		/* the calls may end the process */
	int post;		/* children store their ids in @slots, to be sent signals */
	int cgroup;
	int roaming;
	long *slots;		/* NSLOTS of them */
	char **argv;
};

#define NSLOTS	16

static inline __u64 at_page(const struct maker *maker, unsigned int page)
{
	return (uintptr_t)maker->arena + page * FUZZ_PAGE;
}

static inline unsigned int struct_size(unsigned int command)
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

static inline int is_birth(unsigned int command)
{
	return command == SPAWNCTL_IOC_SPAWN || command == SPAWNCTL_IOC_FORK;
}

/*
 * Returns @address if a write there, by the kernel or by a child on its stack, is harmless or
 * faults. Otherwise returns an address at which nothing is mapped.
 */
static inline __u64 harmless(const struct maker *maker, __u64 address)
{
	__u64 base = (uintptr_t)maker->arena;

	/* Not in the struct itself: a call that is restarted reads it again. */
	if (address >= base + (PAGE_STRUCT + 3) * FUZZ_PAGE &&
	    address < base + ARENA_PAGES * FUZZ_PAGE - 64)
		return address;
	if (address < 0x8000 || address >= 1ULL << 47)
		return address;
	return NOWHERE | (address & 0xfff);
}

/*
 * Makes the call. Its child runs @script and does not return. The stack pointer is lowered before
 * the call, as a child without a stack of its own pushes onto its parent's.
 */
static inline long fuzz_ioctl(int fd, unsigned int command, void *arg, const struct step *script)
{
	long ret;

	__asm__ volatile("leaq -512(%%rsp), %%rsp\n\t"
			 "syscall\n\t"
			 "leaq 512(%%rsp), %%rsp\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 9f\n\t"
			 "testq %%rbx, %%rbx\n\t"
			 "jz 9f\n\t"
			 "leaq -512(%%rsp), %%rsp\n"
			 "1:\n\t"
			 "movq (%%rbx), %%rax\n\t"
			 "cmpq $-1, %%rax\n\t"
			 "je 2f\n\t"
			 "jl 3f\n\t"
			 "movq 8(%%rbx), %%rdi\n\t"
			 "movq 16(%%rbx), %%rsi\n\t"
			 "movq 24(%%rbx), %%rdx\n\t"
			 "movq 32(%%rbx), %%r10\n\t"
			 "movq 40(%%rbx), %%r8\n\t"
			 "movq 48(%%rbx), %%r9\n\t"
			 "syscall\n\t"
			 "movq 56(%%rbx), %%rdi\n\t"
			 "testq %%rdi, %%rdi\n\t"
			 "jz 4f\n\t"
			 "movq %%rax, (%%rdi)\n"
			 "4:\n\t"
			 "movq 64(%%rbx), %%rsi\n\t"
			 "addq $72, %%rbx\n\t"
			 "testq %%rsi, %%rsi\n\t"
			 "jz 1b\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1b\n\t"
			 "movq %%rsi, %%rbx\n\t"
			 "jmp 1b\n"
			 "2:\n\t"
			 "pushq %%rax\n\t"
			 "popq %%rax\n\t"
			 "addq $72, %%rbx\n\t"
			 "jmp 1b\n"
			 "3:\n\t"
			 "ud2\n"
			 "9:"
			 : "=a" (ret), "+b" (script)
			 : "a" ((long)SYS_ioctl), "D" ((long)fd), "S" ((long)command), "d" (arg)
			 : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

_Static_assert(sizeof(struct step) == 72, "as fuzz_ioctl() goes through them");

#endif /* SPAWNCTL_FUZZ_H */
