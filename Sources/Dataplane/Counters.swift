// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// Packets and their bytes as they came in, since the service, or the backend, has its id.
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
            let count = Self.sum(
                maps.serviceCounters, slab: Int(SERVICE_IDS) * Int(REASON_SLOTS), at: id * Int(REASON_SLOTS) + reason)
            if count.packets != 0 { counts[Reason(rawValue: reason)] = count }
        }
        return counts
    }

    /// What happened to all packets, those of no service included.
    public func counts() -> [Reason: Count] {
        (0..<UInt16(SERVICE_IDS)).reduce(into: [:]) { counts, id in
            counts.merge(self.counts(of: ServiceID(rawValue: id)), uniquingKeysWith: +)
        }
    }

    /// What was sent to a backend.
    public func count(of backend: BackendID) -> Count {
        guard backend.rawValue < BACKEND_IDS else { return Count() }
        return Self.sum(maps.backendCounters, slab: Int(BACKEND_IDS), at: Int(backend.rawValue))
    }

    /// One counter over the CPUs, each of which has a slab.
    private static func sum(_ counters: MappedArray<counter>, slab: Int, at index: Int) -> Count {
        stride(from: index, to: counters.count, by: slab).reduce(Count()) { sum, place in
            sum + Count(packets: counters[place].packets, bytes: counters[place].bytes)
        }
    }
}
