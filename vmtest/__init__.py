# SPDX-License-Identifier: GPL-2.0
"""The test bench: builds the module on stock kernels, and runs the tests in guests."""
