// SPDX-License-Identifier: GPL-2.0
/*
 * The native half of spawnctl.js: an addon by Node-API, which starts a program without holding the
 * event loop. Compiled by (Debian: libnode-dev, libuv1-dev):
 *
 *	$ cc -shared -fPIC -O2 -Wall -o addon.node addon.c $(pkg-config --cflags --libs spawnctl)
 *
 * (Node.js from elsewhere, which brings uv.h along: add -I with its include/node.)
 *
 *	child_process.spawn()		libspawnctl
 *	file, args, env.PATH		spawnctl_spawnp_start(), spawnctl_attr_setpath()
 *	stdio				spawnctl_file_actions_adddup2()
 *	cwd				spawnctl_file_actions_addchdir()
 *	(all are close-on-exec)		spawnctl_file_actions_addclosefrom(3), the last action
 *	signals, which libuv resets	spawnctl_attr_setsigdefault(), spawnctl_attr_setsigmask()
 *	the event "spawn"		SPAWNCTL_SPAWN_POLL: spawnctl_start_fd() in uv_poll_start()
 *	the event "exit"		SPAWNCTL_SPAWN_PIDFD: the pidfd in uv_poll_start()
 *
 * docs/runtimes.md has all options of libuv. uv_spawn() holds the loop until the program is
 * executed. For the main thread: a worker thread that is ended would leave the handles in its loop.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <node/node_api.h>
#include <signal.h>
#include <spawnctl/spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

extern char **environ;

/* Lives until the child has ended or is known to have failed, and both handles are closed */
struct spawn {
	napi_env env;
	napi_async_context context;
	napi_deferred started, exited;
	spawnctl_start_t *start;
	uv_poll_t start_poll, exit_poll;
	int handles;
	pid_t pid;
	int pidfd;
	/* The actions in their order */
	const char *names[5];
};

/* With a negative errno, as the errors of node:fs. spawnctl.js makes a SpawnError of it */
static void throw_errno(napi_env env, int error, const char *step)
{
	napi_value number, message, text, thrown;

	napi_create_int32(env, -error, &number);
	napi_create_string_utf8(env, strerror(error), NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, NULL, message, &thrown);
	napi_set_named_property(env, thrown, "errno", number);
	napi_create_string_utf8(env, step, NAPI_AUTO_LENGTH, &text);
	napi_set_named_property(env, thrown, "step", text);
	napi_throw(env, thrown);
}

/* A copy, or NULL: no string, or one that C would end at a null character */
static char *string_of(napi_env env, napi_value value)
{
	char *text = NULL;
	size_t length;

	if (!napi_get_value_string_utf8(env, value, NULL, 0, &length)) {
		text = malloc(length + 1);
		if (text)
			napi_get_value_string_utf8(env, value, text, length + 1, &length);
		if (text && strlen(text) == length)
			return text;
	}
	free(text);
	return NULL;
}

static void free_strings(char **list)
{
	char **text;

	for (text = list; text && *text; text++)
		free(*text);
	free(list);
}

static char **strings_of(napi_env env, napi_value array)
{
	uint32_t i, n = 0;
	napi_value value;
	char **list;

	if (napi_get_array_length(env, array, &n))
		return NULL;
	list = calloc(n + 1, sizeof(*list));
	for (i = 0; list && i < n; i++) {
		napi_get_element(env, array, i, &value);
		list[i] = string_of(env, value);
		if (!list[i]) {
			free_strings(list);
			return NULL;
		}
	}
	return list;
}

static void closed(uv_handle_t *handle)
{
	struct spawn *spawn = handle->data;

	if (--spawn->handles)
		return;
	napi_async_destroy(spawn->env, spawn->context);
	free(spawn);
}

