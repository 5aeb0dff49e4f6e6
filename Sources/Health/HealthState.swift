// SPDX-License-Identifier: Apache-2.0

/// What the results of a backend's probes add up to. A pure value.
///
/// Nothing known counts as up, so that a start takes no traffic away: the first success says up at once, and only
/// `fall` failures in a row say down. Once down, `rise` successes in a row bring it back.
public struct HealthState: Hashable, Sendable {
    public enum Standing: String, Hashable, Sendable {
        case unknown, up, down
    }

    public private(set) var standing: Standing
    /// Results in a row that speak against the standing.
    public private(set) var streak = 0

    public init(_ standing: Standing = .unknown) { self.standing = standing }

    public var isUp: Bool { standing != .down }

    /// Takes one result. Answers whether the standing changed.
    public mutating func record(success: Bool, rise: Int, fall: Int) -> Bool {
        switch (standing, success) {
        case (.up, true), (.down, false):
            streak = 0
            return false
        case (.unknown, true): return change(to: .up)
        case (.unknown, false), (.up, false): return count(towards: .down, of: fall)
        case (.down, true): return count(towards: .up, of: rise)
        }
    }

    private mutating func count(towards standing: Standing, of needed: Int) -> Bool {
        streak += 1
        return streak >= needed ? change(to: standing) : false
    }

    private mutating func change(to standing: Standing) -> Bool {
        self.standing = standing
        streak = 0
        return true
    }
}
