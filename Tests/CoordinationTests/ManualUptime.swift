// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A clock that a test turns.
final class ManualUptime: Sendable {
    private let value = Mutex(Duration.zero)

    var now: Duration {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
