// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The balancer: which backend a packet of a VIP goes to, and how. All others pass to the host's stack. */
#include "receive.h"
#include "parse.h"
#include "select.h"
#include "fragment.h"
#include "icmp.h"
#include "encap.h"
#include "toobig.h"

static __always_inline verdict forward(struct xdp_md *ctx, struct control *state, struct packet *packet)
{
	struct backend *backend = element(&backends, packet->backend);
	verdict refused;

	if (!backend)
		return drop(packet, REASON_NO_BACKEND);
	if (unlikely(backend->flags & BACKEND_NO_NEXT_HOP) && backend->forward != FORWARD_LOCAL)
		return drop(packet, REASON_NO_NEXT_HOP);
	if (unlikely(packet->length + OVERHEAD_MAX > backend->mtu) && backend->forward > FORWARD_NONE &&
	    backend->forward < FORWARD_LOCAL) {
		refused = refuse_too_big(ctx, state, packet, backend);
		if (refused)
			return refused;
	}
	return encapsulate(ctx, packet, backend);
}

/* Packets to a VIP's address that show no ports of their own. GO_ON: those of another packet steer it now. */
static __always_inline verdict handle_rare(struct xdp_md *ctx, struct control *state, struct packet *packet)
{
	enum reason refused;

	packet->service = service_at(packet->vip.halves[0], packet->vip.halves[1]);
	if (!packet->service)
		return pass(packet, REASON_NOT_VIP);
	refused = refuse_source(state, packet);
	if (refused)
		return drop(packet, refused);
	if (packet->flags & PACKET_CUT)
		return drop(packet, REASON_TRUNCATED);
	if (packet->flags & PACKET_FIRST_FRAGMENT) {	/* of ICMP or another protocol */
		if (packet->ipv6)
			remember_fragment(packet);
		return pass(packet, packet->flags & PACKET_ICMP ? REASON_ICMP_PASSED : REASON_NOT_VIP);
	}
	if (packet->flags & PACKET_OTHER)
		return pass(packet, REASON_NOT_VIP);
	if (packet->flags & PACKET_ICMP)
		return handle_icmp(ctx, packet);
	if (packet->protocol == (packet->ipv6 ? NEXT_ICMPV6 : IPPROTO_ICMP))
		return pass(packet, REASON_ICMP_PASSED);
	return follows_first(packet) ? recall_fragment(packet) : pass(packet, REASON_NOT_VIP);
}

static __always_inline verdict steer_packet(struct xdp_md *ctx, struct control *state, struct packet *packet)
{
	verdict found = parse_packet(ctx, packet);

	if (found)
		return found;
	if (unlikely(packet->flags & PACKET_WITHOUT_PORTS)) {
		found = handle_rare(ctx, state, packet);
		if (found)
			return found;
	}
	if (likely(!(packet->flags & PACKET_SPECIAL)) || !(packet->flags & PACKET_LATER_FRAGMENT)) {
		found = select(ctx, state, packet);
		if (found)
			return found;
		if (unlikely(packet->flags & PACKET_SPECIAL) && packet->flags & PACKET_FIRST_FRAGMENT && packet->backend)
			remember_fragment(packet);
	}
	return forward(ctx, state, packet);
}

static __always_inline verdict steer_frame(struct xdp_md *ctx, struct packet *packet)
{
	struct control *state = element(&control, 0);
	verdict found;
	__be16 type = 0;

	if (!state)
		return pass(packet, REASON_NONE);
	found = receive(ctx, state, packet);
	if (found)
		return found;
	found = parse_link(ctx, packet, &type);
	if (found)
		return found;
	if (FEATURE_IPV4 && type == bpf_htons(ETH_P_IP))
		return steer_packet(ctx, state, packet);
	if (FEATURE_IPV6 && type == bpf_htons(ETH_P_IPV6)) {
		packet->ipv6 = 1;
		return steer_packet(ctx, state, packet);
	}
	return pass(packet, REASON_NOT_IP);
}

SEC("xdp")
ENTRY int steer(struct xdp_md *ctx)
{
	struct packet packet = {};

	return account(ctx, &packet, steer_frame(ctx, &packet));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
