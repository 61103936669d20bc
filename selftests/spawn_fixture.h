/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of the tests of spawnctl_spawn(). Each test runs on each backend, and must
 * leave no descriptor and no child.
 */
#ifndef SPAWN_FIXTURE_H
#define SPAWN_FIXTURE_H

#include "spawnctl_test.h"

#include <spawnctl/spawn.h>
#include <stdlib.h>

extern char **environ;

FIXTURE(spawn) {
	spawnctl_file_actions_t *actions;
	spawnctl_attr_t *attr;
	struct spawnctl_result result;
	int report[2];
	unsigned int fds;
};

FIXTURE_VARIANT(spawn) {
	enum spawnctl_backend backend;
};

FIXTURE_VARIANT_ADD(spawn, device) { .backend = SPAWNCTL_BACKEND_DEVICE };
FIXTURE_VARIANT_ADD(spawn, clone3) { .backend = SPAWNCTL_BACKEND_CLONE3 };
FIXTURE_VARIANT_ADD(spawn, clone) { .backend = SPAWNCTL_BACKEND_CLONE };

FIXTURE_SETUP(spawn)
{
	enum spawnctl_backend backend;

	ASSERT_EQ(0, spawnctl_attr_init(&self->attr));
	ASSERT_EQ(0, spawnctl_file_actions_init(&self->actions));
	ASSERT_EQ(0, spawnctl_attr_setbackend(self->attr, variant->backend));
	self->result.size = sizeof(self->result);
	ASSERT_EQ(0, spawnctl_get_backend(self->attr, &backend));
	ASSERT_EQ(variant->backend, backend);
	ASSERT_EQ(0, pipe2(self->report, O_CLOEXEC));
	self->fds = open_fds();
}

/* No descriptor is left open, and no child is left */
FIXTURE_TEARDOWN(spawn)
{
	EXPECT_EQ(self->fds, open_fds());
	EXPECT_EQ(-1, waitpid(-1, NULL, __WALL | WNOHANG));
	EXPECT_EQ(ECHILD, errno);
	spawnctl_attr_destroy(self->attr);
	spawnctl_file_actions_destroy(self->actions);
}

#define FLAGS(flags) EXPECT_EQ(0, spawnctl_attr_setflags(self->attr, flags))

#endif /* SPAWN_FIXTURE_H */
