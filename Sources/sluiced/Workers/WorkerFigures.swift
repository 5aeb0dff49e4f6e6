// SPDX-License-Identifier: Apache-2.0

import HTTP
import Programs
import Relay

/// Sums of what workers have counted. Workers have fewer rights than the daemon: no figure of theirs ends it.
extension WorkerFigures {
    mutating func add(_ other: WorkerFigures) {
        services = Self.sum(services + other.services, by: \.id) { $0.add($1) }
        http = Self.sum(http + other.http, by: \.key) { $0.add($1) }
    }

    private static func sum<Part, ID: Hashable & Comparable>(
        _ parts: [Part], by id: KeyPath<Part, ID>, _ add: (inout Part, Part) -> Void
    ) -> [Part] {
        var sums: [ID: Part] = [:]
        for part in parts {
            guard var known = sums[part[keyPath: id]] else {
                sums[part[keyPath: id]] = part
                continue
            }
            add(&known, part)
            sums[part[keyPath: id]] = known
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Of a worker that has ended: nothing is under way in it.
    var withoutActive: WorkerFigures {
        var figures = self
        for index in figures.services.indices { figures.services[index].active = 0 }
        for index in figures.http.indices {
            figures.http[index].active = 0
            figures.http[index].traffic = figures.http[index].traffic?.withoutActive
        }
        return figures
    }

    /// What a worker may say: reasons that there are, and nothing below zero.
    var checked: WorkerFigures {
        var figures = self
        for index in figures.services.indices {
            figures.services[index].active = max(0, figures.services[index].active)
            figures.services[index].ended = figures.services[index].ended.filter { Self.reasons.contains($0.key) }
        }
        for index in figures.http.indices {
            figures.http[index].active = max(0, figures.http[index].active)
            figures.http[index].traffic = figures.http[index].traffic?.checked
            figures.http[index].refused = figures.http[index].refused.filter { Self.refusals.contains($0.key) }
        }
        return figures
    }

    private static let refusals = Set(SniffRefusal.allCases.map(\.rawValue))
    private static let reasons = Set(RelayReason.allCases.map { "\($0)" })
}

extension WorkerFigures.HTTPListener {
    fileprivate mutating func add(_ other: Self) {
        accepted.add(other.accepted)
        active.add(other.active)
        requests.add(other.requests)
        if let more = other.traffic {
            var sum = traffic ?? ProxyTraffic()
            sum.add(more)
            traffic = sum
        }
        refused.merge(other.refused) { one, other in
            var sum = one
            sum.add(other)
            return sum
        }
    }
}

extension WorkerFigures.Service {
    fileprivate mutating func add(_ other: Self) {
        accepted.add(other.accepted)
        active.add(other.active)
        bytesIn.add(other.bytesIn)
        bytesOut.add(other.bytesOut)
        connectFailures.add(other.connectFailures)
        datagramsIn.add(other.datagramsIn)
        datagramsOut.add(other.datagramsOut)
        datagramsDropped.add(other.datagramsDropped)
        ended.merge(other.ended) { one, other in
            var sum = one
            sum.add(other)
            return sum
        }
    }
}

extension FixedWidthInteger {
    /// Stays at the greatest number where there is none for the sum.
    fileprivate mutating func add(_ other: Self) {
        let (sum, isOver) = addingReportingOverflow(other)
        self = isOver ? .max : sum
    }
}
