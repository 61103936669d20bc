// SPDX-License-Identifier: GPL-2.0
/* A program that does nothing, but must load a C library first. */
int main(void)
{
	return 0;
}
