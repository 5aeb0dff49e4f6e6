// SPDX-License-Identifier: Apache-2.0

import Model

/// When the next generation may be published: one a second over time, but what matters may come before its turn, and
/// then the turns after it are later.
struct PublishPace: Hashable, Sendable {
    /// What a generation is for.
    enum Kind: Hashable, Sendable {
        /// A drain has ended, or slots have settled: no new flow goes elsewhere.
        case upkeep
        case change
        /// A backend takes no new flows any more.
        case removal
    }

    static let turn = Duration.seconds(1)

    /// When the next turn begins; nil before the first.
    private var next: Duration?
    private var last: Kind?

    func allows(_ kind: Kind, at uptime: Duration) -> Bool {
        guard let next else { return true }
        return uptime >= next - Self.turn * turnsToBorrow(for: kind)
    }

    /// Upkeep was in nobody's way: a change that comes right after it does not wait.
    private func turnsToBorrow(for kind: Kind) -> Int {
        switch kind {
        case .upkeep: 0
        case .change: last == .upkeep ? 1 : 0
        case .removal: 2
        }
    }

    mutating func published(_ kind: Kind, at uptime: Duration) {
        next = max(next ?? uptime, uptime) + Self.turn
        last = kind
    }

    /// When what is not allowed now may be.
    func wake(after uptime: Duration) -> Duration? {
        guard let next else { return nil }
        return (0...2).map { next - Self.turn * $0 }.filter { $0 > uptime }.min()
    }
}

extension Generation {
    func pace(after previous: Generation?) -> PublishPace.Kind {
        guard let previous else { return .change }
        let services = Dictionary(services.map { ($0.id, $0) }) { first, _ in first }
        let takesAway = previous.services.contains { old in
            let members = Set((services[old.id]?.members ?? []).map(\.name))
            return old.members.contains { !members.contains($0.name) }
        }
        if takesAway { return .removal }
        let isSame =
            services.count == previous.services.count && routing == previous.routing
            && previous.services.allSatisfy { old in
                guard let new = services[old.id] else { return false }
                return new.service == old.service && new.members == old.members && new.routes == old.routes
            }
        return isSame ? .upkeep : .change
    }
}
