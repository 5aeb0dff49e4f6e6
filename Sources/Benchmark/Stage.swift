// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Model

/// A fleet in the kernel as a daemon would put it there, apart from the host's own, with its program on a wire's near
/// end.
struct Stage: Sendable {
    let dataplane: Dataplane
    let kernel: KernelState
    /// The program that the fleet needs, and no more.
    let program: Program
    let wire: Wire
    /// In force when the stage is made.
    let generation: Generation

    /// Puts the states in force one after the other, runs `body`, and takes everything away again.
    static func with<Value: Sendable>(
        _ states: [DesiredState], _ settings: BenchmarkSettings, _ wire: Wire,
        _ body: (Stage) async throws -> Value
    ) async throws -> Value {
        let dataplane = try Dataplane(
            DataplaneSettings(
                bpfRoot: ScratchPins.root, cache: settings.cache, sources: settings.sources, policy: .native))
        let outcome: Result<Value, any Error>
        do {
            _ = try await dataplane.start()
            let stage = try await Stage(dataplane, states, wire)
            outcome = .success(try await body(stage))
        } catch {
            outcome = .failure(error)
        }
        try await dataplane.uninstall()
        return try outcome.get()
    }

    private init(_ dataplane: Dataplane, _ states: [DesiredState], _ wire: Wire) async throws {
        var generation: Generation?
        for state in states {
            guard let next = try Generation.next(desired: state, after: generation) else { continue }
            let report = try await dataplane.apply(next, on: BenchFleet.view(next, wire))
            for error in report.attachments.compactMap(\.error) { throw BenchmarkError("attach", cause: error) }
            try await dataplane.finish()
            generation = next
        }
        guard let generation else { throw BenchmarkError("make a fleet", cause: "nothing is desired") }
        self.generation = generation
        self.dataplane = dataplane
        self.wire = wire
        kernel = try KernelState.open(bpfRoot: ScratchPins.root)
        guard let loaded = kernel.program else { throw BenchmarkError("open program", cause: "none is pinned") }
        program = loaded.program
    }
}

extension Generation {
    /// What follows `previous` in a fleet of one.
    static func next(desired: DesiredState, after previous: Generation?) throws -> Generation? {
        try next(desired: desired, previous: previous, epoch: 1, seed: 0x5eed_0f5e_ed0f_5eed, now: 1_000_000)
    }
}
