// SPDX-License-Identifier: GPL-2.0
/*
 * The loaded module calls kernel_clone() at the symbol's first byte, and directly if the kernel
 * patches static calls. The code is read from the running kernel's memory. (callsite.sh reads the
 * module's file.)
 */
#include <linux/elf.h>
#include <sys/mman.h>
#include "spawnctl_test.h"

#define KALLSYMS	"/proc/kallsyms"

FIXTURE(callsite)
{
	int kcore;
	struct elf64_hdr header;
};

FIXTURE_SETUP(callsite)
{
	self->kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->kcore);
	ASSERT_EQ((ssize_t)sizeof(self->header),
		  pread(self->kcore, &self->header, sizeof(self->header), 0));
	ASSERT_EQ(0, memcmp(self->header.e_ident, ELFMAG, SELFMAG));
}

FIXTURE_TEARDOWN(callsite)
{
	close(self->kcore);
}

/* Reads @size bytes at the kernel address @from. Returns 0 or -1. */
static int read_kernel(int kcore, const struct elf64_hdr *header, __u64 from, void *to,
		       size_t size)
{
	struct elf64_phdr segment;
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		if (pread(kcore, &segment, sizeof(segment),
			  header->e_phoff + i * sizeof(segment)) != sizeof(segment))
			return -1;
		if (segment.p_type != PT_LOAD || from < segment.p_vaddr ||
		    from + size > segment.p_vaddr + segment.p_memsz)
			continue;
		from += segment.p_offset - segment.p_vaddr;
		return pread(kcore, to, size, from) == (ssize_t)size ? 0 : -1;
	}
	return -1;
}

/*
 * Returns the address of a symbol of the module, or of the kernel itself, or 0. A clone that
 * the compiler made has a dot and a suffix after the name.
 */
static __u64 symbol(const char *wanted, int of_module)
{
	__u64 found = 0, address;
	char line[512], name[256], module[64];
	FILE *file = fopen(KALLSYMS, "r");
	size_t length = strlen(wanted);

	while (file && !found && fgets(line, sizeof(line), file)) {
		int fields;

		/* Skip most lines without the slower sscanf(). */
		if (!strstr(line, wanted))
			continue;
		fields = sscanf(line, "%llx %*c %255s [%63[^]]]", &address, name, module);
		if (fields < 2 || strncmp(name, wanted, length) ||
		    (name[length] && name[length] != '.'))
			continue;
		if (of_module ? fields == 3 && !strcmp(module, "spawnctl") : fields == 2)
			found = address;
	}
	if (file)
		fclose(file);
	return found;
}

/* Returns the address of a section of the module, or 0 */
static __u64 section_address(const char *name)
{
	__u64 address = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/spawnctl/sections/%s", name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%llx", &address) != 1)
		address = 0;
	fclose(file);
	return address;
}

#ifdef ARCH_STATIC_CALLS
/* The most bytes that the caller may have: a debug kernel's instrumentation multiplies them */
#define LONGEST		16384ULL

/* The kernel's struct static_call_site. Each member is relative to its own address. */
struct call_site {
	__s32 addr;
	__s32 key;	/* its two low bits are flags */
};

/* Returns the address of the next symbol above @start. */
static __u64 next_symbol(__u64 start)
{
	__u64 next = ~0ULL, address;
	FILE *file = fopen(KALLSYMS, "r");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		address = strtoull(line, NULL, 16);
		if (address > start && address < next)
			next = address;
	}
	if (file)
		fclose(file);
	return next;
}

/* Returns the target of the five-byte call or jump at @from. */
static __u64 target(__u64 from, const unsigned char *code)
{
	__s32 relative;

	memcpy(&relative, code + 1, sizeof(relative));
	return from + 5 + relative;
}

