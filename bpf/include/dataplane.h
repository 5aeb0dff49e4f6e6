/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel programs and the Swift side agree on: map names, keys, values, limits, reasons and the flow hash.
 *
 * Swift imports this very file through the module map beside it. A change of a layout raises LAYOUT_VERSION, which is
 * part of every pin's name, so that an old program never reads a new map.
 *
 * Byte order: fields named __be* and addresses are in network order, all else is the host's.
 */
#ifndef SLUICE_DATAPLANE_H
#define SLUICE_DATAPLANE_H

#include <linux/types.h>

#define LAYOUT_VERSION 3

/* ---- Limits ---------------------------------------------------------------------------------------------------- */

#define SERVICES_MAX 512	/* service ids are 1..512; 0 stands for 'no service' */
#define SERVICE_IDS (SERVICES_MAX + 1)
#define BACKENDS_MAX 32767	/* backend ids are 1..32767; 0 stands for 'none' */
#define BACKEND_IDS (BACKENDS_MAX + 1)

#define SLOTS_PER_LINE 16	/* 64 bytes, a cache line */
#define LINES_PER_GRANULE 64	/* tables begin at a multiple of 64 lines: 1,024 slots */
#define SLOTS_PER_GRANULE (SLOTS_PER_LINE * LINES_PER_GRANULE)
#define GRANULES_MAX 8192	/* 512 tables of 16,381 slots */
#define SLOT_LINES_MAX (GRANULES_MAX * LINES_PER_GRANULE)

#define VIPS_PER_LINE 2
#define VIP_LINE_BITS 13
#define VIP_LINES (1 << VIP_LINE_BITS)	/* a half of the VIP array */

#define RECORDS_PER_LINE 8
#define RECORD_LINES 32768	/* 262,144 records, 2 MiB: what caches keep, see performance.md's random lines */
#define RECORD_LINE_MASK (RECORD_LINES - 1)
#define SPILLS_PER_LINE 64
#define SPILL_LINES (RECORD_LINES / SPILLS_PER_LINE)

#define INTERFACES_MAX 64	/* entries of `control.interfaces`; an interface sits at its index modulo this */
#define INTERFACE_MASK (INTERFACES_MAX - 1)
#define PORTS_MAX 64		/* entries of the device map: interfaces a redirect may leave by */

#define FRAGMENTS_MAX 16384
#define FRAGMENT_LIFE_NS 1000000000ULL	/* how long a first fragment is remembered */

#define ACCESS_ENTRIES_MAX 65536
#define ACCESS_FILTER_BITS 65536
#define ACCESS_FILTER_WORDS (ACCESS_FILTER_BITS / 64)

#define EVENTS_PER_CPU 64
#define EVENT_BYTES 104		/* of the frame's start */

#define GUE_PORT 6080		/* registered with IANA for GUE */
#define OUTER_TTL 64

#define ICMP_RATE_PER_SECOND 1000	/* answers of our own, a CPU */
#define EVENT_RATE_PER_SECOND 64	/* sampled drops, a CPU */

/* ---- Maps ------------------------------------------------------------------------------------------------------ */
/* A map is pinned as <bpf-root>/maps/<name>_v<LAYOUT_VERSION>. MMAPABLE ones are written by aligned stores. */

