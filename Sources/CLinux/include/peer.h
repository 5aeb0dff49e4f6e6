// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a Unix socket: unix(7), SO_PEERCRED; getgrouplist(3).
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

// `struct ucred`, which glibc shows only under _GNU_SOURCE.
struct sluice_peer {
	int32_t pid;
	uint32_t uid;
	uint32_t gid;
};

enum {
	SLUICE_SO_PEERCRED = SO_PEERCRED,
	SLUICE_PEER_GROUPS_MAX = 1024,
	SLUICE_PEER_TEXT_MAX = 16384,
};

extern int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);

// Whether the user database counts the user among the group's members: 1 or 0; 0 too for an unknown user.
static inline int sluice_user_in_group(uint32_t uid, uint32_t gid)
{
	char text[SLUICE_PEER_TEXT_MAX];
	gid_t groups[SLUICE_PEER_GROUPS_MAX];
	struct passwd entry, *found = NULL;
	int count = SLUICE_PEER_GROUPS_MAX;

	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 || !found)
		return 0;
	if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &count) < 0)
		return 0;
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}

// The number of a group by name; -1 where there is none.
static inline int64_t sluice_group_number(const char *name)
{
	char text[SLUICE_PEER_TEXT_MAX];
	struct group entry, *found = NULL;

	if (getgrnam_r(name, &entry, text, sizeof(text), &found) != 0 || !found)
		return -1;
	return found->gr_gid;
}
