// SPDX-License-Identifier: Apache-2.0

import Benchmark

/// `bench datapath` as it is printed.
struct DatapathReport: Encodable, Sendable {
    struct Case: Encodable {
        var name: String
        var netNs: Double
        var limitNs: Double
        var ratio: Double
        var bound: Double?
    }

    struct Live: Encodable {
        var cores: Int
        var packetsPerSecond: Double
        var limitPerSecond: Double
        var ratio: Double
        var bound: Double
    }

    var cases: [Case]
    /// Without a bound.
    var others: [Case]
    var live: [Live]?

    private enum CodingKeys: String, CodingKey { case cases, others, live }

    private let measures: [DatapathBenchmark.Measure]
    private let liveMeasures: [LiveBenchmark.Measure]

    private let isJudged: Bool

    /// - Parameter isJudged: whether the figures are held against the bounds.
    init(_ measures: [DatapathBenchmark.Measure], live: [LiveBenchmark.Measure]?, isJudged: Bool) {
        self.isJudged = isJudged
        self.measures = measures
        liveMeasures = live ?? []
        let rows = measures.map {
            Case(name: $0.name, netNs: $0.net, limitNs: $0.limit, ratio: $0.ratio, bound: $0.bound)
        }
        cases = rows.filter { $0.bound != nil }
        others = rows.filter { $0.bound == nil }
        self.live = live?.map {
            Live(
                cores: $0.cores, packetsPerSecond: $0.packetsPerSecond, limitPerSecond: $0.limitPerSecond,
                ratio: $0.ratio, bound: $0.bound)
        }
    }

    /// True where nothing is judged.
    var isWithinBounds: Bool {
        !isJudged || measures.allSatisfy(\.isWithinBound) && liveMeasures.allSatisfy(\.isWithinBound)
    }

    var text: String {
        var table = TextTable([
            .left("CASE"), .right("NET NS"), .right("LIMIT NS"), .right("RATIO"), .right("BOUND"), .left("VERDICT"),
        ])
        for row in measures {
            table.add(
                row.name, Units.fixed(row.net, 1), Units.fixed(row.limit, 1), Units.fixed(row.ratio, 2),
                row.bound.map { Units.fixed($0, 1) } ?? "-", verdict(row.isWithinBound, isJudged && row.bound != nil))
        }
        guard live != nil else { return table.text }
        var rates = TextTable([
            .left("LIVE OVER VETH"), .right("PACKETS/S"), .right("LIMIT"), .right("RATIO"), .right("BOUND"),
            .left("VERDICT"),
        ])
        for row in liveMeasures {
            rates.add(
                row.cores == 1 ? "1 core" : "\(row.cores) cores", Units.count(row.packetsPerSecond),
                Units.count(row.limitPerSecond), Units.fixed(row.ratio, 2), Units.fixed(row.bound, 1),
                verdict(row.isWithinBound, isJudged))
        }
        return table.text + "\n" + rates.text
    }
}

/// `bench control` as it is printed.
struct ControlReport: Encodable, Sendable {
    struct Size: Encodable {
        var services: Int
        var backendsOfEach: Int
        var steps: [Step]
        var mapBytes: UInt64
        var processBytes: UInt64
        var sharedBytes: UInt64
    }

    struct Step: Encodable {
        var name: String
        var cpuMs: Double
        var wallMs: Double
        /// Which of the two the bound is on.
        var bounded: String?
        var boundMs: Double?
    }

    var sizes: [Size]

    private enum CodingKeys: String, CodingKey { case sizes }

    private let measures: [ControlBenchmark.Measure]

    private let isJudged: Bool

    /// - Parameter isJudged: whether the figures are held against the bounds.
    init(_ measures: [ControlBenchmark.Measure], isJudged: Bool) {
        self.isJudged = isJudged
        self.measures = measures
        sizes = measures.map { measure in
            Size(
                services: measure.services, backendsOfEach: measure.backends, steps: measure.costs.map(Step.init),
                mapBytes: measure.memory.maps, processBytes: measure.memory.process, sharedBytes: measure.memory.shared)
        }
    }

    /// True where nothing is judged.
    var isWithinBounds: Bool { !isJudged || measures.allSatisfy(\.isWithinBounds) }

    var text: String {
        var table = TextTable([
            .right("SERVICES"), .left("STEP"), .right("CPU MS"), .right("WALL MS"), .right("BOUND"), .left("VERDICT"),
        ])
        for measure in measures {
            for cost in measure.costs {
                let step = Step(cost)
                let bound = step.boundMs.map { "\(Units.fixed($0, 0)) \(step.bounded ?? "")" }
                table.add(
                    "\(measure.services) x \(measure.backends)", step.name, Units.fixed(step.cpuMs, 2),
                    Units.fixed(step.wallMs, 2), bound ?? "-", verdict(cost.isWithinBound, isJudged && bound != nil))
            }
        }
        var memory = TextTable([.right("SERVICES"), .right("MAPS"), .right("PROCESS"), .right("MAPPED AND TOUCHED")])
        for measure in measures {
            memory.add(
                "\(measure.services) x \(measure.backends)", Units.bytes(measure.memory.maps),
                Units.bytes(measure.memory.process), Units.bytes(measure.memory.shared))
        }
        return table.text + "\n" + memory.text
    }
}

extension ControlReport.Step {
    init(_ cost: ControlBenchmark.Cost) {
        name = cost.name
        cpuMs = Self.milliseconds(cost.cpu)
        wallMs = Self.milliseconds(cost.wall)
        switch cost.bound {
        case .cpu(let most): (bounded, boundMs) = ("cpu", Self.milliseconds(most))
        case .wall(let most): (bounded, boundMs) = ("wall", Self.milliseconds(most))
        case nil: break
        }
    }

    /// To a microsecond.
    private static func milliseconds(_ duration: Duration) -> Double {
        (duration / .microseconds(1)).rounded() / 1000
    }
}

private func verdict(_ isWithin: Bool, _ isJudged: Bool) -> String {
    isJudged ? isWithin ? "ok" : "exceeded" : "-"
}
