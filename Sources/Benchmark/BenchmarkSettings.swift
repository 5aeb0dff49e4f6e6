// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a benchmark is run.
public struct BenchmarkSettings: Sendable {
    /// The folder of the kernel programs' source.
    public var sources: String
    /// Compiled objects.
    public var cache: String
    /// Of which the median counts.
    public var rounds: Int
    /// Packets of one measurement; fewer where that would take long.
    public var repeats: Int
    /// Told what is being measured.
    public var progress: @Sendable (String) -> Void

    public init(
        sources: String, cache: String, rounds: Int = 7, repeats: Int = 1_000_000,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.sources = sources
        self.cache = cache
        self.rounds = rounds
        self.repeats = repeats
        self.progress = progress
    }

    /// The longest that one measurement shall take.
    static let measurement = Duration.milliseconds(250)
}
