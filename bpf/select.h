/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an address and a port to a VIP, and from there to the slot of its table. */
#ifndef SLUICE_SELECT_H
#define SLUICE_SELECT_H

#include "fragment.h"
#include "handover.h"
#include "track.h"

#define VIP_SPECIAL (VIP_ACCESS | VIP_EMPTY | VIP_HANDOVER)
_Static_assert(REASON_NEW == REASON_SETTLED + PACKET_SYN, "one addition tells a settled slot's reasons apart");

#define LOOPBACK_NET 127	/* first byte of 127.0.0.0/8 */
#define MULTICAST_NET 224	/* and all above: 224.0.0.0/4, 240.0.0.0/4, broadcast */
/* Halves as loaded. Tests of single bytes would make the compiler keep the address in pieces, for all to put together. */
#define IPV6_MULTICAST bpf_cpu_to_be64(0xffULL << 56)
#define IPV6_LOOPBACK bpf_cpu_to_be64(1)	/* the low half, behind zeros */

static __always_inline int is_vip(const struct vip *vip, const struct address *address, __be16 port, __u8 protocol)
{
	/* One test instead of four: a VIP's packets take no other way. */
	return !((vip->address.halves[1] ^ address->halves[1]) | (vip->address.halves[0] ^ address->halves[0]) |
		 (__u32)(vip->port ^ port) | (__u32)(vip->protocol ^ protocol));
}

static __always_inline struct vip *vip_of(struct control *control, const struct address *address, __be16 port,
					  __u8 protocol)
{
	__u32 half = READ_ONCE(control->active) & 1;
	__u64 seed = control->vip_seed[half];
	struct vip_line *line = element(&vips, half * VIP_LINES + vip_line_of(*address, port, protocol, seed));

	if (!line)
		return 0;
	if (is_vip(&line->entries[0], address, port, protocol))
		return &line->entries[0];
	if (is_vip(&line->entries[1], address, port, protocol))
		return &line->entries[1];
	return 0;
}

/*
 * The service that counts what shows no port, of those that have VIPs on an address; 0 where none has. A function of
 * its own for the verifier's sake, as `insert_record`.
 */
__attribute__((noinline)) int service_at(__u64 high, __u64 low)
{
	struct control *state = element(&control, 0);
	struct address address = { .halves = { high, low } };
	struct vip *vip = state ? vip_of(state, &address, 0, PROTOCOL_ICMP) : 0;

	return vip ? vip->service : 0;
}

/* RFC 1122, 3.2.1.3; RFC 4291, 2.5.3 and 2.7; and a loop: what we encapsulated ourselves. */
static __always_inline enum reason refuse_ipv4(struct control *control, __be32 source, __be32 destination)
{
	__u8 net = *(__u8 *)&source;

	if (unlikely(source == destination))
		return REASON_SOURCE_LAND;
	if (unlikely(net == LOOPBACK_NET))
		return REASON_SOURCE_LOOPBACK;
	if (unlikely((__u8)(net - 1) >= MULTICAST_NET - 1))	/* 0.0.0.0/8 too: no source once a host has an address */
		return net ? REASON_SOURCE_MULTICAST : REASON_BAD_HEADER;
	if (unlikely((source & control->source4_mask) == control->source4 && control->source4_mask))
		return REASON_SOURCE_LOOP;
	return REASON_NONE;
}

static __always_inline enum reason refuse_ipv6(struct control *control, const struct address *source,
					       const struct address *destination)
{
	if (unlikely(source->halves[0] == destination->halves[0] && source->halves[1] == destination->halves[1]))
		return REASON_SOURCE_LAND;
	if (unlikely((source->halves[0] & IPV6_MULTICAST) == IPV6_MULTICAST))
		return REASON_SOURCE_MULTICAST;
	if (unlikely(!source->halves[0]))	/* unspecified and v4-mapped ones have no place on the wire */
		return source->halves[1] == IPV6_LOOPBACK ? REASON_SOURCE_LOOPBACK : REASON_BAD_HEADER;
	if (unlikely((source->halves[0] & control->source6_mask) == control->source6 && control->source6_mask))
		return REASON_SOURCE_LOOP;
	return REASON_NONE;
}

