// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A thread of its own for a server that waits in system calls, which a task must not do.
public enum DetachedThread {
    /// - Throws: where no thread can be started, pthread_create(3).
    public static func run(_ body: @escaping @Sendable () -> Void) throws {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        guard failure == 0 else {
            work.release()
            throw SystemError("start a thread", cause: "error \(failure)")
        }
        pthread_detach(thread)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
