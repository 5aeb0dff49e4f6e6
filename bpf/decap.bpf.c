// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backend's side of IPIP and GUE, for hosts without a tunnel device: strips what a balancer put in front, and
 * passes the packet as if it had come without. Tunnels from anybody else are dropped: whoever may send them may forge
 * sources.
 */
#include "common.h"
#include "wire.h"

#define GUE_VARIANT 0xc0
#define GUE_CONTROL 0x20
#define GUE_EXTENSION_WORDS 0x1f
#define GUE_WORD 4

#define ECN_MASK 0x03
#define ECN_CE 0x03

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 256);
	__type(key, struct prefix_key);
	__type(value, __u32);
} decap_sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_COUNT);
	__type(key, __u32);
	__type(value, struct counter);
} decap_count SEC(".maps");

struct tunnel {
	struct prefix_key source;
	__u32 link_length;
	__u32 overhead;		/* bytes to strip */
	__u32 length;		/* of the outer packet */
	__u8 protocol;		/* of what is inside: IPPROTO_IPIP or IPPROTO_IPV6 */
	__u8 tos;		/* outer */
};

static __always_inline int is_inner(__u8 protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

/* Reads what follows the outer IP header; DECAP_COUNT stands for 'go on'. */
static __always_inline enum decap_reason parse_inside(struct tunnel *tunnel, void *header, void *end, __u8 protocol)
{
	struct gue *gue = header;

	tunnel->protocol = protocol;
	if (is_inner(protocol))
		return DECAP_COUNT;
	if (protocol != IPPROTO_UDP || (void *)(gue + 1) > end || gue->udp.dest != bpf_htons(GUE_PORT))
		return DECAP_PASSED;
	if (gue->header.control_length & (GUE_VARIANT | GUE_CONTROL) || !is_inner(gue->header.protocol))
		return DECAP_MALFORMED;
	tunnel->protocol = gue->header.protocol;
	tunnel->overhead += sizeof(*gue) + (gue->header.control_length & GUE_EXTENSION_WORDS) * GUE_WORD;
	return DECAP_COUNT;
}

static __always_inline enum decap_reason parse_ipv4(struct tunnel *tunnel, void *header, void *end)
{
	struct iphdr *ip = header;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return DECAP_PASSED;	/* the stack knows how to refuse it */
	tunnel->source.prefix_bits = 128;
	tunnel->source.address[10] = tunnel->source.address[11] = 0xff;
	__builtin_memcpy(tunnel->source.address + 12, &ip->saddr, sizeof(ip->saddr));
	tunnel->length = bpf_ntohs(ip->tot_len);
	tunnel->tos = ip->tos;
	tunnel->overhead = ip->ihl * 4;
	if (ip->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET))
		return is_inner(ip->protocol) ? DECAP_MALFORMED : DECAP_PASSED;	/* a balancer sets DF */
	return parse_inside(tunnel, header + tunnel->overhead, end, ip->protocol);
}

static __always_inline enum decap_reason parse_ipv6(struct tunnel *tunnel, void *header, void *end)
{
	struct ipv6hdr *ip = header;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return DECAP_PASSED;
	tunnel->source.prefix_bits = 128;
	__builtin_memcpy(tunnel->source.address, &ip->saddr, sizeof(ip->saddr));
	tunnel->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	tunnel->tos = (bpf_ntohl(*(__be32 *)header) >> 20) & 0xff;
	tunnel->overhead = sizeof(*ip);
	return parse_inside(tunnel, header + sizeof(*ip), end, ip->nexthdr);
}

/* RFC 6040, 4.2: what the fabric marked as congested stays so, where the inner packet can say it. */
static __always_inline void carry_congestion(struct iphdr *ip)
{
	__u8 tos = ip->tos;

	if (!(tos & ECN_MASK) || (tos & ECN_MASK) == ECN_CE)
		return;
	ip->tos = tos | ECN_CE;
	ip->check = ~fold((__u16)~ip->check + (__u16)~bpf_htons(tos) + bpf_htons(tos | ECN_CE));
}

static __always_inline void carry_congestion6(struct ipv6hdr *ip)
{
	__be32 *word = (__be32 *)ip;

	if (*word & bpf_htonl(ECN_MASK << 20))
		*word |= bpf_htonl(ECN_CE << 20);
}

