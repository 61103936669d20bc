# SPDX-License-Identifier: GPL-2.0
#
# "make help" lists the targets. Kbuild builds the module.

VERSION := $(shell sed -n 's/^Version: *//p' META)
LINUX_MINIMUM := $(shell sed -n 's/^Linux-Minimum: *//p' META)
LINUX_TESTED := $(shell sed -n 's/^Linux-Tested: *//p' META)
SOVERSION := 0

PREFIX ?= /usr/local
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
UDEVDIR ?= $(PREFIX)/lib/udev
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
MODULESLOADDIR ?= /etc/modules-load.d
CDIDIR ?= /etc/cdi
APPARMORDIR ?= /etc/apparmor.d
SELINUXDEVEL ?= /usr/share/selinux/devel
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
UNITDIR ?= $(PREFIX)/lib/systemd/system
KDIR ?= /lib/modules/$(shell uname -r)/build
O := build/userlib

# As in the kernel's Makefile: overrides the environment, but not the command line
ifneq ($(CROSS_COMPILE),)
CC = $(CROSS_COMPILE)gcc
AR = $(CROSS_COMPILE)ar
endif

PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
LIB_CFLAGS = -std=gnu11 -Wall -Wextra -fPIC -fstack-clash-protection -Iuapi -Iuserlib \
	-Iuserlib/include -Iuserlib/arch/$(ARCH_DIR)
# musl-gcc has no directory for the kernel's headers. Those of the system come last, so that
# musl's own take precedence.
ifneq ($(shell $(CC) $(CPPFLAGS) $(CFLAGS) -include asm/unistd.h -E -x c /dev/null >/dev/null 2>&1 || echo none),)
SYSTEM_HEADERS := $(addprefix -idirafter ,/usr/include $(addprefix /usr/include/,$(shell $(CC) -print-multiarch)))
LIB_CFLAGS += $(SYSTEM_HEADERS)
endif
# The directory of the compiler's target: its name is that of the macro
ARCH_DIR := $(shell $(CC) $(CFLAGS) -dM -E -x c /dev/null | \
	sed -nE 's/^.define __(x86_64|i386|aarch64|arm)__ 1$$/\1/p; s/^.define __riscv_xlen /riscv/p')
