// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
// Before the kernel's headers, which leave out what this one has defined.
#include <net/if.h>

#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

// A route socket: nonblocking for the one that listens to `groups`, with a time limit for the one that asks.
static inline int linux_netlink_open(uint32_t groups, int nonblocking, int receive_seconds) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    struct timeval limit = {.tv_sec = receive_seconds};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static inline ssize_t linux_netlink_send(int fd, const void *bytes, size_t count) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return sendto(fd, bytes, count, 0, (struct sockaddr *)&kernel, sizeof(kernel));
}

// As recvfrom(2) with MSG_TRUNC, so that a message larger than the buffer is seen; 0 bytes for one that is not the
// kernel's.
static inline ssize_t linux_netlink_receive(int fd, void *bytes, size_t count) {
    struct sockaddr_nl sender = {0};
    socklen_t length = sizeof(sender);
    ssize_t received = recvfrom(fd, bytes, count, MSG_TRUNC, (struct sockaddr *)&sender, &length);
    if (received > 0 && sender.nl_pid != 0) {
        return 0;
    }
    return received;
}

// Name of the driver by ethtool's ioctl, which knows namespaces (sysfs shows those of its mount). `driver` holds 32.
static inline int linux_ethtool_driver(int fd, const char *interface, char *driver) {
    struct ethtool_drvinfo facts = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = (char *)&facts;
    if (ioctl(fd, SIOCETHTOOL, &request) < 0) {
        return -1;
    }
    memcpy(driver, facts.driver, sizeof(facts.driver));
    return 0;
}

// One of ethtool's on/off questions (ETHTOOL_GTSO and its like): 0, 1, or -1.
static inline int linux_ethtool_flag(int fd, const char *interface, uint32_t command) {
    struct ethtool_value value = {.cmd = command};
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = (char *)&value;
    return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -1 : value.data != 0;
}

static inline int linux_datagram_socket(void) {
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}
