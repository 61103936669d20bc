// SPDX-License-Identifier: GPL-2.0
/*
 * Predicts a call's outcome from <linux/spawnctl.h> alone: the errors that it may return, and
 * whether it may succeed.
 */
#include "fuzz.h"

/* A new open file. What is known of the thread stays. */
void new_file(struct model *model)
{
	model->commands = FUZZ_COMMANDS;
	model->flags = FUZZ_ALL_FLAGS;
	model->in_force = 0;
	model->children = SPAWNCTL_NO_LIMIT;
	model->most_live = SPAWNCTL_NO_LIMIT;
}

struct model fresh_model(void)
{
	struct model model = { .cgroup = -1 };

	new_file(&model);
	return model;
}

static void may(struct outcome *outcome, int error)
{
	outcome->errors[error / 64] |= 1ULL << error % 64;
}

int allows(const struct outcome *outcome, long ret)
{
	if (ret >= 0)
		return outcome->success;
	return -ret < ERRNOS && (outcome->errors[-ret / 64] >> -ret % 64 & 1);
}

static struct outcome must(int error)
{
	struct outcome outcome = { .success = !error };

	if (error)
		may(&outcome, error);
	return outcome;
}

/* The widest outcome: any request, while other tasks change the file and the struct. */
struct outcome anything(unsigned int command)
{
	static const int common[] = { EFAULT, EINVAL, E2BIG, EBADF, ENOTTY };
	static const int births[] = {
		EOPNOTSUPP, EACCES, EPERM, EDQUOT, EAGAIN, EBUSY, ENOENT, ENODEV, EMFILE, ENOMEM,
	};
	struct outcome outcome = { .success = 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(common); i++)
		may(&outcome, common[i]);
	if (is_birth(command)) {
		for (i = 0; i < ARRAY_SIZE(births); i++)
			may(&outcome, births[i]);
	} else if (command == SPAWNCTL_IOC_LIMIT) {
		may(&outcome, EACCES);
		may(&outcome, EPERM);
	} else if (command != SPAWNCTL_IOC_INFO) {
		outcome = (struct outcome){ 0 };
		may(&outcome, EBADF);
		may(&outcome, ENOTTY);
	}
	return outcome;
}

/* Whether @size bytes at @address can be written. 0: no, 1: yes, 2: at times. */
int writable(const struct maker *maker, __u64 address, unsigned int size)
{
	__u64 base = (uintptr_t)maker->arena;
	unsigned int i;
	int result = 1;

	for (i = 0; i < size; i += size - 1) {
		if (address + i < base || address + i >= base + ARENA_PAGES * FUZZ_PAGE)
			return 0;
		switch ((address + i - base) / FUZZ_PAGE) {
		case PAGE_SCRATCH:
		case PAGE_STACK ... PAGE_STACK + 1:
			break;
		case PAGE_RACED:
		case PAGE_RACED_STACK:
			result = 2;
			break;
		default:
			return 0;
		}
	}
	return result;
}

static int bad_stack(const struct spawnctl_clone *clone)
{
	__u64 top = (clone->stack + clone->stack_size) & ~15ULL;

	if (!clone->stack && !clone->stack_size)
		return 0;
	if (!clone->stack || !clone->stack_size || clone->stack + clone->stack_size < clone->stack)
		return 1;
	if (clone->stack + clone->stack_size >= ARCH_USER_SPACE_END)
		return 1;
	/* In between it depends on the machine. */
	if (clone->stack + clone->stack_size > user_space() - FUZZ_PAGE)
		return -1;
	return top <= clone->stack;
}

