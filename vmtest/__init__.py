# SPDX-License-Identifier: GPL-2.0
"""The test bench: builds the module on stock kernels, and runs the tests in guests."""

import sys

if sys.version_info < (3, 11):
    raise SystemExit("vmtest needs Python 3.11 or newer (Debian 12)")
