// SPDX-License-Identifier: Apache-2.0

/// What this host's probes see of a backend.
public struct Verdict: Hashable, Sendable {
    public var standing: HealthState.Standing
    /// UTC, seconds since 1970: when the standing began.
    public var since: Int64
    /// The last failure, kept while probes succeed again; nil where none has failed.
    public var lastError: String?

    public var isUp: Bool { standing != .down }

    public init(standing: HealthState.Standing, since: Int64, lastError: String? = nil) {
        self.standing = standing
        self.since = since
        self.lastError = lastError
    }
}