static int bad_clone(const struct call *call, const struct model *model)
{
	const struct spawnctl_clone *clone = &call->image.clone;
	__u32 known = FUZZ_ALL_FLAGS & ~(call->command == SPAWNCTL_IOC_FORK ?
					 FUZZ_SPAWN_ONLY : FUZZ_FORK_ONLY);
	const struct {
		__u32 flag;
		__u64 value;
	} members[] = {
		{ SPAWNCTL_WINDOW_MASK, clone->window_mask },
		{ SPAWNCTL_EXEC_MASK, clone->exec_mask },
		{ SPAWNCTL_PIDFD, clone->pidfd },
		{ SPAWNCTL_CGROUP, clone->cgroup },
		{ SPAWNCTL_PARENT_SETTID, clone->parent_tid },
		{ SPAWNCTL_HOLD, clone->hold },
		{ SPAWNCTL_NO_WAIT, clone->child_tid },
	};
	unsigned int i;

	if (clone->flags & ~known)
		return EINVAL;
	for (i = 0; i < ARRAY_SIZE(members); i++)
		if (members[i].value && !(clone->flags & members[i].flag))
			return EINVAL;
	if ((clone->flags & SPAWNCTL_NO_WAIT) &&
	    (!clone->stack || !clone->child_tid || clone->child_tid % 4 ||
	     (clone->flags & (SPAWNCTL_HOLD | SPAWNCTL_CGROUP))))
		return EINVAL;
	if ((clone->flags & SPAWNCTL_EXEC_MASK) && (clone->flags & SPAWNCTL_EXEC_KEEP_MASK))
		return EINVAL;
	if ((clone->sig_ignore & UNBLOCKABLE) || (clone->sig_ignore & clone->sig_default))
		return EINVAL;
	if (clone->exit_signal > NSIGNALS)
		return EINVAL;
	if ((clone->flags & SPAWNCTL_AUTOREAP) && clone->exit_signal)
		return EINVAL;
	if ((clone->flags & SPAWNCTL_AUTOREAP) && !model->autoreap)
		return EOPNOTSUPP;
	if (bad_stack(clone) > 0)
		return EINVAL;
	return 0;
}

/* Whether kernel_clone() refuses a request that the module has passed on. */
static int refused_by_kernel(const struct call *call, const struct model *model)
{
	const __u32 two = SPAWNCTL_PIDFD | SPAWNCTL_PARENT_SETTID;
	const struct spawnctl_clone *clone = &call->image.clone;

	return ((clone->flags & two) == two && clone->pidfd == clone->parent_tid) ||
	       (model->time_namespace && model->no_spawn && call->command == SPAWNCTL_IOC_SPAWN);
}

/* If the number of children at a time is limited, earlier ones may still be alive. */
static struct outcome earlier_children(const struct model *model, struct outcome outcome)
{
	if (model->most_live != SPAWNCTL_NO_LIMIT)
		may(&outcome, EAGAIN);
	return outcome;
}

/* The outcome of a request that bad_clone() has found valid. */
static struct outcome birth_outcome(const struct call *call, const struct model *model,
				    const struct maker *maker)
{
	const struct spawnctl_clone *clone = &call->image.clone;
	int hold = clone->flags & SPAWNCTL_HOLD ?
		   writable(maker, clone->hold, sizeof(struct spawnctl_hold)) : 1;
	struct outcome outcome = must(0);

	if (bad_stack(clone))
		may(&outcome, EINVAL);
	if (!hold)
		outcome = must(EFAULT);
	else if ((clone->flags & ~model->flags) ||
		 (clone->sig_ignore && (model->in_force & SPAWNCTL_LIMIT_RESET)))
		outcome = must(EPERM);
	else if (!model->children)
		outcome = must(EDQUOT);
	else if (!model->most_live)
		outcome = must(EAGAIN);
	else if (refused_by_kernel(call, model))
		outcome = earlier_children(model, must(EINVAL));
	if (hold == 2)
		may(&outcome, EFAULT);
	if (!outcome.success) {
		if (bad_stack(clone))
			may(&outcome, EINVAL);
		return outcome;
	}
	if ((clone->flags & SPAWNCTL_PIDFD) && writable(maker, clone->pidfd, 4) != 1) {
		may(&outcome, EFAULT);
		outcome.success = writable(maker, clone->pidfd, 4);
	}
	if (clone->flags & SPAWNCTL_CGROUP) {
		may(&outcome, EBADF);
		may(&outcome, EACCES);
		may(&outcome, EBUSY);
		may(&outcome, ENOENT);
		may(&outcome, ENODEV);
		may(&outcome, EOPNOTSUPP);
		if (clone->cgroup != model->cgroup)
			outcome.success = 0;
	}
	outcome = earlier_children(model, outcome);
	if (model->no_tasks)
		may(&outcome, EAGAIN);
	if (model->no_init)
		may(&outcome, ENOMEM);
	if (model->no_files && (clone->flags & SPAWNCTL_PIDFD))
		may(&outcome, EMFILE);
	return outcome;
}

static int bad_limit(const struct spawnctl_limit *limit, const struct model *model)
{
	if ((limit->flags & ~FUZZ_LIMITS) || (limit->commands & ~FUZZ_COMMANDS) ||
	    (limit->clone_flags & ~FUZZ_ALL_FLAGS))
		return EINVAL;
	if ((limit->commands && !(limit->flags & SPAWNCTL_LIMIT_COMMANDS)) ||
	    (limit->clone_flags && !(limit->flags & SPAWNCTL_LIMIT_FLAGS)) ||
	    (limit->children && !(limit->flags & SPAWNCTL_LIMIT_CHILDREN)) ||
	    (limit->live && !(limit->flags & SPAWNCTL_LIMIT_LIVE)))
		return EINVAL;
	if ((limit->flags & SPAWNCTL_LIMIT_FILTERED) && model->filtered)
		return EACCES;
	return 0;
}

