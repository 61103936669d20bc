// SPDX-License-Identifier: GPL-2.0
/* The contenders of a binary that is linked with musl */
#include "bench.h"

const struct contender contenders[] = {
	{ "musl", SHAPE_PLAIN | SHAPE_TYPICAL, libc_prepare, libc_spawn },
};

const unsigned int contender_count = ARRAY_SIZE(contenders);
