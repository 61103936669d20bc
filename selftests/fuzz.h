/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generated calls of the device. Each is a pure function of a seed, except for the addresses of
 * the memory that it points to.
 */
#ifndef SPAWNCTL_FUZZ_H
#define SPAWNCTL_FUZZ_H

#include <sched.h>
#include <stddef.h>
#include <unistd.h>
#include "test_util.h"

#define FUZZ_PAGE	((unsigned int)page_size())
#define STEPS		8

/* Addresses at which user space never has a mapping. As a 32-bit pointer, this one is NULL. */
#define NOWHERE		0x200000000000ULL
#define KERNEL_HALF	(1ULL << 63)
/* A pointer into the kernel or, as a 32-bit pointer cannot be one, into the last page. */
#define BAD_POINTER	(sizeof(void *) == 8 ? KERNEL_HALF : 0xfffff000)
/* Above the highest possible process id. */
#define NOBODY		0x3fffffff

#define FUZZ_ALL_FLAGS	(SPAWNCTL_NO_WAIT | (SPAWNCTL_NO_WAIT - 1))
#define FUZZ_FORK_ONLY	SPAWNCTL_SET_TID
#define FUZZ_SPAWN_ONLY	(SPAWNCTL_EXEC_MASK | SPAWNCTL_EXEC_KEEP_MASK | SPAWNCTL_HOLD | \
			 SPAWNCTL_NO_WAIT)
#define FUZZ_COMMANDS	0xfU
#define FUZZ_LIMITS	0xffU

/* Signals for which a worker has no handler: they end or stop it. libc reserves the last two. */
#define LETHAL		(UNBLOCKABLE | SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | \
			 SIGBIT(SIGFPE) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | \
			 SIGBIT(32) | SIGBIT(33))

/* SplitMix64: every seed is equally good, and adjacent seeds give unrelated sequences. */
struct rng {
	__u64 state;
};

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
	int child_tid;		/* a futex */
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

#define ERRNOS	192

struct outcome {
	__u64 errors[ERRNOS / 64];
	int success;
};

/* An open file that only one thread uses, and what is known of that thread. */
struct model {
	__u32 commands;
	__u32 flags;
	__u32 in_force;
	__u64 children;
	__u64 most_live;
	int autoreap;		/* the kernel has it */
	int filtered;		/* the caller is under a filter */
	int no_tasks;		/* RLIMIT_NPROC or the like may be reached */
	int no_init;		/* the pid namespace's init may be gone */
	int no_files;		/* no descriptor may be left */
	int time_namespace;
	int no_spawn;		/* SPAWN is EINVAL in a time namespace */
	int cgroup;
};

/* fuzz_make.c */
__u64 mix(__u64 z);
__u64 rnd(struct rng *rng);
unsigned int below(struct rng *rng, unsigned int n);
int one_in(struct rng *rng, unsigned int n);
struct rng seeded(__u64 seed, __u64 batch, __u64 stream);
__u64 user_space(void);
__u64 at_page(const struct maker *maker, unsigned int page);
unsigned int struct_size(unsigned int command);
unsigned int first_size(unsigned int command);
int is_birth(unsigned int command);
__u64 make_mask(struct rng *rng);
void spoil_clone(struct maker *maker, struct spawnctl_clone *clone);
void tame_clone(const struct maker *maker, struct spawnctl_clone *clone);
void make_limit(struct rng *rng, struct spawnctl_limit *limit);
void make_script(struct maker *maker, struct call *call);
void make_call(struct maker *maker, struct call *call);
void scribble(struct maker *maker, union image *image);

/* fuzz_oracle.c */
void new_file(struct model *model);
struct model fresh_model(void);
int allows(const struct outcome *outcome, long ret);
struct outcome anything(unsigned int command);
int writable(const struct maker *maker, __u64 address, unsigned int size);
struct outcome foretell(const struct call *call, const struct model *model,
			const struct maker *maker);
void learn(struct model *model, const struct call *call);
int info_is_true(const struct spawnctl_info *info, const struct model *model);

#endif /* SPAWNCTL_FUZZ_H */
