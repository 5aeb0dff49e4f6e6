/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of a packet on its way, and how its way ends. */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include "maps.h"

enum packet_flags {
	PACKET_SYN = 0x01,		/* SYN without ACK: a new connection */
	PACKET_FIRST_FRAGMENT = 0x02,
	PACKET_LATER_FRAGMENT = 0x04,
	PACKET_RELAYED = 0x08,		/* an ICMP error, by the packet inside it: writes no record */
	PACKET_DRY = 0x10,		/* leave no trace */
	/* What shows no ports: ICMP, another protocol, a header that does not fit. */
	PACKET_ICMP = 0x20,
	PACKET_OTHER = 0x40,
	PACKET_CUT = 0x80,
};

/* What sets a packet apart: nearly all have none of these, so one test sends them on. */
#define PACKET_SPECIAL (~(__u32)PACKET_SYN)
#define PACKET_WITHOUT_PORTS (PACKET_LATER_FRAGMENT | PACKET_ICMP | PACKET_OTHER | PACKET_CUT)

struct packet {
	__u32 bytes;		/* of the whole frame as it came in, for the counters */
	__u32 link_length;	/* of Ethernet header and tags */
	__u32 length;		/* of the IP packet */
	__u32 transport;	/* the transport header's offset in it */
	__u32 fragment_id;
	__u32 flags;		/* enum packet_flags */
	__u8 ipv6;		/* known where the program is compiled: all of it exists once a family */
	__u8 protocol;
	__u8 tos;		/* or traffic class: DSCP and ECN */
	/* what steers it; an ICMP error's is of the packet inside it */
	__be16 client_port;
	__be16 vip_port;
	struct address client;
	struct address vip;
	/* what came of it */
	__u32 reason;		/* enum reason, if it is forwarded */
	__u32 service;
	__u32 backend;
	__u64 flow;
};

/*
 * Every stage answers a verdict, or GO_ON. A verdict is all that the accounts need in one number, action, reason,
 * service and backend, for what each way out would have to carry costs every packet. XDP_ABORTED is none: the kernel
 * traces it as a program's fault.
 */
typedef __u64 verdict;

#define GO_ON 0
#define VERDICT_ACTION_MASK 0xff
#define VERDICT_REASON_SHIFT 8
#define VERDICT_SERVICE_SHIFT 16
#define VERDICT_BACKEND_SHIFT 32
_Static_assert(XDP_ABORTED == GO_ON, "an aborted packet is no verdict");

static __always_inline verdict answer(const struct packet *packet, enum xdp_action action, __u32 reason)
{
	return action | reason << VERDICT_REASON_SHIFT | packet->service << VERDICT_SERVICE_SHIFT;
}

static __always_inline verdict forwarded(const struct packet *packet, enum xdp_action action, __u32 reason)
{
	return answer(packet, action, reason) | (verdict)packet->backend << VERDICT_BACKEND_SHIFT;
}

static __always_inline verdict drop(const struct packet *packet, enum reason reason)
{
	return answer(packet, XDP_DROP, reason);
}

static __always_inline verdict pass(const struct packet *packet, enum reason reason)
{
	return answer(packet, XDP_PASS, reason);
}

#endif
