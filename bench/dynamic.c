// SPDX-License-Identifier: GPL-2.0
/* A program that does nothing, with a C library to be loaded first. */
int main(void)
{
	return 0;
}