static __always_inline enum reason refuse_source(struct control *control, const struct packet *packet)
{
	return packet->ipv6 ? refuse_ipv6(control, &packet->client, &packet->vip)
			    : refuse_ipv4(control, packet->client.words[3], packet->vip.words[3]);
}

/* The filter answers for nearly all clients; a longest-prefix lookup costs three times as much as all the rest. */
static __always_inline __u32 access_of(const struct address *client, __u16 service_id, const struct service *service)
{
	struct access_key key = { .service = bpf_htonl(service_id), .client = *client };
	__u32 bit = access_filter_bit(*client, service_id);
	__u64 *word = element(&access_filter, bit / 64);
	__u32 *entry;

	if (!word || !(*word >> (bit % 64) & 1))
		return service->access_default;
	key.prefix_bits = 8 * (sizeof(key) - sizeof(key.prefix_bits));
	entry = bpf_map_lookup_elem(&access, &key);
	return entry ? *entry : service->access_default;
}

static __always_inline int is_denied(const struct packet *packet)
{
	struct service *service = element(&services, packet->service);

	return service && access_of(&packet->client, packet->service, service) == ACCESS_DENY;
}

/* What is of no VIP is the host's own; of a fragment to an address that has VIPs, so is what follows. */
static __always_inline verdict pass_unclaimed(const struct packet *packet)
{
	if (packet->flags & PACKET_RELAYED)
		return pass(packet, REASON_ICMP_PASSED);
	if (packet->flags & PACKET_FIRST_FRAGMENT && service_at(packet->vip.halves[0], packet->vip.halves[1]))
		remember_fragment(packet);
	return pass(packet, REASON_NOT_VIP);
}

/* Which backend a packet with ports goes to: steering.md, rules 1 to 9. */
static __always_inline verdict select(struct xdp_md *ctx, struct control *control, struct packet *packet)
{
	struct vip *vip = vip_of(control, &packet->vip, packet->vip_port, packet->protocol);
	struct explanation *explanation;
	struct slot_line *line;
	enum reason refused;
	__u32 slot, index, word;
	__u64 chooser;

	if (FEATURE_ANY_PORT && !vip)
		vip = vip_of(control, &packet->vip, 0, packet->protocol);
	if (!vip)
		return unlikely(packet->flags & PACKET_SPECIAL) ? pass_unclaimed(packet)
								: pass(packet, REASON_NOT_VIP);
	packet->service = vip->service;

	refused = refuse_source(control, packet);
	if (unlikely(refused))
		return drop(packet, refused);
	if (vip->flags & VIP_SPECIAL) {
		if (FEATURE_ACCESS && vip->flags & VIP_ACCESS && is_denied(packet))
			return drop(packet, REASON_DENIED);
		if (FEATURE_HANDOVER && vip->flags & VIP_HANDOVER && is_held_here(ctx, packet))
			return pass_held(packet);
		if (vip->flags & VIP_EMPTY)
			return drop(packet, REASON_NO_BACKEND);
	}
	chooser = packet->flow = flow_hash(packet->client, packet->client_port, packet->vip_port, vip->seed);
	if ((FEATURE_ANY_PORT || FEATURE_SOURCE_IP) && unlikely(vip->flags & VIP_SHARED_SLOTS))
		chooser = shared_hash(packet->client, packet->client_port, vip->flags, vip->seed);
	slot = slot_of(chooser, table_size_of(vip->flags));
	index = vip->table * LINES_PER_GRANULE + slot / SLOTS_PER_LINE;
	line = element(&slots, index);
	if (!line)
		return drop(packet, REASON_NO_BACKEND);
	word = READ_ONCE(line->slots[slot % SLOTS_PER_LINE]);

	packet->reason = REASON_SETTLED + (packet->flags & PACKET_SYN);
	packet->backend = word & SLOT_BACKEND_MASK;
	if (FEATURE_TRACKING && unlikely(word & SLOT_UNSETTLED))
		track(control, packet, vip, word, index);

	if (likely(!(packet->flags & PACKET_SPECIAL)))
		return GO_ON;
	if (packet->flags & PACKET_RELAYED)
		packet->reason = REASON_ICMP_RELAYED;
	explanation = explaining(packet);
	if (explanation) {
		explanation->slot = slot;
		explanation->word = word;
		explanation->backend = packet->backend;
		explanation->flow = packet->flow;
	}
	return GO_ON;
}

#endif