ARCH_DIR := $(or $(ARCH_DIR),$(shell $(CC) -dumpmachine | cut -d- -f1))
LIB_SRC := $(wildcard userlib/*.c userlib/arch/$(ARCH_DIR)/*.S)
LIB_OBJ := $(patsubst userlib/%,$(O)/%.o,$(basename $(LIB_SRC)))
# These objects run in a child that shares the caller's memory and thread-local
# storage. A function of libc, or of a sanitizer's or profiler's runtime, would change
# the caller's state or overrun the child's stack. So no flag may add a call: neither
# for instrumentation nor in place of a loop or a copy.
CHILD_OBJ := $(O)/spawn_child.o $(O)/step_child.o $(O)/request_child.o
CHILD_WITHOUT = -p -pg --coverage -fcoverage% -ffat-lto% -fharden% -finstrument% -flto% -fprofile% \
	-fsanitize% -fsplit-stack -fstack-check% -fstack-protector% -ftest-coverage \
	-ftrivial-auto-var-init% -fxray%
CHILD_CFLAGS = $(filter-out $(CHILD_WITHOUT),$(CPPFLAGS) $(CFLAGS)) -fno-builtin \
	-fno-sanitize=all -fno-stack-protector $(foreach flag,$(CHILD_OPTIONS),$(call cc_option,$(flag)))
# Not every compiler and architecture has these options
CHILD_OPTIONS := -fno-tree-loop-distribute-patterns -minline-all-stringops
cc_option = $(shell $(CC) -Werror $(1) -c -x c -o /dev/null /dev/null 2>/dev/null && echo $(1))
LIB_HDR := $(wildcard userlib/*.h userlib/preload/*.h userlib/include/*.h userlib/include/*/*.h uapi/linux/*.h \
	userlib/arch/$(ARCH_DIR)/*.h)
# Changes if another compiler is chosen: objects of two C libraries do not go together
COMPILER := $(O)/compiler
LIB_SO := $(O)/libspawnctl.so.$(SOVERSION)
# The preload library: the standard names, with the whole library linked in. It knows the layout
# of glibc's structures only, so without glibc it is not built.
PRELOAD_SRC := $(wildcard userlib/preload/*.c userlib/arch/$(ARCH_DIR)/preload/*.S)
PRELOAD_OBJ := $(patsubst userlib/%,$(O)/%.o,$(basename $(PRELOAD_SRC)))
PRELOAD_SO := $(O)/libspawnctl-preload.so
PRELOAD := $(if $(shell $(CC) $(CPPFLAGS) $(CFLAGS) -include features.h -dM -E -x c /dev/null 2>/dev/null | \
	grep -w 'define __GLIBC__'),$(PRELOAD_SO))

# libgcc's outline atomics may lack BTI, and then the whole library would
ARCH_CFLAGS_x86_64 := -fcf-protection
ARCH_CFLAGS_i386 := -fcf-protection
ARCH_CFLAGS_aarch64 := -mbranch-protection=standard -mno-outline-atomics
LIB_CFLAGS += $(ARCH_CFLAGS_$(ARCH_DIR))

# Not part of all, because it needs libmnl and json-c
TOOL := build/tools/spawnctl
# The library that the command is linked with: static, or build/userlib/libspawnctl.so
TOOL_LIB ?= $(O)/libspawnctl.a

# Not part of all, because they need libseccomp
EXAMPLES := $(patsubst examples/%.c,build/examples/%,$(wildcard examples/*.c))

# Served by the test bench
VMTEST := check check-all check-debug soak programs engines recipes quick shell demo bench secure-boot deb deb-check rpm \
	lint fuzz-parsers mutants

INSTALL_TARGETS := install install-tools install-udev install-cdi install-apparmor install-service

.PHONY: always all userlib modules $(INSTALL_TARGETS) uninstall html selinux tools examples clean help test bench-native \
	dkms-tree $(VMTEST)

all: userlib

userlib: $(LIB_SO) $(O)/libspawnctl.so $(O)/libspawnctl.a $(PRELOAD)
	$(if $(PRELOAD),,@echo 'libspawnctl-preload.so is not built: it works with glibc only')

ifeq ($(wildcard userlib/arch/$(ARCH_DIR)/syscall.h),)
$(LIB_OBJ) $(PRELOAD_OBJ): ; $(error userlib/arch has no folder for $(or $(ARCH_DIR),the target of $(CC)): \
	see "To add an architecture" in docs/internals.md)
endif

$(COMPILER): always
	@mkdir -p $(@D)
	@echo '$(CC)' | cmp -s - $@ || echo '$(CC)' >$@

$(O)/%.o: userlib/%.c $(LIB_HDR) $(COMPILER)
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(CHILD_OBJ): $(O)/%.o: userlib/%.c $(LIB_HDR) $(COMPILER)
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CHILD_CFLAGS) -c -o $@ $<

$(O)/%.o: userlib/%.S $(LIB_HDR) $(COMPILER)
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB_SO): $(LIB_OBJ) userlib/libspawnctl.map
	$(CC) -shared -nostartfiles -Wl,-soname,$(@F) -Wl,--version-script,userlib/libspawnctl.map \
		-Wl,-z,relro,-z,now,-z,defs $(CFLAGS) $(LDFLAGS) -o $@ $(LIB_OBJ)

$(PRELOAD_SO): $(PRELOAD_OBJ) $(LIB_OBJ) userlib/preload/libspawnctl-preload.map
	$(CC) -shared -nostartfiles -Wl,-soname,$(@F) \
		-Wl,--version-script,userlib/preload/libspawnctl-preload.map \
		-Wl,-z,relro,-z,now,-z,defs $(CFLAGS) $(LDFLAGS) -o $@ $(PRELOAD_OBJ) $(LIB_OBJ) -ldl

$(O)/libspawnctl.so: $(LIB_SO)
	ln -sf $(<F) $@

$(O)/libspawnctl.a: $(LIB_OBJ)
	rm -f $@
	$(AR) qcs $@ $(LIB_OBJ)

tools: $(TOOL)

$(TOOL): $(wildcard tools/spawnctl/*.[ch] uapi/linux/*.h) META $(TOOL_LIB)
	@$(PKG_CONFIG) --exists libmnl json-c || { \
		echo 'spawnctl needs libmnl and json-c (Debian: libmnl-dev libjson-c-dev)' >&2; exit 1; }
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -Wshadow -D_GNU_SOURCE -Iuapi -Iuserlib/include -DVERSION='"$(VERSION)"' \
		-DLINUX_MINIMUM='"$(LINUX_MINIMUM)"' -DLINUX_TESTED='"$(LINUX_TESTED)"' \
		$$($(PKG_CONFIG) --cflags libmnl json-c) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ \
		$(filter-out %.h META,$^) $$($(PKG_CONFIG) --libs libmnl json-c)

examples: $(EXAMPLES)

build/examples/%: examples/%.c examples/confine.h $(O)/libspawnctl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Wall -Wextra -Iuapi -Iuserlib/include $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ \
		$< $(O)/libspawnctl.a $$($(PKG_CONFIG) --cflags --libs libseccomp)

modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(KBUILD_ARGS) modules

install: userlib
	install -d $(DESTDIR)$(INCLUDEDIR)/linux $(DESTDIR)$(INCLUDEDIR)/spawnctl
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 userlib/include/spawnctl.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 userlib/include/spawnctl/*.h $(DESTDIR)$(INCLUDEDIR)/spawnctl
	install -m 644 uapi/linux/*.h $(DESTDIR)$(INCLUDEDIR)/linux
	install -d $(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(MANDIR)/man4 $(DESTDIR)$(MANDIR)/man7
	install -m 644 man/*.3 $(DESTDIR)$(MANDIR)/man3
	install -m 644 man/*.4 $(DESTDIR)$(MANDIR)/man4
	install -m 644 man/*.7 $(DESTDIR)$(MANDIR)/man7
	for page in $(notdir $(wildcard man/*.3)); do \
		for name in $$(sed -n '/^.Sh NAME/,/^.Nd/s/^.Nm \([^ ]*\).*/\1.3/p' "man/$$page"); do \
			[ "$$name" = "$$page" ] || ln -sf "$$page" "$(DESTDIR)$(MANDIR)/man3/$$name"; \
		done; \
	done
	install -m 644 $(O)/libspawnctl.a $(LIB_SO) $(PRELOAD) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(LIB_SO)) $(DESTDIR)$(LIBDIR)/libspawnctl.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's| @SYSTEM_HEADERS@|$(if $(SYSTEM_HEADERS), $(SYSTEM_HEADERS))|' \
		userlib/spawnctl.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/spawnctl.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/spawnctl.pc

