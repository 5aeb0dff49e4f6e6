// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc
import Synchronization

/// What libbpf would print: kept for the error that is about to be thrown, never written to the terminal.
enum LibbpfMessages {
    private struct Collection {
        var thread: pthread_t?
        var lines: [String] = []
    }

    /// Held for a whole collection: one thread opens or loads at a time.
    private static let turn = Mutex(())
    private static let collection = Mutex(Collection())

    private static let installed: Void = {
        libbpf_set_print { level, format, arguments in
            // An optional on one architecture, and not on another.
            guard level == LIBBPF_WARN, let format, let arguments = arguments as CVaListPointer? else { return 0 }
            LibbpfMessages.append(LibbpfMessages.text(format, arguments))
            return 0
        }
    }()

    /// Silences libbpf; called before anything that may print.
    static func silence() {
        installed
    }

    /// Runs `body` and hands it a way to read the warnings that libbpf gave on this thread meanwhile.
    static func collecting(_ body: (_ lines: () -> [String]) throws(BPFError) -> Void) throws(BPFError) {
        silence()
        try turn.withLock { _ throws(BPFError) in
            collection.withLock { $0 = Collection(thread: pthread_self()) }
            defer { collection.withLock { $0 = Collection() } }
            try body { collection.withLock { $0.lines } }
        }
    }

    private static func append(_ line: String) {
        collection.withLock { collection in
            guard collection.thread == pthread_self() else { return }
            collection.lines.append(line)
        }
    }

    private static func text(_ format: UnsafePointer<CChar>, _ arguments: CVaListPointer) -> String {
        let capacity = 1024
        let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            start.initialize(repeating: 0, count: capacity)
            vsnprintf(start, capacity, format, arguments)
            return String(cString: start)
        }
        let body = line.hasPrefix("libbpf: ") ? line.dropFirst("libbpf: ".count) : line[...]
        return String(body.prefix { $0 != "\n" })
    }
}
