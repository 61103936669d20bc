// SPDX-License-Identifier: GPL-2.0
/*
 * A builder of commands, by libspawnctl: types that own the descriptors, the lists and the child,
 * and an exception that names the failed step. A header for C++17; demo.cpp uses it:
 *
 *	$ c++ -std=c++17 -O2 -Wall -Wextra -o demo demo.cpp $(pkg-config --cflags --libs spawnctl)
 *
 *	posix_spawn(3)			here
 *	argv, envp, posix_spawnp()	command::arg(), env(): spawnctl_spawnp_result(), setpath()
 *	addopen, adddup2		redirect(), pipe(): spawnctl_file_actions_adddup2()
 *	addchdir_np			directory(): spawnctl_file_actions_addchdir()
 *	addclosefrom_np			always: spawnctl_file_actions_addclosefrom(3), the last
 *	POSIX_SPAWN_SETSIGDEF		not used: what the caller ignores, the child ignores
 *	pidfd_spawnp()			always: SPAWNCTL_SPAWN_PIDFD
 *	(none)				backend(): spawnctl_attr_setbackend()
 */
#ifndef SPAWNCTL_HPP
#define SPAWNCTL_HPP

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <poll.h>
#include <spawnctl/spawn.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace spawnctl {

/* code() is the errno, step() where: the name of an action, or of an enum spawnctl_step */
class error : public std::system_error {
public:
	error(int number, std::string step, const std::string &what)
		: system_error(number, std::generic_category(), step + ": " + what),
		  step_(std::move(step)) {}
	const std::string &step() const noexcept { return step_; }

private:
	std::string step_;
};

/* The step is "prepare" as long as there is no child */
inline void check(int number, const char *what, const char *step = "prepare")
{
	if (number)
		throw error(number, step, what);
}

template<typename T>
std::unique_ptr<T, int (*)(T *)> make(int (*init)(T **), int (*destroy)(T *))
{
	T *made = nullptr;

	check(init(&made), "memory");
	return { made, destroy };
}

/* A descriptor with one owner, as std::unique_ptr */
class descriptor {
public:
	explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
	descriptor(descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	descriptor &operator=(descriptor &&other) noexcept
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	~descriptor() { close(); }
	/* Not again after EINTR: Linux has closed it by then */
	void close() noexcept
	{
		if (fd_ >= 0)
			::close(std::exchange(fd_, -1));
	}
	int get() const noexcept { return fd_; }

	/* Until the end. Not for two pipes: one fills while the other is read. Use poll(2) */
	std::string read_all() const
	{
		std::string text;
		char buffer[4096];
		ssize_t n;

		while ((n = ::read(fd_, buffer, sizeof(buffer))) != 0) {
			if (n > 0)
				text.append(buffer, n);
			else if (errno != EINTR)
				check(errno, "pipe", "read");
		}
		return text;
	}
	/* EPIPE, if the reader has ended and SIGPIPE is ignored */
	void write_all(std::string_view text) const
	{
		while (!text.empty()) {
			ssize_t n = ::write(fd_, text.data(), text.size());

			if (n >= 0)
				text.remove_prefix(n);
			else if (errno != EINTR)
				check(errno, "pipe", "write");
		}
	}

private:
	int fd_;
};

/* How a child has ended */
struct status {
	int raw;
	bool exited() const noexcept { return WIFEXITED(raw); }
	int code() const noexcept { return exited() ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }
};

/*
 * A child, which has executed its program. If the caller has not waited for it, the destructor
 * kills and reaps it. If other code has reaped it (waitpid(-1)), or SIGCHLD is ignored, wait() and
 * wait_for() throw ECHILD. Only the pidfd is used: the process id can be another process's by then.
 */
class process {
public:
	process(process &&) = default;
	~process()
	{
		if (pidfd_.get() >= 0 && !status_) {
			kill(SIGKILL);
			reap();
		}
	}
	status wait() { return *wait_for(std::nullopt); }
	std::optional<status> wait_for(std::optional<std::chrono::milliseconds> timeout)
	{
		using namespace std::chrono;
		/* More than these overflows the clock, or poll() */
		const milliseconds never = hours(24 * 365 * 100), day = hours(24);
		const auto limit = std::clamp(timeout.value_or(never), 0ms, never);
		const auto end = steady_clock::now() + limit;
		struct pollfd ended = { pidfd_.get(), POLLIN, 0 };

		while (!status_) {
			const auto left = ceil<milliseconds>(end - steady_clock::now());
			int n = poll(&ended, 1, int(std::clamp(left, 0ms, day).count()));

			if (n > 0)
				check(reap(), "status", "wait");
			else if (n == 0 && left <= day)
				return std::nullopt;
			else if (n < 0 && errno != EINTR)
				check(errno, "poll", "wait");
		}
		return status_;
	}
	void kill(int signal) noexcept
	{
		syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
	}
	pid_t pid() const noexcept { return pid_; }
	const char *backend() const noexcept { return backend_; }
	/* The caller's ends of pipe(0), pipe(1), pipe(2) */
	descriptor in, out, err;

private:
	friend class command;
	process() = default;
	int reap() noexcept
	{
		siginfo_t info;

		while (waitid(P_PIDFD, pidfd_.get(), &info, WEXITED))
			if (errno != EINTR)
				return errno;
		/* As waitpid(2) has it */
		status_ = status { info.si_code == CLD_EXITED ? info.si_status << 8 :
				   info.si_code == CLD_DUMPED ? info.si_status | 0x80 :
				   info.si_status };
		return 0;
	}
	pid_t pid_ = -1;
	descriptor pidfd_;
	std::optional<status> status_;
	const char *backend_ = "";
};

/* What is to be started; start() can be called more than once */
class command {
public:
	explicit command(std::string file) { arg(std::move(file)); }
	command &arg(std::string text) { argv_.push_back(checked(std::move(text))); return *this; }
	/*
	 * Without a call of env() the child inherits the environment; the first call empties it.
	 * The program is then searched in the PATH set here, else in /bin:/usr/bin. What is
	 * relative in PATH is so to directory().
	 */
	command &env(const std::string &name, const std::string &value)
	{
		const auto same = [&](const auto &old) { return old.rfind(name + "=", 0) == 0; };

		if (name.empty() || name.find('=') != std::string::npos)
			throw std::invalid_argument("name of a variable");
		auto text = checked(name + "=" + value);
		if (!envp_)
			envp_.emplace();
		/* Of two with the same name, getenv() finds the first */
		envp_->erase(std::remove_if(envp_->begin(), envp_->end(), same), envp_->end());
		envp_->push_back(std::move(text));
		if (name == "PATH")
			path_ = value;
		return *this;
	}
	command &directory(std::string path)
	{
		directory_ = checked(std::move(path));
		return *this;
	}
	/* The child's descriptor target, 0 to 2, is a copy of fd, which stays the caller's */
	command &redirect(int target, int fd)
	{
		check(fd < 0 ? EBADF : 0, "redirect");
		streams_.at(target) = fd;
		return *this;
	}
	command &pipe(int target) { streams_.at(target) = PIPE; return *this; }
	command &backend(enum spawnctl_backend demanded) { backend_ = demanded; return *this; }