#define MAP_CONTROL "control"		/* ARRAY 1 x struct control, mmapable */
#define MAP_VIPS "vips"			/* ARRAY 2 * VIP_LINES x struct vip_line, mmapable */
#define MAP_SLOTS "slots"		/* ARRAY SLOT_LINES_MAX x struct slot_line, mmapable */
#define MAP_LINE_TIMES "line_times"	/* ARRAY SLOT_LINES_MAX x struct line_times, mmapable */
#define MAP_BACKENDS "backends"		/* ARRAY BACKEND_IDS x struct backend, mmapable */
#define MAP_SERVICES "services"		/* ARRAY SERVICE_IDS x struct service, mmapable */
#define MAP_RECORDS "records"		/* ARRAY RECORD_LINES x struct record_line, mmapable */
#define MAP_RECORD_SPILLS "record_spills"	/* ARRAY SPILL_LINES x struct spill_line, mmapable */
#define MAP_FRAGMENTS "fragments"	/* LRU_HASH struct fragment_key -> struct fragment */
#define MAP_ACCESS "access"		/* LPM_TRIE struct access_key -> __u32 ACCESS_* */
#define MAP_ACCESS_FILTER "access_filter"	/* ARRAY ACCESS_FILTER_WORDS x __u64, mmapable */
#define MAP_PORTS "ports"		/* DEVMAP PORTS_MAX x ifindex; a backend's `port` less one is its key */
#define MAP_SERVICE_COUNTERS "service_count"	/* ARRAY cpus * SERVICE_IDS * REASON_SLOTS x struct counter, mmapable */
#define MAP_BACKEND_COUNTERS "backend_count"	/* ARRAY cpus * BACKEND_IDS x struct counter, mmapable */
#define MAP_EVENTS "events"		/* ARRAY cpus * EVENTS_PER_CPU x struct event, mmapable */
#define MAP_CPU_STATE "cpu_state"	/* ARRAY cpus x struct cpu_state, mmapable */
#define MAP_EXPLANATION "explanation"	/* ARRAY 1 x struct explanation, mmapable: what the last dry run did */
#define MAP_DECAP_SOURCES "decap_sources"	/* LPM_TRIE struct prefix_key -> __u32 1: who may send us tunnels */
#define MAP_DECAP_COUNTERS "decap_count"	/* PERCPU_ARRAY DECAP_COUNT x struct counter */
#define MAP_PROBE_PORTS "probe_ports"	/* ARRAY PORTS_MAX + 1 x ifindex: by a backend's `port`, where its probes leave */

/* ---- Addresses ------------------------------------------------------------------------------------------------- */

/* An IPv6 address, or an IPv4 address v4-mapped (::ffff:a.b.c.d); network order throughout. */
struct address {
	union {
		__u8 bytes[16];
		__be32 words[4];
		__u64 halves[2];	/* as loaded: only compared and hashed */
	};
};

struct mac {
	__u8 bytes[6];
};

/* ---- Control --------------------------------------------------------------------------------------------------- */

enum interface_flags {
	INTERFACE_VIRTUAL = 0x01,	/* the kernel's own device: a frame above its MTU is to be segmented later */
};

struct interface {
	__u32 ifindex;		/* 0: free */
	struct mac address;
	__u16 mtu;		/* of IP packets, bytes */
	__u32 flags;		/* enum interface_flags */
};

/* One element. `active` is the one store that puts a generation's VIPs in force. */
struct control {
	__u32 active;		/* 0 or 1: the half of `vips` in force */
	__u32 reserved;
	__u64 vip_seed[2];	/* of each half */
	__be32 source4;		/* our outer IPv4 prefix: packets from it are a loop */
	__be32 source4_mask;
	__u64 source6;		/* the first 64 bits of our outer IPv6 prefix, as loaded */
	__u64 source6_mask;
	__u32 flow_idle;	/* the longest of all services */
	__u32 reserved2;
	struct interface interfaces[INTERFACES_MAX];
	__u64 clock;		/* the programs': the tick at which the clock was read, and the second, low half */
};

/* ---- VIPs ------------------------------------------------------------------------------------------------------ */

enum protocol {
	PROTOCOL_NONE = 0,	/* an empty entry */
	PROTOCOL_ICMP = 1,	/* with port 0: 'this address is a VIP's', for both families */
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
};

enum vip_flags {
	VIP_TABLE_SIZE = 0x03,	/* 0: 4,099, 1: 16,381, 2: 65,537 slots */
	VIP_SOURCE_IP = 0x04,	/* the client's address alone chooses the slot */
	VIP_STATELESS = 0x08,	/* UDP without records: always the current backend */
	VIP_ACCESS = 0x10,	/* the service has allow or deny prefixes */
	VIP_EMPTY = 0x20,	/* no backend: drop with REASON_NO_BACKEND */
	VIP_ANY_PORT = 0x40,	/* port 0: one slot for all ports that a client's port connects to */
	VIP_HANDOVER = 0x80,	/* TCP: this host's sockets still hold connections, whose packets are theirs */
};

struct vip {
	struct address address;
	__be16 port;		/* 0: any */
	__u8 protocol;		/* enum protocol */
	__u8 flags;		/* enum vip_flags */
	__u16 service;		/* id */
	__u16 table;		/* first granule of its lookup table */
	__u64 seed;		/* of its flow hash: a secret of the fleet */
};