install-tools: tools
	install -D -m 755 $(TOOL) $(DESTDIR)$(PREFIX)/bin/spawnctl
	install -D -m 644 man/spawnctl.8 $(DESTDIR)$(MANDIR)/man8/spawnctl.8
	install -D -m 644 tools/spawnctl/completion/spawnctl.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/spawnctl
	install -D -m 644 tools/spawnctl/completion/_spawnctl \
		$(DESTDIR)$(ZSHDIR)/_spawnctl

# udev and systemd-sysusers read /usr/local/lib, /usr/lib and /etc. An existing file in
# modules-load.d is left alone, because the administrator may have edited it
install-udev:
	install -D -m 644 udev/60-spawnctl.rules $(DESTDIR)$(UDEVDIR)/rules.d/60-spawnctl.rules
	install -D -m 644 udev/spawnctl.sysusers $(DESTDIR)$(SYSUSERSDIR)/spawnctl.conf
	[ -e $(DESTDIR)$(MODULESLOADDIR)/spawnctl.conf ] || \
		install -D -m 644 udev/spawnctl.modules-load $(DESTDIR)$(MODULESLOADDIR)/spawnctl.conf

install-apparmor:
	install -D -m 644 apparmor/spawnctl $(DESTDIR)$(APPARMORDIR)/abstractions/spawnctl

