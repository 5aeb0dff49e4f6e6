// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// The changes that are measured, one after the other, on maps that hold nothing yet.
struct ControlSteps {
    private let stage: Stage
    private let rounds: Int
    private var generation: Generation
    /// One for all changes, as a daemon has it that learnt nothing new of its neighbours.
    private var view: HostView

    init(_ stage: Stage, rounds: Int) {
        self.stage = stage
        self.rounds = rounds
        generation = stage.generation
        view = BenchFleet.view(generation, stage.wire)
    }

    mutating func costs(_ entries: [DesiredState.Entry]) async throws -> [ControlBenchmark.Cost] {
        let whole = try await fromNothing(entries)
        var one: [Change] = []
        var all: [Change] = []
        for round in 0..<rounds {
            try Task.checkCancellation()
            var changed = entries
            changed[round % entries.count].backends.removeLast()
            one.append(try await change(to: changed))
            _ = try await change(to: entries)
            for index in entries.indices { changed[index].backends = Array(entries[index].backends.dropLast()) }
            all.append(try await change(to: changed))
            _ = try await change(to: entries)
        }
        guard let one = one.median(by: \.applying.wall), let all = all.median(by: \.applying.wall) else {
            throw BenchmarkError("measure changes", cause: "no rounds")
        }
        return [
            whole.planning.cost("next generation, all new"),
            whole.applying.cost("all tables from nothing", .cpu(.milliseconds(500))),
            one.planning.cost("next generation, one backend changed"),
            one.applying.cost("one backend's change in one service", .wall(.milliseconds(5))),
            all.planning.cost("next generation, a backend of each service changed"),
            all.applying.cost("one backend's change in every service", .wall(.milliseconds(500))),
        ]
    }

    private mutating func fromNothing(_ entries: [DesiredState.Entry]) async throws -> Change {
        let (next, planning) = try next(entries)
        view = BenchFleet.view(next, stage.wire)
        return try await apply(next, planning)
    }

    private mutating func change(to entries: [DesiredState.Entry]) async throws -> Change {
        let (next, planning) = try next(entries)
        return try await apply(next, planning)
    }

    private func next(_ entries: [DesiredState.Entry]) throws -> (Generation, Spent) {
        let watch = Stopwatch()
        guard let next = try Generation.next(desired: DesiredState(entries: entries), after: generation) else {
            throw BenchmarkError("change a backend", cause: "nothing changed")
        }
        return (next, watch.spent())
    }

    /// To the maps; the grace period and removals run behind.
    private mutating func apply(_ next: Generation, _ planning: Spent) async throws -> Change {
        let watch = Stopwatch()
        _ = try await stage.dataplane.apply(next, on: view)
        let applying = watch.spent()
        try await stage.dataplane.finish()
        generation = next
        return Change(planning: planning, applying: applying)
    }
}

/// What one change took: to its generation, and from there to the maps.
private struct Change {
    let planning: Spent
    let applying: Spent
}

/// Time of this thread.
private struct Spent {
    let cpu: Duration
    let wall: Duration

    func cost(_ name: String, _ bound: ControlBenchmark.Cost.Bound? = nil) -> ControlBenchmark.Cost {
        ControlBenchmark.Cost(name: name, cpu: cpu, wall: wall, bound: bound)
    }
}

/// Counts from when it is made.
private struct Stopwatch {
    private let cpu = ThreadClock.nanoseconds()
    private let wall = ContinuousClock.now

    func spent() -> Spent {
        Spent(cpu: .nanoseconds(ThreadClock.nanoseconds() - cpu), wall: wall.duration(to: .now))
    }
}
