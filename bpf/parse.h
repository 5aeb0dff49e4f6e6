/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a frame to what steers it. Pointers go no further than this file: the parsers answer offsets and values. */
#ifndef SLUICE_PARSE_H
#define SLUICE_PARSE_H

#include "packet.h"
#include "wire.h"

static __always_inline void set_mapped(struct address *address, __be32 ipv4)
{
	address->halves[0] = 0;
	address->words[2] = MAPPED_PREFIX;
	address->words[3] = ipv4;
}

/* The linear part of a frame of several buffers ends early; its whole length is asked for only then. */
static __always_inline int fits(struct xdp_md *ctx, struct packet *packet)
{
	if (likely(packet->link_length + packet->length <= packet->bytes))
		return 1;
	if (FEATURE_FRAGS)
		packet->bytes = bpf_xdp_get_buff_len(ctx);
	return packet->link_length + packet->length <= packet->bytes;
}

/* Ports, and whether a connection begins. A header cut short is no error before the address is known to be a VIP's. */
static __always_inline void parse_transport(struct packet *packet, void *header, void *end, __u32 room)
{
	struct tcphdr *tcp = header;
	struct udphdr *udp = header;

	if (packet->protocol == IPPROTO_TCP) {
		if (unlikely((void *)(tcp + 1) > end || room < sizeof(*tcp))) {
			packet->flags |= PACKET_CUT;
			return;
		}
		packet->client_port = tcp->source;
		packet->vip_port = tcp->dest;
		if ((((__u8 *)header)[TCP_FLAGS_BYTE] & (TCP_SYN | TCP_ACK)) == TCP_SYN)
			packet->flags |= PACKET_SYN;
		return;
	}
	if (packet->protocol == IPPROTO_UDP) {
		if (unlikely((void *)(udp + 1) > end || room < sizeof(*udp))) {
			packet->flags |= PACKET_CUT;
			return;
		}
		packet->client_port = udp->source;
		packet->vip_port = udp->dest;
		return;
	}
	packet->flags |= PACKET_OTHER;
}

static __always_inline verdict parse_ipv4(struct xdp_md *ctx, struct packet *packet, void *header, void *end)
{
	struct iphdr *ip = header;
	__u8 first;
	__u16 fragment;

	if ((void *)(ip + 1) > end)
		return drop(packet, REASON_TRUNCATED);

	first = *(__u8 *)header;
	if (unlikely(first >> 4 != 4 || (first & 0xf) < 5))
		return drop(packet, REASON_BAD_HEADER);
	packet->transport = (first & 0xf) * 4;
	packet->length = bpf_ntohs(ip->tot_len);
	if (unlikely(packet->length < packet->transport || !fits(ctx, packet)))
		return drop(packet, REASON_BAD_LENGTH);

	set_mapped(&packet->client, ip->saddr);
	set_mapped(&packet->vip, ip->daddr);
	packet->tos = ip->tos;
	packet->protocol = ip->protocol;

	fragment = ip->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);
	if (unlikely(fragment)) {
		packet->fragment_id = ip->id;
		if (fragment & bpf_htons(IPV4_FRAGMENT_OFFSET)) {
			packet->flags |= PACKET_LATER_FRAGMENT;
			return GO_ON;
		}
		packet->flags |= PACKET_FIRST_FRAGMENT;
	}
	if (unlikely(packet->protocol == IPPROTO_ICMP)) {
		packet->flags |= PACKET_ICMP;
		return GO_ON;
	}
	parse_transport(packet, header + packet->transport, end, packet->length - packet->transport);
	return GO_ON;
}

static __always_inline int is_extension(__u8 next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT || next == NEXT_AUTHENTICATION ||
	       next == NEXT_DESTINATION;
}

/* What a walk along the extension headers answers, in one number. */
#define WALK_OFFSET_MASK 0x7fffULL	/* of the transport header, in the packet; eight full extensions reach 16,488 */
#define WALK_PROTOCOL_SHIFT 16
#define WALK_FIRST_FRAGMENT (1ULL << 24)
#define WALK_LATER_FRAGMENT (1ULL << 25)
#define WALK_TRUNCATED (1ULL << 26)
#define WALK_TOO_LONG (1ULL << 27)
#define WALK_FRAGMENT_ID_SHIFT 32

/*
 * RFC 8200, 4: each header names the next; a fragment's offset other than zero means that what follows is payload.
 * The one function that is not inlined: so the verifier walks its paths once, by themselves, and not times all that
 * come after. Before Linux 5.13 such a function takes the context and numbers only.
 */
