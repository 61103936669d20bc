// SPDX-License-Identifier: GPL-2.0

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * ProcessBuilder by libspawnctl and the foreign function API (JDK 23 and later), with an exception
 * that names the failed step. Demo.java uses it:
 *
 *     $ javac -Xlint:all,-restricted -d . Spawnctl.java Demo.java
 *     java --enable-native-access=ALL-UNNAMED -cp . Demo
 *
 *     ProcessBuilder                 libspawnctl
 *     command, environment           spawnctl_spawnp_result()
 *     redirectInput, ...             redirect(): spawnctl_file_actions_adddup2()
 *     directory                      spawnctl_file_actions_addchdir()
 *     (always)                       spawnctl_file_actions_addclosefrom(3), the last action
 *     signals                        SPAWNCTL_SPAWN_SETSIGMASK, SPAWNCTL_SPAWN_SETSIGDEF
 *     Process.waitFor(timeout)       SPAWNCTL_SPAWN_PIDFD, poll(2), waitid(2)
 *     (none)                         backend(): spawnctl_attr_setbackend()
 *
 * docs/runtimes.md has all options of ProcessBuilder. The process is unknown to java.lang.Process:
 * the runtime's reaper waits for its own children only. While a thread is in the spawn, it is in
 * native code for the runtime, so garbage collection does not wait for it.
 */
final class Spawnctl {
	enum Backend { ANY, DEVICE, CLONE3, CLONE }

	/** What a stream of the child is: PIPE, INHERIT, or, from 0 on, a descriptor of this process */
	static final int INHERIT = -1, PIPE = -2;

	/** What waitFor() returns if SIGCHLD is ignored, or other code has reaped the child */
	static final int UNKNOWN = -1;

	/** There is no child. step is the name of an action, or of an enum spawnctl_step */
	static final class SpawnException extends IOException {
		private static final long serialVersionUID = 1;
		final String step;
		final int errno;

		SpawnException(String step, int errno, String what) {
			super(step + ": " + what + ": " + text("strerror", errno));
			this.step = step;
			this.errno = errno;
		}
	}

	private static final int FLAGS = 0x10000c;	// SPAWNCTL_SPAWN_PIDFD, _SETSIGMASK, _SETSIGDEF
	private static final int EINTR = 4, SIGKILL = 9, SIGPIPE = 13, F_DUPFD_CLOEXEC = 1030;
	private static final int O_CLOEXEC = 02000000, P_PIDFD = 3, WEXITED = 4, CLD_EXITED = 1;
	private static final long PIDFD_SEND_SIGNAL = 424;	// a function since glibc 2.36
	private static final short POLLIN = 1;
	private static final Map<String, Integer> VARIADIC = Map.of("fcntl", 2, "syscall", 1);

	private static final Linker LINKER = Linker.nativeLinker();
	private static final SymbolLookup SYMBOLS =
		SymbolLookup.libraryLookup("libspawnctl.so.0", Arena.global())
			.or(LINKER.defaultLookup());
	private static final Map<String, MethodHandle> FUNCTIONS = new ConcurrentHashMap<>();

	/** Calls a function that returns an int. What libc stores in errno follows as a negative value */
	private static int call(String name, Object... arguments) {
		var all = new ArrayList<Object>();
		try (var arena = Arena.ofConfined()) {
			var state = arena.allocate(Linker.Option.captureStateLayout());
			all.add(state);
			all.addAll(Arrays.asList(arguments));
			var handle = FUNCTIONS.computeIfAbsent(name, _ -> function(name, arguments));
			int value = (int) handle.invokeWithArguments(all);
			return value >= 0 ? value : -state.get(JAVA_INT, 0);
		} catch (Throwable e) {
			throw new LinkageError(name, e);
		}
	}

	private static MethodHandle function(String name, Object... arguments) {
		// Long: for a long of C, because the upper half of an int's register is undefined
		var layouts = Stream.of(arguments).map(
			a -> a instanceof Integer ? JAVA_INT : a instanceof Long ? JAVA_LONG : ADDRESS);
		var options = new ArrayList<>(List.of(Linker.Option.captureCallState("errno")));
		if (VARIADIC.containsKey(name))
			options.add(Linker.Option.firstVariadicArg(VARIADIC.get(name)));
		return LINKER.downcallHandle(SYMBOLS.findOrThrow(name),
			FunctionDescriptor.of(JAVA_INT, layouts.toArray(MemoryLayout[]::new)),
			options.toArray(Linker.Option[]::new));
	}

	private static String text(String function, int argument) {
		var handle = LINKER.downcallHandle(SYMBOLS.findOrThrow(function),
						   FunctionDescriptor.of(ADDRESS, JAVA_INT));
		try {
			var pointer = (MemorySegment) handle.invokeExact(argument);
			return pointer.reinterpret(Long.MAX_VALUE).getString(0);
		} catch (Throwable e) {
			throw new LinkageError(function, e);
		}
	}

