/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Just enough tracking: what a packet in an unsettled slot does (steering.md, rules 3 to 13). A settled slot never
 * comes here.
 */
#ifndef SLUICE_TRACK_H
#define SLUICE_TRACK_H

#include "verdict.h"

#define RECORD_BACKEND(record) ((__u32)((record) >> RECORD_BACKEND_SHIFT) & SLOT_BACKEND_MASK)

/*
 * Who gives way: a free record first, then one that is void whatever its service's flow-idle, an unfinished handshake,
 * the oldest flow.
 */
#define RANK_FREE_SHIFT 18
#define RANK_VOID_SHIFT 17
#define RANK_UNFINISHED_SHIFT 16	/* above an age of 16 bits */
#define SIGN_SHIFT 31
#define ESTABLISHED_PLACES ((1U << RANK_UNFINISHED_SHIFT) * RECORDS_PER_LINE)	/* all below are live and established */

/*
 * The ways of a line are random: a branch on what one holds is mispredicted, and waits for the line's memory before the
 * next packet's work can begin. So these answer by arithmetic, hidden from a compiler that would make it branches.
 */
static __always_inline __u32 is_negative(__u32 value)
{
	value >>= SIGN_SHIFT;
	asm volatile("" : "+r"(value));
	return value;
}

static __always_inline __u64 all_ones_if_zero(__u32 value)
{
	__s64 mask = ((__s64)value - 1) >> 63;

	asm volatile("" : "+r"(mask));
	return mask;
}

static __always_inline __u64 record_of(__u64 flow, __u32 backend, __u32 now)
{
	return (__u32)flow | (__u64)backend << RECORD_BACKEND_SHIFT |
	       (__u64)(__u16)(now >> RECORD_AGE_UNIT_SHIFT) << RECORD_AGE_SHIFT;
}

/*
 * The record of a flow in a line, or 0; `place` is where it is. Nearly all are at one of the two places where they are
 * looked for first, and so found by a guess: the processor goes on with the packet before the line's memory has come.
 * Two CPUs that insert at the same moment may leave two of one flow: always the same one counts, and the other ages.
 */
