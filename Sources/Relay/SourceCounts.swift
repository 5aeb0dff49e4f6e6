// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// How many connections each client has now with each service: an IPv4 address, an IPv6 /64. Room for as many clients as
/// there may be connections, so that nothing grows; open addressing, with removal by moving back what follows (Knuth,
/// volume 3, section 6.4, algorithm R).
struct SourceCounts: ~Copyable {
    private struct Entry {
        var key: UInt64 = 0
        var service: UInt16 = 0
        var count: UInt32 = 0
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let mask: Int
    private let secret: UInt64

    /// - Parameters:
    ///   - connections: at most, at a time.
    ///   - secret: keeps clients from choosing addresses that meet.
    init(connections: Int, secret: UInt64) {
        var capacity = 16
        while capacity < 2 * connections { capacity *= 2 }
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: Entry(), count: capacity)
        mask = capacity - 1
        self.secret = secret
    }

    deinit { entries.deallocate() }

    func count(_ client: SocketAddress, _ service: ServiceID) -> Int {
        Int(entries[place(of: Self.key(client), service.rawValue)].count)
    }

    mutating func add(_ client: SocketAddress, _ service: ServiceID) {
        let key = Self.key(client)
        let place = place(of: key, service.rawValue)
        entries[place].key = key
        entries[place].service = service.rawValue
        entries[place].count += 1
    }

    mutating func remove(_ client: SocketAddress, _ service: ServiceID) {
        let place = place(of: Self.key(client), service.rawValue)
        guard entries[place].count > 0 else { return }
        entries[place].count -= 1
        if entries[place].count == 0 { close(place) }
    }

    /// No IPv4 address looks like a /64: their first half would be below 2^32, which is `::/96` and no client's.
    private static func key(_ client: SocketAddress) -> UInt64 {
        client.isIPv4 ? client.low & 0xffff_ffff : client.high
    }

    private func home(of key: UInt64, _ service: UInt16) -> Int {
        let product = (key ^ secret &+ UInt64(service) &* 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(
            by: 0x9fb2_1c65_1e98_df25)
        return Int(truncatingIfNeeded: (product.high ^ product.low) >> 7) & mask
    }

    /// Where it is, or where it belongs. Ends: half of the places are free.
    private func place(of key: UInt64, _ service: UInt16) -> Int {
        var place = home(of: key, service)
        while entries[place].count > 0, entries[place].key != key || entries[place].service != service {
            place = (place + 1) & mask
        }
        return place
    }

    private mutating func close(_ gap: Int) {
        var gap = gap
        var place = (gap + 1) & mask
        while entries[place].count > 0 {
            let home = home(of: entries[place].key, entries[place].service)
            // It may move to the gap unless its home lies between the two.
            if (place - home) & mask >= (place - gap) & mask {
                entries[gap] = entries[place]
                entries[place].count = 0
                gap = place
            }
            place = (place + 1) & mask
        }
    }
}
