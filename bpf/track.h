/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Just enough tracking: what a packet in an unsettled slot does (steering.md, rules 3 to 13). A settled slot never
 * comes here.
 */
#ifndef SLUICE_TRACK_H
#define SLUICE_TRACK_H

#include "verdict.h"

#define RECORD_BACKEND(record) ((__u32)((record) >> RECORD_BACKEND_SHIFT) & SLOT_BACKEND_MASK)

/* Who gives way: a free record first, then a void one, an unfinished handshake, the oldest flow. */
#define RANK_FREE_SHIFT 18
#define RANK_VOID_SHIFT 17
#define RANK_UNFINISHED_SHIFT 16	/* above an age of 16 bits */
#define SIGN_SHIFT 31

/*
 * The ways of a line are random: a branch on what one holds is mispredicted, and waits for the line's memory before the
 * next packet's work can begin. So these answer by arithmetic, hidden from a compiler that would make it branches.
 */
static __always_inline __u32 is_negative(__u32 value)
{
	asm volatile("" : "+r"(value));
	return value >> SIGN_SHIFT;
}

static __always_inline __u64 all_ones_if_zero(__u32 value)
{
	__u64 borrowed = (__u64)value - 1;

	asm volatile("" : "+r"(borrowed));
	return (__s64)borrowed >> 63;
}

static __always_inline __u64 record_of(__u64 flow, __u32 backend, __u32 now)
{
	return (__u32)flow | (__u64)backend << RECORD_BACKEND_SHIFT |
	       (__u64)(__u16)(now >> RECORD_AGE_UNIT_SHIFT) << RECORD_AGE_SHIFT;
}

/*
 * The record of a flow, or 0; `way` is its place in the line. Two CPUs that insert at the same moment may leave two of one
 * flow: the last is the one that counts, always the same one, and the other ages.
 */
static __always_inline __u64 find_record(struct record_line *line, __u64 flow, __u32 *way)
{
	__u64 found = 0, place = 0;

#pragma unroll
	for (__u64 i = 0; i < RECORDS_PER_LINE; i++) {
		__u64 record = READ_ONCE(line->records[i]);
		__u64 mask = all_ones_if_zero((__u32)record ^ (__u32)flow);

		found = (found & ~mask) | (record & mask);
		place = (place & ~mask) | (i & mask);
	}
	*way = place;
	return found;
}

static __always_inline __u32 rank(__u64 record, __u32 now, __u32 flow_idle)
{
	__u32 age = record_age(record, now);
	__u32 free = is_negative(RECORD_BACKEND(record) - 1);
	__u32 is_void = is_negative(record_life(flow_idle) - age);
	__u32 unfinished = (__u32)(~record >> RECORD_ESTABLISHED_SHIFT) & 1;

	return free << RANK_FREE_SHIFT | is_void << RANK_VOID_SHIFT | unfinished << RANK_UNFINISHED_SHIFT | age;
}

/*
 * Puts a record in its line; answers whether a live flow's gave way. A function of its own for the verifier's sake,
 * which walks its paths once, by themselves; before Linux 5.13 such a function takes the context and numbers only.
 */
__attribute__((noinline)) int insert_record(__u32 index, __u64 record, __u32 now, __u32 flow_idle)
{
	struct record_line *line = element(&records, index);
	__u32 highest = 0;

	if (!line)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < RECORDS_PER_LINE; i++) {
		__u32 place = rank(READ_ONCE(line->records[i]), now, flow_idle) * RECORDS_PER_LINE + i;
		__u32 less = is_negative(highest - place);

		highest += (place - highest) & -less;
	}
	WRITE_ONCE(line->records[within(highest, RECORDS_PER_LINE - 1)], record);
	return highest < (1U << RANK_UNFINISHED_SHIFT) * RECORDS_PER_LINE;
}

/* What a record says: 0 if it is void by age or by its backend's drain deadline, or the id is another's now. */
static __always_inline struct backend *recorded_backend(const struct packet *packet, __u64 record, __u32 now,
							__u32 flow_idle)
{
	struct backend *backend;

	if (!record || record_is_void(record, now, flow_idle))
		return 0;
	backend = element(&backends, RECORD_BACKEND(record));
	if (!backend || backend->service != packet->service || backend->flags & BACKEND_RECORDS_VOID)
		return 0;
	return backend;
}

static __always_inline void explain_track(const struct packet *packet, __u64 record, const struct line_times *times)
{
	struct explanation *explanation = explaining(packet);

	if (!explanation)
		return;
	explanation->record = record;
	explanation->used = times->used;
	explanation->changed = times->changed;
}

/* Rules 4 to 8: sets the packet's backend and reason, and answers the record to keep, or 0. */
static __always_inline __u64 follow_rules(struct packet *packet, __u32 word, __u64 record,
					  const struct backend *backend, const struct line_times *times,
					  const struct service *service, __u32 now)
{
	__u32 previous = word >> SLOT_PREVIOUS_SHIFT & SLOT_BACKEND_MASK;
	__u32 current = word & SLOT_BACKEND_MASK;
	__s32 since_change = now - times->changed;	/* the coarse clock may lag behind the writer's */
	enum reason reason = REASON_RECORDED;
	__u64 keep = 0;

	if (packet->flags & PACKET_SYN) {
		if (backend && !(record & RECORD_ESTABLISHED) && backend->flags & BACKEND_ACTIVE) {
			current = RECORD_BACKEND(record);
		} else {
			reason = REASON_NEW;
			if (current == previous && !record)
				goto done;
		}
		keep = record_of(packet->flow, current, now);	/* over an older flow's record of the same name, too */
	} else if (backend) {
		current = RECORD_BACKEND(record);
		keep = record_of(packet->flow, current, now) | RECORD_ESTABLISHED;
	} else if (packet->protocol == IPPROTO_TCP) {
		reason = previous ? REASON_PREVIOUS : REASON_CURRENT;
		current = previous ? previous : current;
	} else {
		reason = REASON_CURRENT;
		if (current == previous)
			goto done;
		if (previous && since_change < (__s32)service->udp_idle) {
			reason = REASON_PREVIOUS;
			current = previous;
		}
		keep = record_of(packet->flow, current, now);
	}
done:
	packet->backend = current;
	packet->reason = reason;
	return keep;
}

static __always_inline void track(struct packet *packet, const struct vip *vip, __u32 word, __u32 index)
{
	struct record_line *line = element(&records, record_line_of(packet->flow));
	struct service *service = element(&services, packet->service);
	struct line_times *times = element(&line_times, index);
	__u64 record, keep;
	struct backend *backend;
	__u32 now, way;

	if (!line || !service || !times)
		return;
	if (vip->flags & VIP_STATELESS && packet->protocol == IPPROTO_UDP) {
		packet->reason = REASON_CURRENT;
		return;
	}
	now = clock_seconds();
	record = find_record(line, packet->flow, &way);
	backend = recorded_backend(packet, record, now, service->flow_idle);
	keep = follow_rules(packet, word, record, backend, times, service, now);
	explain_track(packet, record, times);
	if (packet->flags & (PACKET_RELAYED | PACKET_DRY))
		return;

	if (packet->backend != (word & SLOT_BACKEND_MASK) && times->used != now)
		WRITE_ONCE(times->used, now);
	if (!keep || keep == record)
		return;
	if (record)
		WRITE_ONCE(line->records[within(way, RECORDS_PER_LINE - 1)], keep);
	else if (insert_record(record_line_of(packet->flow), keep, now, service->flow_idle))
		count_reason(bpf_get_smp_processor_id(), packet->service, REASON_RECORD_EVICTED, packet->bytes);
}

#endif
