/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What would not fit the fabric with its outer header is answered with 'fragmentation needed' (RFC 1191) or 'packet too
 * big' (RFC 8201), from the VIP, so that the client sends less at once: never dropped in silence.
 */
#ifndef SLUICE_TOOBIG_H
#define SLUICE_TOOBIG_H

#include "encap.h"
#include "icmp.h"
#include "receive.h"

#define OVERHEAD_MAX (sizeof(struct ipv6hdr) + GUE_OVERHEAD)
#define IP_LENGTH_MAX 0xffffU

/* How much of the packet goes back. RFC 1812, 4.3.2.3 and RFC 4443, 3.2 want all that fits; no stack reads so much. */
#define QUOTE_IPV4 128
#define QUOTE_IPV6 (IPV6_MTU_MIN - (__u32)sizeof(struct ipv6hdr) - (__u32)sizeof(struct icmp))
#define QUOTE_IPV6_SHORT 128	/* where the frame's linear part ends early */
#define SUM_BLOCK 248		/* bpf_csum_diff takes 512 bytes at most */

#define LINK_TAIL_BYTES 10	/* EtherType and two tags: what may follow the MACs */

static __always_inline __u32 sum_bytes(void *bytes, __u32 length)
{
	__u32 sum = 0;

#pragma unroll
	for (__u32 done = 0; done < length; done += SUM_BLOCK) {
		__u32 block = length - done < SUM_BLOCK ? length - done : SUM_BLOCK;

		sum = bpf_csum_diff(0, 0, bytes + done, block, sum);
	}
	return sum;
}

/* Cuts the frame to what is quoted, with `room` bytes between it and its Ethernet header, whose MACs change places. */
static __always_inline void *reverse(struct xdp_md *ctx, const struct packet *packet, __u32 quote, __u32 room)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u64 link_length = within(packet->link_length, LINK_LENGTH_MASK);
	__u8 link_tail[LINK_TAIL_BYTES];
	struct ethhdr *ethernet = data;
	struct ethhdr turned;

	if (data + link_length + quote > end || data + LINK_LENGTH_MAX > end)
		return 0;
	__builtin_memcpy(turned.h_dest, ethernet->h_source, ETH_ALEN);
	__builtin_memcpy(turned.h_source, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(link_tail, data + 2 * ETH_ALEN, LINK_TAIL_BYTES);

	if (bpf_xdp_adjust_tail(ctx, (int)(link_length + quote - packet->bytes)))
		return 0;
	if (bpf_xdp_adjust_head(ctx, -(int)room))
		return 0;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	link_length = within(link_length, LINK_LENGTH_MASK);
	if (data + link_length + room + quote > end || data + LINK_LENGTH_MAX > end)
		return 0;
	__builtin_memcpy(data, &turned, 2 * ETH_ALEN);
	__builtin_memcpy(data + 2 * ETH_ALEN, link_tail, LINK_TAIL_BYTES);
	return data + link_length;
}

static __always_inline verdict answer_ipv4(struct xdp_md *ctx, struct packet *packet, __u32 mtu)
{
	__u32 length = sizeof(struct iphdr) + sizeof(struct icmp) + QUOTE_IPV4;
	struct iphdr *ip = reverse(ctx, packet, QUOTE_IPV4, length - QUOTE_IPV4);
	struct icmp *icmp = (void *)(ip + 1);

	if (!ip)
		return drop(packet, REASON_NO_HEADROOM);
	__builtin_memset(ip, 0, sizeof(*ip));
	*(__u8 *)ip = IPV4_PLAIN;
	ip->tot_len = bpf_htons(length);
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip->ttl = OUTER_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = packet->vip.words[3];
	ip->daddr = packet->client.words[3];
	ip->check = ~fold(sum_bytes(ip, sizeof(*ip)));

	icmp->type = ICMP_UNREACHABLE;
	icmp->code = ICMP_FRAGMENTATION_NEEDED;
	icmp->checksum = 0;
	icmp->rest = bpf_htonl(mtu);
	icmp->checksum = ~fold(sum_bytes(icmp, sizeof(*icmp) + QUOTE_IPV4));
	return answer(packet, XDP_TX, REASON_TOO_BIG_ANSWERED);
}

static __always_inline verdict answer_ipv6(struct xdp_md *ctx, struct packet *packet, __u32 mtu, __u32 quote)
{
	__u32 payload = sizeof(struct icmp) + quote;
	struct ipv6hdr *ip = reverse(ctx, packet, quote, sizeof(struct ipv6hdr) + sizeof(struct icmp));
	struct icmp *icmp = (void *)(ip + 1);
	__u32 sum;

	if (!ip)
		return drop(packet, REASON_NO_HEADROOM);
	*(__be32 *)ip = bpf_htonl(IPV6_VERSION);
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = NEXT_ICMPV6;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, &packet->vip, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &packet->client, sizeof(ip->daddr));

	icmp->type = ICMPV6_TOO_BIG;
	icmp->code = 0;
	icmp->checksum = 0;
	icmp->rest = bpf_htonl(mtu);
	sum = fold(sum_bytes(icmp, payload)) + fold(sum_bytes(&ip->saddr, 2 * sizeof(ip->saddr)));
	icmp->checksum = ~fold(sum + bpf_htons(payload) + bpf_htons(NEXT_ICMPV6));
	return answer(packet, XDP_TX, REASON_TOO_BIG_ANSWERED);
}

/*
 * What the kernel's own devices (veth, bridge, bond) hand on above their MTU is no packet yet but a run of segments: a
 * sender on this machine left it to be cut later (GSO), or the device below gathered it (GRO). Its segments may fit,
 * and a smaller MTU would not make it shorter: it goes on as it is. On hardware the kernel switches both off where XDP
 * is attached, so there such a frame is a packet that came over the wire, from a sender with a larger MTU. Fragments
 * are never gathered.
 *
 * What remains: a bond's cards may bring larger packets, too, which go on unanswered; and a hypervisor's card that
 * cannot switch its gathering off (virtio-net without control queue) has its runs answered.
 */
static __always_inline int is_unsegmented(const struct interface *interface, const struct packet *packet)
{
	return interface && interface->flags & INTERFACE_VIRTUAL && packet->length > interface->mtu &&
	       !(packet->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT | PACKET_RELAYED));
}

/* No error answers an error or a later fragment (RFC 1122, 3.2.2). */
static __always_inline verdict refuse_too_big(struct xdp_md *ctx, struct control *control, struct packet *packet,
					  const struct backend *backend)
{
	struct interface *interface = interface_of(control, ctx->ingress_ifindex);
	__u32 overhead = overhead_of(backend->forward);
	__u32 mtu = backend->mtu - overhead;

	/* Else clang 14 asks again what made it NULL, not whether it is, and the verifier does not follow. */
	asm volatile("" : "+r"(interface));
	if (packet->length + overhead <= backend->mtu)
		return GO_ON;
	if (is_unsegmented(interface, packet) && packet->length + overhead <= IP_LENGTH_MAX)
		return GO_ON;
	if (packet->flags & (PACKET_RELAYED | PACKET_LATER_FRAGMENT) || backend->mtu < overhead || !may_answer(packet))
		return drop(packet, REASON_TOO_BIG_LIMITED);
	if (!packet->ipv6)
		return answer_ipv4(ctx, packet, mtu);
	if (packet->link_length + QUOTE_IPV6 <= linear_length(ctx))
		return answer_ipv6(ctx, packet, mtu, QUOTE_IPV6);
	return answer_ipv6(ctx, packet, mtu, QUOTE_IPV6_SHORT);
}

#endif