__attribute__((noinline)) __u64 walk_extensions(struct xdp_md *ctx, __u32 link_length, __u32 protocol)
{
	void *end = (void *)(long)ctx->data_end;
	void *cursor = (void *)(long)ctx->data + (link_length & LINK_LENGTH_MASK) + sizeof(struct ipv6hdr);
	__u32 offset = sizeof(struct ipv6hdr);
	__u64 found = 0;

#pragma unroll
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		struct ipv6_extension *extension = cursor;
		struct ipv6_fragment *fragment = cursor;
		__u32 bytes;

		if ((void *)(fragment + 1) > end)	/* every kind has eight bytes at least */
			return WALK_TRUNCATED;

		bytes = (extension->length + 1) * IPV6_OPTION_UNIT;
		if (protocol == NEXT_AUTHENTICATION)
			bytes = (extension->length + 2) * IPV6_AUTHENTICATION_UNIT;
		if (protocol == NEXT_FRAGMENT) {
			bytes = sizeof(*fragment);
			found = (__u64)fragment->id << WALK_FRAGMENT_ID_SHIFT;
			if (fragment->offset & bpf_htons(IPV6_FRAGMENT_OFFSET))
				return found | WALK_LATER_FRAGMENT | extension->next << WALK_PROTOCOL_SHIFT;
			if (fragment->offset & bpf_htons(IPV6_MORE_FRAGMENTS))
				found |= WALK_FIRST_FRAGMENT;
		}
		protocol = extension->next;
		offset += bytes;
		cursor += bytes;
		if (!is_extension(protocol))
			return found | protocol << WALK_PROTOCOL_SHIFT | offset;
	}
	return WALK_TOO_LONG;
}

static __always_inline verdict parse_extensions(struct xdp_md *ctx, struct packet *packet)
{
	__u64 found = walk_extensions(ctx, packet->link_length, packet->protocol);

	if (found & WALK_TRUNCATED)
		return drop(packet, REASON_TRUNCATED);
	if (found & WALK_TOO_LONG)
		return drop(packet, REASON_BAD_HEADER);
	packet->protocol = found >> WALK_PROTOCOL_SHIFT;
	packet->fragment_id = found >> WALK_FRAGMENT_ID_SHIFT;
	if (found & WALK_LATER_FRAGMENT) {
		packet->flags |= PACKET_LATER_FRAGMENT;
		return GO_ON;
	}
	if (found & WALK_FIRST_FRAGMENT)
		packet->flags |= PACKET_FIRST_FRAGMENT;
	packet->transport = found & WALK_OFFSET_MASK;
	if (packet->transport > packet->length)
		return drop(packet, REASON_BAD_LENGTH);
	return GO_ON;
}

static __always_inline verdict parse_ipv6(struct xdp_md *ctx, struct packet *packet, void *header, void *end)
{
	struct ipv6hdr *ip = header;
	verdict refused;

	if ((void *)(ip + 1) > end)
		return drop(packet, REASON_TRUNCATED);
	if (unlikely(ip->version != 6))
		return drop(packet, REASON_BAD_HEADER);
	/* A jumbogram (RFC 2675) says 0, and its extension header then fails the checks of room below. */
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (unlikely(!fits(ctx, packet)))
		return drop(packet, REASON_BAD_LENGTH);

	copy_ipv6(&packet->client, &ip->saddr);
	copy_ipv6(&packet->vip, &ip->daddr);
	if (unlikely(!packet->vip.halves[0]))	/* ::1, v4-mapped and their like: never a VIP, but look like one of IPv4 */
		return pass(packet, REASON_NOT_VIP);
	packet->tos = (bpf_ntohl(*(__be32 *)header) >> 20) & 0xff;
	packet->protocol = ip->nexthdr;
	packet->transport = sizeof(*ip);

	/* Before the five tests of what may stand between: nearly nothing does. */
	if (unlikely(packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)) {
		if (is_extension(packet->protocol)) {
			refused = parse_extensions(ctx, packet);
			if (refused || packet->flags & PACKET_LATER_FRAGMENT)
				return refused;
		}
		if (packet->protocol == NEXT_ICMPV6) {
			packet->flags |= PACKET_ICMP;
			return GO_ON;
		}
	}
	parse_transport(packet, header + packet->transport, end, packet->length - packet->transport);
	return GO_ON;
}

/*
 * Steps over the tags to the type of what follows. Which kinds of tag a driver takes out before XDP sees the frame is
 * its own affair.
 */
static __always_inline verdict parse_link(struct xdp_md *ctx, struct packet *packet, __be16 *found)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct vlan_tag *tag = (void *)(ethernet + 1);
	__be16 type;

	packet->link_length = sizeof(*ethernet);
	if ((void *)tag > end)
		return pass(packet, REASON_NOT_IP);
	type = *(__be16 *)((void *)tag - sizeof(type));	/* a packed struct is read byte by byte */
#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++, tag++) {
		if (likely(!is_vlan(type)))
			break;
		if ((void *)(tag + 1) > end)
			return drop(packet, REASON_TRUNCATED);
		type = tag->type;
		packet->link_length += sizeof(*tag);
	}
	*found = type;
	return GO_ON;
}

/* Sets what steers the packet; PACKET_WITHOUT_PORTS tells which ones have nothing to be steered by yet. */
static __always_inline verdict parse_packet(struct xdp_md *ctx, struct packet *packet)
{
	void *header = (void *)(long)ctx->data + within(packet->link_length, LINK_LENGTH_MASK);
	void *end = (void *)(long)ctx->data_end;

	return packet->ipv6 ? parse_ipv6(ctx, packet, header, end) : parse_ipv4(ctx, packet, header, end);
}

#endif
