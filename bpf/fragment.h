/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments to addresses that have VIPs: the first is steered by its ports, or passed, and remembered, the later ones
 * follow it. The memory holds one packet a first fragment; what goes to other addresses never comes here.
 */
#ifndef SLUICE_FRAGMENT_H
#define SLUICE_FRAGMENT_H

#include "parse.h"
#include "verdict.h"

/* RFC 8200, 4.5: IPv6 reassembles without regard to what is inside. */
static __always_inline void name_fragment(struct fragment_key *key, const struct packet *packet)
{
	key->source = packet->client;
	key->destination = packet->vip;
	key->id = packet->fragment_id;
	key->protocol = packet->ipv6 ? NEXT_FRAGMENT : packet->protocol;
}

/* With the packet's backend; with none, what follows is passed. */
static __always_inline void remember_fragment(const struct packet *packet)
{
	struct fragment_key key;
	struct fragment fragment = {
		.backend = packet->backend,
		.flow = packet->flow,
		.service = packet->service,
	};

	if (packet->flags & (PACKET_RELAYED | PACKET_DRY))
		return;
	fragment.seen = clock_ns();
	name_fragment(&key, packet);
	bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
}

/* TCP and UDP have their ports in the first fragment; IPv6's options may hide there, too, what they stand before. */
static __always_inline int follows_first(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP ||
	       (packet->ipv6 && is_extension(packet->protocol));
}

static __always_inline verdict recall_fragment(struct packet *packet)
{
	struct fragment_key key;
	struct fragment *fragment;
	struct backend *backend;
	__s64 age;

	name_fragment(&key, packet);
	fragment = bpf_map_lookup_elem(&fragments, &key);
	if (!fragment)
		return drop(packet, REASON_FRAGMENT_WITHOUT_FIRST);
	age = clock_ns() - fragment->seen;
	if (age > (__s64)FRAGMENT_LIFE_NS)
		return drop(packet, REASON_FRAGMENT_WITHOUT_FIRST);
	if (!fragment->backend)
		return pass(packet, REASON_NOT_VIP);
	backend = element(&backends, fragment->backend & SLOT_BACKEND_MASK);
	if (!backend || backend->service != fragment->service)	/* the id is another's now */
		return drop(packet, REASON_FRAGMENT_WITHOUT_FIRST);
	packet->service = fragment->service;
	packet->backend = fragment->backend;
	packet->flow = fragment->flow;
	packet->reason = REASON_LATER_FRAGMENT;
	return GO_ON;
}

#endif
