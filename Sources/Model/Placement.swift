// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// Gives new services, backends and tables their places, none of which the previous generation used for anything: a
/// host may still hold slots, records and packets of that one.
struct Placement {
    private(set) var nextBackendID: UInt16
    /// What did not fit.
    private(set) var problems: [ValidationError.Problem] = []

    private var lastService: UInt16
    private var services: Set<UInt16>
    private var backends: [Bool]
    private var backendsAreSpent = false
    private var granules: [Bool]

    init(after previous: Generation?, beside other: Generation? = nil) {
        nextBackendID = Self.later(previous?.nextBackendID ?? 1, other?.nextBackendID)
        services = []
        backends = [Bool](repeating: false, count: Int(BACKEND_IDS))
        granules = [Bool](repeating: false, count: Int(GRANULES_MAX))
        lastService = 0
        for service in (previous?.services ?? []) + (other?.services ?? []) {
            services.insert(service.id.rawValue)
            lastService = max(lastService, service.id.rawValue)
            // What `settled` names is still in previous tables, though the backend itself is gone.
            for id in service.backends.map(\.id) + service.settled.map(\.id) where id.rawValue < BACKEND_IDS {
                backends[Int(id.rawValue)] = true
            }
            for granule in service.granules where granules.indices.contains(granule) { granules[granule] = true }
        }
    }

    /// Of two that went on from one, the one that went further, also round the end.
    private static func later(_ one: UInt16, _ other: UInt16?) -> UInt16 {
        guard let other else { return one }
        let ahead = (Int(other) - Int(one) + Int(BACKENDS_MAX)) % Int(BACKENDS_MAX)
        return ahead < Int(BACKENDS_MAX) / 2 ? other : one
    }

    /// The next free one after the highest of the previous generation, wrapping round.
    mutating func newService(_ name: String) -> ServiceID {
        for step in 1...UInt16(SERVICES_MAX) {
            let id = (lastService + step - 1) % UInt16(SERVICES_MAX) + 1
            if services.insert(id).inserted { return ServiceID(rawValue: id) }
        }
        problems.append(
            ValidationError.Problem(
                .limit, "service \(name)",
                "no service id is free: the services of the previous generation keep theirs until the next"))
        return ServiceID(rawValue: 0)
    }

    /// The next free one from `nextBackendID` on, wrapping round, so that an id comes back as late as can be. The first
    /// that finds none is reported, and stands for those after it.
    mutating func newBackend(_ name: String, of service: String) -> BackendID {
        guard !backendsAreSpent else { return BackendID(rawValue: 0) }
        for _ in 1...BACKENDS_MAX {
            let id = nextBackendID
            nextBackendID = id % UInt16(BACKENDS_MAX) + 1
            guard !backends[Int(id)] else { continue }
            backends[Int(id)] = true
            return BackendID(rawValue: id)
        }
        backendsAreSpent = true
        problems.append(
            ValidationError.Problem(
                .limit, "service \(service): backend \(name)",
                "no backend id is free: draining backends and those of the previous generation keep theirs"))
        return BackendID(rawValue: 0)
    }

    /// The first run of free granules that is long enough.
    mutating func newTable(_ size: TableSize, for service: String) -> UInt16 {
        var start = 0
        for granule in granules.indices {
            if granules[granule] {
                start = granule + 1
            } else if granule + 1 - start == size.granules {
                for index in start...granule { granules[index] = true }
                return UInt16(start)
            }
        }
        let room = "no \(size.granules) granules of \(GRANULES_MAX) in a row are free"
        problems.append(
            ValidationError.Problem(.limit, "service \(service)", "no room for a table of \(size.slots) slots: \(room)")
        )
        return 0
    }
}

extension PlacedService {
    /// The granules of the kernel's map that its table takes.
    public var granules: Range<Int> { Int(table)..<Int(table) + service.tableSize.granules }

    /// The first of the `tableSize.lines` lines of the kernel's map that its table takes.
    public var firstLine: Int { Int(table) * Int(LINES_PER_GRANULE) }
}
