// SPDX-License-Identifier: GPL-2.0
/*
 * faults: what the recipe does with errors and with unusual options, a line for each
 *
 *	$ c++ -Wall -Wextra -I.. -o faults faults.cpp $(pkg-config --cflags --libs spawnctl)
 */
#include <spawnctl.hpp>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <sys/syscall.h>

using spawnctl::command;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

static int killed;

/* In place of libc's. The process id that it gets can be another process's */
extern "C" int kill(pid_t pid, int signal) noexcept
{
	killed++;
	return syscall(SYS_kill, pid, signal);
}

static void show(const char *what, const std::function<std::string()> &call)
{
	std::cout << what << ": ";
	try {
		std::cout << call() << "\n";
	} catch (const spawnctl::error &error) {
		std::cout << error.step() << ", " << error.code().value() << "\n";
	} catch (const std::invalid_argument &) {
		std::cout << "refused\n";
	}
}

static std::string code(spawnctl::process &child)
{
	return std::to_string(child.wait().code());
}

static std::string output(command what)
{
	auto child = what.pipe(1).start();
	auto text = child.out.read_all();

	child.wait();
	while (!text.empty() && text.back() == '\n')
		text.pop_back();
	return text;
}

static std::string ended(milliseconds timeout)
{
	auto child = command("sleep").arg("0.2").start();

	return child.wait_for(timeout) ? "ended" : "time-out";
}

static void reaped()
{
	auto child = command("true").start();

	waitpid(child.pid(), nullptr, 0);
	show("reaped by other code, wait", [&] { return code(child); });
	show("reaped by other code, wait_for", [&] { child.wait_for(1ms); return "no error"; });
	child.kill(SIGKILL);

	std::signal(SIGCHLD, SIG_IGN);
	{
		auto ignored = command("true").start();

		show("SIGCHLD ignored, wait", [&] { return code(ignored); });
		auto dropped = command("sleep").arg("100").start();
	}
	std::signal(SIGCHLD, SIG_DFL);
}

int main()
{
	const auto env = command("/usr/bin/env"), without = command(env).arg("-u").arg("A");
	const std::string path = getenv("PATH");

	reaped();
	std::cout << "kills by process id: " << killed << "\n";
	show("killed", [] {
		auto child = command("sleep").arg("100").start();

		child.kill(SIGKILL);
		return code(child);
	});

	show("variable twice", [&] { return output(command(env).env("A", "b").env("A", "c")); });
	show("longer name", [&] { return output(command(without).env("AB", "1").env("A", "2")); });
	show("name with =", [&] { return output(command(env).env("A=B", "c")); });
	show("empty name", [&] { return output(command(env).env("", "c")); });

	const int none = open("/none/log", O_WRONLY);

	show("open() that failed", [&] { return output(command("true").redirect(2, none)); });
	show("descriptor -2", [] { return output(command("true").redirect(2, -2)); });
	show("empty directory", [] { return output(command("pwd").directory("")); });

	show("longest time-out", [] { return ended(milliseconds::max()); });
	/* As an int: 1 */
	show("time-out above 49 days", [] { return ended(milliseconds((1LL << 32) + 1)); });
	show("time-out in the past", [] { return ended(milliseconds::min()); });
	show("time-out of 10 ms", [] { return ended(10ms); });

	/* Only the caller's PATH has this program */
	char directory[] = "/tmp/spawnctl-cpp-XXXXXX";
	const auto echo = command("spawnctl-echo").arg("found");
	const auto usual = command("echo").arg("found");
	const std::string bin = std::string(mkdtemp(directory)) + "/bin";

	std::filesystem::create_directory(bin);
	std::filesystem::create_symlink("/bin/echo", bin + "/spawnctl-echo");
	setenv("PATH", bin.c_str(), 1);
	show("caller's PATH", [&] { return output(echo); });
	show("env without PATH", [&] { return output(command(echo).env("A", "b")); });
	show("env without PATH, /bin", [&] { return output(command(usual).env("A", "b")); });
	show("env with PATH", [&] { return output(command(echo).env("PATH", bin)); });
	show("env with another PATH", [&] { return output(command(echo).env("PATH", path)); });
	show("env with a relative PATH", [&] {
		return output(command(echo).env("PATH", "bin").directory(directory));
	});
	std::filesystem::remove_all(directory);
}
