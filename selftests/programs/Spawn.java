// SPDX-License-Identifier: GPL-2.0
// Spawn COUNT: ProcessBuilder and Runtime.exec, COUNT times.
import java.io.File;
import java.nio.file.Files;
import java.util.TreeMap;

class Spawn {
	static TreeMap<String, Integer> seen = new TreeMap<>();

	static synchronized void saw(String what) {
		seen.merge(what, 1, Integer::sum);
	}

	static void run(ProcessBuilder builder) throws Exception {
		try {
			Process p = builder.redirectErrorStream(true).start();
			p.getOutputStream().close();
			String out = new String(p.getInputStream().readAllBytes());
			saw(builder.command() + " " + out.strip() + " " + p.waitFor());
		} catch (java.io.IOException e) {
			saw(e.getMessage());
		}
	}

	static void all() throws Exception {
		run(new ProcessBuilder("echo", "hello"));
		run(new ProcessBuilder("/bin/sh", "-c", "pwd; exit 3").directory(new File("/usr")));
		run(new ProcessBuilder("/none"));
		run(new ProcessBuilder("/bin/pwd").directory(new File("/none")));
		run(new ProcessBuilder("ls", "/proc/self/fd"));
		ProcessBuilder b = new ProcessBuilder("/bin/sh", "-c", "echo $A");
		b.environment().put("A", "b");
		run(b);
	}

	public static void main(String[] args) throws Exception {
		int count = Integer.parseInt(args[0]);
		Thread[] threads = new Thread[2];

		for (int t = 0; t < threads.length; t++) {
			threads[t] = new Thread(() -> {
				try {
					for (int i = 0; i < count; i++)
						all();
				} catch (Exception e) {
					saw(e.toString());
				}
			});
			threads[t].start();
		}
		for (Thread t : threads)
			t.join();
		seen.forEach((what, n) -> System.out.println(n + " " + what));
	}
}
