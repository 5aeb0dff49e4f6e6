// SPDX-License-Identifier: Apache-2.0

import BPF
import TestSupport

/// Runs another program behind itself, with the room in front of the frame filled with 0xff: a header byte that the other
/// program forgets shows then, as the kernel's test runs come with that room zeroed.
struct Poison {
    let filling: Program
    /// The same, but with no room left.
    let cramped: Program
    private let object: Object
    private let map: Map

    /// - Parameter fragments: whether the program behind takes frames of several pieces, as all of a chain must.
    init(before program: Program, fragments: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(Self.source, to: "poison.bpf.c")
        object = try Object(path: Compiler(cache: RepositoryRoot.objectCache).compile(source: path).path)
        if fragments {
            for name in object.programNames { try object.allowFragments(in: name) }
        }
        try object.load()
        filling = try object.program("filling")
        cramped = try object.program("cramped")
        map = try object.map("behind")
        try map.update(UInt32(0), UInt32(program.descriptor))
    }

    /// The verdict of `cramped` where the kernel lets no metadata take the room.
    static let noMetadata: UInt32 = 99

    private static let source = """
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>

        #define ROOM 128
        #define METADATA 212

        struct {
            __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
            __uint(max_entries, 1);
            __type(key, __u32);
            __type(value, __u32);
        } behind SEC(".maps");

        SEC("xdp") int filling(struct xdp_md *ctx)
        {
            __u64 *room;

            if (bpf_xdp_adjust_head(ctx, -ROOM))
                return XDP_ABORTED;
            room = (void *)(long)ctx->data;
            if ((void *)(room + ROOM / 8) > (void *)(long)ctx->data_end)
                return XDP_ABORTED;
            for (int i = 0; i < ROOM / 8; i++)
                room[i] = ~0ULL;
            if (bpf_xdp_adjust_head(ctx, ROOM))
                return XDP_ABORTED;
            bpf_tail_call(ctx, &behind, 0);
            return XDP_ABORTED;
        }

        SEC("xdp") int cramped(struct xdp_md *ctx)
        {
            if (bpf_xdp_adjust_meta(ctx, -METADATA))
                return 99;
            bpf_tail_call(ctx, &behind, 0);
            return XDP_ABORTED;
        }

        char _license[] SEC("license") = "GPL";

        """
}