/* Resolves with { error or code or signal: number, text: string } */
static void resolve(struct spawn *spawn, napi_deferred deferred, const char *name, int number,
		    const char *text)
{
	napi_value object, value;
	napi_handle_scope handles;
	napi_callback_scope scope;

	/* The end of a callback scope runs what waits for the promise */
	napi_open_handle_scope(spawn->env, &handles);
	napi_open_callback_scope(spawn->env, NULL, spawn->context, &scope);
	napi_create_object(spawn->env, &object);
	napi_create_int32(spawn->env, number, &value);
	napi_set_named_property(spawn->env, object, name, value);
	napi_create_string_utf8(spawn->env, text, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(spawn->env, object, "text", value);
	napi_resolve_deferred(spawn->env, deferred, object);
	napi_close_callback_scope(spawn->env, scope);
	napi_close_handle_scope(spawn->env, handles);
}

static void on_exit_of_child(uv_poll_t *poll, int status, int events)
{
	struct spawn *spawn = poll->data;
	int raw = 0;
	pid_t got;

	(void)status;
	(void)events;
	got = waitpid(spawn->pid, &raw, WNOHANG);
	if (!got)
		return;
	uv_poll_stop(poll);
	close(spawn->pidfd);
	/* Without a status if other code has reaped it */
	if (got < 0)
		resolve(spawn, spawn->exited, "code", -1, "");
	else if (WIFEXITED(raw))
		resolve(spawn, spawn->exited, "code", WEXITSTATUS(raw), "");
	else
		resolve(spawn, spawn->exited, "signal", WTERMSIG(raw), "");
	uv_close((uv_handle_t *)poll, closed);
}

static void on_start(uv_poll_t *poll, int status, int events)
{
	struct spawnctl_result result = { .size = sizeof(result) };
	const struct timespec now = { 0, 0 };
	struct spawn *spawn = poll->data;
	const char *step;
	uv_loop_t *loop;

	(void)status;
	(void)events;
	if (spawnctl_start_wait(spawn->start, &now, &result))
		return;
	uv_poll_stop(poll);
	spawnctl_start_free(spawn->start);
	napi_get_uv_event_loop(spawn->env, &loop);
	spawn->pidfd = result.pidfd;
	if (!result.error && !uv_poll_init(loop, &spawn->exit_poll, result.pidfd)) {
		spawn->handles++;
		spawn->exit_poll.data = spawn;
		uv_poll_start(&spawn->exit_poll, UV_READABLE, on_exit_of_child);
	}
	step = result.action >= 0 ? spawn->names[result.action] : spawnctl_step_name(result.step);
	resolve(spawn, spawn->started, "error", result.error, result.error ? step : "");
	if (result.error)
		resolve(spawn, spawn->exited, "code", 127, "");
	uv_close((uv_handle_t *)poll, closed);
}

/*
 * Adds the actions, and starts. @fds: a descriptor for each of 0 to 2. Return: 0, or an error
 * number
 */
static int begin(struct spawn *spawn, spawnctl_file_actions_t *actions, spawnctl_attr_t *attr,
		 const int *fds, const char *cwd, char **argv, char **envp)
{
	int i, n = 0, error = 0;
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	for (i = 0; !error && i < 3; i++) {
		error = spawnctl_file_actions_adddup2(actions, fds[i], i);
		spawn->names[n++] = "dup2";
	}
	if (!error && cwd) {
		error = spawnctl_file_actions_addchdir(actions, cwd);
		spawn->names[n++] = "chdir";
	}
	spawn->names[n] = "closefrom";
	if (!error)
		error = spawnctl_file_actions_addclosefrom(actions, 3);
	if (!error)
		error = spawnctl_attr_setsigdefault(attr, &all);
	if (!error)
		error = spawnctl_attr_setsigmask(attr, &none);
	if (!error)
		error = spawnctl_attr_setflags(attr, SPAWNCTL_SPAWN_SETSIGDEF |
					       SPAWNCTL_SPAWN_SETSIGMASK | SPAWNCTL_SPAWN_PIDFD |
					       SPAWNCTL_SPAWN_POLL);
	/* Copies all that it needs */
	return error ?: spawnctl_spawnp_start(&spawn->start, argv[0], actions, attr, argv,
					      envp ?: environ);
}

/* Makes the object that start() returns, and has the loop watch the spawn */
static napi_value watch(napi_env env, struct spawn *spawn, enum spawnctl_backend backend)
{
	static const char * const backends[] = { "any", "device", "clone3", "clone" };
	napi_value object, value;
	uv_loop_t *loop;

	napi_create_string_utf8(env, "spawnctl", NAPI_AUTO_LENGTH, &value);
	napi_async_init(env, NULL, value, &spawn->context);
	napi_get_uv_event_loop(env, &loop);
	spawn->env = env;
	spawn->pid = spawnctl_start_pid(spawn->start);
	spawn->start_poll.data = spawn;
	spawn->handles = 1;
	uv_poll_init(loop, &spawn->start_poll, spawnctl_start_fd(spawn->start));
	uv_poll_start(&spawn->start_poll, UV_READABLE, on_start);

	napi_create_object(env, &object);
	napi_create_int32(env, spawn->pid, &value);
	napi_set_named_property(env, object, "pid", value);
	napi_create_string_utf8(env, backends[backend], NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, "backend", value);
	napi_create_promise(env, &spawn->started, &value);
	napi_set_named_property(env, object, "started", value);
	napi_create_promise(env, &spawn->exited, &value);
	napi_set_named_property(env, object, "exited", value);
	return object;
}

/* start(args, env or null, path or null, cwd or null, [fd, fd, fd], backend) */
static napi_value start(napi_env env, napi_callback_info info)
{
	enum spawnctl_backend backend = SPAWNCTL_BACKEND_ANY;
	spawnctl_file_actions_t *actions = NULL;
	char **argv = NULL, **envp = NULL, *path = NULL, *cwd = NULL;
	int fds[3] = { -1, -1, -1 }, i, fd, error = EINVAL;
	const char *step = "prepare";
	napi_value args[6], value, object = NULL;
	napi_valuetype types[6];
	spawnctl_attr_t *attr = NULL;
	struct spawn *spawn;
	size_t n = 6;

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	for (i = 0; i < 6; i++)
		napi_typeof(env, args[i], &types[i]);
	spawn = calloc(1, sizeof(*spawn));
	argv = strings_of(env, args[0]);
	if (types[1] != napi_null)
		envp = strings_of(env, args[1]);
	if (types[2] != napi_null)
		path = string_of(env, args[2]);
	if (types[3] != napi_null)
		cwd = string_of(env, args[3]);
	if (!spawn || !argv || !*argv || (!envp && types[1] != napi_null) ||
	    (!path && types[2] != napi_null) || (!cwd && types[3] != napi_null)) {
		napi_throw_type_error(env, NULL, "arguments: a null character, or no strings");
		goto out;
	}
	/* From 3 on: adddup2() onto 0 to 2 could replace what a later one needs */
	for (i = 0; i < 3; i++) {
		napi_get_element(env, args[4], i, &value);
		napi_get_value_int32(env, value, &fd);
		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0) {
			throw_errno(env, errno, "prepare");
			goto out;
		}
	}
	napi_get_value_int32(env, args[5], &i);
	error = spawnctl_file_actions_init(&actions);
	if (!error)
		error = spawnctl_attr_init(&attr);
	if (!error && path)
		error = spawnctl_attr_setpath(attr, path);
	if (!error)
		error = spawnctl_attr_setbackend(attr, i);
	if (!error) {
		error = spawnctl_get_backend(attr, &backend);
		if (error)
			step = "backend";
	}
	if (!error)
		error = begin(spawn, actions, attr, fds, cwd, argv, envp);
	if (error) {
		throw_errno(env, error, step);
		goto out;
	}
	object = watch(env, spawn, backend);
	spawn = NULL;
out:
	for (i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	spawnctl_file_actions_destroy(actions);
	spawnctl_attr_destroy(attr);
	free_strings(argv);
	free_strings(envp);
	free(path);
	free(cwd);
	free(spawn);
	return object;
}

/* pipe(): [read, write] */
static napi_value make_pipe(napi_env env, napi_callback_info info)
{
	napi_value array, value;
	int pair[2], i;

	(void)info;
	if (pipe2(pair, O_CLOEXEC)) {
		throw_errno(env, errno, "prepare");
		return NULL;
	}
	napi_create_array_with_length(env, 2, &array);
	for (i = 0; i < 2; i++) {
		napi_create_int32(env, pair[i], &value);
		napi_set_element(env, array, i, value);
	}
	return array;
}

NAPI_MODULE_INIT()
{
	napi_value value;

	napi_create_function(env, "start", NAPI_AUTO_LENGTH, start, NULL, &value);
	napi_set_named_property(env, exports, "start", value);
	napi_create_function(env, "pipe", NAPI_AUTO_LENGTH, make_pipe, NULL, &value);
	napi_set_named_property(env, exports, "pipe", value);
	return exports;
}
