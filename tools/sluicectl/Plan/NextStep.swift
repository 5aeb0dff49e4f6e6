// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Reconciler

/// What would follow what this host accepted last.
struct NextStep {
    let next: Generation
    /// What the brake would hold back.
    let held: [ValidationError.Problem]
    /// The document itself takes away too much: nothing of it would be applied.
    let isRefused: Bool

    /// What is not as it was asked for, and is no error: instances that are left out, catalogs that were never read.
    let warnings: [String]

    init(
        _ wanted: DesiredState, after kept: HostState.Restored, _ papers: FleetPapers, _ catalog: Catalog
    ) throws {
        let previous = kept.publication?.generation ?? kept.inForce?.generation
        let now = Int64(Date().timeIntervalSince1970)
        let resolved = wanted.resolved(
            by: catalog, overrides: papers.overrides, after: previous, before: papers.desired, now: now)
        func next(allowingEmpty: Bool) throws(ValidationError) -> Generation {
            let base = previous ?? Generation(epoch: 1, number: 0, seed: 0)
            return try Generation.next(
                desired: resolved.desired, overrides: resolved.overrides, previous: previous, epoch: base.epoch,
                seed: base.seed, now: now, allowingEmpty: allowingEmpty) ?? base
        }
        let unread = resolved.unread.map { "service \($0): its instances cannot be read; it keeps those it has" }
        warnings = resolved.problems + unread + catalog.services.values.compactMap { $0.trouble?.description }.sorted()
        let brake = resolved.held.map { ValidationError.Problem(.brake, "", $0.description) }
        do {
            self.next = try next(allowingEmpty: false)
            held = brake
            isRefused = false
        } catch  where error.problems.allSatisfy({ $0.code == .brake }) {
            self.next = try next(allowingEmpty: true)
            held = brake + error.problems
            isRefused = true
        } catch {
            throw Failure(.badDocument, error.description)
        }
    }
}
