// SPDX-License-Identifier: GPL-2.0
/*
 * Guidance by kcov, where the kernel has it and the module is built for it: calls that reached new
 * places of the module are made again, with changes. Such calls depend on the results of earlier
 * ones, so a seed does not reproduce them.
 */
#include "fuzz_worker.h"

/* The kernel's unsigned long has 64 bits, for 32-bit programs too */
#define KCOV_INIT	_IOR('c', 1, __u64)
#define KCOV_ON		_IO('c', 100)
#define KCOV_LONGS	4096

void kcov_open(struct kcov *kcov, struct kcov_found *found, struct rng rng)
{
	kcov->rng = rng;
	kcov->found = NULL;
	kcov->fd = found ? open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC) : -1;
	if (kcov->fd < 0 || ioctl(kcov->fd, KCOV_INIT, KCOV_LONGS))
		return;
	kcov->area = mmap(NULL, KCOV_LONGS * sizeof(__u64), PROT_READ | PROT_WRITE, MAP_SHARED,
			  kcov->fd, 0);
	if (kcov->area != MAP_FAILED)
		kcov->found = found;
}

/* Called by the thread whose calls are to be traced. */
void kcov_start(struct kcov *kcov)
{
	if (kcov->found && ioctl(kcov->fd, KCOV_ON, 0))
		kcov->found = NULL;
}

/* Replaces half of the calls by kept ones, with changes. */
void kcov_before(struct kcov *kcov, struct maker *maker, struct call *call)
{
	unsigned int kept, n;
	struct rng own;

	if (!kcov->found)
		return;
	WRITE_ONCE(kcov->area[0], 0);
	kept = READ_ONCE(kcov->found->kept);
	if (!kept || one_in(&kcov->rng, 2))
		return;
	n = below(&kcov->rng, kept < KCOV_KEPT ? kept : KCOV_KEPT);
	call->command = kcov->found->calls[n].command;
	call->image = kcov->found->calls[n].image;
	if (call->place == PLACE_EDGE || call->dirt) {
		call->place = PLACE_PLAIN;
		call->dirt = 0;
	}
	/* As in make_call(), but with kcov's own random numbers, not the maker's. */
	own = maker->rng;
	maker->rng = kcov->rng;
	if (call->command == SPAWNCTL_IOC_LIMIT) {
		if (call->place == PLACE_RACED)
			call->target = TARGET_ROAMING;
		if (one_in(&maker->rng, 2))
			make_limit(&maker->rng, &call->image.limit);
	} else if (is_birth(call->command)) {
		spoil_clone(maker, &call->image.clone);
		/* The kept call may have addresses of another worker's arena. */
		tame_clone(maker, &call->image.clone);
		call->script_seed = rnd(&maker->rng);
	}
	kcov->rng = maker->rng;
	maker->rng = own;
}

void kcov_after(struct kcov *kcov, const struct call *call)
{
	__u64 n, i, pc, slot, seen;
	int fresh = 0;

	if (!kcov->found)
		return;
	n = READ_ONCE(kcov->area[0]);
	for (i = 0; i < n && i < KCOV_LONGS - 1; i++) {
		pc = kcov->area[i + 1];
		for (slot = mix(pc) % KCOV_PCS;; slot = (slot + 1) % KCOV_PCS) {
			seen = 0;
			if (__atomic_compare_exchange_n(&kcov->found->pcs[slot], &seen, pc, 0,
							__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
				__atomic_fetch_add(&kcov->found->distinct, 1, __ATOMIC_SEQ_CST);
				fresh = 1;
				break;
			}
			if (seen == pc)
				break;
		}
	}
	/* The image is kept without its place, edge or dirt. A raced one may have changed. */
	if (!fresh || call->place == PLACE_RACED)
		return;
	n = __atomic_fetch_add(&kcov->found->kept, 1, __ATOMIC_SEQ_CST) % KCOV_KEPT;
	kcov->found->calls[n].image = call->image;
	kcov->found->calls[n].command = call->command;
}
