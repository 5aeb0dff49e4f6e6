/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP to a VIP: echoes are answered here, errors go where the packet inside them went. */
#ifndef SLUICE_ICMP_H
#define SLUICE_ICMP_H

#include "parse.h"
#include "verdict.h"

#define ICMP_OFFSET_MASK 511ULL	/* of the ICMP header in the frame; behind longer chains it is the stack's */

static __always_inline int may_answer(const struct packet *packet)
{
	struct cpu_state *state;

	if (packet->flags & PACKET_DRY)
		return 1;
	state = element(&cpu_state, bpf_get_smp_processor_id());
	return state && spend(&state->icmp_second, &state->icmp_spent, ICMP_RATE_PER_SECOND);
}

/* RFC 1624, 3: a 16-bit word under a checksum changes. */
static __always_inline void replace_word(__sum16 *checksum, __be16 *word, __be16 value)
{
	*checksum = ~fold((__u16)~*checksum + (__u16)~*word + value);
	*word = value;
}

static __always_inline void turn_ethernet(struct ethhdr *ethernet)
{
	__u8 source[ETH_ALEN];

	__builtin_memcpy(source, ethernet->h_source, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(ethernet->h_dest, source, ETH_ALEN);
}

/* Swapping the addresses changes no sum, neither the header's nor the pseudo-header's. */
static __always_inline void turn_ipv4(struct iphdr *ip, const struct packet *packet)
{
	ip->saddr = packet->vip.words[3];
	ip->daddr = packet->client.words[3];
	replace_word(&ip->check, (__be16 *)&ip->ttl, bpf_htons(OUTER_TTL << 8 | IPPROTO_ICMP));
}

static __always_inline void turn_ipv6(struct ipv6hdr *ip, const struct packet *packet)
{
	__builtin_memcpy(&ip->saddr, &packet->vip, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &packet->client, sizeof(ip->daddr));
	ip->hop_limit = OUTER_TTL;
}

/* In place, whatever its length: the payload is not touched, so its checksum need not be taken. */
static __always_inline verdict answer_echo(struct packet *packet, void *data, void *ip, void *end, struct icmp *icmp)
{
	__u8 reply = packet->ipv6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;

	if (ip + sizeof(struct ipv6hdr) > end && packet->ipv6)
		return drop(packet, REASON_TRUNCATED);
	if (ip + sizeof(struct iphdr) > end)
		return drop(packet, REASON_TRUNCATED);
	if (!may_answer(packet))
		return drop(packet, REASON_ECHO_LIMITED);

	turn_ethernet(data);
	if (packet->ipv6)
		turn_ipv6(ip, packet);
	else
		turn_ipv4(ip, packet);
	replace_word(&icmp->checksum, (__be16 *)icmp, bpf_htons(reply << 8));
	return answer(packet, XDP_TX, REASON_ECHO_REPLY);
}

/*
 * The packet inside went from the VIP to the client; seen from here, its flow runs the other way. One of a protocol
 * without VIPs, or with a port that is none (`pass_unclaimed`), was this host's own: its stack learns of the error.
 */
static __always_inline verdict adopt_ports(struct packet *packet, void *transport, void *end, __u32 room, int is_later)
{
	__be16 *ports = transport;	/* RFC 792 promises eight bytes of it: the ports of TCP and UDP alike */

	if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)
		return pass(packet, REASON_ICMP_PASSED);
	if (is_later || (void *)(ports + 2) > end || room < 2 * sizeof(*ports))
		return drop(packet, REASON_ICMP_BAD_INNER);
	packet->vip_port = ports[0];
	packet->client_port = ports[1];
	packet->flags = (packet->flags & ~PACKET_ICMP) | PACKET_RELAYED;
	return GO_ON;
}

