# SPDX-License-Identifier: GPL-2.0
# From an engine's seccomp profile, makes one that kills a process for fork, vfork, clone and
# clone3, so that it can start programs by a descriptor of the device only:
#     jq -f no-fork.jq /usr/share/containers/seccomp.json >no-fork.json
["fork", "vfork", "clone", "clone3"] as $calls
| .syscalls |= map(.names -= $calls | select(.names != []))
	+ [{names: $calls, action: "SCMP_ACT_KILL_PROCESS"}]
