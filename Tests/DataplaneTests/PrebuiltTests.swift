// SPDX-License-Identifier: Apache-2.0

import BPF
import TestSupport
import Testing

@testable import Dataplane

/// Which of the prebuilt programs a kernel gets.
struct PrebuiltTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        for program in PrebuiltProgram.allCases { try folder.write("", to: program.rawValue) }
    }

    @Test(arguments: [
        (Features.all, PrebuiltProgram.whole), (.all.subtracting(.fragments), .withoutFragments),
        (.all.subtracting([.fragments, .coarseClock]), .oldest), (.all.subtracting(.coarseClock), .oldest),
    ])
    func `a kernel gets the richest that it takes`(supported: Features, expected: PrebuiltProgram) {
        #expect(PrebuiltProgram.serving(supported, in: folder.path) == expected)
    }

    @Test func `where its file is missing no other stands in for it`() throws {
        try Shell.run("rm \(folder.path)/\(PrebuiltProgram.oldest.rawValue)")
        #expect(PrebuiltProgram.serving(.all.subtracting([.fragments, .coarseClock]), in: folder.path) == nil)
        #expect(PrebuiltProgram.serving(.all, in: folder.path) == .whole)
    }
}

@Suite(.requires("root", "bpf", "netns", "clang"), .serialized) struct RefusedProgramTests {
    @Test func `where the verifier refuses what was compiled here the prebuilt program serves`() throws {
        let (bench, wire) = (try Bench(), try Wire())
        var settings = bench.settings
        settings.sources = bench.files.path
        let kernel = KernelFeatures.probe()
        let general = try #require(PrebuiltProgram.allCases.first { $0.features.isSubset(of: .supported(by: kernel)) })
        let object = try ProgramSource(directory: bench.settings.sources, cache: settings.cache, kernel: kernel)
            .object(with: general.features)
        try Shell.run("cp -rL \(bench.settings.sources)/. \(settings.sources)")
        try Shell.run("cp \(object.path) \(settings.sources)/\(general.rawValue)")
        try bench.files.write(
            """
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int steer(struct xdp_md *ctx) { return *(char *)(long)ctx->rx_queue_index; }
            char LICENSE[] SEC("license") = "GPL";
            """, to: "steer.bpf.c")
        var fleet = Fleet()
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a, b, c"])
        let report = try wire.apply(generation, settings)
        #expect(report.program.isPrebuilt && report.program.features == general.features)
        #expect(report.notes.first?.hasPrefix("prebuilt program: load program steer: ") == true, "\(report.notes)")
        #expect(report.attachments.map(\.change) == [.attached])
        #expect(try Verify.differences(generation, kernel: try bench.kernel()) == [])
    }
}
