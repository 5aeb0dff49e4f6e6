// SPDX-License-Identifier: Apache-2.0

import Model

/// How a canary is doing, as the present leader sees it: when it must go back, and how much time is left.
struct CanaryWatch: Sendable {
    /// So long its hosts may take to apply it, and may be silent.
    static let patience = HostRegister.patience
    /// How often the time that is left is written down for the next leader.
    static let interval: Int64 = 5

    let id: String
    private let began: Duration
    private let remaining: Int64
    /// The first generation of it that this leader knows; its hosts follow newer ones as they come.
    private var first: Mark?
    /// What each host had dropped when it got the canary.
    private var baseline: [String: (drops: [String: UInt64], at: Duration)] = [:]

    init(_ rollout: Rollout, at uptime: Duration) {
        id = rollout.id
        began = uptime
        remaining = rollout.remaining
    }

    func remaining(at uptime: Duration) -> Int64 { max(0, remaining - Int64((uptime - began).components.seconds)) }

    /// Takes in where its hosts are.
    mutating func look(at register: HostRegister, _ rollout: Rollout) {
        first = first ?? rollout.canary
        for (host, row) in register.rows where rollout.includes(host) && !hasIt(row.report) {
            baseline[host] = (row.report.drops, row.movedAt)
        }
        // A leader that comes later measures from when it came, and where counters could not be read, from when they
        // could; those of a host that drops nothing are zeros.
        for (host, row) in register.rows
        where rollout.includes(host) && baseline[host]?.drops.isEmpty ?? true && !row.report.drops.isEmpty {
            baseline[host] = (row.report.drops, row.movedAt)
        }
    }

    /// Why it must go back; nil while it may go on.
    func fault(of rollout: Rollout, in register: HostRegister, at uptime: Duration) -> String? {
        if remaining(at: uptime) == 0 { return "nobody confirmed it in time" }
        let isDue = uptime - began >= Self.patience
        let hosts = rollout.hosts.isEmpty ? register.live(at: uptime).map(\.host).sorted() : rollout.hosts
        for host in hosts {
            guard let report = register.rows[host]?.report, register.isLive(host, at: uptime) else {
                if isDue { return "host \(host) does not report" }
                continue
            }
            if report.abandoned == rollout.id { return "host \(host) went back by itself" }
            guard hasIt(report) else {
                if isDue { return "host \(host) has not applied it" }
                continue
            }
            if let difference = report.verify { return "the maps of host \(host) do not verify: \(difference)" }
            if let since = baseline[host] {
                let rising = register.rising(on: host, since: since, now: uptime)
                if !rising.isEmpty { return "host \(host) drops more: \(rising.joined(separator: ", "))" }
            }
        }
        return nil
    }

    /// Whether the host runs this canary or a newer generation of it.
    private func hasIt(_ report: HostReport) -> Bool {
        guard let applied = report.applied, let first else { return false }
        return applied == first || applied.isAbove(first)
    }
}
