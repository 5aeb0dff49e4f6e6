// SPDX-License-Identifier: Apache-2.0
// What Swift cannot import of libbpf: option structs that are filled by a macro, and atomic stores into shared memory.
#pragma once

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

// strerrorname_np(3) hides behind _GNU_SOURCE.
extern const char *strerrorname_np(int error);

static inline bool cbpf_is_bpffs(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 && (__u32)status.f_type == BPF_FS_MAGIC;
}

static inline struct bpf_object *cbpf_object_open(const char *path) {
    LIBBPF_OPTS(bpf_object_open_opts, options);
    return bpf_object__open_file(path, &options);
}

static inline int cbpf_map_create(
    __u32 type, const char *name, __u32 key_size, __u32 value_size, __u32 max_entries, __u32 flags, __u32 inner) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags, .inner_map_fd = inner);
    return bpf_map_create((enum bpf_map_type)type, name, key_size, value_size, max_entries, &options);
}

static inline int cbpf_map_update_batch(int map, const void *keys, const void *values, __u32 *count, __u64 flags) {
    LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
    return bpf_map_update_batch(map, keys, values, count, &options);
}

// A program that answers `verdict` and does nothing else, to find out what the kernel knows.
static inline int cbpf_load_verdict(__u32 type, int verdict, __u32 flags) {
    const struct bpf_insn instructions[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
        { .code = BPF_JMP | BPF_EXIT },
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = flags);
    return bpf_prog_load((enum bpf_prog_type)type, "sluice_probe", "GPL", instructions, 2, &options);
}

static inline int cbpf_link_create_xdp(int program, int interface, __u32 flags) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    return bpf_link_create(program, interface, BPF_XDP, &options);
}

// Headers before Linux 6.6 have no names for TCX.
enum { CBPF_TCX_EGRESS = 47, CBPF_LINK_TYPE_TCX = 11, CBPF_BEFORE_ALL = 1 << 3 };

static inline int cbpf_link_create_egress(int program, int interface) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = CBPF_BEFORE_ALL);
    return bpf_link_create(program, interface, (enum bpf_attach_type)CBPF_TCX_EGRESS, &options);
}

static inline int cbpf_query_egress_links(int interface) {
    __u32 count = 0;
    return bpf_prog_query(interface, (enum bpf_attach_type)CBPF_TCX_EGRESS, 0, NULL, NULL, &count);
}

// Makes the interface's clsact queue discipline, if it has none.
static inline int cbpf_egress_hook(int interface) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
    return bpf_tc_hook_create(&hook);
}

static inline int cbpf_egress_filter_set(int interface, __u32 handle, __u32 priority, int program) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options,
        .handle = handle, .priority = priority, .prog_fd = program, .flags = BPF_TC_F_REPLACE);
    return bpf_tc_attach(&hook, &options);
}

static inline int cbpf_egress_filter_query(int interface, __u32 handle, __u32 priority, __u32 *program) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority);
    int result = bpf_tc_query(&hook, &options);
    *program = options.prog_id;
    return result;
}

static inline int cbpf_egress_filter_remove(int interface, __u32 handle, __u32 priority) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority);
    return bpf_tc_detach(&hook, &options);
}

static inline int cbpf_link_update(int link, int program) {
    return bpf_link_update(link, program, NULL);
}

struct cbpf_xdp_state {
    __u32 mode;  // XDP_ATTACHED_*
    __u32 program;
    __u32 native;
    __u32 generic;
};

static inline int cbpf_xdp_query(int interface, struct cbpf_xdp_state *state) {
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    int result = bpf_xdp_query(interface, 0, &options);
    state->mode = options.attach_mode;
    state->program = options.prog_id;
    state->native = options.drv_prog_id;
    state->generic = options.skb_prog_id;
    return result;
}

struct cbpf_test_run {
    const void *data_in;
    void *data_out;
    const void *context;
    __u32 data_in_size;
    __u32 data_out_size;  // in: room, out: length
    __u32 context_size;
    __u32 flags;
    __u32 batch;
    int repeat;
    __u32 verdict;
    __u32 duration;
};

static inline int cbpf_test_run(int program, struct cbpf_test_run *run) {
    LIBBPF_OPTS(bpf_test_run_opts, options,
        .data_in = run->data_in, .data_size_in = run->data_in_size,
        .data_out = run->data_out, .data_size_out = run->data_out_size,
        .ctx_in = run->context, .ctx_size_in = run->context_size,
        .repeat = run->repeat, .flags = run->flags, .batch_size = run->batch);
    int result = bpf_prog_test_run_opts(program, &options);
    run->data_out_size = options.data_size_out;
    run->verdict = options.retval;
    run->duration = options.duration;
    return result;
}

// One store of the whole word, and everything stored before it is seen first.
static inline void cbpf_store32(void *address, __u32 value) {
    __atomic_store_n((__u32 *)address, value, __ATOMIC_RELEASE);
}

static inline void cbpf_store64(void *address, __u64 value) {
    __atomic_store_n((__u64 *)address, value, __ATOMIC_RELEASE);
}

static inline __u32 cbpf_load32(const void *address) {
    return __atomic_load_n((const __u32 *)address, __ATOMIC_ACQUIRE);
}

static inline __u64 cbpf_load64(const void *address) {
    return __atomic_load_n((const __u64 *)address, __ATOMIC_ACQUIRE);
}
