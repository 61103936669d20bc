// SPDX-License-Identifier: GPL-2.0

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** Demo [device]: what a program does with Spawnctl.java, whose comment has the commands. */
final class Demo {
	private static String failure(Spawnctl.Builder builder) throws IOException {
		try (var _ = builder.redirect(0, Spawnctl.PIPE).redirect(1, Spawnctl.PIPE).start()) {
			return "none";
		} catch (Spawnctl.SpawnException e) {
			return e.step + ", " + e.errno;
		}
	}

	private static int descriptors() {
		return new File("/proc/self/fd").list().length;
	}

	public static void main(String[] args) throws IOException, InterruptedException {
		var backend = args.length > 0 && args[0].equals("device")
			? Spawnctl.Backend.DEVICE : Spawnctl.Backend.ANY;
		var filter = new Spawnctl.Builder("tr", "a-z", "A-Z").backend(backend)
			.redirect(0, Spawnctl.PIPE).redirect(1, Spawnctl.PIPE);
		try (var child = filter.start()) {
			child.stdin.write("hello".getBytes());
			child.stdin.close();
			System.out.println("backend: " + child.backend.name().toLowerCase());
			System.out.println("output: " + new String(child.stdout.readAllBytes()));
		}

		var shell = new Spawnctl.Builder("sh", "-c", "pwd; echo $A; ls /proc/self/fd | wc -l; exit 3")
			.environment(Map.of("A", "b", "PATH", "/usr/bin")).directory(Path.of("/usr"))
			.redirect(1, Spawnctl.PIPE).redirect(2, 1);
		try (var child = shell.start()) {
			var text = new String(child.stdout.readAllBytes()).replace('\n', ' ');
			System.out.println("directory, environment, descriptors: " + text);
			System.out.println("status: " + child.waitFor());
		}

		int before = descriptors();
		System.out.println("no program: " + failure(new Spawnctl.Builder("/none")));
		var nowhere = new Spawnctl.Builder("true").directory(Path.of("/none"));
		System.out.println("no directory: " + failure(nowhere));
		try {
			new Spawnctl.Builder("true", "a\0b").start();
		} catch (IllegalArgumentException e) {
			System.out.println("null: " + e.getMessage());
		}

		try (var child = new Spawnctl.Builder("sleep", "100").start()) {
			if (child.waitFor(Duration.ofMillis(100)) == null)
				child.kill();
			System.out.println("after a time-out: " + child.waitFor());
		}

		for (int i = 0; i < 30; i++) {
			try (var child = new Spawnctl.Builder("true").redirect(1, Spawnctl.PIPE).start()) {
				child.waitFor();
			}
			failure(new Spawnctl.Builder("/none"));
		}
		System.out.println("descriptors left open: " + (descriptors() - before));
	}
}