static __always_inline __u64 find_record(struct record_line *line, __u64 flow, __u64 *place)
{
	__u64 way = record_way_of(flow);
	__u64 record = READ_ONCE(line->records[way]);
	__u64 other = READ_ONCE(line->records[way ^ 1]);
	__u64 is_other = ~all_ones_if_zero((__u32)record ^ (__u32)flow);

	record ^= (record ^ other) & is_other;
	way ^= is_other & 1;
	if (unlikely((__u32)record != (__u32)flow)) {
#pragma unroll
		for (__u64 i = 0; i < RECORDS_PER_LINE; i++)
			way += (i - way) & all_ones_if_zero((__u32)READ_ONCE(line->records[i]) ^ (__u32)flow);
		way = within(way, RECORDS_PER_LINE - 1);
		record = READ_ONCE(line->records[way]);
		record &= all_ones_if_zero((__u32)record ^ (__u32)flow);
	}
	*place = way;
	return record;
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
 * Which record of a line gives way: its rank, and in the lowest bits its place, counted so that of equal ones the place
 * where the flow is looked for first wins.
 */
static __always_inline __u32 first_to_go(struct record_line *line, __u64 flow, __u32 now, __u32 flow_idle)
{
	__u32 preferred = ~record_way_of(flow);
	__u32 highest = 0;

#pragma unroll
	for (__u32 i = 0; i < RECORDS_PER_LINE; i++) {
		__u32 place = rank(READ_ONCE(line->records[i]), now, flow_idle) * RECORDS_PER_LINE +
			      ((i ^ preferred) & (RECORDS_PER_LINE - 1));
		__u32 less = is_negative(highest - place);

		highest += (place - highest) & -less;
	}
	return highest;
}

static __always_inline void mark_spill(__u32 home)
{
	struct spill_line *line = element(&record_spills, home / SPILLS_PER_LINE);

	if (line)
		WRITE_ONCE(line->spilled[home % SPILLS_PER_LINE], 1);
}

static __always_inline int has_spilled(__u32 home)
{
	struct spill_line *line = element(&record_spills, home / SPILLS_PER_LINE);

	return line && READ_ONCE(line->spilled[home % SPILLS_PER_LINE]);
}

/*
 * Puts a record in its home line, or in its spill line if its home is full of established ones; answers whether one of
 * those gave way. A function of its own for the verifier's sake, which walks its paths once, by themselves; before
 * Linux 5.13 such a function takes the context and numbers only.
 */
__attribute__((noinline)) int insert_record(__u32 home, __u64 record, __u32 now)
{
	struct record_line *line = element(&records, home);
	struct control *state = element(&control, 0);
	struct record_line *spill;
	__u32 place, other;

	if (!line || !state)
		return 0;
	place = first_to_go(line, record, now, state->flow_idle);
	if (unlikely(place < ESTABLISHED_PLACES)) {
		spill = element(&records, record_spill_line(home, record));
		if (!spill)
			return 0;
		other = first_to_go(spill, record, now, state->flow_idle);
		if (other > place) {
			/*
			 * Before the record: whoever can find it must know to look. Where stores may overtake each
			 * other (arm64) a packet on another CPU may miss it for a moment, as it may miss any record.
			 */
			mark_spill(home);
			place = other;
			line = spill;
		}
	}
	WRITE_ONCE(line->records[within(place ^ ~record_way_of(record), RECORDS_PER_LINE - 1)], record);
	return place < ESTABLISHED_PLACES;
}

/* A flow's record where it is at home, or where it has spilled to; `line` and `place` are where. */
static __always_inline __u64 look_up(__u64 flow, __u32 home, struct record_line **line, __u64 *place)
{
	struct record_line *spill;
	__u64 record = find_record(*line, flow, place);

	if (likely(record) || likely(!has_spilled(home)))
		return record;
	spill = element(&records, record_spill_line(home, flow));
	if (!spill)
		return 0;
	*line = spill;
	return find_record(spill, flow, place);
}

/*
 * Puts a record in the place of the one that its flow has. A function of its own, as `insert_record`: it is called once
 * in eight seconds of a flow, and what it would have to keep at hand costs all packets between.
 */
__attribute__((noinline)) int replace_record(__u32 home, __u64 record)
{
	struct record_line *line = element(&records, home);
	__u64 place;

	if (line && look_up(record, home, &line, &place))
		WRITE_ONCE(line->records[within(place, RECORDS_PER_LINE - 1)], record);
	return 0;
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

static __always_inline void explain_track(const struct packet *packet, __u64 record, __u32 index)
{
	struct explanation *explanation = explaining(packet);
	struct line_times *times;

	if (!explanation)
		return;
	times = element(&line_times, index);
	if (!times)
		return;
	explanation->record = record;
	explanation->used = times->used;
	explanation->changed = times->changed;
}

/* Whether a slot of the line changed less than `idle` seconds ago; the coarse clock may lag behind the writer's. */
static __always_inline int was_changed_within(__u32 index, __u32 idle, __u32 now)
{
	struct line_times *times = element(&line_times, index);

	return times && (__s32)(now - times->changed) < (__s32)idle;
}

/* That a packet goes elsewhere than to the current backend. Forwards only: CPUs whose clocks differ take no turns. */
static __always_inline void mark_used(__u32 index, __u32 now)
{
	struct line_times *times = element(&line_times, index);

	if (times && (__s32)(now - times->used) > 0)
		WRITE_ONCE(times->used, now);
}

/* Rules 4 to 8: sets the packet's backend and reason, and answers the record to keep, or 0. */
static __always_inline __u64 follow_rules(struct packet *packet, __u32 word, __u64 record,
					  const struct backend *backend, __u32 index, const struct service *service,
					  __u32 now)
{
	__u32 previous = word >> SLOT_PREVIOUS_SHIFT & SLOT_BACKEND_MASK;
	__u32 current = word & SLOT_BACKEND_MASK;
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
		if (previous && was_changed_within(index, service->udp_idle, now)) {
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

static __always_inline void track(struct control *control, struct packet *packet, const struct vip *vip, __u32 word,
				  __u32 index)
{
	__u32 home = record_line_of(packet->flow);
	struct record_line *line = element(&records, home);
	struct service *service = element(&services, packet->service);
	__u64 record, keep;
	struct backend *backend;
	__u64 place;
	__u32 now;

	if (!line || !service)
		return;
	if (vip->flags & VIP_STATELESS && packet->protocol == IPPROTO_UDP) {
		packet->reason = REASON_CURRENT;
		return;
	}
	now = clock_seconds(control);
	record = look_up(packet->flow, home, &line, &place);
	backend = recorded_backend(packet, record, now, service->flow_idle);
	keep = follow_rules(packet, word, record, backend, index, service, now);
	explain_track(packet, record, index);
	if (packet->flags & (PACKET_RELAYED | PACKET_DRY))
		return;

	if (packet->backend != (word & SLOT_BACKEND_MASK))
		mark_used(index, now);
	if (!keep || keep == record)
		return;
	if (record)
		replace_record(home, keep);
	else if (insert_record(home, keep, now))
		count_reason(bpf_get_smp_processor_id(), packet->service, REASON_RECORD_EVICTED, packet->bytes);
}

#endif
