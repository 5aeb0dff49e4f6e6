// SPDX-License-Identifier: Apache-2.0
// Capabilities of the calling thread: capabilities(7), capset(2), prctl(2). Threads begun later inherit them.
#pragma once

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The permitted capabilities, a bit each. 0 or -errno.
static inline int sluice_permitted_capabilities(uint64_t *permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	*permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	return 0;
}

// Makes `keep` the permitted and effective set; nothing is inherited over an exec. 0 or -errno.
static inline int sluice_set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

// Takes all but `keep` out of the bounding set, so that no exec brings it back. Needs CAP_SETPCAP. 0 or -errno.
static inline int sluice_drop_bounding(uint64_t keep)
{
	for (int capability = 0; capability < 64; capability++) {
		if (keep >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0)
			return 0; // Past the last one that this kernel knows.
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

// Whether this kernel knows the capability.
static inline int sluice_knows_capability(int capability)
{
	return prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
}

// Clears the ambient set. 0 or -errno.
static inline int sluice_clear_ambient(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

// No exec gives more than this thread has: set-user-id programs lose their meaning. 0 or -errno.
static inline int sluice_no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

// Becomes this user and group for good, with no other group; what root could do is gone with it. 0 or -errno. For a
// process of one thread: the system calls change the calling thread alone.
static inline int sluice_become(uint32_t user, uint32_t group)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	if (syscall(SYS_setresgid, group, group, group) < 0)
		return -errno;
	if (syscall(SYS_setresuid, user, user, user) < 0)
		return -errno;
	return 0;
}
