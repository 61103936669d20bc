// SPDX-License-Identifier: GPL-2.0
/*
 * spawnctl info: show the loaded module, and what this user may do.
 */
#include <errno.h>
#include <getopt.h>
#include <spawnctl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "nl.h"
#include "tool.h"

const char usage_info[] =
	"Usage: spawnctl info [--json]\n"
	"\n"
	"Show which module is loaded, and what the device allows this user.\n"
	"\n"
	"  -j, --json  print one JSON object, also for a failure\n";

/* @info->size is 0 if the device could not be opened or queried; @error tells why */
static void ask_device(struct spawnctl_info *info, int *error)
{
	int fd = spawnctl_open();

	*error = fd < 0 ? errno : 0;
	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return;
	info->size = sizeof(*info);
	if (spawnctl_get_info(fd, info)) {
		*error = errno;
		info->size = 0;
	}
	close(fd);
}

typedef const char *name_of(unsigned int flag);

static void print_flags(const char *title, uint32_t flags, name_of *name)
{
	unsigned int i;

	printf("%-16s", title);
	for (i = 0; name(i); i++)
		if (flags & (1U << i))
			printf(" %s", name(i));
	putchar('\n');
}

static const char *words(int error)
{
	const char *text = device_error(error);

	return text ? text : strerror(error);
}

static void print_text(const struct nl_info *module, const struct spawnctl_info *device, int error)
{
	printf("module           %s, interface %u\n", module->version, module->abi);
	print_flags("SPAWN's flags", module->spawn_flags, flag_name);
	print_flags("FORK's flags", module->fork_flags, flag_name);
	if (device->size)
		print_flags("LIMIT's flags", device->limit_flags, limit_name);
	printf("exec pending     %llu%s\n", (unsigned long long)module->exec_pending,
	       module->exec_pending ?
	       " (children with an exec mask; each holds a reference to the module until it "
	       "executes a program or ends)" : "");
	printf("allow_filtered   %s\n", module->allow_filtered ?
	       "1: tasks under a seccomp filter may open and use the device" :
	       "0: tasks under a seccomp filter can use marked descriptors only "
	       "(limit --filtered)");
	printf("events           %s\n", module->events ?
	       "sent to listeners with CAP_NET_ADMIN" :
	       "not sent: a process repeatedly joined their multicast group while the module "
	       "was being loaded");
	if (!device->size)
		printf("this user        cannot open the device: %s\n", words(error));
	else if (device->refusal)
		printf("this user        is refused by the device: %s\n", words(device->refusal));
	else
		printf("this user        can use the device and create children\n");
}

static struct json_object *flags_array(uint32_t flags, name_of *name)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; name(i); i++)
		if (flags & (1U << i))
			json_object_array_add(array, json_object_new_string(name(i)));
	return array;
}

static void print_json(const struct nl_info *module, const struct spawnctl_info *device, int error)
{
	struct json_object *all = json_object_new_object(), *user = json_object_new_object();

	add_text(all, "version", module->version);
	add_number(all, "abi", module->abi);
	json_object_object_add(all, "spawn_flags", flags_array(module->spawn_flags, flag_name));
	json_object_object_add(all, "fork_flags", flags_array(module->fork_flags, flag_name));
	if (device->size)
		json_object_object_add(all, "limit_flags",
				       flags_array(device->limit_flags, limit_name));
	add_number(all, "exec_pending", module->exec_pending);
	add_bool(all, "allow_filtered", module->allow_filtered);
	add_bool(all, "events", module->events);
	add_bool(user, "opens", device->size != 0);
	if (!device->size)
		add_text(user, "refusal", errno_name(error));
	else if (device->refusal)
		add_text(user, "refusal", errno_name(device->refusal));
	json_object_object_add(all, "user", user);
	put_json(all, false);
}

int cmd_info(int argc, char **argv)
{
	static const char letters[] = ":j";
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { } };
	struct spawnctl_info device;
	struct nl_info module;
	struct nl nl;
	int c, error, ret;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (c != 'j')
			return bad_option(c, argv, letters);
		json_wanted = true;
	}
	if (optind < argc)
		return bad_usage("unexpected argument '%s'", argv[optind]);
	ret = nl_open(&nl);
	if (ret)
		return nl_failed("open the netlink family", NULL, &nl, ret);
	ret = nl_get_info(&nl, &module);
	nl_close(&nl);
	if (ret)
		return nl_failed("query the module", NULL, &nl, ret);
	ask_device(&device, &error);
	(json_wanted ? print_json : print_text)(&module, &device, error);
	return EXIT_SUCCESS;
}
