// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Health checks through the tunnel: a packet of this host's that carries a backend's probe mark leaves as the balancer
 * would send it to that backend, whatever the VIP's table says. So a connection to the VIP with that mark succeeds only
 * where the template is right and the backend decapsulates; its answer comes back directly, to this host's address.
 *
 * Egress of the interfaces by which packets to VIPs leave. Packets without a probe mark go on untouched.
 */
#include "encap.h"

#include <linux/pkt_cls.h>

_Static_assert(PROBE_MARK_MASK == (__u32)~BACKENDS_MAX, "a mark has room for every backend's id");

/* By a template's `port`: the interface to leave by; 0 for the one that the packet is leaving by already. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PORTS_MAX + 1);
	__type(key, __u32);
	__type(value, __u32);
} probe_ports SEC(".maps");

static __always_inline int is_probe(const struct __sk_buff *skb)
{
	return (skb->mark & PROBE_MARK_MASK) == PROBE_MARK;
}

static __always_inline int parse_probe(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct ipv6hdr *ip6 = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > end)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		packet->length = bpf_ntohs(ip->tot_len);
		packet->tos = ip->tos;
		return 1;
	}
	if (skb->protocol != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) > end)
		return 0;
	packet->ipv6 = 1;
	packet->length = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	packet->tos = (bpf_ntohl(*(__be32 *)ip6) >> 20) & 0xff;
	return 1;
}

/* The flags tell the kernel where the inner headers lie, so that it fills in an inner checksum that it still owes. */
static __always_inline int make_probe_room(struct __sk_buff *skb, __u32 overhead, int outer_ipv6, int gue)
{
	__u64 flags = outer_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;

	if (gue)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	return bpf_skb_adjust_room(skb, overhead, BPF_ADJ_ROOM_MAC, flags);
}

static __always_inline int encapsulate_ipv4(struct __sk_buff *skb, const struct packet *packet,
					    const struct backend *backend, int gue)
{
	__u32 overhead = sizeof(struct iphdr) + (gue ? GUE_OVERHEAD : 0);
	struct iphdr *ip;
	void *data;

	if (make_probe_room(skb, overhead, 0, gue))
		return 0;
	data = (void *)(long)skb->data;
	if (data + sizeof(struct ethhdr) + overhead > (void *)(long)skb->data_end)
		return 0;
	ip = data + sizeof(struct ethhdr);
	write_ethernet(data, backend, bpf_htons(ETH_P_IP));
	write_ipv4(ip, backend, packet, packet->length + overhead, gue ? IPPROTO_UDP : IPPROTO_IPIP);
	if (gue)
		write_gue((void *)(ip + 1), packet);
	return 1;
}

static __always_inline int encapsulate_ipv6(struct __sk_buff *skb, const struct packet *packet,
					    const struct backend *backend, int gue)
{
	__u32 inside = gue ? GUE_OVERHEAD : 0;
	struct ipv6hdr *ip;
	void *data;

	if (make_probe_room(skb, sizeof(*ip) + inside, 1, gue))
		return 0;
	data = (void *)(long)skb->data;
	if (data + sizeof(struct ethhdr) + sizeof(*ip) + inside > (void *)(long)skb->data_end)
		return 0;
	ip = data + sizeof(struct ethhdr);
	write_ethernet(data, backend, bpf_htons(ETH_P_IPV6));
	write_ipv6(ip, backend, packet, packet->length + inside, gue ? IPPROTO_UDP : inner_protocol(packet));
	if (gue)
		write_gue((void *)(ip + 1), packet);
	return 1;
}

static __always_inline int rewrite_l2(struct __sk_buff *skb, const struct packet *packet, const struct backend *backend)
{
	void *data = (void *)(long)skb->data;

	if (data + sizeof(struct ethhdr) > (void *)(long)skb->data_end)
		return 0;
	write_ethernet(data, backend, packet->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	return 1;
}

static __always_inline int apply_template(struct __sk_buff *skb, const struct packet *packet,
					  const struct backend *backend)
{
	switch (backend->forward) {
	case FORWARD_IPIP4:
		return encapsulate_ipv4(skb, packet, backend, 0);
	case FORWARD_IPIP6:
		return encapsulate_ipv6(skb, packet, backend, 0);
	case FORWARD_GUE4:
		return encapsulate_ipv4(skb, packet, backend, 1);
	case FORWARD_GUE6:
		return encapsulate_ipv6(skb, packet, backend, 1);
	case FORWARD_L2:
		return rewrite_l2(skb, packet, backend);
	default:
		return 0;
	}
}

SEC("tc")
ENTRY int probe(struct __sk_buff *skb)
{
	const struct backend *backend;
	struct packet packet = {};
	const __u32 *exit;

	if (likely(!is_probe(skb)))
		return TC_ACT_UNSPEC;
	/* A probe that cannot go its way must not be answered by somebody else. */
	backend = element(&backends, skb->mark & BACKENDS_MAX);
	if (!backend || backend->flags & BACKEND_NO_NEXT_HOP)
		return TC_ACT_SHOT;
	exit = element(&probe_ports, backend->port);
	if (!exit || !parse_probe(skb, &packet))
		return TC_ACT_SHOT;
	packet.flow = bpf_get_hash_recalc(skb);
	if (!apply_template(skb, &packet, backend))
		return TC_ACT_SHOT;
	if (backend->vlan && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), bpf_ntohs(backend->vlan)))
		return TC_ACT_SHOT;
	skb->mark = 0;	/* the interface that it is redirected to may have this program too */
	if (!*exit || *exit == skb->ifindex)
		return TC_ACT_UNSPEC;
	return bpf_redirect(*exit, 0);
}

/*
 * For interfaces where there is no Ethernet header to begin with, the loopback among them: what answers there, such as
 * a socket of this host's on the VIP, is not the backend that the probe is for.
 */
SEC("tc")
ENTRY int stop_probe(struct __sk_buff *skb)
{
	return likely(!is_probe(skb)) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
