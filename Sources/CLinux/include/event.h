// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

// Flags of these calls arrive in Swift as enums of several kinds; here they are combined once.

static inline int linux_epoll_create(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

static inline int linux_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static inline int linux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data = {.u64 = data}};
    return epoll_ctl(epoll, operation, fd, &event);
}

static inline int linux_stream_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// accept4 hides behind _GNU_SOURCE, with which this module's view of libc would differ from Swift's own.
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

static inline int linux_accept(int fd) {
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int linux_accept_waiting(int fd) {
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

// With the client's address.
static inline int linux_accept_from(int fd, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof(*address);
    return accept4(fd, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline ssize_t linux_send(int fd, const void *bytes, size_t count) {
    return send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// prctl is variadic. The first 15 bytes count.
static inline int linux_name_thread(const char *name) {
    return prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0);
}

// sockaddr is a union by cast. Addresses are 128 bits as two numbers, IPv4 v4-mapped.

static inline socklen_t linux_sockaddr_fill(struct sockaddr_storage *storage, uint64_t high, uint64_t low,
                                            uint16_t port, uint32_t scope) {
    memset(storage, 0, sizeof(*storage));
    if (high == 0 && low >> 32 == 0xffff) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        v4->sin_addr.s_addr = htonl((uint32_t)low);
        return sizeof(*v4);
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    uint64_t halves[2] = {__builtin_bswap64(high), __builtin_bswap64(low)};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    halves[0] = high;
    halves[1] = low;
#endif
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_scope_id = scope;
    memcpy(&v6->sin6_addr, halves, sizeof(halves));
    return sizeof(*v6);
}

// 0, or -1 where the family is neither IPv4 nor IPv6.
static inline int linux_sockaddr_read(const struct sockaddr_storage *storage, uint64_t *high, uint64_t *low,
                                      uint16_t *port, uint32_t *scope) {
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        *high = 0;
        *low = 0xffff00000000ULL | ntohl(v4->sin_addr.s_addr);
        *port = ntohs(v4->sin_port);
        *scope = 0;
        return 0;
    }
    if (storage->ss_family != AF_INET6) {
        return -1;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
    *high = 0;
    *low = 0;
    for (int index = 0; index < 8; index++) {
        *high = *high << 8 | v6->sin6_addr.s6_addr[index];
        *low = *low << 8 | v6->sin6_addr.s6_addr[index + 8];
    }
    *port = ntohs(v6->sin6_port);
    *scope = v6->sin6_scope_id;
    return 0;
}

static inline int linux_bind(int fd, const struct sockaddr_storage *address, socklen_t length) {
    return bind(fd, (const struct sockaddr *)address, length);
}

static inline int linux_connect(int fd, const struct sockaddr_storage *address, socklen_t length) {
    return connect(fd, (const struct sockaddr *)address, length);
}

static inline int linux_local_address(int fd, struct sockaddr_storage *address, socklen_t *length) {
    return getsockname(fd, (struct sockaddr *)address, length);
}

// Close answers with a reset and leaves no TIME_WAIT behind.
static inline int linux_reset_on_close(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
