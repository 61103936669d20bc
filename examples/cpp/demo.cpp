// SPDX-License-Identifier: GPL-2.0
/* demo [device]: what a program does with spawnctl.hpp, which has the command that compiles both */
#include "spawnctl.hpp"

#include <filesystem>
#include <iostream>

using spawnctl::command;
using namespace std::chrono_literals;

static std::string failure(command what)
{
	try {
		what.pipe(0).pipe(1).start();
	} catch (const spawnctl::error &error) {
		return error.step() + ", " + std::to_string(error.code().value());
	}
	return "none";
}

static long descriptors()
{
	namespace fs = std::filesystem;

	return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

static void demo(bool demand)
{
	auto filter = command("tr").arg("a-z").arg("A-Z").pipe(0).pipe(1)
		.backend(demand ? SPAWNCTL_BACKEND_DEVICE : SPAWNCTL_BACKEND_ANY).start();

	filter.in.write_all("hello");
	filter.in.close();
	std::cout << "backend: " << filter.backend() << "\noutput: " << filter.out.read_all()
		  << "\n";
	filter.wait();

	auto shell = command("sh").arg("-c").arg("pwd; echo $A; ls /proc/self/fd | wc -l; exit 3")
		.env("A", "b").env("PATH", "/usr/bin").directory("/usr").pipe(1).start();
	auto text = shell.out.read_all();
	for (auto &c : text)
		c = c == '\n' ? ' ' : c;
	std::cout << "directory, environment, descriptors: " << text << "\nstatus: "
		  << shell.wait().code() << "\n";

	const long before = descriptors();
	std::cout << "no program: " << failure(command("/none")) << "\nno directory: "
		  << failure(command("true").directory("/none")) << "\n";
	try {
		command("true").arg(std::string("a\0b", 3));
	} catch (const std::invalid_argument &error) {
		std::cout << "null: " << error.what() << "\n";
	}

	auto sleeper = command("sleep").arg("100").start();
	if (!sleeper.wait_for(100ms))
		sleeper.kill(SIGTERM);
	std::cout << "after a time-out: " << sleeper.wait().code() << "\n";

	for (int i = 0; i < 30; i++) {
		command("true").redirect(2, 1).pipe(0).pipe(1).start().wait();
		failure(command("/none"));
		/* Killed and reaped by the destructor */
		command("sleep").arg("100").pipe(1).start();
	}
	/* The pidfd of sleeper, which has ended, is among them */
	std::cout << "descriptors left open: " << descriptors() - before - 1 << "\n";
}

int main(int argc, char **argv)
try {
	demo(argc > 1 && argv[1] == std::string("device"));
} catch (const std::exception &error) {
	std::cerr << error.what() << "\n";
	return 1;
}
