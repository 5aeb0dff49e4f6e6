// SPDX-License-Identifier: Apache-2.0

/// When to try again what has failed: twice as late each time, up to a bound.
struct BackOff: Hashable, Sendable {
    private let first: Duration
    private let longest: Duration
    private var failures = 0
    /// Not before this uptime; nil while nothing has failed.
    private(set) var notBefore: Duration?

    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    mutating func failed(at uptime: Duration) {
        let delay = first * (1 << min(failures, 16))
        failures += 1
        notBefore = uptime + min(delay, longest)
    }

    mutating func succeeded() {
        failures = 0
        notBefore = nil
    }

    func allows(at uptime: Duration) -> Bool { notBefore.map { uptime >= $0 } ?? true }
}
