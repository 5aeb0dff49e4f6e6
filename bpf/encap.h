/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is put in front of a packet, from its backend's template. */
#ifndef SLUICE_ENCAP_H
#define SLUICE_ENCAP_H

#include "parse.h"
#include "verdict.h"

#define GUE_SOURCE_PORT 0xc000	/* RFC 6335's dynamic ports; 14 bits of the flow below */
#define GUE_SOURCE_PORT_BITS 0x3fff

static __always_inline __u8 inner_protocol(const struct packet *packet)
{
	return packet->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* DF, so id 0 (RFC 6864, 4.1). TOS as it is: DSCP and, by RFC 6040's normal mode, ECN. */
static __always_inline void write_ipv4(struct iphdr *ip, const struct backend *backend, const struct packet *packet,
				       __u32 length, __u8 protocol)
{
	__be32 spread = (__u32)packet->flow & backend->source_mask;
	__be32 *words = (__be32 *)ip;
	__u32 sum = backend->checksum + bpf_htons(length) + bpf_htons(packet->tos);

	words[0] = bpf_htonl(IPV4_PLAIN << 24 | packet->tos << 16 | length);
	words[1] = bpf_htonl(IPV4_DONT_FRAGMENT);
	*(__be16 *)&ip->ttl = bpf_htons(OUTER_TTL << 8 | protocol);
	ip->check = ~fold(sum + (spread & 0xffff) + (spread >> 16));
	ip->saddr = backend->source.words[3] | spread;
	ip->daddr = backend->destination.words[3];
}

static __always_inline void write_ipv6(struct ipv6hdr *ip, const struct backend *backend, const struct packet *packet,
				       __u32 payload, __u8 protocol)
{
	__be32 *words = (__be32 *)ip;

	words[0] = bpf_htonl(IPV6_VERSION | (__u32)packet->tos << 20 | ((__u32)packet->flow & IPV6_FLOW_LABEL));
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = OUTER_TTL;
	copy_ipv6(&ip->saddr, &backend->source);
	ip->saddr.in6_u.u6_addr32[3] = backend->source.words[3] | ((__u32)packet->flow & backend->source_mask);
	copy_ipv6(&ip->daddr, &backend->destination);
}

/* UDP without checksum: RFC 768 for IPv4; RFC 6935 and 6936 for a tunnel over IPv6, whose receiver must allow it. */
static __always_inline void write_gue(struct gue *gue, const struct packet *packet)
{
	gue->udp.source = bpf_htons(GUE_SOURCE_PORT | ((__u32)packet->flow & GUE_SOURCE_PORT_BITS));
	gue->udp.dest = bpf_htons(GUE_PORT);
	gue->udp.len = bpf_htons(GUE_OVERHEAD + packet->length);
	gue->udp.check = 0;
	gue->header.control_length = 0;
	gue->header.protocol = inner_protocol(packet);
	gue->header.flags = 0;
}

static __always_inline void write_ethernet(struct ethhdr *ethernet, const struct backend *backend, __be16 type)
{
	copy_macs(ethernet, &backend->destination_mac);		/* the source's follows it, here as there */
	*(__be16 *)((void *)ethernet + offsetof(struct ethhdr, h_proto)) = type;
}

static __always_inline verdict transmit(const struct packet *packet, const struct backend *backend)
{
	if (!FEATURE_REDIRECT || !backend->port)
		return forwarded(packet, XDP_TX, packet->reason);
	if (bpf_redirect_map(&ports, backend->port - 1, XDP_DROP) == XDP_REDIRECT)
		return forwarded(packet, XDP_REDIRECT, packet->reason);
	return drop(packet, REASON_NO_NEXT_HOP);
}

/*
 * Makes room for `overhead` bytes in front of the packet, with the template's Ethernet header and tag before them in
 * place of the frame's own. Answers where the room begins, or 0.
 */
static __always_inline void *make_room(struct xdp_md *ctx, const struct packet *packet, const struct backend *backend,
				       __u32 overhead, __be16 type)
{
	__be16 vlan = backend->vlan;
	__u32 link_length = sizeof(struct ethhdr) + (unlikely(vlan) ? VLAN_TAG_BYTES : 0);
	int delta = packet->link_length - link_length - overhead;
	struct vlan_tag *tag;
	void *data, *end;

	if ((overhead || delta) && bpf_xdp_adjust_head(ctx, delta))
		return 0;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(struct ethhdr) + sizeof(*tag) + overhead > end)
		return 0;
	if (likely(!vlan)) {
		write_ethernet(data, backend, type);
		return data + sizeof(struct ethhdr);
	}
	write_ethernet(data, backend, bpf_htons(ETH_P_8021Q));
	tag = data + sizeof(struct ethhdr);
	tag->control = vlan;
	tag->type = type;
	return tag + 1;
}

