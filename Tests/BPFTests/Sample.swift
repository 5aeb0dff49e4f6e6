// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import TestSupport
import Testing

/// Everything that touches the kernel, one test at a time: the count of descriptors is of the whole process.
@Suite(.serialized, .requires("root", "bpf", "clang")) enum KernelTests {}

/// A small program and its maps, compiled for a test.
struct Sample {
    let directory: TemporaryDirectory
    let compiler: Compiler

    init() throws {
        directory = try TemporaryDirectory()
        compiler = Compiler(cache: directory.path + "/cache")
    }

    /// Opens what `source` compiles to.
    func object(_ source: String) throws -> Object {
        let path = try directory.write(Self.preamble + source, to: "sample.bpf.c")
        return try Object(path: compiler.compile(source: path).path)
    }

    /// Loads `source` and answers its program `steer`.
    func program(_ source: String) throws -> Program {
        let object = try object(source)
        try object.load()
        return try object.program("steer")
    }

    static let preamble = """
        #include <linux/bpf.h>
        #include <linux/types.h>
        #include <bpf/bpf_helpers.h>
        char _license[] SEC("license") = "GPL";

        """

    /// Counts in `counts[0]` and passes. No atomic addition: clang makes one that also fetches of it, which Linux has since
    /// 5.12.
    static let counting = """
        struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 4);
            __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
        SEC("xdp") int steer(struct xdp_md *ctx) {
            __u32 key = 0; __u64 *count = bpf_map_lookup_elem(&counts, &key);
            if (count) *count += 1;
            return ctx->data ? XDP_PASS : XDP_ABORTED;
        }

        """

    static let dropping = """
        SEC("xdp") int steer(struct xdp_md *ctx) { (void)ctx; return XDP_DROP; }

        """

    /// Answers the interface that the frame came in by.
    static let interface = """
        SEC("xdp") int steer(struct xdp_md *ctx) { return ctx->ingress_ifindex; }

        """

    static let frame = [UInt8](repeating: 0xff, count: 60)
}

/// The error that `body` throws, as its description.
func failure(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch {
        return "\(error)"
    }
}
