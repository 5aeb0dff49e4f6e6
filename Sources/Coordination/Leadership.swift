// SPDX-License-Identifier: Apache-2.0

/// A lock that is held, as its holder sees it.
public struct Leadership: Sendable {
    public let gate: Gate
    private let tenure: Tenure

    init(tenure: Tenure, gate: Gate) {
        self.tenure = tenure
        self.gate = gate
    }

    /// What a write is fenced with, given out only while the lease lasts: ask anew before each write.
    public func fence() throws(LeadershipLost) -> Tenure {
        try gate.check()
        return tenure
    }

    /// The number of this tenure; for display, and to compare with what hosts report.
    public var epoch: UInt64 { tenure.epoch }

    /// Ends the tenure: the gate is closed when this returns, and the lock is given back soon after.
    ///
    /// For who sees a host report a higher epoch, or its own epoch and number with another digest.
    public func stepDown(_ reason: String) { gate.close(reason) }
}
