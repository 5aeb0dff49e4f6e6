// SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

/// A long-lived part in the service group: ends when the group is told to.
struct Running: Service {
    let name: String
    private let body: @Sendable () async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.body = body
    }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown(body)
        } catch is CancellationError {
            return
        } catch {
            throw StartFailure(description: "sluiced: \(name): \(error)")
        }
    }
}

/// Keeps an object until cancelled.
func forever(holding object: some Sendable) async throws {
    let (never, end) = AsyncStream.makeStream(of: Never.self)
    for await _ in never {}
    end.finish()
    withExtendedLifetime(object) {}
}