	/** Checks a function that returns an error number, or an errno as call() does */
	private static int check(String step, int result, boolean isNumber) throws SpawnException {
		if (result < 0 || isNumber && result > 0)
			throw new SpawnException(step, Math.abs(result), "cannot prepare");
		return result;
	}

	private static void close(int fd) {
		// Not again after EINTR: Linux has closed it by then
		call("close", fd);
	}

	static final class Builder {
		private final List<String> command;
		private final int[] streams = { INHERIT, INHERIT, INHERIT };
		private Map<String, String> environment;
		private Path directory;
		private Backend backend = Backend.ANY;

		Builder(String... command) {
			this.command = List.of(command);
		}

		Builder environment(Map<String, String> map) {
			environment = map;
			return this;
		}

		Builder directory(Path path) {
			directory = path;
			return this;
		}

		Builder redirect(int stream, int what) {
			streams[stream] = what;
			return this;
		}

		Builder backend(Backend demanded) {
			backend = demanded;
			return this;
		}

		/** Returns when the program is executed */
		Child start() throws IOException {
			var theirs = new ArrayList<Integer>();
			var ours = new ArrayList<AutoCloseable>();
			try (var arena = Arena.ofConfined()) {
				var child = start(arena, theirs, ours);
				ours.clear();
				return child;
			} finally {
				theirs.forEach(Spawnctl::close);
				for (var stream : ours)
					closeQuietly(stream);
			}
		}

		private Child start(Arena arena, List<Integer> theirs, List<AutoCloseable> ours)
				throws IOException {
			var actions = object(arena, "spawnctl_file_actions");
			var attr = object(arena, "spawnctl_attr");
			var pipes = new AutoCloseable[3];
			var names = new ArrayList<String>();

			for (int n = 0; n < 3; n++) {
				int fd = streams[n];
				if (fd == INHERIT)
					continue;
				if (fd == PIPE) {
					var pair = arena.allocate(JAVA_INT, 2);
					check("pipe", call("pipe2", pair, O_CLOEXEC), false);
					int own = pair.getAtIndex(JAVA_INT, n == 0 ? 1 : 0);
					theirs.add(fd = pair.getAtIndex(JAVA_INT, n == 0 ? 0 : 1));
					theirs.add(own);
					// The public API makes no stream of a number, but opens a pipe by its name
					var name = "/proc/self/fd/" + own;
					pipes[n] = n == 0 ? new FileOutputStream(name) : new FileInputStream(name);
					ours.add(pipes[n]);
				}
				// From 3 on: adddup2() onto 0 to 2 could replace what a later one needs
				int end = check("dup", call("fcntl", fd, F_DUPFD_CLOEXEC, 3), false);
				theirs.add(end);
				check("dup2", call("spawnctl_file_actions_adddup2", actions, end, n), true);
				names.add("dup2");
			}
			if (directory != null) {
				check("chdir", call("spawnctl_file_actions_addchdir", actions,
						    string(arena, directory.toString())), true);
				names.add("chdir");
			}
			check("closefrom", call("spawnctl_file_actions_addclosefrom", actions, 3), true);
			names.add("closefrom");
			var chosen = arena.allocate(JAVA_INT);
			// The threads of the JVM block SIGQUIT. The mask of new attributes is empty
			var reset = arena.allocate(128, 8);	// sigset_t
			check("signals", call("sigaddset", reset, SIGPIPE), false);
			check("signals", call("spawnctl_attr_setsigdefault", attr, reset), true);
			check("flags", call("spawnctl_attr_setflags", attr, FLAGS), true);
			check("backend", call("spawnctl_attr_setbackend", attr, backend.ordinal()), true);
			check("backend", call("spawnctl_get_backend", attr, chosen), true);

			// struct spawnctl_result: size, error, pid, pidfd, step, action
			var result = arena.allocate(JAVA_INT, 6);
			result.setAtIndex(JAVA_INT, 0, (int) result.byteSize());
			var argv = strings(arena, command.stream());
			// Not System.getenv(), which has decoded the bytes
			var envp = environment == null ? inherited() : strings(arena,
				environment.entrySet().stream().map(Builder::variable));
			int errno = call("spawnctl_spawnp_result", result, argv.get(ADDRESS, 0), actions,
					 attr, argv, envp);
			if (errno != 0) {
				// An action is known by its index only
				int action = result.getAtIndex(JAVA_INT, 5);
				var step = action >= 0 ? names.get(action)
						       : text("spawnctl_step_name", result.getAtIndex(JAVA_INT, 4));
				throw new SpawnException(step, errno, step.equals("chdir")
								     ? directory.toString() : command.get(0));
			}
			return new Child(result.getAtIndex(JAVA_INT, 2), result.getAtIndex(JAVA_INT, 3),
					 Backend.values()[chosen.get(JAVA_INT, 0)], pipes);
		}

