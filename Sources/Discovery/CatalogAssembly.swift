// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model

/// Puts single readings together into whole catalogs, and waits for quiet before it hands one on.
///
/// A value: told what was read and when, it answers what to publish and when to be asked again.
public struct CatalogAssembly: Sendable {
    /// What a reader found.
    public enum Finding: Sendable {
        case news(WatchNews<ServiceReading>)
        case failure(CatalogTrouble.Kind, String)
        /// Nothing has changed, as another question shows.
        case unchanged
    }

    public struct Action: Equatable, Sendable {
        public var publish: Catalog?
        /// When `due` is to be called, unless something else comes before.
        public var wake: Duration?

        public init(publish: Catalog? = nil, wake: Duration? = nil) {
            self.publish = publish
            self.wake = wake
        }
    }

    private var services: [CatalogQuery: CatalogService] = [:]
    /// For those who tell a person.
    private(set) var troubles = CatalogTroubles()
    private var quiet: QuietTime
    private var hasPublished = false

    public init(quiet: QuietTime = QuietTime()) { self.quiet = quiet }

    /// The services with the ages of now, whether published yet or not.
    public func catalog(at now: Duration) -> Catalog { Catalog(services: services, at: now) }

    /// From now on these are wanted; what is known of them stays.
    public mutating func watch(_ queries: Set<CatalogQuery>, at now: Duration) -> Action {
        let wanted = Dictionary(uniqueKeysWithValues: queries.map { ($0, services[$0] ?? CatalogService()) })
        guard wanted.keys != services.keys || !hasPublished else { return Action(wake: quiet.deadline) }
        troubles.forget(services.keys.filter { wanted[$0] == nil })
        services = wanted
        quiet.changed(at: now)
        return due(at: now)
    }

    /// What a reader found of one of them; of others it is forgotten.
    public mutating func found(_ finding: Finding, of query: CatalogQuery, at now: Duration) -> Action {
        guard let old = services[query] else { return Action(wake: quiet.deadline) }
        let new = Self.service(old, after: finding, at: now)
        services[query] = new
        troubles.set(new.trouble, of: query)
        guard Self.content(new) != Self.content(old) else { return due(at: now) }
        quiet.changed(at: now)
        if Self.losesBackends(old, new) { quiet.expire(at: now) }
        return due(at: now)
    }

    public mutating func due(at now: Duration) -> Action {
        guard let deadline = quiet.deadline else { return Action() }
        // The first one waits for every service to be read or to fail, and then for nothing.
        let isComplete = services.values.allSatisfy { $0.reading != nil || $0.trouble != nil }
        guard isComplete || hasPublished && now >= deadline else {
            return Action(wake: hasPublished ? deadline : nil)
        }
        guard now >= deadline || !hasPublished else { return Action(wake: deadline) }
        quiet.published()
        hasPublished = true
        return Action(publish: catalog(at: now))
    }

    private static func service(_ old: CatalogService, after finding: Finding, at now: Duration) -> CatalogService {
        var new = old
        switch finding {
        case .news(.none): break
        case .news(.confirmed), .unchanged:
            new.asOf = old.reading == nil ? nil : now
            new.trouble = nil
            new.suspect = nil
        case .news(.changed(let reading)): new = CatalogService(reading: reading, asOf: now)
        case .news(.suspicious(let suspicion, let reading)):
            new.trouble = trouble(CatalogTrouble.Kind(suspicion), suspicion.message, old, now)
            new.suspect = reading
        case .failure(let kind, let message): new.trouble = trouble(kind, message, old, now)
        }
        return new
    }

    private static func trouble(
        _ kind: CatalogTrouble.Kind, _ message: String, _ old: CatalogService, _ now: Duration
    ) -> CatalogTrouble {
        CatalogTrouble(kind, message, since: old.trouble.flatMap { $0.kind == kind ? $0.since : nil } ?? now)
    }

    /// What is worth a new catalog: not the ages alone, nor the words of a trouble that goes on.
    private static func content(_ service: CatalogService) -> CatalogService {
        var service = service
        service.asOf = nil
        service.trouble = service.trouble.map { CatalogTrouble($0.kind, "", since: $0.since) }
        return service
    }

    /// Whether something that took new flows takes none any more, and no person asked for it.
    private static func losesBackends(_ old: CatalogService, _ new: CatalogService) -> Bool {
        guard let before = old.reading, let after = new.reading else { return false }
        let states = Dictionary(uniqueKeysWithValues: after.instances.map { ($0.name, $0.state) })
        return before.instances.contains { $0.state == .active && states[$0.name, default: .out] == .out }
    }
}

extension CatalogTrouble.Kind {
    init(_ suspicion: Suspicion) {
        self =
            switch suspicion {
            case .emptied: .emptied
            case .filtered: .filtered
            case .missing: .missing
            }
    }

    init(_ kind: ConsulError.Kind) {
        self =
            switch kind {
            case .unreachable: .unreachable
            case .timedOut: .timedOut
            case .noLeader: .noLeader
            case .permission: .permission
            case .rateLimited: .rateLimited
            case .refused: .refused
            case .garbage: .garbage
            case .credentials: .credentials
            }
    }
}

extension Suspicion {
    var message: String {
        switch self {
        case .emptied: "no instance any more: all are gone, or the token may not read them (service:read, node:read)"
        case .filtered: "instances are missing, since the token may not read them all (service:read, node:read)"
        case .missing: "Consul does not know it any more"
        }
    }
}
