// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// A flow by its hashes, of `dataplane.h`: the very functions that the kernel program calls.
public struct Flow: Hashable, Sendable {
    /// Of its 5-tuple: the high half chooses its record's line, the low half is the fingerprint.
    public let hash: UInt64
    /// Chooses the slot: the same, unless flows share slots whose ports differ.
    private let chooser: UInt64

    /// - Parameters:
    ///   - vipPort: the one that the packets name, whether the VIP is for any port or not.
    ///   - isAnyPort: the VIP is for any port.
    ///   - seed: the service's, from `PlacedService.flowSeed(of:)`.
    public init(
        client: IPAddress, clientPort: UInt16, vipPort: UInt16, isAnyPort: Bool = false, key: FlowKey, seed: UInt64
    ) {
        let address = CDataplane.address(client)
        hash = flow_hash(address, clientPort.bigEndian, vipPort.bigEndian, seed)
        let shared = (key == .sourceIP ? VIP_SOURCE_IP.rawValue : 0) | (isAnyPort ? VIP_ANY_PORT.rawValue : 0)
        chooser = shared == 0 ? hash : shared_hash(address, clientPort.bigEndian, shared, seed)
    }

    /// A flow from this client to the service's VIP.
    ///
    /// - Parameters:
    ///   - vipPort: the one that the packets name.
    ///   - seed: the generation's.
    public init(client: IPAddress, clientPort: UInt16, vipPort: UInt16, service: PlacedService, seed: UInt64) {
        self.init(
            client: client, clientPort: clientPort, vipPort: vipPort, isAnyPort: service.service.vip.port == 0,
            key: service.service.flowKey, seed: service.flowSeed(of: seed))
    }

    /// Its slot in a table of this size.
    public func slot(in size: TableSize) -> Int { Int(slot_of(chooser, size.rawValue)) }

    /// The worker, of so many, whose listening socket takes it (`reuseport.bpf.c`).
    public func worker(of workers: Int) -> Int { Int(worker_of(chooser, UInt32(workers))) }

    /// The line of the record table where its record is at home, and the one where it lies if its home was full of
    /// established flows' records.
    public var recordLines: (home: Int, spill: Int) { Self.recordLines(ofHash: hash) }

    public static func recordLines(ofHash hash: UInt64) -> (home: Int, spill: Int) {
        let home = record_line_of(hash)
        return (Int(home), Int(record_spill_line(home, hash)))
    }

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