		/** What init() allocates. The arena calls destroy() when it is closed */
		private static MemorySegment object(Arena arena, String kind) throws SpawnException {
			var pointer = arena.allocate(ADDRESS);
			check("memory", call(kind + "_init", pointer), true);
			return pointer.get(ADDRESS, 0).reinterpret(arena, made -> call(kind + "_destroy", made));
		}

		private static MemorySegment inherited() {
			var environ = SYMBOLS.findOrThrow("environ").reinterpret(ADDRESS.byteSize());
			return environ.get(ADDRESS, 0);
		}

		private static String variable(Map.Entry<String, String> entry) {
			var name = entry.getKey();
			// The program would find another name, or none
			if (name.isEmpty() || name.indexOf('=') >= 0)
				throw new IllegalArgumentException("no name of a variable: " + name);
			return name + "=" + Objects.requireNonNull(entry.getValue(), name);
		}

		private static MemorySegment string(Arena arena, String text) {
			// C would use what is before it
			if (text.indexOf('\0') >= 0)
				throw new IllegalArgumentException("null character in an argument");
			return arena.allocateFrom(text);
		}

		private static MemorySegment strings(Arena arena, Stream<String> texts) {
			var list = texts.map(text -> string(arena, text)).toList();
			var array = arena.allocate(ADDRESS, list.size() + 1);
			for (int i = 0; i < list.size(); i++)
				array.setAtIndex(ADDRESS, i, list.get(i));
			return array;
		}
	}

	private static void closeQuietly(AutoCloseable stream) {
		try {
			if (stream != null)
				stream.close();
		} catch (Exception e) {
			// The program has closed its end
		}
	}

	/**
	 * A child. close() closes the pipes and the pidfd, kills a program that still runs, and waits
	 * for its end, even if the thread is interrupted. Only the pidfd is used: once the child has
	 * been reaped elsewhere, pid can be the number of another process.
	 */
	static final class Child implements AutoCloseable {
		final int pid;
		final Backend backend;
		/** null for a stream that is no pipe */
		final OutputStream stdin;
		final InputStream stdout, stderr;
		private final int pidfd;
		/** Is set before the pidfd is closed. After that, its number can be reused */
		private volatile Integer status;
		private boolean closed;

		private Child(int pid, int pidfd, Backend backend, AutoCloseable[] pipes) {
			this.pid = pid;
			this.pidfd = pidfd;
			this.backend = backend;
			stdin = (OutputStream) pipes[0];
			stdout = (InputStream) pipes[1];
			stderr = (InputStream) pipes[2];
		}

		/** The exit status, or 128 plus the signal, as Process has it; null: it still runs */
		Integer waitFor(Duration timeout) throws IOException, InterruptedException {
			// Saturates, unlike toNanos()
			long nanos = Math.max(0, TimeUnit.NANOSECONDS.convert(timeout));
			long start = System.nanoTime();
			try (var arena = Arena.ofConfined()) {
				// struct pollfd: a pidfd is readable when its process has ended
				var ended = arena.allocate(8, 4);
				ended.set(JAVA_INT, 0, pidfd);
				ended.set(ValueLayout.JAVA_SHORT, 4, POLLIN);
				while (status == null) {
					// Thread.interrupt() does not end poll(), so each lasts 100 ms at most
					if (Thread.interrupted())
						throw new InterruptedException();
					long left = Math.max(0, nanos - (System.nanoTime() - start));
					int n = call("poll", ended, 1L,
						     (int) Math.min(Math.ceilDiv(left, 1_000_000), 100));
					if (n > 0)
						reap();
					else if (n == 0 && left == 0)
						return null;
					else if (n != -EINTR)
						check("wait", n, false);
				}
			}
			return status;
		}

		int waitFor() throws IOException, InterruptedException {
			return waitFor(Duration.ofSeconds(Long.MAX_VALUE));
		}

		private synchronized void reap() {
			if (status != null)
				return;
			// siginfo_t on 64-bit Linux: si_code at 8, si_status at 24
			var info = Arena.ofAuto().allocate(128, 8);
			int error;
			do
				error = call("waitid", P_PIDFD, pidfd, info, WEXITED);
			while (error == -EINTR);
			int value = info.get(JAVA_INT, 24);
			// ECHILD: the kernel keeps the status for one wait only
			status = error < 0 ? UNKNOWN
				: info.get(JAVA_INT, 8) == CLD_EXITED ? value : 128 + value;
		}

		synchronized void kill() {
			if (status == null)
				call("syscall", PIDFD_SEND_SIGNAL, pidfd, SIGKILL, MemorySegment.NULL, 0);
		}

		@Override
		public synchronized void close() {
			if (closed)
				return;
			closed = true;
			closeQuietly(stdin);
			closeQuietly(stdout);
			closeQuietly(stderr);
			kill();
			reap();
			Spawnctl.close(pidfd);
		}
	}
}
