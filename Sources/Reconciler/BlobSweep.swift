// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// Which blobs may go: those that nobody has named for a grace, in which hosts may still read what they came with.
struct BlobSweep: Sendable {
    static let grace = Duration.seconds(600)
    static let interval = Duration.seconds(60)

    /// Since when each is not named: uptime.
    private var since: [String: Duration] = [:]

    /// Takes in all that there are, and answers those whose time is over.
    mutating func unnamed(of all: Set<String>, named: Set<String>, at uptime: Duration) -> Set<String> {
        var now: [String: Duration] = [:]
        for digest in all.subtracting(named) { now[digest] = since[digest] ?? uptime }
        since = now
        return Set(now.filter { uptime - $0.value >= Self.grace }.keys)
    }
}

extension Publication {
    /// The digests of its manifest and of its services.
    var blobs: Set<String> {
        Set(generation.services.map { Digest.sha256hex($0.canonicalBytes) } + [digest])
    }
}
