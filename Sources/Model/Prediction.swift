// SPDX-License-Identifier: Apache-2.0

/// What one generation after another changes on one host, told before anything is: a pure function of both.
///
/// The slots that it says move are exactly those that the tables show moved when the host has applied it, as long as
/// its probes see the same backends down.
public struct Prediction: Hashable, Sendable {
    /// Those that change, by name.
    public let services: [ServiceChange]

    /// - Parameters:
    ///   - old: what is in force; nil where nothing is.
    ///   - isDown: what the host's probes see, by the names of service and backend.
    public init(
        from old: Generation?, to new: Generation,
        isDown: (_ service: String, _ backend: String) -> Bool = { _, _ in false }
    ) {
        let names = Set((old?.services ?? []).map(\.service.name)).union(new.services.map(\.service.name))
        let hasSameSeed = old.map { $0.seed == new.seed } ?? true
        services = names.sorted(by: NameHash.precedes).compactMap { name in
            ServiceChange(
                from: old?.service(named: name), to: new.service(named: name), hasSameSeed: hasSameSeed, isDown: isDown)
        }
    }
}

/// What becomes of one service.
public struct ServiceChange: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case added
        case removed
        /// Its slots change in place and its flows stay where they are.
        case changed
        /// Flows are hashed anew, as the table's size, the hash or its seed is another: about so many of them, 0...1,
        /// go to another backend at once, and no tracking keeps them.
        case remapped(flows: Double)
        /// Policy or backends change and no table.
        case unmoved
    }

    public let kind: Kind
    public let before: PlacedService?
    public let after: PlacedService?
    public let backends: [BackendChange]
    public let settings: [SettingChange]
    /// Nil where there is not one table of one size before and after.
    public let slots: SlotForecast?
    /// The host's probes see so much of it down afterwards that its brake ignores them.
    public let isIsolated: Bool

    public var name: String { after?.service.name ?? before?.service.name ?? "" }

    /// Nil where nothing changes, or nothing but what counts as settled.
    init?(
        from before: PlacedService?, to after: PlacedService?, hasSameSeed: Bool, isDown: (String, String) -> Bool
    ) {
        self.before = before
        self.after = after
        let downAfter = after?.down(isDown) ?? []
        isIsolated = after?.activeMembers(less: downAfter).isolated ?? false
        backends = BackendChange.all(from: before?.backends ?? [], to: after?.backends ?? [])
        guard let before, let after else {
            guard before != nil || after != nil else { return nil }
            kind = before == nil ? .added : .removed
            settings = []
            slots = nil
            return
        }
        settings = SettingChange.all(from: before.service, to: after.service)
        let hashesAlike =
            hasSameSeed && before.service.tableSize == after.service.tableSize
            && before.service.flowKey == after.service.flowKey
        guard !hashesAlike || !backends.isEmpty || !settings.isEmpty else { return nil }
        let downBefore = before.down(isDown)
        guard hashesAlike else {
            kind = .remapped(flows: Self.movedFlows(before, downBefore, after, downAfter))
            slots = nil
            return
        }
        let slots = SlotForecast(from: before, down: downBefore, to: after, down: downAfter)
        kind = slots.movement.moved == 0 ? .unmoved : .changed
        self.slots = slots
    }

    /// With both tables independent of each other for a flow, it keeps its backend by chance alone.
    private static func movedFlows(
        _ before: PlacedService, _ downBefore: Set<BackendID>, _ after: PlacedService, _ downAfter: Set<BackendID>
    ) -> Double {
        let old = shares(before, downBefore)
        let new = shares(after, downAfter)
        return 1 - old.reduce(0) { $0 + $1.value * (new[$1.key] ?? 0) }
    }

    private static func shares(_ placed: PlacedService, _ down: Set<BackendID>) -> [BackendID: Double] {
        let members = placed.activeMembers(less: down).members
        let all = members.reduce(0) { $0 + Double($1.weight) }
        return Dictionary(members.map { ($0.id, Double($0.weight) / all) }) { one, _ in one }
    }
}

extension PlacedService {
    fileprivate func down(_ isDown: (String, String) -> Bool) -> Set<BackendID> {
        Set(backends.filter { isDown(service.name, $0.backend.name) }.map(\.id))
    }
}
