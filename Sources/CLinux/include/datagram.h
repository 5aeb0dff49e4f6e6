// SPDX-License-Identifier: Apache-2.0
// Datagrams by the batch: recvmmsg(2), sendmmsg(2), ip(7) and ipv6(7) for the address that they came to.
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "event.h"

#define LINUX_DATAGRAMS_MAX 32

// struct mmsghdr and struct in6_pktinfo, which the C library shows to _GNU_SOURCE alone.
struct linux_message {
    struct msghdr header;
    unsigned int length;
};

struct linux_pktinfo6 {
    struct in6_addr address;
    unsigned int interface;
};

// Where a datagram came from, and the address of ours that it was sent to; addresses as linux_sockaddr_fill has them.
struct linux_datagram {
    uint64_t high;
    uint64_t low;
    uint64_t local_high;
    uint64_t local_low;  // 0 with local_high 0: not said
    uint32_t scope;
    uint32_t length;  // of the datagram, bytes
    uint16_t port;
    uint16_t cut;  // 1: longer than its buffer
    uint32_t interface;
};

struct linux_batch {
    struct linux_message messages[LINUX_DATAGRAMS_MAX];
    struct iovec pieces[LINUX_DATAGRAMS_MAX];
    struct sockaddr_storage names[LINUX_DATAGRAMS_MAX];
    _Alignas(struct cmsghdr) char controls[LINUX_DATAGRAMS_MAX][64];
};

static inline int linux_udp_socket(int family) {
    return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Each datagram tells which address of ours it came to.
static inline int linux_tell_local_address(int fd, int family) {
    int on = 1;
    return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on))
                             : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

static inline void linux_datagram_read_local(struct msghdr *header, struct linux_datagram *datagram) {
    for (struct cmsghdr *piece = CMSG_FIRSTHDR(header); piece; piece = CMSG_NXTHDR(header, piece)) {
        if (piece->cmsg_level == IPPROTO_IP && piece->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(piece), sizeof(info));
            datagram->local_high = 0;
            datagram->local_low = 0xffff00000000ULL | ntohl(info.ipi_addr.s_addr);
        } else if (piece->cmsg_level == IPPROTO_IPV6 && piece->cmsg_type == IPV6_PKTINFO) {
            struct linux_pktinfo6 info;
            struct sockaddr_storage storage = {.ss_family = AF_INET6};
            uint16_t port;
            uint32_t scope;
            memcpy(&info, CMSG_DATA(piece), sizeof(info));
            ((struct sockaddr_in6 *)&storage)->sin6_addr = info.address;
            linux_sockaddr_read(&storage, &datagram->local_high, &datagram->local_low, &port, &scope);
            datagram->interface = info.interface;
        }
    }
}

// As many as wait, `most` at most, the n-th at bytes + n * stride. The number, or -1.
static inline int linux_receive_datagrams(int fd, struct linux_batch *batch, void *bytes, size_t stride, int most,
                                          struct linux_datagram *datagrams) {
    int count;

    if (most > LINUX_DATAGRAMS_MAX) {
        most = LINUX_DATAGRAMS_MAX;
    }
    for (int index = 0; index < most; index++) {
        batch->pieces[index] = (struct iovec){.iov_base = (char *)bytes + index * stride, .iov_len = stride};
        batch->messages[index].header = (struct msghdr){
            .msg_name = &batch->names[index],
            .msg_namelen = sizeof(batch->names[index]),
            .msg_iov = &batch->pieces[index],
            .msg_iovlen = 1,
            .msg_control = batch->controls[index],
            .msg_controllen = sizeof(batch->controls[index]),
        };
    }
    count = (int)syscall(SYS_recvmmsg, fd, batch->messages, most, MSG_DONTWAIT, NULL);
    for (int index = 0; index < count; index++) {
        struct linux_datagram *datagram = &datagrams[index];
        struct msghdr *header = &batch->messages[index].header;

        memset(datagram, 0, sizeof(*datagram));
        datagram->length = batch->messages[index].length;
        datagram->cut = (header->msg_flags & MSG_TRUNC) != 0;
        // A connected socket's datagrams name their sender too; where there is none the fields stay 0.
        linux_sockaddr_read(&batch->names[index], &datagram->high, &datagram->low, &datagram->port, &datagram->scope);
        linux_datagram_read_local(header, datagram);
    }
    return count;
}

static inline size_t linux_datagram_write_local(char *control, const struct linux_datagram *datagram, int is_ipv4) {
    struct cmsghdr *piece = (struct cmsghdr *)control;

    if (is_ipv4) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)datagram->local_low)};
        *piece = (struct cmsghdr){
            .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(piece), &info, sizeof(info));
        return CMSG_SPACE(sizeof(info));
    }
    struct sockaddr_storage storage;
    struct linux_pktinfo6 info = {.interface = datagram->scope};
    linux_sockaddr_fill(&storage, datagram->local_high, datagram->local_low, 0, 0);
    info.address = ((struct sockaddr_in6 *)&storage)->sin6_addr;
    *piece = (struct cmsghdr){
        .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    memcpy(CMSG_DATA(piece), &info, sizeof(info));
    return CMSG_SPACE(sizeof(info));
}

// Sends `count` of them, the n-th at bytes + n * stride: to its address from its local one, or where `connected` to
// the socket's peer. The number that went, or -1.
static inline int linux_send_datagrams(int fd, struct linux_batch *batch, const void *bytes, size_t stride, int count,
                                       const struct linux_datagram *datagrams, int connected) {
    if (count > LINUX_DATAGRAMS_MAX) {
        count = LINUX_DATAGRAMS_MAX;
    }
    for (int index = 0; index < count; index++) {
        const struct linux_datagram *datagram = &datagrams[index];
        int is_ipv4 = datagram->high == 0 && datagram->low >> 32 == 0xffff;
        struct msghdr *header = &batch->messages[index].header;

        batch->pieces[index] =
            (struct iovec){.iov_base = (char *)bytes + index * stride, .iov_len = datagram->length};
        *header = (struct msghdr){.msg_iov = &batch->pieces[index], .msg_iovlen = 1};
        if (connected) {
            continue;
        }
        header->msg_name = &batch->names[index];
        header->msg_namelen = linux_sockaddr_fill(&batch->names[index], datagram->high, datagram->low, datagram->port,
                                                  datagram->scope);
        if (datagram->local_high | datagram->local_low) {
            header->msg_control = batch->controls[index];
            header->msg_controllen = linux_datagram_write_local(batch->controls[index], datagram, is_ipv4);
        }
    }
    return (int)syscall(SYS_sendmmsg, fd, batch->messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}
