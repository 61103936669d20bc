/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linux 6.7 (e03781879a0d "drop_monitor: Require 'CAP_SYS_ADMIN' when joining
 * "events" group", and what went before it) named the flag by which only
 * CAP_NET_ADMIN may join a group; 5.10's long-term releases know it by an
 * operation's name. A kernel whose groups have no flags at all is older than
 * those, and cannot keep anyone out: there this does not compile, as it should.
 */
#ifndef SPAWNCTL_COMPAT_EVENT_GROUP_H
#define SPAWNCTL_COMPAT_EVENT_GROUP_H

#include <net/genetlink.h>

#ifdef GENL_MCAST_CAP_NET_ADMIN
#define EVENT_GROUP_FLAGS GENL_MCAST_CAP_NET_ADMIN
#else
#define EVENT_GROUP_FLAGS GENL_UNS_ADMIN_PERM
#endif

#endif