/* The outcome of a call on the caller's own file, whose struct no other thread writes. */
struct outcome foretell(const struct call *call, const struct model *model,
			const struct maker *maker)
{
	__u32 size = call->image.size;
	int error;

	if (!is_birth(call->command) && call->command != SPAWNCTL_IOC_INFO &&
	    call->command != SPAWNCTL_IOC_LIMIT)
		return must(ENOTTY);
	if (call->command != SPAWNCTL_IOC_INFO) {
		if (model->filtered && !(model->in_force & SPAWNCTL_LIMIT_FILTERED))
			return must(EACCES);
		if (!(model->commands & 1U << _IOC_NR(call->command)))
			return must(EPERM);
	}
	if ((call->place >= PLACE_NULL && call->place <= PLACE_HOLE) ||
	    (call->place == PLACE_EDGE && call->cut < 4))
		return must(EFAULT);
	if (size < first_size(call->command))
		return must(EINVAL);
	if (size > FUZZ_PAGE)
		return must(E2BIG);
	if (call->place == PLACE_EDGE && call->cut < size)
		return must(EFAULT);
	if (call->dirt)
		return must(E2BIG);
	if (call->command == SPAWNCTL_IOC_INFO)
		return must(call->place == PLACE_READ_ONLY ? EFAULT : 0);
	if (call->command == SPAWNCTL_IOC_LIMIT)
		return must(bad_limit(&call->image.limit, model));
	error = bad_clone(call, model);
	return error ? must(error) : birth_outcome(call, model, maker);
}

/* Notes what a successful call has changed. */
void learn(struct model *model, const struct call *call)
{
	const struct spawnctl_limit *limit = &call->image.limit;

	if (is_birth(call->command)) {
		if (model->children != SPAWNCTL_NO_LIMIT)
			model->children--;
		return;
	}
	if (call->command != SPAWNCTL_IOC_LIMIT)
		return;
	if (limit->flags & SPAWNCTL_LIMIT_COMMANDS)
		model->commands &= limit->commands | 1U << SPAWNCTL_CMD_INFO;
	model->flags &= limit->flags & SPAWNCTL_LIMIT_FLAGS ? limit->clone_flags :
							      ~SPAWNCTL_NO_WAIT;
	if ((limit->flags & SPAWNCTL_LIMIT_CHILDREN) && limit->children < model->children)
		model->children = limit->children;
	if ((limit->flags & SPAWNCTL_LIMIT_LIVE) && limit->live < model->most_live)
		model->most_live = limit->live;
	model->in_force |= limit->flags & FUZZ_LIMITS & ~(SPAWNCTL_LIMIT_COMMANDS |
				SPAWNCTL_LIMIT_FLAGS | SPAWNCTL_LIMIT_CHILDREN |
				SPAWNCTL_LIMIT_LIVE);
	if (limit->flags & SPAWNCTL_LIMIT_KILL)
		model->in_force |= SPAWNCTL_LIMIT_NO_NEW_PRIVS;
}

/* Whether INFO agrees with the model. */
int info_is_true(const struct spawnctl_info *info, const struct model *model)
{
	__u32 births = 1U << SPAWNCTL_CMD_SPAWN | 1U << SPAWNCTL_CMD_FORK;
	__u32 served = FUZZ_ALL_FLAGS & ~(model->autoreap ? 0 : SPAWNCTL_AUTOREAP);
	int whole = info->size >= SPAWNCTL_INFO_SIZE_VER1, refusal = 0;

	if (model->filtered && !(model->in_force & SPAWNCTL_LIMIT_FILTERED))
		refusal = EACCES;
	else if (!(model->commands & births))
		refusal = EPERM;
	else if (!model->children)
		refusal = EDQUOT;
	else if (whole ? info->live >= model->most_live :
			 info->refusal == EAGAIN && model->most_live != SPAWNCTL_NO_LIMIT)
		refusal = EAGAIN;
	return info->abi == SPAWNCTL_ABI && info->commands == model->commands &&
	       info->refusal == refusal && info->children == model->children &&
	       (!whole || info->most_live == model->most_live) && info->limits == model->in_force &&
	       info->limit_flags == FUZZ_LIMITS &&
	       (model->filtered ? !info->id : info->id) &&
	       info->spawn_flags == (served & model->flags & ~FUZZ_FORK_ONLY) &&
	       info->fork_flags == (served & model->flags & ~FUZZ_SPAWN_ONLY);
}
