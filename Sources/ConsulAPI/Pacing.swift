// SPDX-License-Identifier: Apache-2.0

/// How often answers may come: two at once, then more and more seldom while they keep coming.
///
/// A token bucket whose rate sinks while it is empty. It never delays the first question after a calm.
public struct Pacing: Hashable, Sendable {
    private let burst: Int
    private let first: Duration
    private let longest: [Answer: Duration]
    private var pace: Duration
    /// When the bucket would be full.
    private var full: Duration?

    enum Answer: Hashable, Sendable {
        case news
        /// As after a check's output that nobody looks at.
        case nothingNew
        /// As about a missing service, which every change elsewhere wakes.
        case nothing
    }

    /// - Parameters:
    ///   - first: Between two questions of a churn that has just begun.
    ///   - news: At most, when each answer brings something new.
    ///   - nothingNew: At most, when answers say what is known.
    ///   - nothing: At most, when answers are empty.
    public init(
        burst: Int = 2, first: Duration = .milliseconds(250), news: Duration = .milliseconds(250),
        nothingNew: Duration = .seconds(1), nothing: Duration = .seconds(15)
    ) {
        self.burst = burst
        self.first = first
        longest = [.news: news, .nothingNew: nothingNew, .nothing: nothing]
        pace = first
    }

    /// Takes a token, and answers from when on the next question may be asked.
    mutating func next(at now: Duration, _ answer: Answer) -> Duration {
        let begin = full ?? now
        if begin <= now { pace = first }
        pace = min(pace, longest[answer, default: first])
        let end = max(begin, now) + pace
        full = end
        let notBefore = end - first * burst
        guard notBefore > now else { return now }
        pace = pace * 2
        return notBefore
    }
}
