// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
// Before the kernel's headers, which leave out what this one has defined.
#include <net/if.h>

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// An ARP packet for IPv4 over Ethernet: RFC 826.
struct linux_arp {
    uint16_t hardware, protocol;
    uint8_t hardware_length, protocol_length;
    uint16_t operation;
    uint8_t sender_hardware[6], sender[4], target_hardware[6], target[4];
} __attribute__((packed));

static inline int64_t linux_arp_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int linux_arp_ask(int fd, int interface, const uint8_t hardware[6], uint32_t address) {
    struct sockaddr_ll everybody = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = interface, .sll_halen = 6};
    // A probe, whose sender has no address: nobody's cache changes (RFC 5227, 2.1.1).
    struct linux_arp question = {.hardware = htons(ARPHRD_ETHER), .protocol = htons(ETH_P_IP), .hardware_length = 6,
                                 .protocol_length = 4, .operation = htons(ARPOP_REQUEST)};
    memset(everybody.sll_addr, 0xff, 6);
    memcpy(question.sender_hardware, hardware, 6);
    memcpy(question.target, &address, 4);
    return bind(fd, (struct sockaddr *)&everybody, sizeof(everybody)) < 0 ||
                   sendto(fd, &question, sizeof(question), 0, (struct sockaddr *)&everybody, sizeof(everybody)) < 0
               ? -errno
               : 0;
}

// Asks the Ethernet of an interface who has an IPv4 address (network order), and waits for answers: their count, or
// -errno. `answers` has room for `most` addresses of six bytes. Needs CAP_NET_RAW.
static inline int linux_arp_answers(int interface, const uint8_t hardware[6], uint32_t address, int milliseconds,
                                    uint8_t *answers, int most) {
    int count = 0, fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
    if (fd < 0) {
        return -errno;
    }
    int failure = linux_arp_ask(fd, interface, hardware, address);
    int64_t left, end = linux_arp_milliseconds() + milliseconds;
    while (failure == 0 && count < most && (left = end - linux_arp_milliseconds()) > 0) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        struct linux_arp answer;
        if (poll(&waiting, 1, (int)left) <= 0 || recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer) ||
            answer.operation != htons(ARPOP_REPLY) || memcmp(answer.sender, &address, 4) != 0 ||
            memcmp(answer.sender_hardware, hardware, 6) == 0) {
            continue;
        }
        int known = 0;
        for (int index = 0; index < count; index++) {
            known |= memcmp(answers + 6 * index, answer.sender_hardware, 6) == 0;
        }
        if (!known) {
            memcpy(answers + 6 * count++, answer.sender_hardware, 6);
        }
    }
    close(fd);
    return failure ? failure : count;
}