struct vip_line {
	struct vip entries[VIPS_PER_LINE];
};

/* ---- Services: what only the rarer paths read ------------------------------------------------------------------- */

enum access {
	ACCESS_ALLOW = 1,
	ACCESS_DENY = 2,
};

struct service {
	__u32 flow_idle;	/* seconds after which a record is void and a line settles */
	__u32 udp_idle;		/* seconds a UDP flow without record belongs to the previous backend after a change */
	__u32 access_default;	/* enum access: for clients that no prefix names */
	__u32 reserved[13];
};

/* Longest prefix wins; allow and deny are merged by user space, so one entry says all. */
struct access_key {
	__u32 prefix_bits;	/* of what follows: 32 for the service, plus the prefix over the v4-mapped address */
	__be32 service;
	struct address client;
};

/* Of MAP_DECAP_SOURCES: the outer sources that a backend strips tunnels of. */
struct prefix_key {
	__u32 prefix_bits;	/* over the v4-mapped address: 96 more for IPv4 */
	__u8 address[16];	/* not struct address: its alignment would leave a hole, and holes are keys too */
};

/* ---- Slots ----------------------------------------------------------------------------------------------------- */
/* One word a slot: current 0..14, previous 15..29, unsettled 30. Only user space writes it, by one aligned store. */

#define SLOT_BACKEND_MASK 0x7fffU
#define SLOT_PREVIOUS_SHIFT 15
#define SLOT_UNSETTLED (1U << 30)

struct slot_line {
	__u32 slots[SLOTS_PER_LINE];
};

/* Seconds of the kernel's monotonic clock. */
struct line_times {
	__u32 used;		/* when a packet last went to another backend than its slot's current one */
	__u32 changed;		/* when a slot of the line last changed */
};

/* ---- Backends -------------------------------------------------------------------------------------------------- */

enum forward {
	FORWARD_NONE = 0,	/* no such backend */
	FORWARD_IPIP4,		/* 4in4 */
	FORWARD_IPIP6,		/* 6in6 and 4in6 */
	FORWARD_GUE4,
	FORWARD_GUE6,
	FORWARD_L2,		/* only the Ethernet header is rewritten */
	FORWARD_LOCAL,		/* this host's own sockets */
};

enum backend_flags {
	BACKEND_ACTIVE = 0x01,		/* takes new flows: a retransmitted SYN keeps it */
	BACKEND_RECORDS_VOID = 0x02,	/* its drain deadline has passed: records that name it say nothing */
	BACKEND_NO_NEXT_HOP = 0x04,	/* no neighbour is known: drop with REASON_NO_NEXT_HOP */
};

/* The template of what is put in front of a packet: one cache line. */
struct backend {
	__u8 forward;		/* enum forward */
	__u8 flags;		/* enum backend_flags */
	__u16 service;		/* id */
	__u16 mtu;		/* of the link to the next hop, bytes of IP */
	__be16 vlan;		/* tag to put on, 0: none */
	__u32 port;		/* 0: out of the interface it came in by; else key + 1 of the device map */
	struct mac destination_mac;
	struct mac source_mac;
	struct address source;	/* the outer source prefix, host bits zero; v4-mapped for IPv4 */
	struct address destination;
	/* Of the outer IPv4 header with length, TOS and the source's host bits zero: a folded 16-bit sum, not inverted. */
	__u32 checksum;
	__be32 source_mask;	/* the host bits that the flow fills, in the source's last word */
};

/* ---- Probes through the tunnel ---------------------------------------------------------------------------------- */
/* The mark of a socket whose packets leave as a balanced packet to a backend would: PROBE_MARK and the backend's id. */

#define PROBE_MARK 0x51000000U
#define PROBE_MARK_MASK 0xffff8000U	/* all bits but the id's */

/* ---- Records --------------------------------------------------------------------------------------------------- */
/*
 * One 8-byte word a record: fingerprint 0..31, backend 32..46, established 47, age 48..63 (in units of 8 s of the
 * kernel's monotonic clock, modulo 2^16). 0 is free. A flow's home line is `flow >> 32` masked, its fingerprint the
 * low half. A flow that finds its home line full of established ones goes to its spill line: home and fingerprint,
 * exclusive or, so that both lines of a record follow from one and its fingerprint.
 */

