// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// How a connection or a flow ended, or why there was none.
public enum RelayReason: UInt8, Hashable, Sendable, CaseIterable {
    /// Both sides have sent their last byte, and all was passed on.
    case finished
    case clientReset
    case backendReset
    case idle
    /// A UDP flow that nobody used any more.
    case flowOver
    /// Its backend's drain was over, or its flows were rehashed.
    case drained
    /// The worker ended before it.
    case stopped
    // Refused:
    case denied
    case serviceLimit
    case sourceLimit
    case noBackend
    /// No backend that was tried took it.
    case connectFailed
    /// The service of its listener is in no generation.
    case noService
    /// The process has no descriptor, port or memory left.
    case exhausted
}

/// What one service's or backend's connections came to since the worker began.
public struct RelayTally: Hashable, Sendable {
    /// Accepted; of a backend: connected.
    public var connections: UInt64 = 0
    /// Now under way.
    public var active: Int = 0
    /// From clients to backends.
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    /// Connects that failed, each of which may have been followed by another.
    public var connectFailures: UInt64 = 0
    /// Of UDP, whose bytes are counted too.
    public var datagramsIn: UInt64 = 0
    public var datagramsOut: UInt64 = 0
    public var datagramsDropped: UInt64 = 0

    public init() {}
}

/// A worker's counters, as they stand.
public struct RelayCounters: Hashable, Sendable {
    public var services: [ServiceID: RelayTally] = [:]
    public var backends: [BackendID: RelayTally] = [:]
    /// Those that are 0 are left out.
    public var ended: [ServiceID: [RelayReason: UInt64]] = [:]

    public init() {}
}

/// Where a worker counts: flat, so that counting is an addition. For one thread.
final class RelayLedger {
    private let services: UnsafeMutablePointer<RelayTally>
    private let backends: UnsafeMutablePointer<RelayTally>
    private let ended: UnsafeMutablePointer<UInt64>
    private var shared: (counts: SharedCounts, holder: Int)?

    /// Ids above are refused by the generation; here they share the first place, which is nobody's.
    static let serviceIDs = 1024
    private static let backendIDs = 32768
    private static let reasons = RelayReason.allCases.count

    init() {
        services = .allocate(capacity: Self.serviceIDs)
        services.initialize(repeating: RelayTally(), count: Self.serviceIDs)
        backends = .allocate(capacity: Self.backendIDs)
        backends.initialize(repeating: RelayTally(), count: Self.backendIDs)
        ended = .allocate(capacity: Self.serviceIDs * Self.reasons)
        ended.initialize(repeating: 0, count: Self.serviceIDs * Self.reasons)
    }

    deinit {
        services.deallocate()
        backends.deallocate()
        ended.deallocate()
    }

    subscript(service: ServiceID) -> RelayTally {
        _read { yield services[Self.place(service)] }
        _modify { yield &services[Self.place(service)] }
    }

    subscript(backend: BackendID) -> RelayTally {
        _read { yield backends[Self.place(backend)] }
        _modify { yield &backends[Self.place(backend)] }
    }

    /// Its services' connections count with those of others from now on.
    func share(_ counts: SharedCounts, as holder: Int) {
        shared = (counts, holder)
        for place in 0..<Self.serviceIDs { counts.set(place, of: holder, to: services[place].active) }
    }

    /// A service has one connection more, or one less.
    func begin(_ service: ServiceID) {
        services[Self.place(service)].connections += 1
        change(service, by: 1)
    }

    func end(_ service: ServiceID) { change(service, by: -1) }

    private func change(_ service: ServiceID, by difference: Int) {
        let place = Self.place(service)
        services[place].active += difference
        shared?.counts.set(place, of: shared?.holder ?? 0, to: services[place].active)
    }

    /// Whether a service has as many connections, in all workers that share their counts, as it may have.
    func isFull(_ service: ServiceID, _ limit: Int) -> Bool {
        if limit == .max { return false }
        let place = Self.place(service)
        return shared?.counts.sum(place) ?? services[place].active >= limit
    }

    func count(_ reason: RelayReason, _ service: ServiceID) {
        ended[Self.place(service) * Self.reasons + Int(reason.rawValue)] += 1
    }

    private static func place(_ service: ServiceID) -> Int {
        Int(service.rawValue) < serviceIDs ? Int(service.rawValue) : 0
    }

    private static func place(_ backend: BackendID) -> Int {
        Int(backend.rawValue) < backendIDs ? Int(backend.rawValue) : 0
    }

    /// What is not 0.
    func snapshot() -> RelayCounters {
        var counters = RelayCounters()
        for index in 0..<Self.serviceIDs {
            let id = ServiceID(rawValue: UInt16(index))
            if services[index] != RelayTally() { counters.services[id] = services[index] }
            for reason in RelayReason.allCases {
                let count = ended[index * Self.reasons + Int(reason.rawValue)]
                if count > 0 { counters.ended[id, default: [:]][reason] = count }
            }
        }
        for index in 0..<Self.backendIDs where backends[index] != RelayTally() {
            counters.backends[BackendID(rawValue: UInt16(index))] = backends[index]
        }
        return counters
    }
}
