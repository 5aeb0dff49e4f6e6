// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import Benchmark

/// Figures of short runs say nothing; that each case measures what its name says is checked by the benchmarks
/// themselves.
@Suite(.serialized) struct `Benchmarks` {
    private let settings = BenchmarkSettings(
        sources: "\(RepositoryRoot.path)/bpf", cache: "\(RepositoryRoot.path)/.build/bpf-cache", rounds: 1,
        repeats: 20_000)

    @Test(.requires("root", "bpf", "netns", "clang"))
    func `one short round of the packet path yields every case and leaves no pins`() async throws {
        let measures = try await DatapathBenchmark(settings).run()
        #expect(
            measures.map(\.name)
                == Scene.allCases.flatMap { scene in
                    PacketCase.all.filter { $0.scene == scene }.map(\.name)
                } + [DatapathBenchmark.memoryCase])
        #expect(measures.allSatisfy { $0.limit > 0 && $0.ratio.isFinite })
        #expect(measures.compactMap(\.bound).sorted() == [1, 2.4, 2.5, 2.5, 3, 3, 3, 3.5, 4, 4.5, 5, 10])
        #expect(access(ScratchPins.root, F_OK) != 0)
    }

    @Test(.requires("root", "bpf", "netns", "clang"))
    func `live frames come back with one core and with two`() async throws {
        let measures = try await LiveBenchmark(settings).run()
        #expect(measures.map(\.cores) == Array(1...measures.count))
        #expect(measures.allSatisfy { $0.packetsPerSecond > 0 && $0.limitPerSecond > 0 })
    }

    @Test(.requires("root", "bpf", "netns", "clang"))
    func `the control path is measured at each size, with its memory`() async throws {
        let measures = try await ControlBenchmark(settings).run(sizes: [1, 2])
        #expect(measures.map(\.services) == [1, 2])
        #expect(measures.allSatisfy { $0.costs.count == 6 && $0.costs.count { $0.bound != nil } == 3 })
        #expect(measures.allSatisfy { $0.memory.maps > 0 && $0.memory.process > 0 })
    }

    @Test(.requires("root", "bpf", "netns", "clang"))
    func `a cancelled benchmark leaves no pins`() async throws {
        let settings = settings
        let task = Task { try await DatapathBenchmark(settings).run() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(access(ScratchPins.root, F_OK) != 0)
    }
}
