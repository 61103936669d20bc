/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, for perf, trace-cmd and bpftrace. The common fields of each event identify
 * the calling task. Process ids are those of the initial pid namespace.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM spawnctl

#if !defined(SPAWNCTL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SPAWNCTL_TRACE_H

#include <linux/tracepoint.h>
#include <linux/spawnctl.h>

/* Exports the values to tools that parse the format file of an event */
TRACE_DEFINE_ENUM(SPAWNCTL_CMD_SPAWN);
TRACE_DEFINE_ENUM(SPAWNCTL_CMD_FORK);

#define show_command(command)				\
	__print_symbolic(command,			\
			 { SPAWNCTL_CMD_SPAWN, "SPAWN" },	\
			 { SPAWNCTL_CMD_FORK, "FORK" })

/* A child has been made and has not run yet */
TRACE_EVENT(spawnctl_clone,
	TP_PROTO(pid_t child, unsigned int command, u32 flags),
	TP_ARGS(child, command, flags),
	TP_STRUCT__entry(
		__field(pid_t, child)
		__field(unsigned int, command)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->child = child;
		__entry->command = command;
		__entry->flags = flags;
	),
	TP_printk("child=%d command=%s flags=0x%x", __entry->child,
		  show_command(__entry->command), __entry->flags)
);

/*
 * SPAWN's caller resumes: the child has executed a program or ended, or the caller is being
 * killed. Unrelated to the library's spawnctl_signals_release()
 */
TRACE_EVENT(spawnctl_release,
	TP_PROTO(pid_t child, u64 wait),
	TP_ARGS(child, wait),
	TP_STRUCT__entry(
		__field(pid_t, child)
		__field(u64, wait)
	),
	TP_fast_assign(
		__entry->child = child;
		__entry->wait = wait;
	),
	TP_printk("child=%d wait=%llu", __entry->child, __entry->wait)
);

/*
 * SPAWN or FORK has made no child, for any reason. @flags is 0 if the call failed before its struct
 * was copied. Not traced if the error is E2BIG, or the call is restarted
 */
TRACE_EVENT(spawnctl_refused,
	TP_PROTO(unsigned int command, u32 flags, int error),
	TP_ARGS(command, flags, error),
	TP_STRUCT__entry(
		__field(unsigned int, command)
		__field(u32, flags)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->command = command;
		__entry->flags = flags;
		__entry->error = error;
	),
	TP_printk("command=%s flags=0x%x errno=%d", show_command(__entry->command),
		  __entry->flags, __entry->error)
);

#endif /* SPAWNCTL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