static __always_inline verdict adopt_inner_ipv4(struct packet *packet, void *inner, void *end, __u32 room)
{
	struct iphdr *ip = inner;

	if ((void *)(ip + 1) > end || room < sizeof(*ip) || ip->version != 4 || ip->ihl < 5)
		return drop(packet, REASON_ICMP_BAD_INNER);
	if (ip->saddr != packet->vip.words[3])
		return drop(packet, REASON_ICMP_BAD_INNER);
	packet->client.words[3] = ip->daddr;
	packet->protocol = ip->protocol;
	if (room < ip->ihl * 4)
		return drop(packet, REASON_ICMP_BAD_INNER);
	return adopt_ports(packet, inner + ip->ihl * 4, end, room - ip->ihl * 4,
			   ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET));
}

static __always_inline verdict adopt_inner_ipv6(struct packet *packet, void *inner, void *end, __u32 room)
{
	struct ipv6_fragment *fragment;
	struct ipv6hdr *ip = inner;
	void *transport = ip + 1;
	struct address source;
	int is_later = 0;

	if (transport > end || room < sizeof(*ip) || ip->version != 6)
		return drop(packet, REASON_ICMP_BAD_INNER);
	__builtin_memcpy(&source, &ip->saddr, sizeof(source));
	if (source.halves[0] != packet->vip.halves[0] || source.halves[1] != packet->vip.halves[1])
		return drop(packet, REASON_ICMP_BAD_INNER);
	__builtin_memcpy(&packet->client, &ip->daddr, sizeof(packet->client));
	packet->protocol = ip->nexthdr;
	room -= sizeof(*ip);

	/* What backends send has no extension but this one. */
	if (packet->protocol == NEXT_FRAGMENT) {
		fragment = transport;
		if ((void *)(fragment + 1) > end || room < sizeof(*fragment))
			return drop(packet, REASON_ICMP_BAD_INNER);
		is_later = fragment->offset & bpf_htons(IPV6_FRAGMENT_OFFSET);
		packet->protocol = fragment->next;
		transport = fragment + 1;
		room -= sizeof(*fragment);
	}
	return adopt_ports(packet, transport, end, room, is_later);
}

static __always_inline int is_error(const struct packet *packet, __u8 type)
{
	if (packet->ipv6)
		return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER_PROBLEM;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

/* Fewer bytes than every network must carry: nobody honest asks for them. */
static __always_inline int asks_too_little(const struct packet *packet, const struct icmp *icmp)
{
	if (packet->ipv6)
		return icmp->type == ICMPV6_TOO_BIG && bpf_ntohl(icmp->rest) < IPV6_MTU_MIN;
	return icmp->type == ICMP_UNREACHABLE && icmp->code == ICMP_FRAGMENTATION_NEEDED &&
	       (bpf_ntohl(icmp->rest) & 0xffff) < IPV4_MTU_MIN;
}

/* GO_ON: the packet's flow is now that of the packet inside it. */
static __always_inline verdict handle_icmp(struct xdp_md *ctx, struct packet *packet)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u64 link_length = within(packet->link_length, LINK_LENGTH_MASK);
	__u64 offset = within(packet->link_length + packet->transport, ICMP_OFFSET_MASK);
	struct icmp *icmp = data + offset;
	__u32 room;
	__u8 request = packet->ipv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;

	if (packet->link_length + packet->transport > ICMP_OFFSET_MASK)
		return pass(packet, REASON_ICMP_PASSED);
	if ((void *)(icmp + 1) > end || packet->transport + sizeof(*icmp) > packet->length)
		return drop(packet, REASON_TRUNCATED);
	if (icmp->type == request && !icmp->code)
		return answer_echo(packet, data, data + link_length, end, icmp);
	if (!is_error(packet, icmp->type))
		return pass(packet, REASON_ICMP_PASSED);
	if (asks_too_little(packet, icmp))
		return drop(packet, REASON_ICMP_SMALL_MTU);
	room = packet->length - packet->transport - sizeof(*icmp);
	return packet->ipv6 ? adopt_inner_ipv6(packet, icmp + 1, end, room)
			    : adopt_inner_ipv4(packet, icmp + 1, end, room);
}

#endif
