// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Dataplane
import Model

/// What the packet path costs, as a ratio to the least that an encapsulating program can cost.
///
/// Each case measures three programs on the same packets by the restoring driver: one that does nothing, the limit, and
/// the very program that a daemon would run for the case's fleet, with counters and all checks on.
public struct DatapathBenchmark: Sendable {
    private let settings: BenchmarkSettings

    public init(_ settings: BenchmarkSettings) { self.settings = settings }

    /// One row of the result.
    public struct Measure: Hashable, Sendable {
        public let name: String
        /// Nanoseconds a packet less those of a program that does nothing.
        public let net: Double
        public let limit: Double
        /// Of `net` to `limit`.
        public let ratio: Double
        /// The highest ratio that is good enough; nil where none is promised.
        public let bound: Double?

        public var isWithinBound: Bool { bound.map { ratio <= $0 } ?? true }
    }

    /// Measures all cases; takes about half a minute.
    ///
    /// Works in a network namespace and with pins of its own, which are gone afterwards, also when it throws or the
    /// task is cancelled.
    public func run() async throws -> [Measure] {
        guard let cpu = Lane.cpus().first else { throw BenchmarkError("choose a CPU", cause: "none is allowed") }
        try ScratchPins.remove()
        return try await Lane.run(on: cpu) {
            let wire = try Wire()
            let driver = try Driver(settings, wire: wire)
            var measures: [Measure] = []
            for scene in Scene.allCases {
                settings.progress("making the fleet")
                measures += try await Stage.with(scene.states, settings, wire) { stage in
                    try PacketCase.all.filter { $0.scene == scene }.map { try measure($0, stage, driver) }
                }
            }
            return measures + [try memory(driver)]
        }
    }

    static let memoryCase = "a line at random of 2 MiB of memory"

    /// What the figures of unsettled slots must be read beside.
    private func memory(_ driver: Driver) throws -> Measure {
        let frame = driver.prepare(.ipv4(Scene.web))
        _ = try driver.run(driver.line, on: frame, repeats: 2 * Int(RECORD_LINES))
        var rounds: [Round] = []
        for _ in 0..<settings.rounds {
            rounds.append(try round(of: driver.line, driver, frame, repeats: min(settings.repeats, 1_000_000)))
        }
        guard let round = rounds.median else { throw BenchmarkError("memory", cause: "no rounds") }
        return Measure(
            name: Self.memoryCase, net: rounded(round.net), limit: rounded(round.limitNet),
            ratio: rounded(round.ratio), bound: nil)
    }

    private func measure(_ packets: PacketCase, _ stage: Stage, _ driver: Driver) throws -> Measure {
        settings.progress(packets.name)
        if packets.isRecorded { try connect(packets.traffic, stage.program, driver) }
        let frame = driver.prepare(packets.traffic)
        let before = stage.kernel.counts()
        let warmUp = min(settings.repeats, 100_000)
        let repeats = repeats(for: try driver.run(stage.program, on: frame, repeats: warmUp))
        var rounds: [Round] = []
        for _ in 0..<settings.rounds {
            try Task.checkCancellation()
            rounds.append(try round(of: stage.program, driver, frame, repeats: repeats))
        }
        let expected = warmUp + settings.rounds * Self.slices * (repeats / Self.slices)
        try check(packets, since: before, stage.kernel.counts(), expected: expected)
        guard let round = rounds.median else { throw BenchmarkError(packets.name, cause: "no rounds") }
        return Measure(
            name: packets.name, net: rounded(round.net), limit: rounded(round.limitNet), ratio: rounded(round.ratio),
            bound: packets.bound)
    }

    /// Each flow's handshake; few of them at once, as it is on a wire.
    private func connect(_ traffic: Traffic, _ program: Program, _ driver: Driver) throws {
        let atOnce = min(traffic.flows, 1024)
        for first in stride(from: 0, to: traffic.flows, by: atOnce) {
            for packet in [traffic.asSYN, traffic] {
                let frame = driver.prepare(packet, from: first)
                _ = try driver.run(program, on: frame, repeats: atOnce)
            }
        }
    }

    /// The three take turns, and of each the fastest turn counts: whatever else the host does can only slow a turn
    /// down.
    private func round(of program: Program, _ driver: Driver, _ frame: [UInt8], repeats: Int) throws -> Round {
        var best = Round(nothing: .infinity, limit: .infinity, program: .infinity)
        let slice = repeats / Self.slices
        for _ in 0..<Self.slices {
            best.nothing = min(best.nothing, try driver.run(driver.nothing, on: frame, repeats: slice))
            best.limit = min(best.limit, try driver.run(driver.limit, on: frame, repeats: slice))
            best.program = min(best.program, try driver.run(program, on: frame, repeats: slice))
        }
        return best
    }

    /// Turns that the packets of a round are divided into.
    private static let slices = 8

    /// As many as asked for, if that is soon done.
    private func repeats(for nanoseconds: Double) -> Int {
        let affordable = BenchmarkSettings.measurement / .nanoseconds(1) / max(nanoseconds, 1)
        return min(settings.repeats, max(10_000, Int(affordable)))
    }

    /// A program that drops a packet early looks fast.
    private func check(
        _ packets: PacketCase, since before: [Reason: Count], _ after: [Reason: Count], expected: Int
    ) throws {
        let wanted = Reason(rawValue: Int(packets.reason.rawValue))
        let counted = after.mapValues { Int($0.packets) }.merging(
            before.mapValues { -Int($0.packets) }, uniquingKeysWith: +)
        guard counted[wanted, default: 0] < expected - expected / 1000 else { return }
        let seen = counted.filter { $0.value > 0 }.sorted { $0.value > $1.value }.map { "\($0.value) \($0.key)" }
        throw BenchmarkError(
            packets.name,
            cause: "of \(expected) packets nearly all should be \(wanted): \(seen.joined(separator: ", "))")
    }
}
