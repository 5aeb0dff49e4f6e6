// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Passes every frame. A veth delivers what its peer transmits by XDP (XDP_TX, redirect) only while an XDP program is
 * attached to itself; without one the frames count as sent and stay in its ring. So the lab puts this one there.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
