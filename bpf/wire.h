/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers and constants of the protocols, beyond what the kernel's own headers give. */
#ifndef SLUICE_WIRE_H
#define SLUICE_WIRE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#define VLAN_TAGS_MAX 2
#define VLAN_TAG_BYTES 4
#define LINK_LENGTH_MAX ((__u32)sizeof(struct ethhdr) + VLAN_TAGS_MAX * VLAN_TAG_BYTES)

#define LINK_LENGTH_MASK 31ULL	/* no link length is above it */

#define IPV4_PLAIN 0x45		/* version 4, five words: no options */
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_HEADER_MAX 60
#define MAPPED_PREFIX bpf_htonl(0xffff)	/* the third word of a v4-mapped address */

#define IPV6_EXTENSIONS_MAX 8
#define IPV6_OPTION_UNIT 8
#define IPV6_AUTHENTICATION_UNIT 4	/* RFC 4302, 2.2: in words, less two */
#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_ICMPV6 58
#define NEXT_DESTINATION 60

#define TCP_FLAGS_BYTE 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4	/* a code of the above */
#define ICMP_ECHO_REQUEST 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_TOO_BIG 2
#define ICMPV6_PARAMETER_PROBLEM 4	/* the last of the errors for which connections care */
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define IPV4_MTU_MIN 576	/* what every host takes (RFC 791, 3.1); less is an attack on its packet rate */
#define IPV6_MTU_MIN 1280

/* Of IPv4 and IPv6; `mtu` in 'fragmentation needed' is the low half of what is one word in 'packet too big'. */
struct icmp {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 rest;
};

struct vlan_tag {
	__be16 control;
	__be16 type;		/* of what follows */
};

struct ipv6_extension {
	__u8 next;
	__u8 length;
};

struct ipv6_fragment {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* Generic UDP Encapsulation, variant 0 without extensions (draft-ietf-intarea-gue, 3). */
struct gue_header {
	__u8 control_length;
	__u8 protocol;
	__be16 flags;
};

struct gue {
	struct udphdr udp;
	struct gue_header header;
};

#define GUE_OVERHEAD ((__u32)sizeof(struct gue))

#define IPV4_DONT_FRAGMENT 0x4000
#define IPV6_VERSION 0x60000000U
#define IPV6_FLOW_LABEL 0x000fffffU

#define MACS_WORDS 3	/* both addresses of an Ethernet header */

/* Packed and byte-aligned structures are copied byte by byte; every CPU that has XDP reads words at any address. */
static __always_inline void copy_macs(void *to, const void *from)
{
#pragma unroll
	for (int i = 0; i < MACS_WORDS; i++)
		((__u32 *)to)[i] = ((const __u32 *)from)[i];
}

static __always_inline void copy_ipv6(void *to, const void *from)
{
	((__u64 *)to)[0] = ((const __u64 *)from)[0];
	((__u64 *)to)[1] = ((const __u64 *)from)[1];
}

/* 16-bit ones' complement sums are the same in either byte order (RFC 1071, 2), so words are added as they lie. */
static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

#endif