/* The one call site has been patched to a direct call of kernel_clone()'s first byte. */
TEST_F_TIMEOUT(callsite, calls_kernel_clone_directly, 120)
{
	__u64 clone = symbol("kernel_clone", 0);
	__u64 caller = symbol("spawnctl_clone_call", 1);
	__u64 key = symbol("__SCK__spawnctl_kernel_clone", 1);
	__u64 trampoline = symbol("__SCT__spawnctl_kernel_clone", 1);
	__u64 section = section_address(".static_call_sites"), end, at;
	unsigned int sites = 0;
	unsigned char code[5];

	ASSERT_LT(0ULL, clone)
		TH_LOG("no addresses in " KALLSYMS ": is kernel.kptr_restrict 2?");
	ASSERT_LT(0ULL, caller);
	ASSERT_LT(0ULL, key);
	ASSERT_LT(0ULL, trampoline);
	ASSERT_LT(0ULL, section);

	/* The module's list of call sites. Its length is not known, so match entries by key. */
	end = next_symbol(caller);
	ASSERT_GT(LONGEST, end - caller);
	for (at = section; at < section + 64 * sizeof(struct call_site);
	     at += sizeof(struct call_site)) {
		struct call_site site;
		__u64 from;

		if (read_kernel(self->kcore, &self->header, at, &site, sizeof(site)))
			break;
		if (((at + 4 + site.key) & -4ULL) != key)
			continue;
		from = at + site.addr;
		sites++;
		EXPECT_LT(caller, from);
		EXPECT_GT(end, from);
		ASSERT_EQ(0, read_kernel(self->kcore, &self->header, from, code, sizeof(code)));
		EXPECT_EQ(0xe8, code[0])
			TH_LOG("not a call but %#x", code[0]);
		EXPECT_EQ(clone, target(from, code));
		TH_LOG("spawnctl_clone_call+%#llx calls kernel_clone+%#llx", from - caller,
		       target(from, code) - clone);
	}
	EXPECT_EQ(1U, sites);

	/* An unpatched call would go through the trampoline, which is a direct jump as well. */
	ASSERT_EQ(0, read_kernel(self->kcore, &self->header, trampoline, code, sizeof(code)));
	EXPECT_EQ(0xe9, code[0]);
	EXPECT_EQ(clone, target(trampoline, code));
}

/* The function has no other call of kernel_clone(), neither direct nor by the trampoline. */
TEST_F_TIMEOUT(callsite, is_the_only_call, 120)
{
	__u64 clone = symbol("kernel_clone", 0);
	__u64 trampoline = symbol("__SCT__spawnctl_kernel_clone", 1);
	__u64 caller = symbol("spawnctl_clone_call", 1);
	__u64 end = next_symbol(caller);
	unsigned int calls = 0, missed = 0;
	unsigned char code[LONGEST + 5];
	__u64 i;

	ASSERT_LT(0ULL, caller);
	ASSERT_GT(LONGEST, end - caller);
	ASSERT_EQ(0, read_kernel(self->kcore, &self->header, caller, code, end - caller));
	for (i = 0; i + 5 <= end - caller; i++) {
		if (code[i] != 0xe8 && code[i] != 0xe9)
			continue;
		calls += target(caller + i, code + i) == clone;
		missed += target(caller + i, code + i) == trampoline;
	}
	EXPECT_EQ(1U, calls);
	EXPECT_EQ(0U, missed);
}

#else

/*
 * Returns the address of @wanted in the module's data, or 0. If the kernel has no names of data
 * (CONFIG_KALLSYMS_ALL), the static call's key is found by what it must begin with.
 */
static __u64 find_pointer(int kcore, const struct elf64_hdr *header, __u64 wanted)
{
	__u64 data = section_address(".data"), page[512];
	unsigned int i;

	if (!data || read_kernel(kcore, header, data, page, sizeof(page)))
		return 0;
	for (i = 0; i < ARRAY_SIZE(page); i++)
		if (page[i] == wanted)
			return data + i * sizeof(page[0]);
	return 0;
}

/* The call is through the pointer that the static call's key begins with. */
TEST_F_TIMEOUT(callsite, calls_kernel_clone_by_pointer, 120)
{
	__u64 clone = symbol("kernel_clone", 0);
	__u64 key = symbol("__SCK__spawnctl_kernel_clone", 1);
	__u64 target = 0;

	ASSERT_LT(0ULL, clone)
		TH_LOG("no addresses in " KALLSYMS ": is kernel.kptr_restrict 2?");
	if (!key)
		key = find_pointer(self->kcore, &self->header, clone);
	ASSERT_LT(0ULL, key);
	ASSERT_EQ(0, read_kernel(self->kcore, &self->header, key, &target, sizeof(target)));
	EXPECT_EQ(clone, target);
	/* With a trampoline the pointer may be unused: that needs ARCH_STATIC_CALLS */
	EXPECT_EQ(0ULL, symbol("__SCT__spawnctl_kernel_clone", 1));
}

#endif /* ARCH_STATIC_CALLS */

TEST_HARNESS_MAIN
