// SPDX-License-Identifier: Apache-2.0

/// Ends work that takes too long.
enum Deadline {
    struct Passed: Error {}

    /// Throws `Passed` when the time is over; the work is cancelled then and must heed it.
    static func within<Value: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await ContinuousClock().sleep(for: limit)
                throw Passed()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw Passed() }
            return value
        }
    }
}

extension Duration {
    /// `65.5 s`
    var formattedSeconds: String { "\(Double(self / .milliseconds(1)) / 1000) s" }
}
