// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A second list of the handlers of pthread_atfork(3). libc's own list is for libc's fork(3) alone.
 *
 * pthread_atfork() is linked into each object, and calls __register_atfork() with the object's
 * handle. dlclose(3) calls __cxa_finalize() with that handle, and libc then removes the object's
 * handlers. This library defines both functions, and so sees each change of libc's list.
 *
 * The list is used only as long as the process has one thread, so it has no lock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "atfork.h"
#include "descriptor.h"
#include "preload.h"

/* malloc(3) is not used here: some implementations register handlers when they begin */
#define ROOM	48

struct handlers {
	void (*prepare)(void);
	void (*parent)(void);
	void (*child)(void);
	void *object;
	unsigned long id;	/* in the order of registration, never reused */
};

static struct handlers first[ROOM], *list = first;
static size_t used, room = ROOM;
static unsigned long last_id;
/* The list was not changed, because there were several threads, or no memory */
static bool incomplete;

extern char __libc_single_threaded __attribute__((__weak__));

bool preload_alone(void)
{
	const char *single = &__libc_single_threaded;

	return single && *single && !incomplete;
}

static bool make_room(void)
{
	struct handlers *larger, *old;

	if (used < room)
		return true;
	larger = mmap(NULL, 2 * room * sizeof(*list), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (larger == MAP_FAILED)
		return false;
	memcpy(larger, list, used * sizeof(*list));
	/* A handler of a signal may fork, and read the list, at any time */
	old = list;
	list = larger;
	if (old != first)
		munmap(old, room * sizeof(*list));
	room *= 2;
	return true;
}

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
		      void *object);
void __cxa_finalize(void *object);

static __typeof__(__register_atfork) *next_register;
static __typeof__(__cxa_finalize) *next_finalize;

/*
 * At program start, or when the constructor of another library comes first. Not at each call:
 * dlsym(3) waits for a dlopen(3) in another thread, and a constructor that this runs may wait for
 * the caller, or not return before the process is to end.
 */
void preload_atfork_find(void)
{
	next_register = preload_next("__register_atfork");
	next_finalize = preload_next("__cxa_finalize");
}

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
		      void *object)
{
	int ret;

	if (!next_register)
		preload_atfork_find();
	if (!next_register)
		return ENOSYS;
	ret = next_register(prepare, parent, child, object);
	/* fork() calls the handlers of this library itself */
	if (ret || prepare == spawnctl_descriptor_before_fork)
		return ret;
	if (!preload_alone() || !make_room()) {
		incomplete = true;
		return 0;
	}
	list[used] = (struct handlers){ prepare, parent, child, object, ++last_id };
	/* A handler of a signal may fork: until now it does not see the entry */
	__atomic_signal_fence(__ATOMIC_RELEASE);
	used++;
	return 0;
}

static void forget(const void *object)
{
	size_t from, to = 0;

	for (from = 0; from < used; from++)
		if (list[from].object != object)
			list[to++] = list[from];
	used = to;
}

void __cxa_finalize(void *object)
{
	if (!next_finalize)
		preload_atfork_find();
	if (next_finalize)
		next_finalize(object);
	if (!object)
		return;
	if (preload_alone())
		forget(object);
	else
		incomplete = true;
}

/*
 * A handler may register or, by dlclose(3), remove handlers, so its place in the list is looked up
 * after each call. As in glibc since 2.36, the handlers that are registered during a fork do not
 * run in this fork.
 */
static const struct handlers *before(unsigned long id)
{
	size_t i = used;

	while (i && list[i - 1].id >= id)
		i--;
	return i ? &list[i - 1] : NULL;
}

static const struct handlers *after(unsigned long id, unsigned long last)
{
	size_t i = 0;

	while (i < used && list[i].id <= id)
		i++;
	return i < used && list[i].id <= last ? &list[i] : NULL;
}

unsigned long preload_atfork_prepare(void)
{
	const unsigned long last = last_id;
	const struct handlers *handlers;
	unsigned long id = last + 1;

	while ((handlers = before(id))) {
		id = handlers->id;
		if (handlers->prepare)
			handlers->prepare();
	}
	return last;
}

void preload_atfork_done(unsigned long last, bool in_child)
{
	const struct handlers *handlers;
	unsigned long id = 0;

	while ((handlers = after(id, last))) {
		void (*handler)(void) = in_child ? handlers->child : handlers->parent;

		id = handlers->id;
		if (handler)
			handler();
	}
}
