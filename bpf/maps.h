/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map of the balancer. What differs by host is set before the load: max_entries of the slabs that hold a copy a
 * CPU. There is no .bss and no .data: state lives in these maps alone, so that one program can take over from another
 * without losing any.
 */
#ifndef SLUICE_MAPS_H
#define SLUICE_MAPS_H

#include "common.h"

#define ARRAY_MAP(name, value_type, entries)		\
	struct {					\
		__uint(type, BPF_MAP_TYPE_ARRAY);	\
		__uint(map_flags, BPF_F_MMAPABLE);	\
		__uint(max_entries, entries);		\
		__type(key, __u32);			\
		__type(value, value_type);		\
	} name SEC(".maps")

ARRAY_MAP(control, struct control, 1);
ARRAY_MAP(vips, struct vip_line, 2 * VIP_LINES);
ARRAY_MAP(slots, struct slot_line, SLOT_LINES_MAX);
ARRAY_MAP(line_times, struct line_times, SLOT_LINES_MAX);
ARRAY_MAP(backends, struct backend, BACKEND_IDS);
ARRAY_MAP(services, struct service, SERVICE_IDS);
ARRAY_MAP(records, struct record_line, RECORD_LINES);
ARRAY_MAP(record_spills, struct spill_line, SPILL_LINES);
ARRAY_MAP(access_filter, __u64, ACCESS_FILTER_WORDS);
ARRAY_MAP(service_count, struct counter, CPUS * SERVICE_IDS * REASON_SLOTS);
ARRAY_MAP(backend_count, struct counter, CPUS * BACKEND_IDS);
ARRAY_MAP(events, struct event, CPUS * EVENTS_PER_CPU);
ARRAY_MAP(cpu_state, struct cpu_state, CPUS);
ARRAY_MAP(explanation, struct explanation, 1);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FRAGMENTS_MAX);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);	/* the kernel takes no other */
	__uint(max_entries, ACCESS_ENTRIES_MAX);
	__type(key, struct access_key);
	__type(value, __u32);
} access SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, PORTS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

#define CLOCK_JIFFIES_SHIFT 5	/* 32 ticks: 0.03 to 0.3 s */
#define CLOCK_TICK_SHIFT 32

/*
 * Reading even the coarse clock costs as much as all the rest of a packet, the tick counter nothing; so whoever comes
 * first keeps for all the second that it read, for a few ticks: in one word, so that both halves belong together.
 */
static __always_inline __u32 clock_seconds(struct control *control)
{
	__u64 ticks = bpf_jiffies64() >> CLOCK_JIFFIES_SHIFT << CLOCK_TICK_SHIFT;
	__u64 clock = READ_ONCE(control->clock);

	if (unlikely((clock ^ ticks) >> CLOCK_TICK_SHIFT)) {
		clock = ticks | (__u32)(clock_ns() / NS_PER_SECOND);
		WRITE_ONCE(control->clock, clock);
	}
	return clock;
}

#endif
