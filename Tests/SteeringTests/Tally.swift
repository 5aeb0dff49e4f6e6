// SPDX-License-Identifier: Apache-2.0

/// Why a flow broke.
enum Cause: String, CaseIterable {
    // What still breaks, and the documents say so.
    case deadline = "outlived the drain deadline of its own backend"
    case silent = "silent longer than flow-idle"
    case silentDatagrams = "datagrams, silent longer than udp-idle"
    case handshake = "handshake overlaps the change"
    case rehash = "on-down: rehash"
    case tableSize = "another table size"
    case spoofed = "spoofed SYN on a live flow"
    // What must not be.
    case dropped = "dropped"
    case unexplained = "OUTSIDE THE LIST"
}

/// What became of the flows.
struct Tally: CustomStringConvertible {
    var flows = 0
    var packets = 0
    var broken: [Cause: Int] = [:]
    /// The first few that nothing explains.
    var details: [String] = []
    var generations = 0
    var mostRecords = 0
    var evicted: UInt64 = 0
    /// Between the maps and the last generation.
    var differences: [String] = []
    /// Generations that carried another settled membership than the one before.
    var settledGenerations = 0

    var allBroken: Int { broken.values.reduce(0, +) }
    var outsideTheList: Int { broken[.unexplained, default: 0] + broken[.dropped, default: 0] }

    mutating func add(_ cause: Cause, _ detail: @autoclosure () -> String) {
        broken[cause, default: 0] += 1
        if cause == .unexplained || cause == .dropped, details.count < 8 { details.append(detail()) }
    }

    var description: String {
        let lines = Cause.allCases.map { "  \(broken[$0, default: 0]) \($0.rawValue)" }
        let head =
            "\(flows) flows, \(packets) packets, \(generations) generations, at most \(mostRecords) records, "
            + "\(evicted) evicted, \(settledGenerations) generations with settled services; \(allBroken) broken:"
        return ([head] + lines).joined(separator: "\n")
    }
}