#define RECORD_BACKEND_SHIFT 32
#define RECORD_ESTABLISHED_SHIFT 47
#define RECORD_ESTABLISHED (1ULL << RECORD_ESTABLISHED_SHIFT)
#define RECORD_AGE_SHIFT 48
#define RECORD_AGE_UNIT_SHIFT 3	/* 8 seconds */

struct record_line {
	__u64 records[RECORDS_PER_LINE];
};

/* A byte a line of records: 1 if a record may have spilled from it. User space clears them when no record is left. */
struct spill_line {
	__u8 spilled[SPILLS_PER_LINE];
};

/*
 * A record says nothing after `flow_idle` seconds without use. Never early; late by two units at most, so a line
 * settles SETTLE_MARGIN seconds after its own `flow_idle`.
 */
#define SETTLE_MARGIN 16

/*
 * In units, and one more than it is: each CPU reads the clock for itself, so that a record may come from one whose
 * clock has reached the next unit already. That record is new, not 65,535 units old.
 */
static inline __attribute__((always_inline)) __u32 record_age(__u64 record, __u32 now)
{
	return (__u16)((now >> RECORD_AGE_UNIT_SHIFT) - (__u32)(record >> RECORD_AGE_SHIFT) + 1);
}

/* The highest `record_age` of a record that says something. */
static inline __attribute__((always_inline)) __u32 record_life(__u32 flow_idle)
{
	return ((flow_idle + (1U << RECORD_AGE_UNIT_SHIFT) - 1) >> RECORD_AGE_UNIT_SHIFT) + 1;
}

static inline __attribute__((always_inline)) int record_is_void(__u64 record, __u32 now, __u32 flow_idle)
{
	return record_age(record, now) > record_life(flow_idle);
}

struct fragment_key {
	struct address source;
	struct address destination;
	__be32 id;
	__u32 protocol;
};

struct fragment {
	__u64 seen;		/* ns of the kernel's monotonic clock */
	__u32 backend;		/* id */
	__u32 flow;		/* spreads the outer source as the first fragment's */
	__u32 service;
	__u32 reserved;
};

/* ---- Reasons --------------------------------------------------------------------------------------------------- */

#define REASON_SLOTS 64	/* counters kept a service */

enum reason {
	REASON_NONE = 0,
	/* forwarded */
	REASON_SETTLED,			/* by its settled slot */
	REASON_NEW,			/* a SYN, to the slot's current backend */
	REASON_RECORDED,		/* unsettled slot, by its record */
	REASON_PREVIOUS,		/* unsettled slot, no record: the previous backend */
	REASON_CURRENT,			/* unsettled slot, no record: the current backend (UDP after its idle time, or no previous) */
	REASON_ICMP_RELAYED,		/* an ICMP error, by the packet inside it */
	REASON_LATER_FRAGMENT,		/* by the memory of its first */
	/* answered by this host's program */
	REASON_ECHO_REPLY,
	REASON_TOO_BIG_ANSWERED,	/* fragmentation needed, packet too big */
	/* passed to this host's stack */
	REASON_NOT_IP,
	REASON_NOT_VIP,
	REASON_OTHER_MAC,		/* the frame is for another host */
	REASON_LOCAL,			/* `forward: local`, or of a connection that a socket here holds */
	REASON_ICMP_PASSED,		/* ICMP to a VIP's address: no echo request, no error about a VIP's packet */
	/* dropped */
	REASON_TRUNCATED,		/* a header does not fit the frame */
	REASON_BAD_LENGTH,		/* the IP length does not fit the frame */
	REASON_BAD_HEADER,		/* version, header length or extension chain cannot be */
	REASON_SOURCE_LAND,		/* source = destination */
	REASON_SOURCE_LOOPBACK,
	REASON_SOURCE_MULTICAST,
	REASON_SOURCE_LOOP,		/* from our own outer prefix */
	REASON_DENIED,			/* by the service's allow and deny lists */
	REASON_NO_BACKEND,
	REASON_NO_NEXT_HOP,
	REASON_NO_HEADROOM,		/* the driver leaves no room for the outer header */
	REASON_FRAGMENT_WITHOUT_FIRST,	/* later than its first by more than FRAGMENT_LIFE_NS, or before it */
	REASON_TOO_BIG_LIMITED,		/* too big and not answered: the rate is spent, or nobody would take the answer */
	/*
	 * An ICMP error whose inner packet is cut or not from this address; or a later fragment, which shows no ports: the
	 * backend sent it past this host, so nothing here remembers its first. Its sender learns of a smaller MTU by the
	 * error about that one, which is as large.
	 */
	REASON_ICMP_BAD_INNER,
	REASON_ICMP_SMALL_MTU,		/* asks for less than 576 (IPv4) or 1280 (IPv6) */
	REASON_ECHO_LIMITED,		/* an echo request, and the rate of answers is spent */
	REASON_COUNT,
	/* not verdicts, but counted beside them */
	REASON_RECORD_EVICTED = 62,	/* a live record gave way to a new one */
};

