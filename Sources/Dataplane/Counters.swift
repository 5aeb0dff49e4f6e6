// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// Packets and their bytes as they came in, since the maps were made.
public struct Count: Hashable, Sendable {
    public var packets: UInt64
    public var bytes: UInt64

    public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
        self.packets = packets
        self.bytes = bytes
    }

    public static func + (one: Count, other: Count) -> Count {
        Count(packets: one.packets &+ other.packets, bytes: one.bytes &+ other.bytes)
    }
}

extension KernelState {
    /// What happened to a service's packets, sums over CPUs; reasons that never came are left out.
    ///
    /// - Parameter service: nil for packets of no service.
    public func counts(of service: ServiceID?) -> [Reason: Count] {
        let id = Int(service?.rawValue ?? 0)
        guard id < Int(SERVICE_IDS) else { return [:] }
        var counts: [Reason: Count] = [:]
        for reason in 0..<Int(REASON_SLOTS) {
            let count = sum(maps.serviceCounters.base, Self.serviceSlab, at: id * Int(REASON_SLOTS) + reason)
            if count.packets != 0 { counts[Reason(rawValue: reason)] = count }
        }
        return counts
    }

    /// What happened to all packets.
    public func counts() -> [Reason: Count] {
        var counts: [Reason: Count] = [:]
        let counters = maps.serviceCounters.base.assumingMemoryBound(to: counter.self)
        for index in 0..<maps.serviceCounters.count where counters[index].packets != 0 {
            let count = Count(packets: counters[index].packets, bytes: counters[index].bytes)
            let reason = Reason(rawValue: index % Int(REASON_SLOTS))
            counts[reason] = counts[reason, default: Count()] + count
        }
        return counts
    }

    /// What was sent to a backend.
    public func count(of backend: BackendID) -> Count {
        guard backend.rawValue < BACKEND_IDS else { return Count() }
        return sum(maps.backendCounters.base, Int(BACKEND_IDS), at: Int(backend.rawValue))
    }

    private static let serviceSlab = Int(SERVICE_IDS) * Int(REASON_SLOTS)

    /// Over the CPUs' slabs.
    private func sum(_ base: UnsafeMutableRawPointer, _ slab: Int, at index: Int) -> Count {
        let counters = base.assumingMemoryBound(to: counter.self)
        let total = slab == Self.serviceSlab ? maps.serviceCounters.count : maps.backendCounters.count
        return stride(from: index, to: total, by: slab).reduce(Count()) { sum, place in
            sum + Count(packets: counters[place].packets, bytes: counters[place].bytes)
        }
    }
}