/* The inner packet, whole and of the family that the outer one says. */
static __always_inline int is_whole(const struct tunnel *tunnel, void *inner, void *end)
{
	struct iphdr *ip = inner;
	struct ipv6hdr *ip6 = inner;

	if (tunnel->protocol == IPPROTO_IPIP)
		return (void *)(ip + 1) <= end && ip->version == 4 &&
		       tunnel->overhead + bpf_ntohs(ip->tot_len) <= tunnel->length;
	return (void *)(ip6 + 1) <= end && ip6->version == 6 &&
	       tunnel->overhead + sizeof(*ip6) + bpf_ntohs(ip6->payload_len) <= tunnel->length;
}


static __always_inline enum decap_reason strip(struct xdp_md *ctx, const struct tunnel *tunnel)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__be16 type = tunnel->protocol == IPPROTO_IPIP ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	__u32 link_length = tunnel->link_length;
	__u64 macs_high;
	__u32 macs_low, first_tag, second_tag;
	__be16 first_type;

	if (data + sizeof(struct ethhdr) + VLAN_TAGS_MAX * VLAN_TAG_BYTES > end)
		return DECAP_MALFORMED;
	macs_high = *(__u64 *)data;
	macs_low = *(__u32 *)(data + 8);
	first_type = *(__be16 *)(data + 12);
	first_tag = *(__u32 *)(data + 14);
	second_tag = *(__u32 *)(data + 18);
	if (bpf_xdp_adjust_head(ctx, tunnel->overhead))
		return DECAP_MALFORMED;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(struct ethhdr) + VLAN_TAGS_MAX * VLAN_TAG_BYTES > end)
		return DECAP_MALFORMED;
	*(__u64 *)data = macs_high;
	*(__u32 *)(data + 8) = macs_low;
	*(__be16 *)(data + 12) = first_type;
	if (link_length == sizeof(struct ethhdr)) {
		*(__be16 *)(data + 12) = type;
		return DECAP_DECAPSULATED;
	}
	*(__u32 *)(data + 14) = first_tag;
	if (link_length == sizeof(struct ethhdr) + VLAN_TAG_BYTES) {
		*(__be16 *)(data + 16) = type;
		return DECAP_DECAPSULATED;
	}
	*(__u32 *)(data + 18) = second_tag;
	*(__be16 *)(data + 20) = type;
	return DECAP_DECAPSULATED;
}

static __always_inline enum decap_reason decapsulate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	enum decap_reason reason = DECAP_PASSED;
	struct ethhdr *ethernet = data;
	struct tunnel tunnel = {};
	void *cursor = ethernet + 1;
	__be16 type;

	if (cursor > end)
		return DECAP_PASSED;
	type = ethernet->h_proto;
#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag = cursor;

		if (!is_vlan(type))
			break;
		if ((void *)(tag + 1) > end)
			return DECAP_PASSED;
		type = tag->type;
		cursor = tag + 1;
	}
	tunnel.link_length = cursor - data;
	if (type == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(&tunnel, cursor, end);
	else if (type == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(&tunnel, cursor, end);
	if (reason != DECAP_COUNT)
		return reason;
	if (!bpf_map_lookup_elem(&decap_sources, &tunnel.source))
		return DECAP_UNTRUSTED_SOURCE;

	if (tunnel.link_length + tunnel.length > linear_length(ctx) || !is_whole(&tunnel, cursor + tunnel.overhead, end))
		return DECAP_MALFORMED;
	if ((tunnel.tos & ECN_MASK) == ECN_CE) {
		if (tunnel.protocol == IPPROTO_IPIP)
			carry_congestion(cursor + tunnel.overhead);
		else
			carry_congestion6(cursor + tunnel.overhead);
	}
	return strip(ctx, &tunnel);
}

SEC("xdp")
ENTRY int decap(struct xdp_md *ctx)
{
	__u32 bytes = linear_length(ctx);
	__u32 reason = decapsulate(ctx);
	struct counter *counter = element(&decap_count, reason);

	if (counter) {
		counter->packets++;
		counter->bytes += bytes;
	}
	return reason == DECAP_DECAPSULATED || reason == DECAP_PASSED ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
