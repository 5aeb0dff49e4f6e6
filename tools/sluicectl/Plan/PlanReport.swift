// SPDX-License-Identifier: Apache-2.0

import Model

/// A prediction as it is printed: names instead of ids; its keys are stable.
struct PlanReport: Encodable {
    struct Service: Encodable {
        var service: String
        var vip: String
        var notation: String
        /// added, removed, changed, remapped or unmoved.
        var change: String
        var backends: [Backend]
        var settings: [Setting]
        var slots: Slots?
        var flows: Flows
        /// This host's probes see so much of it down that the brake ignores them.
        var isIsolated: Bool
    }

    struct Backend: Encodable {
        var backend: String
        var address: String
        /// added, drains, returns, leaves, reweighted or port.
        var change: String
        var weight: UInt32
        var fromWeight: UInt32?
        var port: UInt16
        var fromPort: UInt16?
    }

    struct Setting: Encodable {
        var key: String
        var from: String
        var to: String
    }

    struct Slots: Encodable {
        var total: Int
        var moved: Int
        var unavoidable: Int
        var collateral: Int
        /// Moved slots whose flows stay with their backend by tracking: unsettled until idle.
        var tracked: Int
        /// Moved slots whose backend keeps no flow.
        var cut: Int
        /// Slots that a backend has more, or fewer, than before.
        var balance: [String: Int]
        /// Unsettled on this host now, by changes before this one.
        var unsettledNow: Int?
    }

    struct Flows: Encodable {
        /// Of the flows begun after the change and before its slots settle: lost with this host, 0...1.
        var atRiskShare: Double
        /// Of all flows: to another backend at once, which resets them, 0...1.
        var cutShare: Double
        /// Slots settle after so long without use.
        var idleSeconds: Int64
        /// On this host, now.
        var newPerSecond: Double?
        var atRiskPerSecond: Double?
        var recordedNow: Int?
    }

    /// In force now; nil where nothing is.
    var generation: String?
    var services: [Service]
    /// Listeners and routes.
    var http: PlanRouting
    /// What the brake would hold back, a line each.
    var held: [String]

    init(
        _ prediction: Prediction, from generation: Generation?, to next: Generation,
        held: [ValidationError.Problem] = [],
        _ traffic: PlanTraffic? = nil
    ) {
        self.generation = generation?.mark
        services = prediction.services.map { Service($0, traffic) }
        http = PlanRouting(from: generation?.routing ?? Routing(), to: next.routing)
        self.held = held.map(\.description)
    }
}

extension PlanReport.Service {
    fileprivate init(_ change: ServiceChange, _ traffic: PlanTraffic?) {
        service = change.name
        let shown = change.before ?? change.after
        vip = (shown?.service.vip).map { "\($0)" } ?? ""
        notation = shown.map { "\(Notation($0))" } ?? ""
        self.change = change.kind.word
        backends = change.backends.map(PlanReport.Backend.init)
        settings = change.settings.map { .init(key: $0.key, from: $0.from, to: $0.to) }
        let unsettled = change.before.flatMap { traffic?.unsettled[$0.id] }
        slots = change.slots.map { .init($0, change, unsettledNow: unsettled) }
        flows = .init(change, traffic)
        isIsolated = change.isIsolated
    }
}

extension PlanReport.Backend {
    fileprivate init(_ change: BackendChange) {
        backend = change.backend.name
        address = "\(change.backend.address)"
        weight = change.backend.weight
        port = change.backend.port
        switch change.kind {
        case .added: self.change = "added"
        case .drains: self.change = "drains"
        case .returns: self.change = "returns"
        case .leaves: self.change = "leaves"
        case .reweighted(let from):
            self.change = "reweighted"
            fromWeight = from
        case .port(let from):
            self.change = "port"
            fromPort = from
        }
    }
}

extension PlanReport.Slots {
    fileprivate init(_ slots: SlotForecast, _ change: ServiceChange, unsettledNow: Int?) {
        total = slots.total
        moved = slots.movement.moved
        unavoidable = slots.movement.unavoidable
        collateral = slots.movement.collateral
        tracked = slots.tracked
        cut = slots.cut
        self.unsettledNow = unsettledNow
        let placed = (change.before?.backends ?? []) + (change.after?.backends ?? [])
        let names = Dictionary(placed.map { ($0.id, $0.backend.name) }) { one, _ in one }
        let named = slots.balance.map { (names[$0.key] ?? "id \($0.key.rawValue)", $0.value) }
        balance = Dictionary(named, uniquingKeysWith: +)
    }
}

extension PlanReport.Flows {
    fileprivate init(_ change: ServiceChange, _ traffic: PlanTraffic?) {
        atRiskShare = change.slots?.shareAtRisk ?? 0
        switch change.kind {
        case .removed: cutShare = 1
        case .remapped(let flows): cutShare = flows
        default: cutShare = change.slots.map { Double($0.cut) / Double(max(1, $0.total)) } ?? 0
        }
        idleSeconds = (change.after ?? change.before)?.service.flowIdle.components.seconds ?? 0
        guard let id = change.before?.id else { return }
        newPerSecond = traffic?.newFlows[id]
        atRiskPerSecond = newPerSecond.map { $0 * atRiskShare }
        recordedNow = traffic?.newFlows[id] == nil ? nil : traffic?.records[id] ?? 0
    }
}

extension ServiceChange.Kind {
    fileprivate var word: String {
        switch self {
        case .added: "added"
        case .removed: "removed"
        case .changed: "changed"
        case .remapped: "remapped"
        case .unmoved: "unmoved"
        }
    }
}
