// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// What clients of one prefix may do with one service: an entry of the access map.
public struct AccessEntry: Hashable, Sendable {
    public let service: ServiceID
    public let prefix: IPPrefix
    public let allows: Bool

    var key: access_key { access_key(service: service, prefix: prefix) }
    var value: UInt32 { (allows ? ACCESS_ALLOW : ACCESS_DENY).rawValue }

    /// The other answer under the same key.
    var inverted: AccessEntry { AccessEntry(service: service, prefix: prefix, allows: !allows) }
}

extension AccessEntry: Comparable {
    public static func < (one: AccessEntry, other: AccessEntry) -> Bool {
        (one.service, one.prefix) < (other.service, other.prefix)
    }
}

/// A service's allow and deny lists merged, so that the longest prefix alone says what holds: deny wins. Prefixes of
/// the family that the VIP is not of are nobody's.
struct AccessList {
    /// By prefix; none says what a shorter one says already.
    let entries: [AccessEntry]
    /// What holds for clients that no prefix names.
    let allowsOthers: Bool

    /// Whether there is anything to look up.
    var restricts: Bool { !allowsOthers || !entries.isEmpty }

    init(_ placed: PlacedService) {
        let isIPv4 = placed.service.vip.address.isIPv4
        let allow = Set(placed.service.allow.filter { $0.isIPv4 == isIPv4 })
        let deny = Set(placed.service.deny.filter { $0.isIPv4 == isIPv4 })
        let deniesAll = deny.contains { $0.length == 0 }
        allowsOthers = !deniesAll && (placed.service.allow.isEmpty || allow.contains { $0.length == 0 })
        var entries: [AccessEntry] = []
        // Sorted, each prefix follows those that cover it.
        var covering: [(prefix: IPPrefix, allows: Bool)] = []
        for prefix in allow.union(deny).sorted() where prefix.length > 0 && !deniesAll {
            while let last = covering.last, !last.prefix.covers(prefix) { covering.removeLast() }
            let isDenied = deny.contains(prefix) || covering.contains { deny.contains($0.prefix) }
            if covering.last?.allows ?? allowsOthers == isDenied {
                entries.append(AccessEntry(service: placed.id, prefix: prefix, allows: !isDenied))
            }
            covering.append((prefix, !isDenied))
        }
        self.entries = entries
    }
}

extension IPPrefix {
    /// Whether every address of the other, of the same family, is one of this one's.
    func covers(_ other: IPPrefix) -> Bool { length <= other.length && contains(other.address) }
}

/// The filter in front of the access map: a bit that is not set says that no prefix names the client.
enum AccessFilter {
    static func words(of entries: [AccessEntry]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: Int(ACCESS_FILTER_WORDS))
        for bit in bits(of: entries) { words[bit / 64] |= 1 << UInt64(bit % 64) }
        return words
    }

    /// The bits of all granules that the prefixes cover.
    static func bits(of entries: [AccessEntry]) -> [Int] {
        var bits: Set<Int> = []
        for entry in entries {
            guard bits.count < Int(ACCESS_FILTER_BITS) else { break }
            guard entry.prefix.isIPv4 || entry.prefix.length >= Int(ACCESS_FILTER_ALL_BELOW) else {
                return Array(0..<Int(ACCESS_FILTER_BITS))
            }
            for granule in granules(of: entry.prefix) {
                bits.insert(Int(access_filter_bit(CDataplane.address(granule), entry.service.rawValue)))
            }
        }
        return bits.sorted()
    }

    /// The first address of each granule.
    private static func granules(of prefix: IPPrefix) -> some Sequence<IPAddress> {
        let width = Int(prefix.isIPv4 ? ACCESS_FILTER_IPV4_BITS : ACCESS_FILTER_IPV6_BITS)
        let count = 1 << UInt64(max(0, width - prefix.length))
        return (0..<UInt64(count)).lazy.map { index in
            prefix.isIPv4
                ? IPAddress(high: 0, low: prefix.address.low + index << 16)
                : IPAddress(high: prefix.address.high + index << 32, low: prefix.address.low)
        }
    }
}
