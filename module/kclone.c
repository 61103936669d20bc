// SPDX-License-Identifier: GPL-2.0
/*
 * Finds kernel_clone(), which is not exported, and sets up the static call by which spawn.c
 * calls it.
 *
 * The call must be direct. At boot, an x86 kernel with IBT overwrites (seals) the ENDBR of
 * each function whose address the kernel never takes, and kernel_clone() is one of these.
 * On a CPU with IBT, a call through a pointer would raise a #CP exception, whose handler
 * calls BUG(). Where the architecture supports static calls, a static call is patched into
 * the code as a direct call, which also avoids a retpoline. Elsewhere it falls back to a
 * pointer, and nothing is sealed.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>

#include "spawnctl.h"

static pid_t kclone_unresolved(struct kernel_clone_args *args)
{
	return -ENXIO;
}

DEFINE_STATIC_CALL(spawnctl_kernel_clone, kclone_unresolved);

int __init spawnctl_kclone_init(void)
{
	static char name[KSYM_SYMBOL_LEN] __initdata;
	struct kprobe kp = {
		.symbol_name = "kernel_clone",
		/* The address is known without arming the kprobe */
		.flags = KPROBE_FLAG_DISABLED,
	};
	typeof(kclone_unresolved) *entry;
	unsigned long addr, offset;
	int ret;

	ret = register_kprobe(&kp);
	if (ret == -EINVAL && IS_ENABLED(CONFIG_RISCV)) {
		/* On 6.12 ftrace owns the first 8 bytes, where it allows no kprobe */
		kp = (struct kprobe){
			.symbol_name = "kernel_clone",
			.offset = 8,
			.flags = KPROBE_FLAG_DISABLED,
		};
		ret = register_kprobe(&kp);
	}
	if (ret) {
		pr_err("cannot find kernel_clone() in this kernel (error %d)\n", ret);
		return ret;
	}
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);

	/*
	 * On IBT kernels the kprobe's address is after the ENDBR. The call needs
	 * the start of the symbol, as call-depth tracking reads the padding
	 * before the call's target.
	 */
	sprint_symbol(name, addr);
	if (sscanf(name, "kernel_clone+0x%lx/", &offset) != 1 || offset >= 16) {
		pr_err("cannot tell where kernel_clone() begins: the probe is at %s\n", name);
		return -ENOENT;
	}
	entry = (typeof(entry))(addr - offset);
	static_call_update(spawnctl_kernel_clone, entry);
	return 0;
}
