// SPDX-License-Identifier: GPL-2.0
/* All that a binary of musl has to show */
#include "bench.h"

const struct contender contenders[] = {
	{ "musl", SHAPE_PLAIN | SHAPE_TYPICAL, libc_prepare, libc_spawn },
};

const unsigned int contender_count = ARRAY_SIZE(contenders);
