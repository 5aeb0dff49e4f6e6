// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Maps that are full while the documents are right: what does not fit is refused, and traffic goes on.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "bpftool"))
struct FullMapTests {
    /// A second service of so many backends that nobody has, each known by a name that begins so.
    private static func crowd(_ name: String, _ count: Int) -> Service {
        Service(
            name: "crowd", vip: "10.9.9.10",
            backends: (0..<count).map {
                Service.Backend(name: "\(name)\($0)", address: "10.64.\($0 / 250).\($0 % 250 + 1)")
            },
            drain: "3s", flowIdle: "1s", more: ["table-size: 65537"])
    }

    @Test func `more backends than ids are left for wait until those that drain have gone`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            let web = Service(backends: Service.webs(3))
            try edge.configure([web, Self.crowd("old", 17_000)])
            try await edge.start()
            let before = try await edge.status().generation?.digest
            let stream = try await lab.stream()

            let replaced = Service.document([web, Self.crowd("new", 17_000)])
            try edge.write(replaced, to: "services.yaml")
            #expect(try await edge.reloadAnswer().contains("no backend id is free: draining backends"))
            let status = try await edge.status()
            #expect(status.generation?.digest == before && status.pending == nil)
            #expect(status.problems.count == 1, "\(status.problems)")
            #expect(try edge.logged().contains("no backend id is free"))
            #expect(try await edge.output(["map", "verify"]).status == 0)

            try await edge.apply([web])
            try edge.write(replaced, to: "services.yaml")
            try await until("the ids of those that left are given again", within: .seconds(120)) {
                _ = try await edge.reloadAnswer()
                return try await edge.status().problems.isEmpty
            }
            try await until("the new ones are in the kernel", within: .seconds(120)) {
                guard try await edge.isReady else { return false }
                return try await edge.output(["backend", "list", "crowd"]).text.contains("new16999")
            }
            let tally = try await stream.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
            #expect(try await edge.drops().isEmpty)
        }
    }

    @Test func `with a full table of records, flows give way by age, are counted, and connections go on`() async throws
    {
        try await Lab.with { lab in
            let edge = lab.edge
            var web = Service(backends: Service.webs(3))
            try edge.configure([web])
            try await edge.start()
            // Other backends for many slots: their new flows are recorded.
            for (index, weight) in [5, 1, 3].enumerated() { web.backends[index].weight = weight }
            try await edge.apply([web])
            #expect(try await edge.unsettled() > 1000)
            try await edge.fillRecords(age: 300)
            let full = try await edge.ctl("flow", "list", "--limit", "1")
            #expect(full.contains("262143 more"), "\(full)")

            let held = try await lab.hold(100, pause: 0.2)
            let stream = try await lab.stream()
            let fresh = try await lab.requests(1000)

            #expect(fresh.failed == 0 && fresh.backends.count == 3, "\(fresh)")
            // A quarter of the slots moved; that fewer than 50 of 1,000 flows use one is beyond all chance.
            let evicted = try await edge.packets()["record-evicted"] ?? 0
            #expect(evicted > 50, "\(evicted) records gave way")
            try await expectUnharmed(held, stream, of: 100, in: edge)
        }
    }
}

extension Edge {
    /// Fills the table with records of established flows that nobody has, last used so many seconds ago.
    fileprivate func fillRecords(age: Int) async throws {
        let id = try await backends()["web1"]?.id ?? 0
        let now = Int(ProcessInfo.processInfo.systemUptime)
        // As `dataplane.h` has it: fingerprint, backend, established, time of the last use in units of 8 s.
        // BPF_OBJ_GET is 7 of bpf(2), whose number differs by machine; the map is one to be mapped.
        let script = """
            import ctypes, mmap, platform, struct
            used = (\(now) - \(age) >> 3) & 0xffff
            line = struct.pack("=8Q", *(0xf0000000 + way | \(id) << 32 | 1 << 47 | used << 48 for way in range(8)))
            path = ctypes.create_string_buffer(b"\(pins)/maps/records_v3")
            request = struct.pack("=QII", ctypes.addressof(path), 0, 0)
            number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
            map = ctypes.CDLL(None, use_errno=True).syscall(number, 7, request, len(request))
            assert map >= 0, ctypes.get_errno()
            mmap.mmap(map, 32768 * len(line))[:] = line * 32768
            """
        try await Command.run(["python3", "-c", script])
    }
}
