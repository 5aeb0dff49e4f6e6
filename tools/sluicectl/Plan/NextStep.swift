// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Reconciler

/// What would follow what this host accepted last.
struct NextStep {
    let next: Generation
    /// What the brake would hold back.
    let held: [ValidationError.Problem]

    init(_ desired: DesiredState, after kept: HostState.Restored) throws {
        let previous = kept.publication?.generation ?? kept.inForce?.generation
        let now = Int64(Date().timeIntervalSince1970)
        func next(allowingEmpty: Bool) throws(ValidationError) -> Generation {
            let base = previous ?? Generation(epoch: 1, number: 0, seed: 0)
            return try Generation.next(
                desired: desired, overrides: kept.drains, previous: previous, epoch: base.epoch, seed: base.seed,
                now: now, allowingEmpty: allowingEmpty) ?? base
        }
        do {
            self.next = try next(allowingEmpty: false)
            held = []
        } catch  where error.problems.allSatisfy({ $0.code == .brake }) {
            self.next = try next(allowingEmpty: true)
            held = error.problems
        } catch {
            throw Failure(.badDocument, error.description)
        }
    }
}
