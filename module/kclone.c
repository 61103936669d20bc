// SPDX-License-Identifier: GPL-2.0
/*
 * Finds kernel_clone(), which is not exported, and calls it directly.
 *
 * Directly matters: on x86 kernels with IBT, the ENDBR of a function whose
 * address the kernel itself never takes is sealed at boot, and kernel_clone()
 * is one of those. A call through a pointer would be a #CP exception, that is a
 * panic, on a CPU that has IBT. A static call is patched into the code as a
 * direct call where the architecture has static calls; it costs no retpoline
 * either. Where it has none, it falls back to a pointer, and nothing is sealed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

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
		/* Nothing has to be armed to learn an address */
		.flags = KPROBE_FLAG_DISABLED,
	};
	typeof(kclone_unresolved) *entry;
	unsigned long addr, offset;
	int ret;

	ret = register_kprobe(&kp);
	if (ret) {
		pr_err("this kernel has no kernel_clone() to be found (error %d)\n", ret);
		return ret;
	}
	addr = (unsigned long)kp.addr;
	unregister_kprobe(&kp);

	/*
	 * On IBT kernels a kprobe sits behind the ENDBR. The call needs the
	 * symbol's start, as call-depth tracking reads the padding before it.
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
