// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Variables of libc that fork(3) sets in the child, and that no public function reaches.
 *
 * The rest of what libc's fork() sets is needed only if other threads exist or have existed: the
 * locks of malloc(3), stdio and nss, the list of stacks, the state of timers and of mq_notify(3).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "fork.h"
#include "libc_state.h"
#include "preload.h"

static char *loader;		/* variables of the dynamic linker, or NULL */
static size_t loader_size;
/* Where struct pthread has the thread id, as libthread_db reads it: bits, elements, offset */
static const int *tid_place;

pid_t preload_tid(void)
{
	pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	pid_t tid;

	pthread_mutex_lock(&mutex);
	tid = mutex.__data.__owner;
	pthread_mutex_unlock(&mutex);
	return tid;
}

/* dlsym(3) takes a lock that reset_loader_locks() may have to reset first */
void preload_find_libc_state(void)
{
	Dl_info info;
	void *start, *symbol = NULL;

	tid_place = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");
	start = dlsym(RTLD_DEFAULT, "_rtld_global");
	if (start && dladdr1(start, &info, &symbol, RTLD_DL_SYMENT) && symbol) {
		loader_size = ((const ElfW(Sym) *)symbol)->st_size;
		loader = start;
	}
}

/*
 * The dynamic linker holds a recursive lock while it runs the constructors of an object. If one of
 * them forks, the lock names the parent's thread, so that the child's next dlopen(3) or dlsym(3)
 * would wait for ever. A signal handler that forks can have interrupted the dynamic linker, too.
 */
static void reset_loader_locks(pid_t owner)
{
	const size_t step = __alignof__(pthread_mutex_t);
	size_t at;

	for (at = 0; at + sizeof(pthread_mutex_t) <= loader_size; at += step) {
		pthread_mutex_t *mutex = (pthread_mutex_t *)(loader + at);

		if (mutex->__data.__kind == PTHREAD_MUTEX_RECURSIVE_NP &&
		    mutex->__data.__owner == owner && mutex->__data.__lock == 1 &&
		    mutex->__data.__nusers == 1 && mutex->__data.__count)
			*mutex = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	}
}

/*
 * In a child of vfork(2) the kernel knows no address for the thread id, so FORK has stored none
 * (SPAWNCTL_SET_TID), and this process still has the id of another one.
 */
static void set_tid(pid_t old)
{
	const pid_t own = raw_syscall(SYS_gettid);
	pid_t *place;

	if (own == old || !tid_place || tid_place[0] != 8 * sizeof(*place))
		return;
	place = (pid_t *)((char *)pthread_self() + tid_place[2]);
	if (*place != old)
		return;
	*place = own;
	raw_syscall(SYS_set_tid_address, place);
}

/*
 * In a child of vfork(2) the kernel has no robust list either, so its address is not known there.
 * The first mutex on the list points back to the head.
 */
static struct robust_list_head *find_robust_list(void)
{
	struct robust_list_head *head = NULL;
#if __SIZEOF_POINTER__ == 8
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attr);
	pthread_mutex_lock(&mutex);
	head = (struct robust_list_head *)mutex.__data.__list.__prev;
	pthread_mutex_unlock(&mutex);
#endif
	return head;
}

void preload_repair_libc(pid_t tid, struct robust_list_head *robust)
{
	if (tid) {
		reset_loader_locks(tid);
		if (preload_tid() == tid)
			set_tid(tid);
	}
	spawnctl_new_robust_list(robust ? robust : find_robust_list());
}
