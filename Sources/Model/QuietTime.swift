// SPDX-License-Identifier: Apache-2.0

/// Waits until nothing has changed for a while, but not for ever.
public struct QuietTime: Hashable, Sendable {
    private let quiet: Duration
    private let longest: Duration
    private var first: Duration?
    /// When what has changed is to be handed on; nil while nothing has.
    public private(set) var deadline: Duration?

    /// - Parameters:
    ///   - quiet: Since the last change.
    ///   - longest: Since the first.
    public init(quiet: Duration = .milliseconds(250), longest: Duration = .seconds(10)) {
        self.quiet = quiet
        self.longest = longest
    }

    /// Something that was not known before; times are a clock's readings in ascending order.
    public mutating func changed(at now: Duration) {
        let begin = first ?? now
        first = begin
        // What has been found urgent stays so.
        if let deadline, deadline <= now { return }
        deadline = min(now + quiet, begin + longest)
    }

    /// The next moment is not waited for.
    public mutating func expire(at now: Duration) { deadline = now }

    /// All that has changed is handed on.
    public mutating func published() {
        first = nil
        deadline = nil
    }
}
