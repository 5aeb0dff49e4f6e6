// SPDX-License-Identifier: Apache-2.0

import Reconciler

/// Which hosts live, judged by this host's own clock: a report counts up while its host lives.
///
/// Others' clocks are not believed, so of a host that is looked at for the first time nothing is known yet.
struct HostSightings: Sendable {
    private struct Sighting {
        var instance: String
        var beat: UInt64
        /// Since when the beat stands still.
        var since: Duration
        /// When it was last seen to move.
        var moved: Duration?
        var looked: Duration
    }

    /// A host reports every ten seconds at least.
    private static let patience = Duration.seconds(30)

    private var sightings: [String: Sighting] = [:]

    /// Takes what is in the store now.
    mutating func look(at reports: [HostReport], now: Duration) {
        var next: [String: Sighting] = [:]
        for report in reports {
            let fresh = Sighting(
                instance: report.instance, beat: report.beat, since: now, moved: nil, looked: now)
            guard var old = sightings[report.host] else {
                next[report.host] = fresh
                continue
            }
            if old.beat != report.beat || old.instance != report.instance {
                // After a long while without a look it may have moved, and died since.
                old.moved = now - old.looked <= Self.patience ? now : nil
                old.since = now
                old.beat = report.beat
                old.instance = report.instance
            }
            old.looked = now
            next[report.host] = old
        }
        sightings = next
    }

    /// Nil where it is not known yet.
    func lives(_ host: String, now: Duration) -> Bool? {
        guard let sighting = sightings[host] else { return nil }
        if now - sighting.since > Self.patience { return false }
        return sighting.moved.map { now - $0 <= Self.patience ? true : nil } ?? nil
    }
}
