// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import TestSupport
import Testing

extension KernelTests {
    struct ObjectTests {
        @Test func `a refused program is named with the verifier's decisive lines`() throws {
            let object = try Sample().object(
                """
                SEC("xdp") int steer(struct xdp_md *ctx) {
                    return *(int *)(long)ctx->rx_queue_index;
                }
                """)
            let error = #expect(throws: BPFError.self) { try object.load() }
            // Linux before 5.18 has another word for a number.
            let text = error?.description.replacing("'inv'", with: "'scalar'")
            #expect(text == "load program steer: R1 invalid mem access 'scalar' (EACCES)")
            #expect(error?.errno == EACCES)
            let lines = error?.verifier ?? []
            #expect(lines.count == 3)
            #expect(lines.first?.hasPrefix("; return *(int *)(long)ctx->rx_queue_index;") == true)
            #expect(lines.dropFirst().first?.contains("r0 = *(u32 *)(r1 +0)") == true)
        }

        @Test func `a file that is no object is named`() throws {
            let directory = try TemporaryDirectory()
            let path = try directory.write("not ELF", to: "x.o")
            #expect(failure { _ = try Object(path: path) }.hasPrefix("open object \(path): "))
            #expect(
                failure { _ = try Object(path: "/nowhere/x.o") }.hasPrefix("open object /nowhere/x.o: "))
        }

        @Test func `names of maps and programs that are not there are told`() throws {
            let object = try Sample().object(Sample.counting)
            #expect(object.mapNames == ["counts"] && object.programNames == ["steer"])
            #expect(failure { _ = try object.map("vips") } == "find map vips: not in \(object.name) (ENOENT)")
            #expect(failure { _ = try object.program("x") } == "find program x: not in \(object.name) (ENOENT)")
            #expect(failure { _ = try object.program("steer") }.hasPrefix("open program steer: not loaded"))
        }

        @Test func `a map that the kernel refuses is named`() throws {
            let object = try Sample().object(
                """
                struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 4); __uint(key_size, 8);
                    __uint(value_size, 4); } access SEC(".maps");
                SEC("xdp") int steer(struct xdp_md *ctx) { return bpf_map_lookup_elem(&access, &ctx) ? 1 : 2; }
                """)
            #expect(failure { try object.load() } == "create map access: invalid argument (EINVAL)")
        }

        @Test func `only the chosen programs are loaded`() throws {
            let broken = "SEC(\"xdp\") int broken(struct xdp_md *ctx) { return *(int *)(long)ctx->data; }\n"
            let object = try Sample().object(Sample.dropping + broken)
            try object.loadOnly(["steer"])
            try object.load()
            #expect(try object.program("steer").name == "steer")
            #expect(failure { try object.loadOnly(["none"]) }.hasPrefix("find program none: not in"))
        }

        @Test func `entries are set, and maps and programs outlive their object`() throws {
            let (map, program) = try { () throws -> (Map, Program) in
                let object = try Sample().object(Sample.counting)
                try object.setMaxEntries(9, of: "counts")
                try object.load()
                return (try object.map("counts"), try object.program("steer"))
            }()
            #expect(map.maxEntries == 9 && map.type == .array && map.flags == .mappable)
            _ = try program.testRun(TestRun(data: Sample.frame, repeatCount: 5))
            #expect(try map.lookup(UInt32(0), as: UInt64.self) == 5)
            #expect(try program.mapIDs() == [map.id])
            #expect(program.tag.count == 16)
        }

        @Test func `a program replaced by another keeps the pinned map`() throws {
            let pins = try PinDirectory()
            let first = try Sample().object(Sample.counting)
            try first.load()
            try first.map("counts").pin(to: pins.path + "/counts_v1")
            try first.map("counts").update(UInt32(0), UInt64(41))

            let second = try Sample().object(Sample.counting)
            let pinned = try Map.open(pinned: pins.path + "/counts_v1")
            try second.reuse(pinned, as: "counts")
            try second.load()
            _ = try second.program("steer").testRun(TestRun(data: Sample.frame))
            #expect(try pinned.lookup(UInt32(0), as: UInt64.self) == 42)
        }

        @Test func `a pinned map that does not fit is refused, field by field`() throws {
            let pins = try PinDirectory()
            let path = pins.path + "/counts_v1"
            try Map.create("counts", type: .array, keySize: 4, valueSize: 16, maxEntries: 8, flags: .mappable)
                .pin(to: path)
            let object = try Sample().object(Sample.counting)
            let text = failure { try object.reuse(Map.open(pinned: path), as: "counts") }
            #expect(text == "reuse map counts: value size 16, wanted 8; max entries 8, wanted 4")
        }

        @Test func `nothing stays open`() throws {
            /// Answers a map's id: the kernel keeps it while a descriptor, a pin or a program holds the map.
            func round() throws -> UInt32 {
                let sample = try Sample()
                let pins = try PinDirectory()
                let object = try sample.object(Sample.counting)
                try object.load()
                let map = try object.map("counts")
                try map.pin(to: pins.path + "/counts")
                let array = try Map.open(pinned: pins.path + "/counts").mapped(as: UInt64.self)
                array.store64(1, element: 0, offset: 0)
                _ = try object.program("steer").testRun(TestRun(data: Sample.frame))
                _ = failure { _ = try Program.open(pinned: pins.path + "/counts") }
                _ = failure { _ = try Link.open(pinned: pins.path + "/counts") }
                _ = KernelFeatures.probe()
                try GracePeriod.wait()
                return map.id
            }
            for id in try (0..<3).map({ _ in try round() }) {
                // A program's maps are let go of behind its last descriptor.
                var looks = 0
                while (try? Map.open(id: id)) != nil, looks < 100 {  // an error is what is waited for
                    looks += 1
                    usleep(50_000)
                }
                #expect(failure { _ = try Map.open(id: id) } != "no error", "map \(id) is still held")
            }
        }
    }
}
