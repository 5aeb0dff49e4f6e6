// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Chooses the worker whose listening socket takes a connection or a datagram: by the flow's hash, so that it is the
 * same one that user space expects. Attached to a socket of each group with SO_ATTACH_REUSEPORT_EBPF; one program and
 * its maps serve all groups.
 *
 * What it cannot decide is the kernel's to decide: without a selection it takes a socket by its own hash.
 */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "include/dataplane.h"

#define ATTEMPTS_MAX 8	/* workers that are tried where the first has no socket */
#define MAPPED_PREFIX bpf_htonl(0xffff)	/* the third word of a v4-mapped address */
#define ETHERTYPE_IPV4 bpf_htons(0x0800)
#define ETHERTYPE_IPV6 bpf_htons(0x86dd)
#define FAMILY_IPV4 2

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENER_GROUPS_MAX);
	__type(key, struct listener_key);
	__type(value, struct listener_group);
} listener_groups SEC(".maps");

struct arrival {
	struct listener_key vip;
	struct address client;
	__be16 client_port;
};

static __always_inline void map_address(struct address *address, __be32 ipv4)
{
	address->words[0] = 0;
	address->words[1] = 0;
	address->words[2] = MAPPED_PREFIX;
	address->words[3] = ipv4;
}

/* The transport header's first words, and the network header in front of it. 0, or -1. */
static __always_inline int read_packet(struct sk_reuseport_md *ctx, struct arrival *arrival)
{
	__be16 ports[2];

	if (bpf_skb_load_bytes(ctx, 0, ports, sizeof(ports)))
		return -1;
	arrival->client_port = ports[0];
	arrival->vip.port = ports[1];
	if ((__be16)ctx->eth_protocol == ETHERTYPE_IPV4) {
		__be32 addresses[2];

		if (bpf_skb_load_bytes_relative(ctx, offsetof(struct iphdr, saddr), addresses, sizeof(addresses),
						BPF_HDR_START_NET))
			return -1;
		map_address(&arrival->client, addresses[0]);
		map_address(&arrival->vip.address, addresses[1]);
		return 0;
	}
	if ((__be16)ctx->eth_protocol != ETHERTYPE_IPV6)
		return -1;
	if (bpf_skb_load_bytes_relative(ctx, offsetof(struct ipv6hdr, saddr), &arrival->client, sizeof(struct address),
					BPF_HDR_START_NET))
		return -1;
	return bpf_skb_load_bytes_relative(ctx, offsetof(struct ipv6hdr, daddr), &arrival->vip.address,
					   sizeof(struct address), BPF_HDR_START_NET) ? -1 : 0;
}

/* A connection whose listener closes: there is no packet, the socket knows. Its own end is the VIP's. */
static __always_inline void read_socket(struct bpf_sock *socket, struct arrival *arrival)
{
	arrival->client_port = socket->dst_port;
	arrival->vip.port = bpf_htons(socket->src_port);
	if (socket->family == FAMILY_IPV4) {
		map_address(&arrival->client, socket->dst_ip4);
		map_address(&arrival->vip.address, socket->src_ip4);
		return;
	}
	/* Word by word: the verifier takes no wider reads of a socket. */
	arrival->client.words[0] = socket->dst_ip6[0];
	arrival->client.words[1] = socket->dst_ip6[1];
	arrival->client.words[2] = socket->dst_ip6[2];
	arrival->client.words[3] = socket->dst_ip6[3];
	arrival->vip.address.words[0] = socket->src_ip6[0];
	arrival->vip.address.words[1] = socket->src_ip6[1];
	arrival->vip.address.words[2] = socket->src_ip6[2];
	arrival->vip.address.words[3] = socket->src_ip6[3];
}

/* A socket that has closed leaves a hole in the array: its worker's neighbours take over. */
static __always_inline int choose(struct sk_reuseport_md *ctx, struct arrival *arrival)
{
	struct listener_group *group = bpf_map_lookup_elem(&listener_groups, &arrival->vip);
	__u32 workers, worker;
	__u64 flow;

	if (!group)
		return SK_PASS;
	workers = group->workers;
	if (!workers || workers > WORKERS_MAX)
		return SK_PASS;
	/* A v4-mapped address is one client's: its first half is 0, as no other client's is. */
	if (group->flags & LISTENER_SOURCE_NET && (arrival->client.words[0] || arrival->client.words[1])) {
		arrival->client.words[2] = 0;
		arrival->client.words[3] = 0;
	}
	flow = group->flags & VIP_SHARED_SLOTS
		? shared_hash(arrival->client, arrival->client_port, group->flags, group->seed)
		: flow_hash(arrival->client, arrival->client_port, arrival->vip.port, group->seed);
	worker = worker_of(flow, workers);
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		__u32 place = group->first + worker;

		if (!bpf_sk_select_reuseport(ctx, &listeners, &place, 0))
			return SK_PASS;
		worker = worker + 1 < workers ? worker + 1 : 0;
	}
	return SK_PASS;
}

/* For TCP before Linux 5.14, and for UDP. */
SEC("sk_reuseport")
int listen_choose(struct sk_reuseport_md *ctx)
{
	struct arrival arrival = { .vip.protocol = ctx->ip_protocol };

	if (read_packet(ctx, &arrival))
		return SK_PASS;
	return choose(ctx, &arrival);
}

/* It also says who takes over what a closing listener has not accepted. */
SEC("sk_reuseport/migrate")
int listen_migrate(struct sk_reuseport_md *ctx)
{
	struct arrival arrival = { .vip.protocol = ctx->ip_protocol };

	if (ctx->migrating_sk)
		read_socket(ctx->migrating_sk, &arrival);
	else if (read_packet(ctx, &arrival))
		return SK_PASS;
	return choose(ctx, &arrival);
}

char _license[] SEC("license") = "Dual BSD/GPL";
