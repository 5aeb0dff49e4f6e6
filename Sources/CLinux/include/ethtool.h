// SPDX-License-Identifier: Apache-2.0
#pragma once

// Before the kernel's headers, which leave out what this one has defined.
#include <net/if.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

// Receive queues that are in use and that there can be, by ethtool's ioctl. 0, or -1 where the driver does not say.
static inline int linux_ethtool_receive_queues(int fd, const char *interface, uint32_t *now, uint32_t *most) {
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = (char *)&channels;
    if (ioctl(fd, SIOCETHTOOL, &request) < 0) {
        return -1;
    }
    *now = channels.rx_count + channels.combined_count;
    *most = channels.max_rx > channels.max_combined ? channels.max_rx : channels.max_combined;
    return *now > 0 ? 0 : -1;
}

// The ETH_FLAG_ bits; 0 where the driver does not say.
static inline uint32_t linux_ethtool_flags(int fd, const char *interface) {
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = (char *)&value;
    return ioctl(fd, SIOCETHTOOL, &request) < 0 ? 0 : value.data;
}
