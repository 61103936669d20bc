/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A ring of four entries fits in a page; 5.10 refuses to map more than the ring has */
#define RING_SIZE	4096

/* An io_uring instance, without liburing */
struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static inline void *ring_map(int fd, off_t what)
{
	void *map = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, what);

	return map == MAP_FAILED ? NULL : map;
}

static inline int ring_setup(struct ring *ring)
{
	struct io_uring_params params = { 0 };
	char *sq, *cq;

	ring->fd = syscall(SYS_io_uring_setup, 4, &params);
	if (ring->fd < 0)
		return -1;
	sq = ring_map(ring->fd, IORING_OFF_SQ_RING);
	cq = ring_map(ring->fd, IORING_OFF_CQ_RING);
	ring->sqes = ring_map(ring->fd, IORING_OFF_SQES);
	if (!sq || !cq || !ring->sqes)
		return -1;
	ring->sq_tail = (void *)(sq + params.sq_off.tail);
	ring->sq_mask = (void *)(sq + params.sq_off.ring_mask);
	ring->sq_array = (void *)(sq + params.sq_off.array);
	ring->cq_head = (void *)(cq + params.cq_off.head);
	ring->cq_mask = (void *)(cq + params.cq_off.ring_mask);
	ring->cqes = (void *)(cq + params.cq_off.cqes);
	return 0;
}

/* Submits the first @n of ring->sqes and waits for @wait completions: 0 or -1 */
static inline int ring_submit(struct ring *ring, unsigned int n, unsigned int wait)
{
	unsigned int tail = *ring->sq_tail, i;

	for (i = 0; i < n; i++)
		ring->sq_array[(tail + i) & *ring->sq_mask] = i;
	__atomic_store_n(ring->sq_tail, tail + n, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring->fd, n, wait,
		       wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0) == (long)n ? 0 : -1;
}

/* Submits ring->sqes[0] alone and waits for its result; -1000 if it was not accepted */
static inline int ring_result(struct ring *ring)
{
	unsigned int head = *ring->cq_head;

	if (ring_submit(ring, 1, 1))
		return -1000;
	/* The result may have been stored on another CPU */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return ring->cqes[head & *ring->cq_mask].res;
}

#endif /* RING_H */
