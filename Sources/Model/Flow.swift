// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// A flow by its hash: `flow_hash` of `dataplane.h`, the very function that the kernel program calls.
public struct Flow: Hashable, Sendable {
    /// The high half chooses slot and record line, the low half is the fingerprint.
    public let hash: UInt64

    public init(hash: UInt64) { self.hash = hash }

    /// - Parameters:
    ///   - vipPort: of the VIP as it is configured, 0 for any; not the port that the packet names.
    ///   - seed: the service's, from `PlacedService.flowSeed(of:)`.
    public init(client: IPAddress, clientPort: UInt16, vipPort: UInt16, key: FlowKey, seed: UInt64) {
        let ports: (client: UInt16, vip: UInt16) = key == .sourceIP ? (0, 0) : (clientPort, vipPort)
        hash = flow_hash(CDataplane.address(client), ports.client.bigEndian, ports.vip.bigEndian, seed)
    }

    /// A flow from this client to the service's VIP.
    ///
    /// - Parameter seed: the generation's.
    public init(client: IPAddress, clientPort: UInt16, service: PlacedService, seed: UInt64) {
        self.init(
            client: client, clientPort: clientPort, vipPort: service.service.vip.port, key: service.service.flowKey,
            seed: service.flowSeed(of: seed))
    }

    /// Its slot in a table of this size.
    public func slot(in size: TableSize) -> Int { Int(slot_of(hash, size.rawValue)) }

    /// The line of the record table that its record lies in.
    public var recordLine: Int { Int(record_line_of(hash)) }

    /// What its record is known by within the line.
    public var fingerprint: UInt32 { UInt32(truncatingIfNeeded: hash) }
}

extension PlacedService {
    /// The seed of the service's flow hash, from the generation's and the service's name: two services hash one client
    /// differently, and one service's seed does not say another's.
    public func flowSeed(of generationSeed: UInt64) -> UInt64 {
        // The seed is mixed in again at the end: without it the steps could be run backwards.
        NameHash.hash(service.name, seed: mix(generationSeed ^ Self.flowSeedDomain)) ^ generationSeed
    }

    /// Keeps this use of the name's hash apart from the table's.
    private static var flowSeedDomain: UInt64 { 0x666c_6f77_5f73_6565 }
}
