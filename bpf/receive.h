/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frame before its headers are read: how long, by which interface, for us? */
#ifndef SLUICE_RECEIVE_H
#define SLUICE_RECEIVE_H

#include <linux/if_ether.h>

#include "verdict.h"

static __always_inline struct interface *interface_of(struct control *control, __u32 ifindex)
{
	struct interface *interface = &control->interfaces[ifindex & INTERFACE_MASK];

	return interface->ifindex == ifindex ? interface : 0;
}

static __always_inline int is_same_mac(const __u8 *left, const __u8 *right)
{
	return *(__u32 *)left == *(__u32 *)right && *(__u16 *)(left + 4) == *(__u16 *)(right + 4);
}

/* Only where the program is never attached, so nobody on a wire can ask for one. */
static __always_inline void begin_dry_run(struct packet *packet, const struct ethhdr *ethernet)
{
	const __u8 *mac = ethernet->h_source;
	struct explanation *explanation;

	if (mac[0] != DRY_RUN_MAC0 || mac[1] != DRY_RUN_MAC1 ||
	    mac[2] != DRY_RUN_MAC2 || mac[3] != DRY_RUN_MAC3)
		return;
	packet->flags |= PACKET_DRY;
	explanation = explaining(packet);
	if (!explanation)
		return;
	__builtin_memset(explanation, 0, sizeof(*explanation));
	explanation->nonce = (__u32)mac[4] << 8 | mac[5];
}

/* A flooding bridge hands frames to hosts they are not for; two edges would otherwise forward one packet. */
static __always_inline verdict receive(struct xdp_md *ctx, struct control *control, struct packet *packet)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	__u32 ifindex = ctx->ingress_ifindex;
	struct interface *interface;

	packet->bytes = end - data;
	if ((void *)(ethernet + 1) > end)
		return pass(packet, REASON_NOT_IP);
	interface = interface_of(control, ifindex);
	if (unlikely(!interface)) {
		if (ifindex != DRY_RUN_IFINDEX)	/* being taken off: which MAC is ours there is not known any more */
			return pass(packet, REASON_OTHER_MAC);
		begin_dry_run(packet, ethernet);
	} else if (unlikely(!is_same_mac(ethernet->h_dest, interface->address.bytes))) {
		return pass(packet, REASON_OTHER_MAC);
	}
	return GO_ON;
}

#endif
