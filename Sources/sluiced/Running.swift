// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle

/// A long-lived part in the service group: ends when the group is told to.
struct Running: Service {
    let name: String
    /// It knows of graceful shutdown and ends by itself; others are cancelled.
    private let endsItself: Bool
    private let body: @Sendable () async throws -> Void

    init(_ name: String, endsItself: Bool = false, _ body: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.endsItself = endsItself
        self.body = body
    }

    func run() async throws {
        do {
            if endsItself { try await body() } else { try await cancelWhenGracefulShutdown(body) }
        } catch is CancellationError {
            return
        } catch {
            throw StartFailure(
                description: "sluiced: \(name): \(error)", code: StartFailure.code(of: error) ?? .failed)
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

/// Runs a part that traffic can do without until it is cancelled: what ends it is logged, and it is tried again.
func retrying(_ message: Logger.Message, _ logger: Logger, _ body: () async throws -> Void) async throws {
    var last: String?
    while true {
        do {
            try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            let cause = "\(error)"
            if cause != last { logger.error(message, metadata: ["cause": "\(cause)"]) }
            last = cause
        }
        try await Task.sleep(for: .seconds(10))
    }
}
