// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP

/// The access logs of a worker's listeners. One thread writes them all.
struct AccessLogs {
    private var logs: [ListenerKey: AccessLog] = [:]
    /// Of listeners that are gone: their proxies still write.
    private var leaving: [AccessLog] = []
    private var writer: EventLoop?

    subscript(key: ListenerKey) -> AccessLog? { logs[key] }

    /// The listener's log, which goes on in this file.
    mutating func open(
        _ file: consuming Descriptor, of key: ListenerKey, _ listener: String
    ) throws -> AccessLog {
        if let known = logs[key] {
            known.replace(file)
            return known
        }
        let writer = try writer ?? EventLoop.start(name: "access-log")
        self.writer = writer
        let log = AccessLog(of: listener, to: file, writer: writer)
        logs[key] = log
        return log
    }

    mutating func leave(_ key: ListenerKey) {
        leaving.removeAll { $0.isIdle }
        guard let log = logs.removeValue(forKey: key) else { return }
        log.flush()
        leaving.append(log)
    }

    /// All that was gathered is written.
    var areIdle: Bool { logs.values.allSatisfy(\.isIdle) && leaving.allSatisfy(\.isIdle) }

    func flush() { for log in logs.values + leaving { log.flush() } }
}