enum decap_reason {
	DECAP_DECAPSULATED = 0,
	DECAP_PASSED,			/* not a tunnel packet */
	DECAP_UNTRUSTED_SOURCE,		/* dropped: the outer source is no balancer's */
	DECAP_MALFORMED,		/* dropped */
	DECAP_COUNT,
};

struct counter {
	__u64 packets;
	__u64 bytes;		/* of the frame as it came in */
};

struct cpu_state {
	__u64 icmp_second;	/* the second that `icmp_spent` counts */
	__u64 event_second;
	__u32 icmp_spent;
	__u32 event_spent;
	__u64 events;		/* written so far; the next goes to this modulo EVENTS_PER_CPU */
	__u64 reserved[4];
};

/* A sampled drop. */
struct event {
	__u64 time;		/* ns of the kernel's monotonic clock; 0: never written */
	__u32 ifindex;
	__u16 reason;		/* enum reason */
	__u16 service;
	__u32 length;		/* of the frame */
	__u32 captured;		/* bytes of `bytes` that are valid */
	__u8 bytes[EVENT_BYTES];
};

/* ---- Dry runs -------------------------------------------------------------------------------------------------- */
/*
 * A frame whose source MAC begins with DRY_RUN_MAC and that enters by the loopback (where the program is never
 * attached, and where BPF_PROG_TEST_RUN puts its frames) changes no counter, record, stamp, fragment or event. Instead
 * the program writes what it did to the explanation map, with the last two bytes of the MAC as a nonce.
 */

#define DRY_RUN_IFINDEX 1
#define DRY_RUN_MAC0 0x0a
#define DRY_RUN_MAC1 0x53
#define DRY_RUN_MAC2 0x4c
#define DRY_RUN_MAC3 0x55

struct explanation {
	__u32 nonce;
	__u32 reason;		/* enum reason */
	__u32 service;
	__u32 slot;
	__u32 word;		/* the slot's, as read */
	__u32 backend;		/* chosen */
	__u64 flow;		/* flow_hash of its 5-tuple; 0: no table was asked */
	__u64 record;		/* 0: none found */
	__u32 used;		/* the line's times */
	__u32 changed;
};

/* ---- Measuring ------------------------------------------------------------------------------------------------- */
/*
 * BPF_PROG_TEST_RUN does not restore the packet between its repeats, so bench.bpf.c does: it takes off what the program
 * under test put in front, writes the Ethernet header anew, chooses one of the flows, and tail-calls that program.
 */

#define MAP_BENCH_SETTINGS "bench_settings"	/* ARRAY 1 x struct bench_settings, mmapable */
#define MAP_BENCH_TARGET "bench_target"	/* PROG_ARRAY 1: the program under test */
#define MAP_BENCH_COUNT "bench_count"	/* PERCPU_ARRAY 1 x struct counter: what live_sink received */

struct bench_settings {
	__u32 length;		/* of the frame to restore */
	__u32 ipv6;		/* 1: the frame is TCP or UDP over IPv6 without extensions, else over IPv4 without options */
	__u32 flow_mask;	/* flows less one, a power of two less one; 0: the frame as it is */
	__u32 vip_mask;		/* the same for VIPs; they differ in their address's last word */
	__u32 vip_shift;	/* 2^this packets in a row go to one VIP */
	__u32 client;		/* last word of the first client's address, host order */
	__u32 vip;		/* of the first VIP's */
	__u32 ifindex;		/* where live_generate sends its frames */
	__u8 ethernet[14];	/* header to write */
	__u16 reserved[3];
	__u64 packets;		/* made so far */
};

