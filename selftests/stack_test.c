// SPDX-License-Identifier: GPL-2.0
/*
 * The child's stack: the one that the caller passes, with its top aligned, or the caller's own.
 */
#include <sys/wait.h>
#include "spawnctl_test.h"

FIXTURE(stack)
{
	int fd;
	char *memory;
};

FIXTURE_SETUP(stack)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->memory = shared_alloc(65536);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(stack)
{
	close(self->fd);
}

static const unsigned long commands[] = { SPAWNCTL_IOC_SPAWN, SPAWNCTL_IOC_FORK };

TEST_F(stack, top_is_aligned)
{
	static const unsigned int sizes[] = { 16, 17, 24, 31, 32, 100, 4095, 4096, 32768 };
	unsigned long *at_birth = (void *)(self->memory + 65536 - 64);
	struct spawnctl_clone clone = { .size = sizeof(clone) };
	unsigned long of_caller, top;
	unsigned int i, j, offset;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			for (offset = 0; offset < 32; offset += 5) {
				clone.stack = (uintptr_t)self->memory + offset;
				clone.stack_size = sizes[j];
				top = (clone.stack + clone.stack_size) & -16UL;
				if (top <= clone.stack)
					continue;
				*at_birth = 0;
				pid = raw_spawn_stack(self->fd, commands[i], &clone, at_birth,
						      &of_caller);
				ASSERT_EQ(0, wait_status(pid));
				EXPECT_EQ(top, *at_birth)
					TH_LOG("size %u, offset %u", sizes[j], offset);
			}
		}
	}
}

TEST_F(stack, default_is_the_callers_stack)
{
	unsigned long *at_birth = (void *)self->memory;
	struct spawnctl_clone clone = { .size = sizeof(clone) };
	unsigned long of_caller;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		*at_birth = 0;
		of_caller = 1;
		ASSERT_EQ(0, wait_status(raw_spawn_stack(self->fd, commands[i], &clone, at_birth,
							 &of_caller)));
		EXPECT_EQ(of_caller, *at_birth);
	}
}

struct place {
	unsigned long frame;
	unsigned int aligned;
};

/* Stores where its frame is, which is in its stack, and whether the stack is aligned */
static int note_place(void *arg)
{
	long double buffer[4] __attribute__((__aligned__(ARCH_STACK_ALIGN)));
	struct place *place = arg;

	raw_touch_aligned(buffer);
	place->frame = (uintptr_t)__builtin_frame_address(0);
	place->aligned = !((uintptr_t)buffer & (ARCH_STACK_ALIGN - 1)) &&
			 !(place->frame & (ARCH_FRAME_ALIGN - 1));
	return 17;
}

TEST_F(stack, library_uses_the_passed_stack)
{
	struct spawnctl_clone clone = { .size = sizeof(clone), .exit_signal = SIGCHLD };
	struct place *place = (void *)(self->memory + 49152);
	unsigned int offset;
	int status;

	for (offset = 0; offset < 32; offset++) {
		clone.stack = (uintptr_t)self->memory + 16384 + offset;
		clone.stack_size = 16384 - offset / 2;
		memset(place, 0, sizeof(*place));
		status = wait_status(spawnctl_thread(self->fd, &clone, note_place, place));
		EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 17);
		EXPECT_LT(clone.stack, place->frame);
		/* On riscv64 the address of a frame is that of its upper end */
		EXPECT_GE(clone.stack + clone.stack_size, place->frame);
		EXPECT_EQ(1U, place->aligned)
			TH_LOG("offset %u", offset);
		/* The stack is used from its top; at most a frame or two are above this one */
		EXPECT_GT(256UL, clone.stack + clone.stack_size - place->frame);
	}
}

TEST_HARNESS_MAIN
