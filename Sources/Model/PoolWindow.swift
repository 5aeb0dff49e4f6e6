// SPDX-License-Identifier: Apache-2.0

/// Which backends each service had within the last minute, so that the brake holds over time: many small steps must
/// not take away what one step may not.
public struct PoolWindow: Sendable {
    /// `max-removed` holds for so long a time.
    public static let length = Duration.seconds(60)

    /// From when on, by uptime, a service had these; of what is older than the window the newest.
    private var pools: [String: [(names: Set<String>, from: Duration)]] = [:]

    public init() {}

    /// Begins anew with a generation that is published already: what drains in it since less than the window's length
    /// was there at its beginning, whoever led then.
    ///
    /// - Parameter overrides: what people drain does not count.
    public init(_ generation: Generation, overrides: [Override], utc: Int64, uptime: Duration) {
        for service in generation.services {
            let name = service.service.name
            let drained = Set(overrides.lazy.filter { $0.service == name }.map(\.backend))
            let gone = service.backends.filter { placed in
                guard let since = placed.drainingSince, !drained.contains(placed.backend.name) else { return false }
                return utc - since < Self.length.components.seconds
            }
            note(name, Set(service.members.map(\.name) + gone.map(\.backend.name)), at: uptime)
            note(name, Set(service.members.map(\.name)), at: uptime)
        }
    }

    /// Takes in what is published from now on.
    public mutating func note(_ generation: Generation, at uptime: Duration) {
        let names = Set(generation.services.map(\.service.name))
        pools = pools.filter { names.contains($0.key) }
        for service in generation.services { note(service.service.name, Set(service.members.map(\.name)), at: uptime) }
    }

    private mutating func note(_ service: String, _ names: Set<String>, at uptime: Duration) {
        var pool = pools[service] ?? []
        if pool.last?.names != names { pool.append((names, uptime)) }
        // One is in force until the next begins.
        while pool.count > 1, uptime - pool[1].from >= Self.length { pool.removeFirst() }
        pools[service] = pool
    }

    /// The most of a service's backends that there were at any time within the window, less these.
    func most(of service: String, less names: Set<String>, at uptime: Duration) -> Int {
        let pool = pools[service] ?? []
        let recent = pool.indices.filter { $0 + 1 == pool.count || uptime - pool[$0 + 1].from < Self.length }
        return recent.map { pool[$0].names.subtracting(names).count }.max() ?? 0
    }

    /// When the window next leaves a larger pool behind; nil where nothing changes with time.
    public func nextChange(after uptime: Duration) -> Duration? {
        pools.values.flatMap { $0.dropFirst().map { $0.from + Self.length } }.filter { $0 > uptime }.min()
    }
}
