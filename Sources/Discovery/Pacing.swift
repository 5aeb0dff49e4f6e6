// SPDX-License-Identifier: Apache-2.0

/// How often answers may come: two at once, then more and more seldom while they keep coming.
///
/// A token bucket whose rate sinks while it is empty. It never delays the first question after a calm.
public struct Pacing: Hashable, Sendable {
    private let burst: Int
    private let first: Duration
    private let longest: Duration
    private let longestUseful: Duration
    private var pace: Duration
    /// When the bucket would be full.
    private var full: Duration?

    /// - Parameters:
    ///   - first: Between two questions of a churn that has just begun.
    ///   - longest: Between two when answers bring nothing new, as those about a missing service do.
    ///   - longestUseful: Between two when each brings something new.
    public init(
        burst: Int = 2, first: Duration = .milliseconds(250), longest: Duration = .seconds(15),
        longestUseful: Duration = .seconds(2)
    ) {
        self.burst = burst
        self.first = first
        self.longest = longest
        self.longestUseful = longestUseful
        pace = first
    }

    /// Takes a token, and answers from when on the next question may be asked.
    mutating func next(at now: Duration, isUseful: Bool) -> Duration {
        let begin = full ?? now
        if begin <= now { pace = first }
        pace = min(pace, isUseful ? longestUseful : longest)
        let end = max(begin, now) + pace
        full = end
        let notBefore = end - first * burst
        guard notBefore > now else { return now }
        pace = pace * 2
        return notBefore
    }
}
