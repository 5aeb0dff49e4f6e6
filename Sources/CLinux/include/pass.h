// SPDX-License-Identifier: Apache-2.0
// Descriptors from process to process: unix(7), SCM_RIGHTS; and bytes in a file of memory: memfd_create(2).
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <unistd.h>

#include "peer.h"

enum {
    LINUX_FREEBIND = 15,        // IP_FREEBIND
    LINUX_IPV6_FREEBIND = 78,   // IPV6_FREEBIND
    LINUX_MEMFD_CLOEXEC = 1,
    LINUX_SCM_CREDENTIALS = 2,  // SCM_CREDENTIALS, which glibc shows only under _GNU_SOURCE
};

static inline int linux_packet_socket(void) {
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static inline int linux_fill_path(struct sockaddr_un *address, const char *path) {
    if (strlen(path) >= sizeof(address->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return 0;
}

static inline int linux_bind_path(int fd, const char *path) {
    struct sockaddr_un address;
    return linux_fill_path(&address, path) ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static inline int linux_connect_path(int fd, const char *path) {
    struct sockaddr_un address;
    return linux_fill_path(&address, path) ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

// How long a send or receive waits.
static inline int linux_set_patience(int fd, long milliseconds) {
    struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time))) {
        return -1;
    }
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

// One packet, with a descriptor where `passed` is not below 0.
static inline ssize_t linux_send_packet(int fd, const void *bytes, size_t count, int passed) {
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (passed >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &passed, sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

// Packets that come say who sent them, whose word the kernel checks: unix(7), SO_PASSCRED.
static inline int linux_name_senders(int fd) {
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
}

// All descriptors of one control message are in this process by now: what nobody asked for is closed. The number of
// those that came; the first of them stays in `passed` where nothing is there yet.
static inline size_t linux_take_descriptors(struct cmsghdr *header, int *passed) {
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t index = 0; index < count; index++) {
        int descriptor;
        memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
        if (*passed < 0) {
            *passed = descriptor;
        } else {
            close(descriptor);
        }
    }
    return count;
}

// One packet; `passed` is -1 where no descriptor came with it, the sender's process 0 where it is not named. EMSGSIZE
// for one that was cut short or brings more than one descriptor: then none of them stays open.
static inline ssize_t linux_receive_packet(int fd, void *bytes, size_t room, int *passed, struct sluice_peer *sender) {
    struct iovec vector = {.iov_base = bytes, .iov_len = room};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct sluice_peer))];
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    size_t descriptors = 0;

    *passed = -1;
    memset(sender, 0, sizeof(*sender));
    if (count < 0) {
        return -1;
    }
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (header->cmsg_type == SCM_RIGHTS) {
            descriptors += linux_take_descriptors(header, passed);
        }
        if (header->cmsg_type == LINUX_SCM_CREDENTIALS && header->cmsg_len == CMSG_LEN(sizeof(*sender))) {
            memcpy(sender, CMSG_DATA(header), sizeof(*sender));
        }
    }
    if (descriptors > 1 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        if (*passed >= 0) {
            close(*passed);
        }
        *passed = -1;
        errno = EMSGSIZE;
        return -1;
    }
    return count;
}

static inline int linux_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, LINUX_MEMFD_CLOEXEC);
}

static inline int linux_duplicate(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}