	process start() const
	{
		process child;
		descriptor *const ours[] = { &child.in, &child.out, &child.err };
		std::vector<descriptor> ends;
		std::vector<const char *> names;
		auto actions = make(spawnctl_file_actions_init, spawnctl_file_actions_destroy);
		auto attr = make(spawnctl_attr_init, spawnctl_attr_destroy);
		enum spawnctl_backend chosen;
		struct spawnctl_result result = {};

		for (int target = 0; target < 3; target++) {
			int fd = streams_[target], pair[2];
			descriptor far;

			if (fd == INHERIT)
				continue;
			if (fd == PIPE) {
				check(pipe2(pair, O_CLOEXEC) ? errno : 0, "pipe");
				*ours[target] = descriptor(pair[target == 0]);
				far = descriptor(fd = pair[target != 0]);
			}
			/* From 3 on: adddup2() onto 0 to 2 could replace what a later one needs */
			descriptor end(fcntl(fd, F_DUPFD_CLOEXEC, 3));
			check(end.get() < 0 ? errno : 0, "redirect");
			check(spawnctl_file_actions_adddup2(actions.get(), end.get(), target),
			      "dup2");
			ends.push_back(std::move(end));
			names.push_back("dup2");
		}
		if (directory_) {
			check(spawnctl_file_actions_addchdir(actions.get(), directory_->c_str()),
			      "chdir");
			names.push_back("chdir");
		}
		check(spawnctl_file_actions_addclosefrom(actions.get(), 3), "closefrom");
		names.push_back("closefrom");
		check(spawnctl_attr_setflags(attr.get(), SPAWNCTL_SPAWN_PIDFD), "flags");
		if (envp_)
			check(spawnctl_attr_setpath(attr.get(), path_.c_str()), "path");
		check(spawnctl_attr_setbackend(attr.get(), backend_), "backend");
		check(spawnctl_get_backend(attr.get(), &chosen), "backend");

		result.size = sizeof(result);
		int number = spawnctl_spawnp_result(&result, argv_[0].c_str(), actions.get(),
						    attr.get(), pointers(argv_).data(),
						    envp_ ? pointers(*envp_).data() : environ);
		if (number) {
			std::string step = result.action >= 0 ? names.at(result.action)
							      : spawnctl_step_name(result.step);
			throw error(number, step, step == "chdir" ? *directory_ : argv_[0]);
		}
		child.pid_ = result.pid;
		child.pidfd_ = descriptor(result.pidfd);
		child.backend_ = chosen == SPAWNCTL_BACKEND_DEVICE ? "device" :
				 chosen == SPAWNCTL_BACKEND_CLONE3 ? "clone3" : "clone";
		return child;
	}

private:
	static constexpr int INHERIT = -1, PIPE = -2;

	/* C would use what is before a null character */
	static std::string checked(std::string text)
	{
		if (text.find('\0') != std::string::npos)
			throw std::invalid_argument("null character in an argument");
		return text;
	}
	static std::vector<char *> pointers(const std::vector<std::string> &texts)
	{
		std::vector<char *> list;

		for (const auto &text : texts)
			list.push_back(const_cast<char *>(text.c_str()));
		list.push_back(nullptr);
		return list;
	}
	std::vector<std::string> argv_;
	std::optional<std::vector<std::string>> envp_;
	std::string path_ = "/bin:/usr/bin";
	std::optional<std::string> directory_;
	std::array<int, 3> streams_ = { INHERIT, INHERIT, INHERIT };
	enum spawnctl_backend backend_ = SPAWNCTL_BACKEND_ANY;
};

} // namespace spawnctl

#endif /* SPAWNCTL_HPP */
