// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import TestSupport

/// A value that comes later, and may be replaced.
final class Kept<Value: Sendable>: Sendable {
    private let kept = Mutex<Value?>(nil)

    var value: Value? { kept.withLock { $0 } }

    func put(_ value: Value) { kept.withLock { $0 = value } }

    func get() throws -> Value {
        guard let value else { throw SystemError("get what was kept", cause: "nothing was") }
        return value
    }

    func ending(_ body: (Value) -> Void) {
        if let value { body(value) }
    }
}

/// Directories that last as long as the tests, and go with them.
enum LastingDirectories {
    private static let all = Mutex<[TemporaryDirectory]>([])
    private static let registered: Void = { atexit { LastingDirectories.all.withLock { $0 = [] } } }()

    static func make() throws -> TemporaryDirectory {
        registered
        let directory = try TemporaryDirectory()
        all.withLock { $0.append(directory) }
        return directory
    }
}
