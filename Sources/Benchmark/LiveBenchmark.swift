// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Dataplane
import Glibc
import Model

/// How many packets a second come back over a real pair of interfaces, beside what comes back where the program only
/// makes room and writes an outer header.
public struct LiveBenchmark: Sendable {
    private let settings: BenchmarkSettings

    public init(_ settings: BenchmarkSettings) { self.settings = settings }

    /// One row of the result.
    public struct Measure: Hashable, Sendable {
        public let cores: Int
        public let packetsPerSecond: Double
        /// Of the program that reflects packets with an outer header.
        public let limitPerSecond: Double
        public let ratio: Double
        /// The lowest ratio that is good enough.
        public let bound: Double

        public var isWithinBound: Bool { ratio >= bound }
    }

    /// Throws with EOPNOTSUPP where the kernel cannot do it, with EPERM where it may not be asked.
    public static func checkKernel() throws {
        let features = KernelFeatures.probe()
        guard !features.testRunLive else { return }
        guard geteuid() == 0 else { throw BenchmarkError("send live frames", code: EPERM) }
        throw BenchmarkError(
            "send live frames", cause: "kernel \(features.release) cannot in a test run: 5.18 is the first",
            errno: EOPNOTSUPP)
    }

    /// Measures with one core that makes the packets and, if there are more, with two. Kernel 5.18.
    ///
    /// Works in a network namespace and with pins of its own, as `DatapathBenchmark` does.
    public func run() async throws -> [Measure] {
        let cpus = Lane.cpus()
        guard let first = cpus.first else { throw BenchmarkError("choose a CPU", cause: "none is allowed") }
        try Self.checkKernel()
        try ScratchPins.remove()
        return try await Lane.run(on: first) {
            let wire = try Wire()
            let driver = try Driver(settings, wire: wire)
            // Without a program on this end, too, nothing comes back.
            let taking = try Link.attachXDP(driver.sink, interface: wire.far.index, mode: .native)
            defer { withExtendedLifetime(taking) {} }
            return try await Stage.with(Scene.ipv4.states, settings, wire) { stage in
                var measures: [Measure] = []
                for cores in 1...min(2, cpus.count) {
                    measures.append(try await measure(Array(cpus.prefix(cores)), stage, driver))
                }
                return measures
            }
        }
    }

    private func measure(_ cpus: [Int32], _ stage: Stage, _ driver: Driver) async throws -> Measure {
        settings.progress("live frames over veth, \(cpus.count == 1 ? "1 core" : "\(cpus.count) cores")")
        let frame = driver.prepare(.ipv4(Scene.web))
        let link = try Link.open(pinned: PinPaths(root: ScratchPins.root).link(stage.wire.near.name))
        var rounds: [(program: Double, limit: Double)] = []
        for number in 0...settings.rounds {
            try Task.checkCancellation()
            try link.update(to: driver.limit)
            let limit = try await rate(frame, cpus, driver)
            try link.update(to: stage.program)
            let program = try await rate(frame, cpus, driver)
            if number > 0 { rounds.append((program, limit)) }  // the first warms up
        }
        guard let round = rounds.median(by: { $0.program / $0.limit }) else {
            throw BenchmarkError("live frames", cause: "no rounds")
        }
        return Measure(
            cores: cpus.count, packetsPerSecond: round.program.rounded(), limitPerSecond: round.limit.rounded(),
            ratio: rounded(round.program / round.limit), bound: Self.bound)
    }

    /// Frames a second that come back.
    private func rate(_ frame: [UInt8], _ cpus: [Int32], _ driver: Driver) async throws -> Double {
        let run = TestRun(
            data: frame, repeatCount: settings.repeats, ingressInterface: driver.wire.far.index, live: true,
            batchSize: Self.batch)
        let before = try driver.framesReceived()
        let clock = ContinuousClock()
        let start = clock.now
        try await Lane.runAll(on: cpus) { _ = try driver.generate.testRun(run) }
        let seconds = start.duration(to: clock.now) / .seconds(1)
        let received = try driver.framesReceived() - before
        guard received * 10 > settings.repeats * cpus.count else {
            throw BenchmarkError(
                "live frames", cause: "of \(settings.repeats * cpus.count) only \(received) came back")
        }
        return Double(received) / seconds
    }

    private static let bound = 0.9
    /// The most that the kernel sends at once.
    private static let batch = 256
}
