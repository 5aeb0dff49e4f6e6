// SPDX-License-Identifier: Apache-2.0

/// One service as far as it is known.
public struct CatalogService: Hashable, Sendable {
    /// The last answer that may be obeyed; nil: there never was one, which is not the same as no instance.
    public var reading: ServiceReading?
    /// When the reading was last confirmed, by the catalog's clock.
    public var asOf: Duration?
    /// Why the reading may be out of date; nil while all is well.
    public var trouble: CatalogTrouble?
    /// What was answered instead, where that looks too much like a mistake to be obeyed without the brake.
    public var suspect: ServiceReading?

    public init(
        reading: ServiceReading? = nil, asOf: Duration? = nil, trouble: CatalogTrouble? = nil,
        suspect: ServiceReading? = nil
    ) {
        self.reading = reading
        self.asOf = asOf
        self.trouble = trouble
        self.suspect = suspect
    }

    public func age(at now: Duration) -> Duration? { asOf.map { now - $0 } }
}

/// Why there is no newer answer, or none that is obeyed.
public struct CatalogTrouble: Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case unreachable, timedOut, noLeader, permission, rateLimited, refused, garbage, credentials
        /// Answers that are not obeyed: see `Suspicion`.
        case emptied, filtered, missing
    }

    public let kind: Kind
    public let message: String
    /// When trouble of this kind began, by the catalog's clock.
    public let since: Duration

    public init(_ kind: Kind, _ message: String, since: Duration) {
        self.kind = kind
        self.message = message
        self.since = since
    }

    public var description: String { message }
}

/// All services at one moment, whole.
public struct Catalog: Hashable, Sendable {
    public var services: [CatalogQuery: CatalogService]
    /// When it was put together, by the catalog's clock.
    public var at: Duration

    public init(services: [CatalogQuery: CatalogService] = [:], at: Duration = .zero) {
        self.services = services
        self.at = at
    }

    /// Of the oldest reading that there is; nil without any.
    public func age(at now: Duration) -> Duration? { services.values.compactMap { $0.age(at: now) }.max() }
}
