// SPDX-License-Identifier: Apache-2.0

import Coordination
import Logging

/// Looks at the health of the fleet's store now and then: what is wrong is a line in the log when it changes, and a
/// number in the metrics.
actor StoreWatch {
    struct Look: Sendable {
        var health = StoreHealth()
        /// Whether the last look was answered.
        var answers = false
        /// Of the latest leadership that the store knows; 0 before the first look.
        var epoch: UInt64 = 0
    }

    private(set) var last = Look()
    private let store: any FleetStore
    private let logger: Logger

    private static let interval = Duration.seconds(15)

    init(_ store: any FleetStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func run() async throws {
        while true {
            await look()
            try await Task.sleep(for: Self.interval)
        }
    }

    private func look() async {
        let before = last.health.problems
        do {
            let health = try await store.health()
            last = Look(health: health, answers: true, epoch: try await store.status(of: .leader).epoch)
        } catch {
            // Its numbers of before stay; that it does not answer is said by who needs it.
            last.answers = false
            return
        }
        for problem in last.health.problems where !before.contains(problem) {
            logger.warning("the store is not as it should be", metadata: ["problem": "\(problem)"])
        }
        if last.health.problems.isEmpty, !before.isEmpty { logger.notice("the store is as it should be again") }
    }
}

/// Looks at the store, where there is one, until cancelled.
func follow(_ watch: StoreWatch?) async throws {
    if let watch { try await watch.run() } else { try await forever(holding: watch) }
}
