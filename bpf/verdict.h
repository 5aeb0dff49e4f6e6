/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one way out: every verdict is counted, drops are sampled, dry runs leave an explanation and nothing else. */
#ifndef SLUICE_VERDICT_H
#define SLUICE_VERDICT_H

#include "packet.h"

static __always_inline void count(struct counter *counter, __u32 bytes)
{
	if (!counter)
		return;
	counter->packets++;	/* this CPU's own slab: no atomics */
	counter->bytes += bytes;
}

static __always_inline void count_reason(__u32 cpu, __u32 service, __u32 reason, __u32 bytes)
{
	count(element(&service_count, (cpu * SERVICE_IDS + service) * REASON_SLOTS + reason), bytes);
}

/* Whether one more of `limit` a second is left; `second` and `spent` belong to this CPU. */
static __always_inline int spend(__u64 *second, __u32 *spent, __u32 limit)
{
	struct control *state = element(&control, 0);
	__u64 now;

	if (!state)
		return 0;
	now = clock_seconds(state);
	if (*second != now) {
		*second = now;
		*spent = 0;
	}
	if (*spent >= limit)
		return 0;
	(*spent)++;
	return 1;
}

static __always_inline struct explanation *explaining(const struct packet *packet)
{
	return unlikely(packet->flags & PACKET_DRY) ? element(&explanation, 0) : 0;
}

static __always_inline void capture(struct event *event, struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *end = (void *)(long)ctx->data_end;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < EVENT_BYTES; i++) {
		if (data + i + 1 > end)
			break;
		event->bytes[i] = data[i];
	}
	event->captured = i;
}

static __always_inline void sample(struct xdp_md *ctx, __u32 bytes, __u32 cpu, __u32 reason, __u32 service)
{
	struct cpu_state *state = element(&cpu_state, cpu);
	struct event *event;

	if (!state || !spend(&state->event_second, &state->event_spent, EVENT_RATE_PER_SECOND))
		return;
	event = element(&events, cpu * EVENTS_PER_CPU + (__u32)state->events % EVENTS_PER_CPU);
	if (!event)
		return;

	WRITE_ONCE(event->time, 0);	/* readers skip an event without time: it is being written */
	event->ifindex = ctx->ingress_ifindex;
	event->reason = reason;
	event->service = service;
	event->length = bytes;
	capture(event, ctx);
	WRITE_ONCE(event->time, clock_ns());
	WRITE_ONCE(state->events, state->events + 1);
}

static __always_inline int account(struct xdp_md *ctx, const struct packet *packet, verdict verdict)
{
	enum xdp_action action = verdict & VERDICT_ACTION_MASK;
	__u32 reason = (__u8)(verdict >> VERDICT_REASON_SHIFT);
	__u32 service = (__u16)(verdict >> VERDICT_SERVICE_SHIFT);
	__u32 backend = verdict >> VERDICT_BACKEND_SHIFT;
	struct explanation *explanation = explaining(packet);
	__u32 cpu;

	if (explanation) {
		explanation->reason = reason;
		explanation->service = service;
		return action;
	}
	cpu = bpf_get_smp_processor_id();
	count_reason(cpu, service, reason, packet->bytes);
	if (backend)
		count(element(&backend_count, cpu * BACKEND_IDS + backend), packet->bytes);
	if (unlikely(action == XDP_DROP))
		sample(ctx, packet->bytes, cpu, reason, service);
	return action;
}

#endif
