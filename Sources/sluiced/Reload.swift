// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import UnixSignals

/// SIGHUP: read the services document again.
enum Reload {
    /// Takes note of the signal until somebody listens: its default is to end the process, which a reload while the daemon
    /// starts must not do.
    ///
    /// Blocking it would not do: Dispatch unblocks all signals on the main thread.
    static func holdBack() {
        // Made here, as the handler may do no more than set it.
        cameEarly.store(false, ordering: .relaxed)
        signal(SIGHUP) { _ in cameEarly.store(true, ordering: .relaxed) }
    }

    /// Calls `body` each time it is asked for, and once if that was before, until cancelled.
    static func follow(_ body: @Sendable () async -> Void) async {
        // From here on Dispatch has the signal; what came until now is in the note.
        let requests = await UnixSignalsSequence(trapping: .sighup)
        if cameEarly.exchange(false, ordering: .relaxed) { await body() }
        for await _ in requests { await body() }
    }
}

private let cameEarly = Atomic(false)
