/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * While a service changes from this host's sockets to the packet path, the connections that the sockets hold stay
 * theirs. Only of TCP: a relayed UDP flow has no socket that its client's packets could be told by.
 */
#ifndef SLUICE_HANDOVER_H
#define SLUICE_HANDOVER_H

#include "fragment.h"

/*
 * A listener holds no connection. One that waits for its end holds none either: nothing is lost with it, and whoever
 * opens a new one from the same port is steered. One whose handshake is under way is held: its SYN was answered here.
 */
static __always_inline int is_held_here(struct xdp_md *ctx, const struct packet *packet)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 bytes, state;

	if (packet->protocol != IPPROTO_TCP)
		return 0;
	if (packet->ipv6) {
		__builtin_memcpy(tuple.ipv6.saddr, packet->client.words, sizeof(tuple.ipv6.saddr));
		__builtin_memcpy(tuple.ipv6.daddr, packet->vip.words, sizeof(tuple.ipv6.daddr));
		tuple.ipv6.sport = packet->client_port;
		tuple.ipv6.dport = packet->vip_port;
		bytes = sizeof(tuple.ipv6);
	} else {
		tuple.ipv4.saddr = packet->client.words[3];
		tuple.ipv4.daddr = packet->vip.words[3];
		tuple.ipv4.sport = packet->client_port;
		tuple.ipv4.dport = packet->vip_port;
		bytes = sizeof(tuple.ipv4);
	}
	socket = bpf_skc_lookup_tcp(ctx, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return 0;
	state = socket->state;
	bpf_sk_release(socket);
	return state != BPF_TCP_LISTEN && state != BPF_TCP_TIME_WAIT;
}

static __always_inline verdict pass_held(const struct packet *packet)
{
	if (packet->flags & PACKET_RELAYED)
		return pass(packet, REASON_ICMP_PASSED);
	if (packet->flags & PACKET_FIRST_FRAGMENT)
		remember_fragment(packet);
	return pass(packet, REASON_LOCAL);
}

#endif
