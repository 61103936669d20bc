// SPDX-License-Identifier: GPL-2.0

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;

/**
 * Edges [root]: a child of Spawnctl.java that has been reaped elsewhere, and what ProcessBuilder
 * does about signals, names of variables, long time-outs and interrupts.
 *
 *     $ javac -Xlint:all,-restricted,-try -cp .. -d . Edges.java
 */
class Edges {
	private static final int SIGPIPE = 13, SIGCHLD = 17;

	private static Spawnctl.Child start(String script) throws IOException {
		return new Spawnctl.Builder("sh", "-c", script).start();
	}

	private static int status(String script) throws Exception {
		try (var child = start(script)) {
			return child.waitFor();
		}
	}

	private static String status(Duration timeout) throws Exception {
		try (var child = start("sleep 0.3; exit 3")) {
			return "" + child.waitFor(timeout);
		} catch (ArithmeticException e) {
			return "" + e;
		}
	}

	private static void reap(int pid) throws Throwable {
		var linker = Linker.nativeLinker();
		var function = linker.downcallHandle(linker.defaultLookup().findOrThrow("waitpid"),
			FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
					      ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
		if ((int) function.invokeExact(pid, MemorySegment.NULL, 0) != pid)
			throw new IllegalStateException("waitpid");
	}

	private static void ignore(int signal) throws Throwable {
		var linker = Linker.nativeLinker();
		var function = linker.downcallHandle(linker.defaultLookup().findOrThrow("signal"),
			FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT,
					      ValueLayout.ADDRESS));
		var _ = (MemorySegment) function.invokeExact(signal, MemorySegment.ofAddress(1));
	}

	private static void reapedElsewhere() throws Throwable {
		try (var child = start("exit 3")) {
			reap(child.pid);
			child.kill();
			System.out.println("reaped elsewhere: " + child.waitFor() + " "
					   + child.waitFor(Duration.ZERO));
		}
	}

	/** Another child has the number of one that has been reaped elsewhere. Needs CAP_SYS_ADMIN */
	private static void sameNumber() throws Throwable {
		for (int i = 0; i < 60; i++) {
			var child = start("exit 3");
			reap(child.pid);
			// The search for a backend can use up a number before the child gets one
			int last = child.pid - 1 - i % 3;
			Files.writeString(Path.of("/proc/sys/kernel/ns_last_pid"), "" + last);
			try (var other = start("exec sleep 100")) {
				boolean same = other.pid == child.pid;
				child.close();
				if (!same)
					continue;
				System.out.println("same number: " + child.waitFor() + " "
						   + other.waitFor(Duration.ofMillis(300)));
				return;
			}
		}
	}

	private static String refused(Map<String, String> environment) throws Exception {
		try (var child = new Spawnctl.Builder("true").environment(environment).start()) {
			return "status " + child.waitFor();
		} catch (RuntimeException e) {
			return e.getClass().getSimpleName();
		}
	}

	/** What a thread gets that is interrupted while it waits */
	private static String interrupted(Spawnctl.Child child) throws Exception {
		var got = new String[] { "still waits" };
		var thread = Thread.ofPlatform().daemon().start(() -> {
			try {
				got[0] = "status " + child.waitFor();
			} catch (Exception e) {
				got[0] = e.getClass().getSimpleName();
			}
		});
		Thread.sleep(200);
		thread.interrupt();
		thread.join(5000);
		return got[0];
	}

	public static void main(String[] args) throws Throwable {
		reapedElsewhere();
		if (args.length > 0 && args[0].equals("root"))
			sameNumber();
		ignore(SIGPIPE);
		System.out.println("signals: " + status("ulimit -c 0; kill -QUIT $$") + " "
				   + status("kill -PIPE $$"));

		var nothing = new HashMap<String, String>();
		nothing.put("A", null);
		System.out.println("variables: " + refused(Map.of("A=b", "c")) + " "
				   + refused(Map.of("", "c")) + " " + refused(nothing));

		System.out.println("long time-out: " + status(Duration.ofNanos(Long.MAX_VALUE)));
		System.out.println("forever: " + status(ChronoUnit.FOREVER.getDuration()));
		try (var child = start("sleep 0.3; exit 3")) {
			System.out.println("negative time-out: "
					   + child.waitFor(Duration.ofSeconds(Long.MIN_VALUE)));
		}

		try (var child = start("exec sleep 100")) {
			System.out.println("interrupted: " + interrupted(child));
			Thread.currentThread().interrupt();
			child.close();
			System.out.println("interrupted, closed: " + child.waitFor() + " "
					   + Thread.interrupted());
		}

		ignore(SIGCHLD);
		System.out.println("SIGCHLD ignored: " + status("sleep 0.1; exit 3"));
	}
}
