#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In a full Debian system: CPython, alone and with the preload library over the device.
cd -P "$(dirname "$0")" || exit
export BENCH_UNIT=instructions
python3 python.py /bench/noop cpython &&
	LD_PRELOAD=libspawnctl-preload.so SPAWNCTL_BACKEND=device \
		python3 python.py /bench/noop cpython+preload
