// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// One client's datagrams to one VIP, and the socket that they leave by.
///
/// The socket is connected, one a flow: the kernel then tells answers of different clients apart and reports a backend
/// that refuses. It costs a descriptor a flow, of which there are no more than the worker's limit.
struct UDPFlow: ~Copyable {
    /// What a flow is known by.
    struct Key: Hashable {
        let client: SocketAddress
        /// The listener that it came by.
        let listener: Int
    }

    let key: Key
    let socket: Descriptor
    let service: RelayService
    /// Its place in the service's backends.
    let backend: Int
    /// The address of ours that the client sent to, and answers leave from.
    let localHigh: UInt64
    let localLow: UInt64

    var backendID: BackendID { service.backends[backend].id }
}

/// Numbers of flows by their keys; open addressing, as `SourceCounts`.
struct UDPFlowIndex: ~Copyable {
    private struct Entry {
        var hash: UInt64 = 0
        /// -1: free.
        var flow: Int32 = -1
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let mask: Int
    private let secret: UInt64

    init(flows: Int, secret: UInt64) {
        var capacity = 16
        while capacity < 2 * flows { capacity *= 2 }
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: Entry(), count: capacity)
        mask = capacity - 1
        self.secret = secret
    }

    deinit { entries.deallocate() }

    func hash(_ key: UDPFlow.Key) -> UInt64 {
        var hash = fold(key.client.low ^ secret, 0x9fb2_1c65_1e98_df25)
        hash = fold(hash ^ key.client.high, 0xd6e8_feb8_6659_fd93)
        return fold(hash ^ (UInt64(key.client.port) << 32 | UInt64(key.listener)) ^ secret, 0x9fb2_1c65_1e98_df25)
    }

    private func fold(_ value: UInt64, _ factor: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }

    /// - Parameter isIt: whether the flow of this number has the key; asked where hashes are equal.
    func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
        var place = Int(truncatingIfNeeded: hash) & mask
        // Ends: half of the places are free.
        while entries[place].flow >= 0 {
            if entries[place].hash == hash, isIt(Int(entries[place].flow)) { return Int(entries[place].flow) }
            place = (place + 1) & mask
        }
        return nil
    }

    mutating func insert(_ hash: UInt64, _ flow: Int) {
        var place = Int(truncatingIfNeeded: hash) & mask
        while entries[place].flow >= 0 { place = (place + 1) & mask }
        entries[place] = Entry(hash: hash, flow: Int32(flow))
    }

    mutating func remove(_ hash: UInt64, _ flow: Int) {
        var gap = Int(truncatingIfNeeded: hash) & mask
        while entries[gap].flow != Int32(flow) {
            if entries[gap].flow < 0 { return }
            gap = (gap + 1) & mask
        }
        var place = (gap + 1) & mask
        while entries[place].flow >= 0 {
            let home = Int(truncatingIfNeeded: entries[place].hash) & mask
            if (place - home) & mask >= (place - gap) & mask {
                entries[gap] = entries[place]
                gap = place
            }
            place = (place + 1) & mask
        }
        entries[gap].flow = -1
    }
}
