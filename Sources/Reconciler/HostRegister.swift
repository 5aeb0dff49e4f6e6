// SPDX-License-Identifier: Apache-2.0

import Model

/// What a leader knows of the fleet's hosts from their reports. Who lives is judged by what is seen to move on this
/// host's own clock, never by another's time.
public struct HostRegister: Sendable {
    /// A host whose beat has not moved for so long is not waited for.
    public static let patience = Duration.seconds(30)

    public struct Row: Hashable, Sendable {
        public var report: HostReport
        /// When its beat was last seen to move: uptime of this host.
        public var movedAt: Duration
        /// Its drops when it was first seen, and when that was.
        var first: (drops: [String: UInt64], at: Duration)

        public static func == (one: Row, other: Row) -> Bool {
            one.report == other.report && one.movedAt == other.movedAt
        }

        public func hash(into hasher: inout Hasher) { hasher.combine(report) }
    }

    public private(set) var rows: [String: Row] = [:]

    public init() {}

    /// All reports there are: a host that has none any more is forgotten.
    public mutating func note(_ reports: [HostReport], at uptime: Duration) {
        var noted: [String: Row] = [:]
        for report in reports { noted[report.host] = row(report, at: uptime) }
        rows = noted
    }

    /// The newest of one host, which may be ahead of what the store had.
    public mutating func note(own report: HostReport, at uptime: Duration) {
        rows[report.host] = row(report, at: uptime)
    }

    private func row(_ report: HostReport, at uptime: Duration) -> Row {
        guard var row = rows[report.host] else {
            return Row(report: report, movedAt: uptime, first: (report.drops, uptime))
        }
        let isNew = row.report.instance != report.instance
        // The store's copy of a report that is known already is older than what is known.
        guard isNew || report.beat >= row.report.beat else { return row }
        if isNew || report.beat != row.report.beat { row.movedAt = uptime }
        if isNew { row.first = (report.drops, uptime) }
        row.report = report
        return row
    }

    public func isLive(_ host: String, at uptime: Duration) -> Bool {
        rows[host].map { uptime - $0.movedAt < Self.patience } ?? false
    }

    public func live(at uptime: Duration) -> [HostReport] {
        rows.values.filter { uptime - $0.movedAt < Self.patience }.map(\.report)
    }

    /// The highest epoch that any host has seen.
    public var highestEpoch: UInt64 { marks.map(\.epoch).max() ?? 0 }

    /// The services all of whose slots are settled on every live host under this generation; nil without any host.
    func settled(under mark: Mark, at uptime: Duration) -> Set<String>? {
        let live = live(at: uptime)
        guard let first = live.first else { return nil }
        guard live.allSatisfy({ $0.applied == mark }) else { return [] }
        return live.dropFirst().reduce(into: Set(first.settled)) { $0.formIntersection($1.settled) }
    }

    /// What every live host reads.
    func lowestSchema(at uptime: Duration) -> Int64? { live(at: uptime).map(\.generations).min() }

    /// What a host reports that no leader of this epoch may go on beside.
    enum Challenge: Hashable, Sendable {
        case later(String)
        case fork(String)
    }

    /// Why a leader of this epoch must step down; nil where nothing speaks against it.
    ///
    /// - Parameter published: the digests of what it has published, by number.
    func challenge(to epoch: UInt64, published: [UInt64: String]) -> Challenge? {
        for row in rows.values.sorted(by: { $0.report.host < $1.report.host }) {
            for mark in [row.report.highWater, row.report.applied].compactMap(\.self) {
                let host = row.report.host
                if mark.epoch > epoch { return .later("host \(host) has seen \(mark), above this epoch \(epoch)") }
                if mark.epoch == epoch, let own = published[mark.number], own != mark.digest {
                    return .fork("host \(host) has a fork: \(mark), not \(own.prefix(12))")
                }
            }
        }
        return nil
    }

    /// Whether a host has seen what none of these generations is above: the next one heals it.
    func isAhead(of known: [Mark]) -> Bool {
        marks.contains { mark in
            !known.contains { $0.isAbove(mark) || $0 == mark }
        }
    }

    /// Whether a host has followed another store than this.
    func isElsewhere(than identity: FleetIdentity?) -> Bool {
        guard let identity else { return false }
        return rows.values.contains { $0.report.store.map { $0 != "\(identity)" } ?? false }
    }

    private var marks: [Mark] { rows.values.flatMap { [$0.report.highWater, $0.report.applied].compactMap(\.self) } }

    // MARK: - Drops

    /// So many packets more than before are no noise.
    static let noise: Double = 100

    /// Reasons for which a host drops much more than it did.
    ///
    /// - Parameter since: its drops when the change began, and when that was: what came before is what is usual.
    func rising(on host: String, since: (drops: [String: UInt64], at: Duration), now: Duration) -> [String] {
        guard let row = rows[host] else { return [] }
        let elapsed = (row.movedAt - since.at) / .seconds(1)
        let before = (since.at - row.first.at) / .seconds(1)
        guard elapsed > 0 else { return [] }
        return row.report.drops.keys.sorted().filter { reason in
            let start = Double(since.drops[reason] ?? 0)
            let rate = before > 0 ? (start - Double(row.first.drops[reason] ?? 0)) / before : 0
            let grown = Double(row.report.drops[reason] ?? 0) - start
            let usual = max(0, rate) * elapsed
            return grown > Self.noise + 3 * usual
        }
    }
}