/* ---- Hashes ---------------------------------------------------------------------------------------------------- */

/* Never a call: one costs a BPF program 12 ns. */
#define DATAPLANE_INLINE inline __attribute__((always_inline))

static DATAPLANE_INLINE __u64 mix(__u64 value)
{
	value *= 0x9fb21c651e98df25ULL;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	return value ^ (value >> 29);
}

/*
 * A flow's hash, keyed by its service's seed. The high half chooses slot and record line, the low half is its
 * fingerprint and spreads the outer source. Ports as in the packet's header.
 * An IPv6 client's first half is multiplied by two secrets, forwards and backwards: multiplied by one, a difference in
 * its highest bit alone would come out as it went in, for every secret, and clients of one hash could be made. The other
 * secret is the seed backwards: a pair that meets for one seed of 2^32 is the price, and mixing another costs half a ns.
 * A change of this function is a new hash version in the generation, and a full remap.
 */
#define FLOW_HASH_VERSION 3

static DATAPLANE_INLINE __u64 flow_hash(struct address client, __be16 client_port, __be16 vip_port, __u64 seed)
{
	__u64 hash = seed;

	if (client.halves[0])	/* zero for every IPv4 client */
		hash ^= client.halves[0] * (seed | 1) +
			__builtin_bswap64(client.halves[0]) * (__builtin_bswap64(seed) | 1);
	hash = mix(hash ^ client.halves[1]);
	return mix(hash ^ ((__u64)client_port << 16 | vip_port));
}

/*
 * What chooses the slot in the flow's place where flows that differ in their ports share one: all of a client with
 * VIP_SOURCE_IP, those of a client's port with VIP_ANY_PORT. No more than the slot is theirs together: a record, and
 * the way through the receiver's queues, belong to one connection.
 */
#define VIP_SHARED_SLOTS (VIP_SOURCE_IP | VIP_ANY_PORT)

static DATAPLANE_INLINE __u64 shared_hash(struct address client, __be16 client_port, __u32 vip_flags, __u64 seed)
{
	return flow_hash(client, vip_flags & VIP_SOURCE_IP ? 0 : client_port, 0, seed);
}

/* Multiply-shift over the high half: [0, size) without a division. */
static DATAPLANE_INLINE __u32 slot_of(__u64 flow, __u32 table_size)
{
	return (__u32)(((flow >> 32) * table_size) >> 32);
}

static DATAPLANE_INLINE __u32 record_line_of(__u64 flow)
{
	return (__u32)(flow >> 32) & RECORD_LINE_MASK;
}

/* Where in its line a record is looked for first; it lies elsewhere if that place was taken. */
static DATAPLANE_INLINE __u32 record_way_of(__u64 flow)
{
	return (__u32)flow & (RECORDS_PER_LINE - 1);
}

/* Where a record spills to from this line, and where it is at home if it has spilled to this line. */
static DATAPLANE_INLINE __u32 record_spill_line(__u32 line, __u64 record)
{
	return line ^ ((__u32)record & RECORD_LINE_MASK);
}

/*
 * Which line of its half holds a VIP: multiply-shift (Dietzfelbinger et al., 1997), whose random factor is the seed's,
 * so that which VIPs meet in a line is another matter with every seed.
 */
static DATAPLANE_INLINE __u32 vip_line_of(struct address address, __be16 port, __u8 protocol, __u64 seed)
{
	__u64 key = address.halves[1] ^ address.halves[0] * 0x9e3779b97f4a7c15ULL ^ ((__u64)port << 8 | protocol);
	__u64 factor = seed * 0xd6e8feb86659fd93ULL | 1;

	return (__u32)(key * factor >> (64 - VIP_LINE_BITS));
}

/*
 * The bit of the access filter that speaks for a client: of a /16 of IPv4, of a /32 of IPv6. No bit set: no prefix of
 * the service names the client. User space sets, for every prefix, the bits of all the granules that it covers; for an
 * IPv6 prefix shorter than /16 it sets all bits (it covers more granules than there are).
 */
