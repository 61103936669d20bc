// SPDX-License-Identifier: GPL-2.0

/**
 * Starts /bin/true by ProcessBuilder.
 *
 *     $ javac -d . Standard.java
 */
class Standard {
	public static void main(String[] args) throws Exception {
		System.exit(new ProcessBuilder("/bin/true").inheritIO().start().waitFor());
	}
}
