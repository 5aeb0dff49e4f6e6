// SPDX-License-Identifier: Apache-2.0

/// Waits until the condition holds, looking every 5 ms; throws with `what` when it does not within the time.
public func awaited(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw SystemError("wait for \(what)", cause: "not within \(limit)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