static __always_inline verdict forward_ipv4(struct xdp_md *ctx, struct packet *packet, const struct backend *backend,
					__u32 gue_overhead)
{
	__u32 overhead = sizeof(struct iphdr) + gue_overhead;
	struct iphdr *ip = make_room(ctx, packet, backend, overhead, bpf_htons(ETH_P_IP));

	if (!ip)
		return drop(packet, REASON_NO_HEADROOM);
	write_ipv4(ip, backend, packet, packet->length + overhead, gue_overhead ? IPPROTO_UDP : IPPROTO_IPIP);
	if (gue_overhead)
		write_gue((void *)(ip + 1), packet);
	return transmit(packet, backend);
}

static __always_inline verdict forward_ipv6(struct xdp_md *ctx, struct packet *packet, const struct backend *backend,
					__u32 gue_overhead)
{
	__u32 overhead = sizeof(struct ipv6hdr) + gue_overhead;
	struct ipv6hdr *ip = make_room(ctx, packet, backend, overhead, bpf_htons(ETH_P_IPV6));

	if (!ip)
		return drop(packet, REASON_NO_HEADROOM);
	write_ipv6(ip, backend, packet, packet->length + gue_overhead,
		   gue_overhead ? IPPROTO_UDP : inner_protocol(packet));
	if (gue_overhead)
		write_gue((void *)(ip + 1), packet);
	return transmit(packet, backend);
}

static __always_inline verdict forward_l2(struct xdp_md *ctx, struct packet *packet, const struct backend *backend)
{
	__be16 type = packet->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if (!make_room(ctx, packet, backend, 0, type))
		return drop(packet, REASON_NO_HEADROOM);
	return transmit(packet, backend);
}

static __always_inline verdict encapsulate(struct xdp_md *ctx, struct packet *packet, const struct backend *backend)
{
	if (FEATURE_IPIP && FEATURE_IPV4 && !packet->ipv6 && backend->forward == FORWARD_IPIP4)
		return forward_ipv4(ctx, packet, backend, 0);
	if (FEATURE_IPIP && backend->forward == FORWARD_IPIP6)
		return forward_ipv6(ctx, packet, backend, 0);
	if (FEATURE_GUE && backend->forward == FORWARD_GUE4)
		return forward_ipv4(ctx, packet, backend, GUE_OVERHEAD);
	if (FEATURE_GUE && backend->forward == FORWARD_GUE6)
		return forward_ipv6(ctx, packet, backend, GUE_OVERHEAD);
	if (FEATURE_L2 && backend->forward == FORWARD_L2)
		return forward_l2(ctx, packet, backend);
	if (backend->forward == FORWARD_LOCAL)
		return forwarded(packet, XDP_PASS, REASON_LOCAL);
	return drop(packet, REASON_NO_BACKEND);
}

static __always_inline __u32 overhead_of(__u8 forward)
{
	switch (forward) {
	case FORWARD_IPIP4:
		return sizeof(struct iphdr);
	case FORWARD_IPIP6:
		return sizeof(struct ipv6hdr);
	case FORWARD_GUE4:
		return sizeof(struct iphdr) + GUE_OVERHEAD;
	case FORWARD_GUE6:
		return sizeof(struct ipv6hdr) + GUE_OVERHEAD;
	default:
		return 0;
	}
}

#endif
