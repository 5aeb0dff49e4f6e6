// SPDX-License-Identifier: Apache-2.0

/// When to try again what has failed: twice as late each time, up to a bound.
public struct BackOff: Hashable, Sendable {
    private let first: Duration
    private let longest: Duration
    private var failures = 0
    /// Not before this uptime; nil while nothing has failed.
    public private(set) var notBefore: Duration?

    public init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    public mutating func failed(at uptime: Duration) {
        let delay = first * (1 << min(failures, 16))
        failures += 1
        notBefore = uptime + min(delay, longest)
    }

    public mutating func succeeded() {
        failures = 0
        notBefore = nil
    }

    public func allows(at uptime: Duration) -> Bool { notBefore.map { uptime >= $0 } ?? true }
}
