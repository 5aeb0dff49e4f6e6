// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// The files of access logs, which the daemon opens and hands to its workers: these may open nothing. One that was moved
/// away, as logrotate does it, is made anew.
struct AccessLogFiles {
    struct Open {
        /// Each opening has its own.
        let number: Int
        let path: String
        let descriptor: OwnedDescriptor
        fileprivate let identity: Identity
    }

    fileprivate struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t

        init(_ status: stat) { (device, inode) = (status.st_dev, status.st_ino) }
    }

    private(set) var open: [ListenerKey: Open] = [:]
    private(set) var problems: [String] = []
    private var count = 0

    /// Opens what is not open, or not any more the file of that name; whether anything has changed.
    @discardableResult
    mutating func look(_ routing: Routing) -> Bool {
        let before = open.mapValues(\.number)
        var wanted: [ListenerKey: String] = [:]
        for listener in routing.listeners { wanted[ListenerKey(listener)] = listener.accessLog }
        open = open.filter { wanted[$0.key] == $0.value.path }
        problems = []
        for (key, path) in wanted.sorted(by: { $0.key < $1.key }) where !isSound(key, path) {
            do {
                open[key] = try openFile(path)
            } catch {
                // What is open goes on, whatever its name is now.
                problems.append("access log of \(key.vip): \(error)")
            }
        }
        return open.mapValues(\.number) != before
    }

    private func isSound(_ key: ListenerKey, _ path: String) -> Bool {
        guard let known = open[key] else { return false }
        var status = stat()
        return stat(path, &status) == 0 && Identity(status) == known.identity
    }

    private mutating func openFile(_ path: String) throws -> Open {
        // O_NONBLOCK: a pipe without a reader must not hold the daemon up; files do not care.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = try Descriptor(
            adopting: Glibc.open(path, flags, 0o640), operation: "open", subject: path)
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw NoLogFile(path: path)
        }
        count += 1
        return Open(number: count, path: path, descriptor: OwnedDescriptor(descriptor), identity: Identity(status))
    }
}

struct NoLogFile: Error, CustomStringConvertible {
    let path: String
    var description: String { "\(path) is no regular file" }
}

extension Workforce {
    /// Looks whether log files were moved away.
    func lookAtLogs() {
        guard order != nil else { return }
        let before = logFiles.problems
        let hasChanged = logFiles.look(routing)
        if logFiles.problems != before { for problem in logFiles.problems { logger.error("\(problem)") } }
        if hasChanged { tellLogs() }
    }

    /// Hands workers the files that they do not have.
    func tellLogs() {
        let names = Dictionary(routing.listeners.map { (ListenerKey($0), $0.name) }) { $1 }
        for (slot, worker) in workers.sorted(by: { $0.key < $1.key }) {
            for (key, file) in logFiles.open.sorted(by: { $0.key < $1.key }) where worker.logs[key] != file.number {
                attempt(slot) {
                    let request = WorkerRequest.log(key, listener: names[key] ?? "")
                    try worker.tell(request, passing: file.descriptor.descriptor.rawValue)
                    worker.logs[key] = file.number
                }
            }
            for key in worker.logs.keys.sorted() where logFiles.open[key] == nil {
                attempt(slot) {
                    try worker.tell(.log(key, listener: ""))
                    worker.logs[key] = nil
                }
            }
        }
    }
}