#define ACCESS_FILTER_IPV4_BITS 16
#define ACCESS_FILTER_IPV6_BITS 32
#define ACCESS_FILTER_ALL_BELOW 16	/* an IPv6 prefix with fewer bits sets every bit */

static DATAPLANE_INLINE __u32 access_filter_bit(struct address client, __u16 service)
{
	__u64 granule = client.words[0];

	if (!client.halves[0] && client.bytes[10] == 0xff)
		granule = 1ULL << 32 | (__u32)client.bytes[12] << 8 | client.bytes[13];
	granule = (granule ^ (__u64)service << 40) * 0x9fb21c651e98df25ULL;
	return (__u32)(granule >> 48);
}

static DATAPLANE_INLINE __u32 table_size_of(__u8 flags)
{
	return (flags & VIP_TABLE_SIZE) == 1 ? 16381 : (flags & VIP_TABLE_SIZE) == 0 ? 4099 : 65537;
}

/* ---- Sockets of the user-space path ----------------------------------------------------------------------------- */
/*
 * Which worker's listening socket takes a connection or a datagram (reuseport.bpf.c). A VIP's sockets lie side by side
 * in the array, a worker's at `first` plus its number. On an upgrade the new workers' are put elsewhere in it, and one
 * store of the group sends what is new to them.
 */
#define MAP_LISTENERS "listeners"	/* REUSEPORT_SOCKARRAY LISTENERS_MAX x socket */
#define MAP_LISTENER_GROUPS "listener_groups"	/* HASH struct listener_key -> struct listener_group */

#define WORKERS_MAX 64		/* of a group */
#define LISTENERS_MAX 65536
#define LISTENER_GROUPS_MAX 1024
#define LISTENER_SOURCE_NET 0x8000	/* with VIP_SOURCE_IP: an IPv6 client is its /64, as limits of sources count */

struct listener_key {
	struct address address;
	__be16 port;
	__u16 protocol;		/* enum protocol */
	__u32 reserved;
};

struct listener_group {
	__u64 seed;		/* of its service's flow hash */
	__u32 first;
	__u16 workers;		/* 1..WORKERS_MAX */
	__u16 flags;		/* VIP_SOURCE_IP: a client's connections meet in one worker; LISTENER_SOURCE_NET */
};

/* By the half of the hash that does not choose the slot: a worker's flows go to all backends. */
static DATAPLANE_INLINE __u32 worker_of(__u64 flow, __u32 workers)
{
	return (__u32)((flow & 0xffffffffULL) * workers >> 32);
}

_Static_assert(sizeof(struct listener_key) == 24, "no hole in a listener's key");
_Static_assert(sizeof(struct listener_group) == 16, "a listener group");

_Static_assert(sizeof(struct address) == 16, "address");
_Static_assert(sizeof(struct interface) == 16, "interface");
_Static_assert(sizeof(struct vip) == 32, "two VIPs a cache line");
_Static_assert(sizeof(struct vip_line) == 64, "a VIP line is a cache line");
_Static_assert(sizeof(struct slot_line) == 64, "a slot line is a cache line");
_Static_assert(sizeof(struct line_times) == 8, "line times");
_Static_assert(sizeof(struct service) == 64, "a service is a cache line");
_Static_assert(sizeof(struct backend) == 64, "a backend is a cache line");
_Static_assert(__builtin_offsetof(struct backend, source_mac) ==
	       __builtin_offsetof(struct backend, destination_mac) + sizeof(struct mac), "MACs as on the wire");
_Static_assert(sizeof(struct record_line) == 64, "a record line is a cache line");
_Static_assert(sizeof(struct spill_line) == 64, "a spill line is a cache line");
_Static_assert(sizeof(struct cpu_state) == 64, "a CPU's state is a cache line of its own");
_Static_assert(sizeof(struct prefix_key) == 20, "no hole in a prefix key");
_Static_assert(sizeof(struct access_key) == 24, "no hole in an access key");
_Static_assert(sizeof(struct bench_settings) == 64, "bench settings");
_Static_assert(sizeof(struct event) == 128, "event");
_Static_assert(REASON_COUNT <= REASON_RECORD_EVICTED, "reasons");

#endif
