// SPDX-License-Identifier: GPL-2.0
/* gspawn COUNT: GLib's ways to start a program, by posix_spawn() and by fork(). */
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void sync_spawn(const char *name, GSpawnFlags flags, GSpawnChildSetupFunc setup)
{
	char *argv[] = { "sh", "-c", "read line; echo got $line; echo err >&2; exit 3", NULL };
	char *out = NULL, *err = NULL;
	GError *error = NULL;
	int status = -1;

	if (!g_spawn_sync(NULL, argv, NULL, flags | G_SPAWN_SEARCH_PATH, setup, NULL, &out,
			  flags & G_SPAWN_STDERR_TO_DEV_NULL ? NULL : &err, &status, &error))
		g_print("%s: %s\n", name, error->message);
	else
		g_print("%s: %s %s %#x\n", name, g_strstrip(out), err ? g_strstrip(err) : "",
			(unsigned int)status);
	g_clear_error(&error);
	g_free(out);
	g_free(err);
}

static void missing(const char *name, GSpawnFlags flags)
{
	char *argv[] = { "/none/such", NULL };
	GError *error = NULL;

	if (!g_spawn_async(NULL, argv, NULL, flags, NULL, NULL, NULL, &error))
		g_print("%s: %s, code %d\n", name, error->message, error->code);
	g_clear_error(&error);
}

static void setup(gpointer data)
{
}

static void ended(GPid pid, int status, gpointer loop)
{
	g_print("async: %#x\n", status);
	g_spawn_close_pid(pid);
	g_main_loop_quit(loop);
}

static void async(void)
{
	char *argv[] = { "/bin/cat", NULL };
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	GError *error = NULL;
	int in, out;
	char text[64] = "";
	GPid pid;

	if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD |
				      G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &pid, &in, &out,
				      NULL, &error)) {
		g_print("async: %s\n", error->message);
		return;
	}
	g_child_watch_add(pid, ended, loop);
	if (write(in, "through cat\n", 12) != 12)
		g_print("async: write\n");
	close(in);
	if (read(out, text, sizeof(text) - 1) > 0)
		g_print("async: %s", text);
	close(out);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
}

int main(int argc, char **argv)
{
	int i, count = argc > 1 ? atoi(argv[1]) : 1;

	for (i = 0; i < count; i++) {
		/* GLib uses posix_spawn() if it can: descriptors stay open, or file actions close them */
		sync_spawn("plain", 0, NULL);
		sync_spawn("open", G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL);
		sync_spawn("null", G_SPAWN_LEAVE_DESCRIPTORS_OPEN | G_SPAWN_STDERR_TO_DEV_NULL, NULL);
		/* GLib uses fork(), because a function runs in the child */
		sync_spawn("setup", 0, setup);
		missing("missing", 0);
		missing("missing, open", G_SPAWN_LEAVE_DESCRIPTORS_OPEN);
		async();
	}
	return 0;
}
