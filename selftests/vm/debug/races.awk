# SPDX-License-Identifier: GPL-2.0
# A kernel's log, without those data races of KCSAN's finding that are the kernel's
# own: where neither stack comes to the module before it comes to kernel_clone(),
# under which all is the kernel's until it calls a probe.

# KCSAN's own trouble with the stack of an access that it thinks reordered
/Cannot find frame for .* in stack trace/ { astray = 1 }
/end trace/ { astray = 0 }
astray { next }

/BUG: KCSAN:/ { inside = 1; block = ""; ours = 0; module = 1 }
!inside { print; next }
{ block = block $0 "\n" }
/ of [0-9]+ bytes by / { module = 1 }
/ kernel_clone\+/ { module = 0 }
module && /\[spawnctl/ { ours = 1 }
/=====/ {
	if (ours)
		printf "%s", block
	inside = 0
}
END {
	if (inside)
		printf "%s", block
}
