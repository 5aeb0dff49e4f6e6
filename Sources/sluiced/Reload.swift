// SPDX-License-Identifier: Apache-2.0

import Glibc
import UnixSignals

/// SIGHUP: read the services document again.
enum Reload {
    /// Lets the signal wait until somebody listens. Threads inherit this, so it is done before the second one begins.
    ///
    /// Its default is to end the process, which a reload while the daemon starts must not do.
    static func holdBack() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGHUP)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Each time it is asked for; those that came before count as one. Dispatch reads blocked signals by signalfd(2).
    static func requests() async -> UnixSignalsSequence { await UnixSignalsSequence(trapping: .sighup) }
}
