/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The features that a build may leave out (-DFEATURE_X=0), and what every program here needs. */
#ifndef SLUICE_COMMON_H
#define SLUICE_COMMON_H

#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "include/dataplane.h"

#ifndef FEATURE_IPV4
#define FEATURE_IPV4 1
#endif
#ifndef FEATURE_IPV6
#define FEATURE_IPV6 1
#endif
#ifndef FEATURE_IPIP
#define FEATURE_IPIP 1
#endif
#ifndef FEATURE_GUE
#define FEATURE_GUE 1
#endif
#ifndef FEATURE_L2
#define FEATURE_L2 1
#endif
#ifndef FEATURE_TRACKING
#define FEATURE_TRACKING 1	/* off: every slot is read as settled */
#endif
#ifndef FEATURE_ACCESS
#define FEATURE_ACCESS 1
#endif
#ifndef FEATURE_ANY_PORT
#define FEATURE_ANY_PORT 1
#endif
#ifndef FEATURE_SOURCE_IP
#define FEATURE_SOURCE_IP 1
#endif
#ifndef FEATURE_REDIRECT
#define FEATURE_REDIRECT 1
#endif
#ifndef FEATURE_FRAGS
#define FEATURE_FRAGS 1		/* frames of several buffers; bpf_xdp_get_buff_len: Linux 5.18 */
#endif
#ifndef FEATURE_COARSE_CLOCK
#define FEATURE_COARSE_CLOCK 1	/* bpf_ktime_get_coarse_ns: Linux 5.11 */
#endif
#ifndef FEATURE_HANDOVER
#define FEATURE_HANDOVER 1	/* bpf_skc_lookup_tcp */
#endif
#ifndef CPUS
#define CPUS 1024
#endif

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Swift's clang moves cold blocks into functions of their own, which no loader takes; but not out of a noinline one. */
#define ENTRY __attribute__((noinline))

/* A word that user space or another CPU may change meanwhile: one load, one store. */
#define READ_ONCE(word) (*(const volatile typeof(word) *)&(word))
#define WRITE_ONCE(word, value) (*(volatile typeof(word) *)&(word) = (value))

/* Lookups in arrays with keys that are in range answer NULL only to the verifier. */
static __always_inline void *element(void *map, __u32 index)
{
	return bpf_map_lookup_elem(map, &index);
}

/*
 * For offsets into a packet: a kernel before 5.16 forgets a number's bounds once it lies on the stack, and the compiler
 * compares one register but adds another. A mask of all ones says it again where it is used.
 */
static __always_inline __u64 within(__u64 value, __u64 mask)
{
	asm volatile("" : "+r"(value));
	return value & mask;
}

/* Of the linear part. Pointers are subtracted in 64 bits or not at all; the compiler would narrow it. */
static __always_inline __u32 linear_length(const struct xdp_md *ctx)
{
	__u64 length = (void *)(long)ctx->data_end - (void *)(long)ctx->data;

	asm volatile("" : "+r"(length));
	return length;
}

static __always_inline __u64 clock_ns(void)
{
	return FEATURE_COARSE_CLOCK ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

#define NS_PER_SECOND 1000000000ULL

#endif
