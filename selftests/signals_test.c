// SPDX-License-Identifier: GPL-2.0
/*
 * The disposition of each signal in the child, for each disposition in the parent and
 * each request. The parent keeps its own dispositions.
 */
#include "spawnctl_test.h"

enum state { CAUGHT, CAUGHT_WITH_FLAGS, IGNORED, DEFAULT };

struct table {
	struct kernel_sigaction of[NSIGNALS + 1];
};

static void read_table(struct table *table)
{
	int sig;

	for (sig = 1; sig <= NSIGNALS; sig++)
		raw_sigaction(sig, NULL, &table->of[sig]);
}

/* In the child, by raw system calls only, so that the table is what the child began with */
static int read_table_child(void *arg)
{
	read_table(arg);
	return 0;
}

static void handler(int sig)
{
}

/* Sets the disposition of @sig in the caller. SIGKILL and SIGSTOP keep their default. */
static int set_state(int sig, enum state state)
{
	struct kernel_sigaction act = { 0 };

	if (SIGBIT(sig) & UNBLOCKABLE)
		return 0;
	if (state == CAUGHT || state == CAUGHT_WITH_FLAGS)
		act.handler = (unsigned long)handler;
	else if (state == IGNORED)
		act.handler = (unsigned long)SIG_IGN;
	if (state != CAUGHT) {
		act.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER | SA_NOCLDSTOP;
		act.mask = 0x5555aaaa12345678ULL ^ SIGBIT(sig);
	}
	return raw_sigaction(sig, &act, NULL);
}

static int set_all(enum state state)
{
	int sig, ret = 0;

	for (sig = 1; sig <= NSIGNALS; sig++)
		ret |= set_state(sig, state);
	return ret;
}

FIXTURE(signals) {
	int fd;
	struct table *child;
};

FIXTURE_VARIANT(signals) {
	unsigned long command;
	enum state state;
};

FIXTURE_VARIANT_ADD(signals, spawn_caught) {
	.command = SPAWNCTL_IOC_SPAWN,
	.state = CAUGHT,
};

FIXTURE_VARIANT_ADD(signals, spawn_caught_with_flags) {
	.command = SPAWNCTL_IOC_SPAWN,
	.state = CAUGHT_WITH_FLAGS,
};

FIXTURE_VARIANT_ADD(signals, spawn_ignored) {
	.command = SPAWNCTL_IOC_SPAWN,
	.state = IGNORED,
};

FIXTURE_VARIANT_ADD(signals, spawn_default) {
	.command = SPAWNCTL_IOC_SPAWN,
	.state = DEFAULT,
};

FIXTURE_VARIANT_ADD(signals, fork_caught) {
	.command = SPAWNCTL_IOC_FORK,
	.state = CAUGHT,
};

FIXTURE_VARIANT_ADD(signals, fork_caught_with_flags) {
	.command = SPAWNCTL_IOC_FORK,
	.state = CAUGHT_WITH_FLAGS,
};

FIXTURE_VARIANT_ADD(signals, fork_ignored) {
	.command = SPAWNCTL_IOC_FORK,
	.state = IGNORED,
};

FIXTURE_VARIANT_ADD(signals, fork_default) {
	.command = SPAWNCTL_IOC_FORK,
	.state = DEFAULT,
};

FIXTURE_SETUP(signals)
{
	self->fd = spawnctl_open();
	ASSERT_LE(0, self->fd);
	self->child = shared_alloc(sizeof(*self->child));
	ASSERT_NE(NULL, self->child);
	ASSERT_EQ(0, set_all(DEFAULT));
}

FIXTURE_TEARDOWN(signals)
{
	close(self->fd);
}

/*
 * The number of signals whose disposition in the child differs from @ignored, or has flags
 * or a mask.
 */
static int wrong_in_child(const struct table *child, __u64 ignored)
{
	int sig, wrong = 0;

	for (sig = 1; sig <= NSIGNALS; sig++) {
		const struct kernel_sigaction *act = &child->of[sig];
		const struct kernel_sigaction expected = {
			.handler = (unsigned long)(ignored & SIGBIT(sig) ? SIG_IGN : SIG_DFL),
		};

		if (!memcmp(act, &expected, sizeof(expected)))
			continue;
		fprintf(stderr, "# signal %d in the child: handler %lx flags %lx mask %llx\n",
			sig, act->handler, act->flags, act->mask);
		wrong++;
	}
	return wrong;
}

/*
 * Makes one child with @default_set and @ignore_set, which must ignore exactly @ignored.
 * Returns how many dispositions are wrong.
 */
static int check(struct __test_metadata *_metadata, int fd, struct table *child,
		 unsigned long command, __u64 default_set, __u64 ignore_set, __u64 ignored)
{
	struct spawnctl_clone clone = {
		.size = sizeof(clone),
		.sig_default = default_set,
		.sig_ignore = ignore_set,
	};
	struct table before, after;
	pid_t pid;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	memset(child, 0xff, sizeof(*child));
	read_table(&before);
	/* No exit signal: SIGCHLD is under test like any other signal */
	pid = start_child(fd, command, &clone, read_table_child, child);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, wait_status(pid));
	read_table(&after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	return wrong_in_child(child, ignored);
}

/*
 * Without a request, ignored signals stay ignored, and caught ones are reset. Each signal is
 * tested alone, with the others at SIG_DFL.
 */
TEST_F_TIMEOUT(signals, without_request, 120)
{
	int sig;

	for (sig = 1; sig <= NSIGNALS; sig++) {
		__u64 ignored = variant->state == IGNORED ? SIGBIT(sig) & ~UNBLOCKABLE : 0;

		ASSERT_EQ(0, set_state(sig, variant->state));
		EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command,
				   0, 0, ignored));
		ASSERT_EQ(0, set_state(sig, DEFAULT));
	}
}

TEST_F_TIMEOUT(signals, reset_on_request, 120)
{
	int sig;

	for (sig = 1; sig <= NSIGNALS; sig++) {
		ASSERT_EQ(0, set_state(sig, variant->state));
		EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command,
				   SIGBIT(sig), 0, 0));
		ASSERT_EQ(0, set_state(sig, DEFAULT));
	}
}

TEST_F_TIMEOUT(signals, ignored_on_request, 120)
{
	int sig;

	for (sig = 1; sig <= NSIGNALS; sig++) {
		if (SIGBIT(sig) & UNBLOCKABLE)
			continue;
		ASSERT_EQ(0, set_state(sig, variant->state));
		EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command,
				   0, SIGBIT(sig), SIGBIT(sig)));
		ASSERT_EQ(0, set_state(sig, DEFAULT));
	}
}

/*
 * All signals in one state, with requests for random sets: to reset or ignore a signal does
 * not change its neighbors.
 */
TEST_F_TIMEOUT(signals, all_signals_together, 120)
{
	__u64 kept = variant->state == IGNORED ? ~UNBLOCKABLE : 0;
	int round;

	ASSERT_EQ(0, set_all(variant->state));
	EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command, 0, 0, kept));
	EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command, ~0ULL, 0, 0));
	EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command,
			   0, ~UNBLOCKABLE, ~UNBLOCKABLE));
	srandom(1);
	for (round = 0; round < 64; round++) {
		__u64 set = (__u64)random() << 33 ^ (__u64)random() << 16 ^ random();
		__u64 ignore_set = ((__u64)random() << 33 ^ random()) & ~set & ~UNBLOCKABLE;

		EXPECT_EQ(0, check(_metadata, self->fd, self->child, variant->command,
				   set, ignore_set, (kept & ~set) | ignore_set));
	}
}

TEST_HARNESS_MAIN
