// SPDX-License-Identifier: Apache-2.0

/// Which instances are asked for: a service, or what a filter leaves of it.
public struct CatalogQuery: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var service: String
    /// In Consul's filter language; nil: all.
    public var filter: String?
    /// Prefer this tagged address of an instance, such as `wan`.
    public var taggedAddress: String?
    /// Another datacenter than the client's.
    public var datacenter: String?

    public init(
        service: String, filter: String? = nil, taggedAddress: String? = nil, datacenter: String? = nil
    ) {
        self.service = service
        self.filter = filter
        self.taggedAddress = taggedAddress
        self.datacenter = datacenter
    }

    public var description: String {
        service + (datacenter.map { "@\($0)" } ?? "") + (filter.map { " where \($0)" } ?? "")
    }

    public static func < (one: CatalogQuery, other: CatalogQuery) -> Bool { one.order < other.order }

    private var order: String {
        [service, filter ?? "", taggedAddress ?? "", datacenter ?? ""].joined(separator: "\u{0}")
    }
}
