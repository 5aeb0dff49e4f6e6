// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// What it takes to put services into the kernel's maps and to change them there, by the very code of the daemon.
public struct ControlBenchmark: Sendable {
    private let settings: BenchmarkSettings

    public init(_ settings: BenchmarkSettings) { self.settings = settings }

    /// What one step took.
    public struct Cost: Hashable, Sendable {
        public let name: String
        /// Of one core, as it was used.
        public let cpu: Duration
        public let wall: Duration
        /// What `cpu` or `wall` may be, whichever of the two the bound is on; nil where none is promised.
        public let bound: Bound?

        public enum Bound: Hashable, Sendable {
            case cpu(Duration)
            case wall(Duration)
        }

        public var isWithinBound: Bool {
            switch bound {
            case .cpu(let most): cpu <= most
            case .wall(let most): wall <= most
            case nil: true
            }
        }
    }

    /// All that was measured with so many services.
    public struct Measure: Hashable, Sendable {
        public let services: Int
        /// Of each service.
        public let backends: Int
        public let costs: [Cost]
        public let memory: Memory

        public var isWithinBounds: Bool { costs.allSatisfy(\.isWithinBound) }
    }

    /// The sizes: the bounds are on the last, the others show how each grows.
    public static let sizes = [16, 64, 256]
    public static let backendsOfEach = 100

    /// Works in a network namespace and with pins of its own, as `DatapathBenchmark` does; takes a few seconds.
    public func run(sizes: [Int] = Self.sizes) async throws -> [Measure] {
        guard let cpu = Lane.cpus().first else { throw BenchmarkError("choose a CPU", cause: "none is allowed") }
        try ScratchPins.remove()
        return try await Lane.run(on: cpu) {
            let wire = try Wire()
            var measures: [Measure] = []
            for services in sizes {
                settings.progress("\(services) services of \(Self.backendsOfEach) backends")
                // A first service brings the program and the empty maps, which no later one has to wait for.
                let first = BenchFleet.entry("first", Scene.nobody, backends: 1, number: services)
                measures.append(
                    try await Stage.with([DesiredState(entries: [first])], settings, wire) { stage in
                        try await measure(services, ControlSteps(stage, rounds: settings.rounds))
                    })
            }
            return measures
        }
    }

    private func measure(_ services: Int, _ steps: ControlSteps) async throws -> Measure {
        var steps = steps
        let costs = try await steps.costs(BenchFleet.webs(services, backends: Self.backendsOfEach))
        return Measure(
            services: services, backends: Self.backendsOfEach, costs: costs,
            memory: try Memory(pinnedAt: ScratchPins.root))
    }
}