# A policy module for the reference policy; semodule -i installs it
selinux:
	mkdir -p build/selinux
	cp selinux/* build/selinux
	$(MAKE) -C build/selinux -f $(SELINUXDEVEL)/Makefile spawnctl.pp

# Nothing is started: there is no policy yet
install-service:
	install -d $(DESTDIR)$(UNITDIR)
	install -m 644 systemd/spawnctl.socket $(DESTDIR)$(UNITDIR)
	sed 's|/usr/bin/spawnctl|$(PREFIX)/bin/spawnctl|' systemd/spawnctl.service \
		> $(DESTDIR)$(UNITDIR)/spawnctl.service
	chmod 644 $(DESTDIR)$(UNITDIR)/spawnctl.service
	install -D -m 644 systemd/spawnctl-serve.sysusers $(DESTDIR)$(SYSUSERSDIR)/spawnctl-serve.conf

# Podman and Docker read /etc/cdi and /var/run/cdi, and no directory below /usr
install-cdi:
	install -D -m 644 cdi/spawnctl.json $(DESTDIR)$(CDIDIR)/spawnctl.json

# Removes what these targets would install, with the same variables. To find out, they install into
# a directory of their own, with empty files in place of what is built (-o: do not build it). An
# edited file in modules-load.d is left, and so are directories that others may use.
UNINSTALL := build/uninstall
uninstall:
	@rm -rf $(UNINSTALL)
	@mkdir -p $(UNINSTALL)/made
	@touch $(addprefix $(UNINSTALL)/made/,$(notdir $(LIB_SO) $(PRELOAD_SO) $(TOOL)) libspawnctl.a)
	@$(MAKE) -s -o userlib -o tools $(INSTALL_TARGETS) DESTDIR=$(UNINSTALL)/root O=$(UNINSTALL)/made \
		TOOL=$(UNINSTALL)/made/$(notdir $(TOOL))
	@(cd $(UNINSTALL)/root && find . ! -type d) | while read -r file; do \
		case $$file in \
		.$(MODULESLOADDIR)/*) \
			if [ -e "$(DESTDIR)/$$file" ] && ! cmp -s "$(UNINSTALL)/root/$$file" "$(DESTDIR)/$$file"; then \
				echo "$(DESTDIR)$${file#.} is left, because it was edited"; \
				continue; \
			fi ;; \
		esac; \
		rm -f "$(DESTDIR)/$$file"; \
	done
	@(cd $(UNINSTALL)/root && find . -type d -name spawnctl) | while read -r directory; do \
		rmdir "$(DESTDIR)/$$directory" 2>/dev/null || :; \
	done
	@rm -rf $(UNINSTALL)

# docs/, README and the manual pages
html:
	docs/html/build build/html

# The source of the module, installed where a package would put it
dkms-tree:
	install -d $(DESTDIR)/usr/src/spawnctl-$(VERSION)
	cp -r Kbuild Makefile META dkms.conf module uapi LICENSES $(DESTDIR)/usr/src/spawnctl-$(VERSION)

test: userlib
	selftests/elf.sh $(O)
	selftests/builds.sh
	selftests/uninstall.sh

bench-native:
	bench/native $(CASE)

# The test bench. T and K can name several: make check T="sto* stop" K="6.1 7.3"
K ?= $(KERNEL)
option = $(if $(2),$(1) "$(2)")
chosen = $(call option,-t,$(T)) $(call option,-k,$(K))
check: COMMAND = check $(chosen)
check-all: COMMAND = check --all $(chosen) $(call option,--repeat,$(REPEAT))
check-debug: COMMAND = check $(call option,-t,$(T)) -k "$(or $(K),debug race)"
soak: COMMAND = check --soak $(chosen)
programs engines recipes: COMMAND = $@ $(call option,-k,$(K)) $(CASE)
quick shell: COMMAND = $@ $(call option,-k,$(K))
demo bench secure-boot: COMMAND = $@ $(K)
# Not the variable of a kernel developer's environment
deb: COMMAND = $@ $(if $(filter command,$(origin ARCH)),$(call option,--arch,$(ARCH))) $(if $(TWICE),--twice) $(SUITE)
deb-check: COMMAND = $@ $(SUITE)
rpm: COMMAND = $@
lint: COMMAND = $@ $(FILES)
fuzz-parsers: COMMAND = $@ $(TIME)
mutants: COMMAND = $@ $(MUTANTS)

$(VMTEST):
	python3 -m vmtest $(COMMAND)

clean:
	rm -rf build
	find . -name '*.o' -o -name '*.ko' -o -name '*.mod' ! -name go.mod -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name modules.order -o -name Module.symvers | xargs rm -f

help:
	@echo 'make                   build the library into build/userlib'
	@echo '                       (CROSS_COMPILE=aarch64-linux-gnu-: for another machine)'
	@echo 'make install           install library, headers and manual pages; needs no kernel headers'
	@echo '                       (PREFIX=/usr/local DESTDIR= LIBDIR=PREFIX/lib INCLUDEDIR=PREFIX/include'
	@echo '                       MANDIR=PREFIX/share/man)'
	@echo 'make install-udev      install the rule that lets the group spawnctl open the device'
	@echo '                       (UDEVDIR=PREFIX/lib/udev SYSUSERSDIR=PREFIX/lib/sysusers.d), and'
	@echo '                       a modules-load.d file in which the module is commented out'
	@echo '                       (MODULESLOADDIR=/etc/modules-load.d)'
	@echo 'make install-cdi       install the CDI specification, so that a container engine gives a container'
	@echo '                       the device by --device spawnctl/device=all (CDIDIR=/etc/cdi)'
	@echo 'make tools             build the command spawnctl into build/tools; needs libmnl and json-c'
	@echo 'make install-tools     install the command, its manual page and its completions'
	@echo '                       (PREFIX=/usr/local DESTDIR= ZSHDIR= MANDIR=)'
	@echo 'make install-apparmor  install the AppArmor abstraction (APPARMORDIR=/etc/apparmor.d)'
	@echo 'make selinux           compile a policy module of SELinux into build/selinux; needs selinux-policy-dev'
	@echo 'make install-service   install the units of systemd for spawnctl serve, and their user'
	@echo '                       (PREFIX=/usr/local DESTDIR= UNITDIR=PREFIX/lib/systemd/system)'
	@echo 'make uninstall         remove what the install targets have installed, with the same variables;'
	@echo '                       leaves an edited file in modules-load.d'
	@echo 'make examples          build examples/ into build/examples; needs libseccomp'
	@echo 'make html              make the documents and manual pages into build/html; needs pandoc and mandoc'
	@echo 'make modules           build the module for the running kernel, or for KDIR=HEADERS'
	@echo 'make dkms-tree         copy the source of the module to /usr/src/spawnctl-$(VERSION) for DKMS'
	@echo '                       (DESTDIR=)'
	@echo 'make deb               build the Debian packages into build/deb/trixie, and check them with'
	@echo '                       lintian (SUITE=bookworm)'
	@echo '                       (ARCH="arm64 i386": cross-built, into build/deb/trixie-arm64)'
	@echo '                       (TWICE=1: build them again, elsewhere; both must be the same, bit by bit)'
	@echo 'make deb-check         run the tests of the packages (debian/tests) with autopkgtest: install,'
	@echo '                       use, upgrade and purge (both suites, or SUITE=bookworm)'
	@echo 'make rpm               build RPM packages into build/rpm by the rpmbuild of trixie, and compare them'
	@echo '                       with what the install targets install'
	@echo 'make demo              show in a guest that neither a storm of signals nor a stop signal'
	@echo '                       disturbs a spawn'
	@echo 'make test              check symbols and instrumentation of the library, without a guest'
	@echo 'make quick             lint what has changed, test the library on this machine, and run the'
	@echo '                       selftests on one kernel with the smallest counts (K=6.12)'
	@echo 'make check T=storm     run one test program on one kernel (T="sto* stop" K=7.3); builds what has'
	@echo '                       changed'
	@echo 'make check             run all that has to pass, on all stock kernels, or with K=6.1 on one of'
	@echo '                       $(LINUX_TESTED)'
	@echo 'make check-all         run all jobs on all kernels of vmtest/matrix.toml: debug and real-time, too'
	@echo '                       (T="storm stop" K=6.12 REPEAT=50: these tests, so many times)'
	@echo 'make check-debug       run all tests on debug kernels, built from source: KASAN, lockdep,'
	@echo '                       kmemleak, coverage; KCSAN on PREEMPT_RT (K=debug or race)'
	@echo 'make soak              run make check with the full iteration counts (otherwise 1/30)'
	@echo 'make programs          run only the part of make check that runs real programs under the'
	@echo '                       preload library (K=7.3 CASE="python make")'
	@echo 'make engines           run only the part of make check that runs container engines'
	@echo '                       (K=6.12 CASE="podman docker")'
	@echo 'make recipes           run only the part of make check that runs the recipes of examples/ in other'
	@echo '                       languages (K=6.12 CASE="python go")'
	@echo 'make secure-boot       test the module signed by DKMS under Secure Boot and lockdown, with and'
	@echo '                       without an enrolled key, on 6.1 and 6.12 (K=6.12)'
	@echo 'make shell             boot a guest with the module, the tests and a terminal (K=6.12)'
	@echo 'make bench             measure the cost of a spawn, compared with libc, vfork and fork, in'
	@echo '                       guests: tables, build/bench/report.md, results.json and plots (K=6.12)'
	@echo 'make bench-native      measure it on this machine, with the module if it is loaded'
	@echo '                       (CASE="noop typical")'
	@echo 'make lint              run checkpatch, sparse, W=1, cppcheck, shellcheck, codespell, mypy and the'
	@echo '                       unit tests of vmtest/; compile each public header alone; check prose and'
	@echo '                       manual pages (FILES="module/spawn.c man/spawnctl.4")'
	@echo 'make fuzz-parsers      fuzz the parsers of the library (environment) and of the command'
	@echo '                       (messages, policy) with libFuzzer (TIME=30, seconds for each parser)'
	@echo 'make mutants           build small faults into module, library and command, one at a time; the'
	@echo '                       test named for each must fail (MUTANTS="limit-* held-*")'
	@echo 'make clean             remove the files that were built'
