// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

extension PacketTests {
    struct DecapTests {
        @Test func `the backend's program does with each tunnel as the table says`() throws {
            let stage = try DecapStage()
            for row in DecapRow.all {
                let before = try stage.counts()
                let result = try stage.run(row.packet.frame)
                let after = try stage.counts()
                let isPassed = row.reason == DECAP_DECAPSULATED || row.reason == DECAP_PASSED
                #expect(result.verdict == (isPassed ? XDP.pass : XDP.drop), "\(row.name)")
                if isPassed {
                    #expect(result.data.hexadecimal == (row.inner ?? row.packet).frame.hexadecimal, "\(row.name)")
                }
                for (reason, (old, new)) in zip(before, after).enumerated() {
                    let rises: UInt64 = UInt32(reason) == row.reason.rawValue ? 1 : 0
                    #expect(new.packets - old.packets == rises, "\(row.name): counter \(reason)")
                    #expect(new.bytes - old.bytes == rises * UInt64(row.packet.frame.count), "\(row.name)")
                }
            }
        }

        @Test func `a tunnel cut at any byte is never stripped, and never aborts`() throws {
            let stage = try DecapStage()
            for row in DecapRow.all where row.reason == DECAP_DECAPSULATED {
                let whole = row.packet.with { $0.trailer = [] }.frame
                let wrong = try (14..<whole.count).filter { length in
                    let result = try stage.run(Array(whole[..<length]))
                    return ![XDP.drop, XDP.pass].contains(result.verdict) || result.data != Array(whole[..<length])
                }
                #expect(wrong.isEmpty, "\(row.name)")
            }
        }

        @Test func `there are a dozen rows of decapsulation at least`() {
            #expect(DecapRow.all.count >= 12)
            #expect(Set(DecapRow.all.map(\.reason.rawValue)).count == Int(DECAP_COUNT.rawValue))
        }
    }
}

/// The backend's program with two prefixes of balancers.
final class DecapStage {
    private let object: Object
    private let counters: Map
    private let poison: Poison

    init() throws {
        let source = RepositoryRoot.path + "/bpf/decap.bpf.c"
        object = try Object(path: try Compiler(cache: RepositoryRoot.objectCache).compile(source: source).path)
        try object.load()
        let sources = try object.map(MAP_DECAP_SOURCES)
        for prefix in [HostView.defaultSource4, HostView.defaultSource6] {
            try sources.update(PrefixKey(prefix), UInt32(1))
        }
        counters = try object.map(MAP_DECAP_COUNTERS)
        poison = try Poison(before: try object.program("decap"), fragments: false)
    }

    func run(_ frame: [UInt8]) throws -> TestRun.Result { try poison.filling.testRun(TestRun(data: frame)) }

    /// By reason, of all CPUs together.
    func counts() throws -> [(packets: UInt64, bytes: UInt64)] {
        try (0..<DECAP_COUNT.rawValue).map { reason in
            let values = try counters.lookupPerCPU(reason, as: counter.self) ?? []
            return values.reduce((0, 0)) { ($0.0 + $1.packets, $0.1 + $1.bytes) }
        }
    }
}

/// The bytes of a `prefix_key`.
private struct PrefixKey: BitwiseCopyable {
    let bits: UInt32
    let words: (UInt32, UInt32, UInt32, UInt32)

    init(_ prefix: IPPrefix) {
        bits = UInt32(prefix.mappedLength)
        words = CDataplane.address(prefix.address).words
    }
}
