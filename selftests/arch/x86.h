/* SPDX-License-Identifier: GPL-2.0 */
/* x86: what x86_64.h and i386.h have in common. They define x86_opcode() before they include it. */
#ifndef SPAWNCTL_SELFTESTS_ARCH_X86_H
#define SPAWNCTL_SELFTESTS_ARCH_X86_H

static inline int arch_is_return(const unsigned char *code)
{
	code = x86_opcode(code);
	return code[0] == 0xc3 || code[0] == 0xc2;
}

/* The library's child jumps on every processor, and so does not check */
static inline int arch_is_feature_check(const unsigned char *code)
{
	return 0;
}

#define ARCH_ANSWER_FEATURE_CHECK(state)	((void)(state))

#endif /* SPAWNCTL_SELFTESTS_ARCH_X86_H */
