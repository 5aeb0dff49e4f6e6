// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Measures programs by many repeats of one frame; the limits that they are measured against. */
#include "common.h"
#include "wire.h"

#define FLOW_STEP 0x9e3779b1U	/* odd, so a permutation of every power of two; far apart, so no cache line is next */
#define PORT_FIRST 1024
#define PORT_MASK 0x7fff

/* The header that limit_encap writes; where it goes does not matter. */
#define LIMIT_SOURCE bpf_htonl(0xac100001)
#define LIMIT_DESTINATION bpf_htonl(0x0a000101)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_settings);
} bench_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter);
} bench_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECORD_LINES);
	__type(key, __u32);
	__type(value, struct record_line);
} bench_lines SEC(".maps");

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline void write_flow(struct bench_settings *settings, __be32 *client, __be32 *vip,
				       struct ports *ports)
{
	__u32 number = (__u32)settings->packets++ & settings->flow_mask;
	__u32 flow = number * FLOW_STEP & settings->flow_mask;

	*client = bpf_htonl(settings->client + flow);
	*vip = bpf_htonl(settings->vip + (number >> settings->vip_shift & settings->vip_mask));
	ports->source = bpf_htons(PORT_FIRST + (flow & PORT_MASK));
}

/* Checksums are left as they were: no program under test looks at them. */
static __always_inline int restore(struct xdp_md *ctx, struct bench_settings *settings)
{
	int grown = linear_length(ctx) - settings->length;
	struct ipv6hdr *ip6;
	struct iphdr *ip;
	void *data, *end;

	/* Also by nothing: the call's cost must be in the measure of the empty program, too. */
	if (bpf_xdp_adjust_head(ctx, grown))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + sizeof(struct ethhdr);
	ip6 = data + sizeof(struct ethhdr);
	if ((void *)(ip + 1) + sizeof(struct ports) > end)
		return -1;
	/* In words: a load of what was just stored byte by byte waits for the stores, and none of a real frame does. */
	copy_macs(data, settings->ethernet);
	*(__be16 *)(data + offsetof(struct ethhdr, h_proto)) = *(__be16 *)(settings->ethernet + 2 * ETH_ALEN);
	if (!settings->flow_mask)
		return 0;
	if (!settings->ipv6) {
		write_flow(settings, &ip->saddr, &ip->daddr, (void *)(ip + 1));
		return 0;
	}
	if ((void *)(ip6 + 1) + sizeof(struct ports) > end)
		return -1;
	write_flow(settings, &ip6->saddr.in6_u.u6_addr32[3], &ip6->daddr.in6_u.u6_addr32[3], (void *)(ip6 + 1));
	return 0;
}

SEC("xdp")
ENTRY int bench(struct xdp_md *ctx)
{
	struct bench_settings *settings = element(&bench_settings, 0);

	if (!settings || restore(ctx, settings))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &bench_target, 0);
	return XDP_ABORTED;
}

/* Nothing at all: what the harness itself costs. */
SEC("xdp")
ENTRY int limit_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_TX;
}

/*
 * What a packet in an unsettled slot cannot undercut: one line at random of as much memory as the record table is.
 * Between two visits of a line pass milliseconds, so a cache that other hosts share may not have kept it.
 */
SEC("xdp")
ENTRY int limit_line(struct xdp_md *ctx __attribute__((unused)))
{
	struct bench_settings *settings = element(&bench_settings, 0);
	struct record_line *line;

	if (!settings)
		return XDP_ABORTED;
	line = element(&bench_lines, (__u32)mix(settings->packets++) & RECORD_LINE_MASK);	/* no prefetcher's pattern */
	return line && READ_ONCE(line->records[0]) ? XDP_DROP : XDP_TX;
}

/* What no encapsulating program can undercut: room in front, and an outer IPv4 header with its checksum. */
SEC("xdp")
ENTRY int limit_encap(struct xdp_md *ctx)
{
	__u64 macs_high;
	__u32 macs_low;
	struct iphdr *ip;
	void *data, *end;
	__u32 sum = 0;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(struct ethhdr) + sizeof(*ip) > end)
		return XDP_DROP;
	macs_high = *(__u64 *)data;
	macs_low = *(__u32 *)(data + sizeof(macs_high));
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + sizeof(struct ethhdr);
	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	*(__u64 *)data = macs_high;
	*(__u32 *)(data + sizeof(macs_high)) = macs_low;
	*(__be16 *)(data + offsetof(struct ethhdr, h_proto)) = bpf_htons(ETH_P_IP);
	*(__be16 *)ip = bpf_htons(IPV4_PLAIN << 8);
	ip->tot_len = bpf_htons(linear_length(ctx) - sizeof(struct ethhdr));
	ip->id = 0;
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip->ttl = OUTER_TTL;
	ip->protocol = IPPROTO_IPIP;
	ip->check = 0;
	ip->saddr = LIMIT_SOURCE;
	ip->daddr = LIMIT_DESTINATION;
#pragma unroll
	for (__u32 i = 0; i < sizeof(*ip) / sizeof(__u16); i++)
		sum += ((__u16 *)ip)[i];
	ip->check = ~fold(sum);
	return XDP_TX;
}

/* For live frames over a veth: makes them ... */
SEC("xdp")
ENTRY int live_generate(struct xdp_md *ctx)
{
	struct bench_settings *settings = element(&bench_settings, 0);

	if (!settings || restore(ctx, settings))
		return XDP_ABORTED;
	return bpf_redirect(settings->ifindex, 0);
}

/* ... and, on the end that they come back to, counts them. */
SEC("xdp")
ENTRY int live_sink(struct xdp_md *ctx)
{
	struct counter *counter = element(&bench_count, 0);

	if (!counter)
		return XDP_DROP;
	counter->packets++;
	counter->bytes += linear_length(ctx);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
