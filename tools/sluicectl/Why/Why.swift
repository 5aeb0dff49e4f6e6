// SPDX-License-Identifier: Apache-2.0

import Admin
import Foundation
import Model
import Reconciler

/// One instance of one service, step by step.
struct Why: Encodable {
    struct Step: Encodable {
        /// catalog, checks, maintenance, weight, drain, generation, probe or share.
        var step: String
        var text: String
    }

    var service: String
    var instance: String
    /// What it comes to, in one sentence.
    var verdict: String
    var steps: [Step]
    var slots: Int
    var tableSize: Int

    /// Nil where the service knows no such instance.
    ///
    /// - Parameter isRead: whether the services document could be read.
    init?(
        _ instance: String, in service: String, _ state: LocalState, entry: DesiredState.Entry?, isRead: Bool,
        _ catalog: Catalog, overrides: [Override], probe: HealthAnswer.Backend?
    ) {
        let look = Look(instance, service, state, entry, isRead, catalog, overrides, probe)
        guard look.isKnown else { return nil }
        self.service = service
        self.instance = instance
        verdict = look.verdict
        steps = look.steps
        slots = look.slots
        tableSize = look.placed?.service.tableSize.slots ?? 0
    }

    var text: String {
        let width = steps.map(\.step.count).max() ?? 0
        let lines = steps.map { $0.step + String(repeating: " ", count: width - $0.step.count + 2) + $0.text + "\n" }
        return "\(instance) of \(service) \(verdict)\n" + lines.joined()
    }
}

/// What is known of it.
private struct Look {
    let name: String
    let state: LocalState
    let entry: DesiredState.Entry?
    /// Whether the services document could be read.
    let isRead: Bool
    let known: CatalogService?
    let listed: CatalogInstance?
    let written: Backend?
    let drain: Override?
    let placed: PlacedService?
    /// Under a changed address there are two of one name for a while: the newest.
    let backend: PlacedBackend?
    let probe: HealthAnswer.Backend?
    let now = Int64(Date().timeIntervalSince1970)

    init(
        _ name: String, _ service: String, _ state: LocalState, _ entry: DesiredState.Entry?, _ isRead: Bool,
        _ catalog: Catalog, _ overrides: [Override], _ probe: HealthAnswer.Backend?
    ) {
        self.name = name
        self.state = state
        self.entry = entry
        self.isRead = isRead
        self.probe = probe
        known = entry?.query.flatMap { catalog.services[$0] }
        listed = (known?.suspect ?? known?.reading)?.instances.first { $0.name == name }
        written = entry?.backends.first { $0.name == name }
        drain = overrides.first { [now] in
            $0.service == service && $0.backend == name && ($0.expiry.map { $0 > now } ?? true)
        }
        placed = state.generation.service(named: service)
        backend = placed?.backends.filter { $0.backend.name == name }.max { $0.id < $1.id }
    }

    var isKnown: Bool { listed != nil || written != nil || backend != nil }

    var slots: Int {
        guard let placed, let backend else { return 0 }
        return placed.shares(down: state.down)[backend.id] ?? 0
    }

    private var isInMaintenance: Bool {
        (listed?.checks ?? []).contains { $0.id == "_node_maintenance" || $0.id.hasPrefix("_service_maintenance") }
    }

    private var isIsolated: Bool { placed?.activeMembers(less: state.down).isolated ?? false }

    var verdict: String {
        if let backend {
            if backend.state == .draining { return "gets no new flows: it drains, " + whyDraining }
            if backend.backend.weight == 0 { return "gets no new flows: " + whyWeightless }
            if state.down.contains(backend.id), !isIsolated {
                return "gets no new flows on this host: our probe sees it down"
            }
            let share = Units.percent(slots, of: placed?.service.tableSize.slots ?? 0)
            let held = state.down.contains(backend.id) ? "; our probe sees it down, which the brake ignores" : ""
            return "gets \(share) of new flows\(held)"
        }
        if let drain { return "gets no new flows: \(drain.author) drains it: \(drain.reason)" }
        if listed?.state == .out { return "gets no new flows: a check of it is critical" }
        if isInMaintenance { return "gets no new flows: it is in maintenance" }
        return "gets no new flows: the generation in force, \(state.mark), has it not (yet)"
    }

    private var whyDraining: String {
        if let drain { return "as \(drain.author) asked: \(drain.reason)" }
        if isInMaintenance { return "as it is in maintenance in the catalog" }
        return listed == nil && written == nil ? "as nothing lists it any more" : "and will take new flows again soon"
    }

    private var whyWeightless: String {
        listed?.state == .out ? "a check of it is critical, so it weighs nothing" : "its weight is 0"
    }

    var steps: [Why.Step] {
        [
            .init(step: "catalog", text: catalogText), .init(step: "checks", text: checksText),
            .init(step: "maintenance", text: isInMaintenance ? "yes: it drains" : "no"),
            .init(step: "weight", text: (listed?.weight ?? written?.weight).map { "\($0)" } ?? "-"),
            .init(step: "drain", text: drainText), .init(step: "generation", text: generationText),
            .init(step: "probe", text: probeText),
            .init(
                step: "share",
                text: "\(slots) of \(placed?.service.tableSize.slots ?? 0) slots, "
                    + Units.percent(slots, of: placed?.service.tableSize.slots ?? 0)),
        ]
    }

    private var catalogText: String {
        if let written { return "written in the services document: \(written.address)" }
        guard isRead else { return "not known: the services document could not be read" }
        guard let query = entry?.query else { return "not listed: the services document names it no more" }
        let trouble = (known?.trouble).map { "; \($0)" } ?? ""
        guard let listed else { return "not listed by \(query)\(trouble)" }
        return "listed by \(query): \(listed.address):\(listed.port), \(listed.state.rawValue)\(trouble)"
    }

    private var checksText: String {
        guard let checks = listed?.checks, !checks.isEmpty else { return "none" }
        return checks.map { "\($0.id) \($0.status)" }.joined(separator: ", ")
    }

    private var drainText: String {
        guard let drain else { return "no" }
        let end = drain.expiry.map { ", for \(Units.age(seconds: $0 - now)) more" } ?? ""
        return "\(drain.author): \(drain.reason)\(end)"
    }

    private var generationText: String {
        guard let backend else { return "\(state.mark): not in it" }
        let since = backend.drainingSince.map { " since \(Units.age(seconds: now - $0))" } ?? ""
        return "\(state.mark): \(backend.state.rawValue)\(since), w\(backend.backend.weight), "
            + "\(backend.backend.address), id \(backend.id.rawValue)"
    }

    private var probeText: String {
        guard let placed, placed.service.health != nil else { return "none: the service has no 'health'" }
        let since = state.kept.down[BackendName(service: placed.service.name, backend: name)]
        if let since {
            return "down since \(Units.age(seconds: now - since))" + (probe?.detail.map { ": \($0)" } ?? "")
        }
        return probe.map { $0.state } ?? "not seen down"
    }
}
