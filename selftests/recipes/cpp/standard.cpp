// SPDX-License-Identifier: GPL-2.0
/*
 * standard HOW: starts /bin/true by posix_spawn(), or a shell by std::system()
 *
 *	$ c++ -std=c++17 -Wall -Wextra -o standard standard.cpp
 */
#include <cstdlib>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char name[] = "/bin/true";
	char *const arguments[] = { name, nullptr };
	pid_t pid;
	int status;

	if (argc > 1 && argv[1] == std::string("system"))
		return std::system("exit 0");
	if (posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) || waitpid(pid, &status, 0) != pid)
		return 1;
	return status;
}
