// SPDX-License-Identifier: Apache-2.0

extension RedisStore {
    public func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark {
        let end = BootClock.now() + within
        while true {
            let (latest, last) = try await latest(scope)
            guard let mark, latest == mark, BootClock.now() < end else { return latest }
            try await wait(after: last, until: end)
        }
    }

    private func latest(_ scope: ChangeScope) async throws -> (ChangeMark, StreamID?) {
        let reply = try await connection.script(
            "watch \(scope.path)", RedisScripts.mark, keys: [keys.store, marks, changes], [Array(scope.path.utf8)])
        let identity = try checked(reply[0])
        let mark = ChangeMark(text: "\(identity?.id ?? "-") \(reply[1].text ?? "-")")
        return (mark, reply[2].text.flatMap(StreamID.init))
    }

    /// So often it is read again, though nobody said that anything changed.
    private static let poll = Duration.seconds(2)

    /// Until something in the fleet changes after `last`, or it is time to look again.
    ///
    /// The stream is read for all who wait, on a connection of its own, and who waits no more need not wait for that: a
    /// leader that stops has followers of its own to end before it gives its lock back.
    private func wait(after last: StreamID?, until end: Duration) async throws {
        let limit = min(end, BootClock.now() + Self.poll)
        let last = last ?? StreamID(time: 0, sequence: 0)
        // The reader began behind this one's view: it would not be told of what lies between.
        if let readingFrom, last < readingFrom { return }
        if readingFrom == nil { try read(after: last, until: limit) }
        try await waitForReader(until: limit)
    }

    private func read(after last: StreamID, until end: Duration) throws {
        let watching = try self.watching ?? RedisConnection(settings)
        self.watching = watching
        readingFrom = last
        let patience = max(.milliseconds(1), end - BootClock.now())
        let block = String(Int64((patience / .milliseconds(1)).rounded(.up)))
        // A task of its own, since the command blocks there whoever is cancelled here; it ends when its patience does.
        Task {
            do {
                _ = try await watching.command(
                    "watch", "XREAD", "COUNT", "1", "BLOCK", block, "STREAMS", changes, "\(last)", patience: patience)
                finishReading(nil)
            } catch {
                finishReading(error)
            }
        }
    }

    private func finishReading(_ error: (any Error)?) {
        readingFrom = nil
        for waiter in waiters.values { waiter.finish(throwing: error) }
        waiters = [:]
    }

    private func waitForReader(until end: Duration) async throws {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Never.self)
        nextWaiter += 1
        let id = nextWaiter
        waiters[id] = continuation
        defer { waiters[id] = nil }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { for try await _ in stream {} }
            group.addTask { try await BootClock.sleep(until: end) }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        let end = BootClock.now() + within
        while true {
            let (_, last) = try await latest(.document(.current))
            let reply = try await connection.command("read lock \(lock)", "PTTL", keys.holder(lock))
            // Below zero: it is gone, or will not go by itself.
            guard case .integer(let left) = reply, left >= 0, BootClock.now() < end else { return }
            try await wait(after: last, until: min(end, BootClock.now() + .milliseconds(left + 1)))
        }
    }
}

/// `<milliseconds>-<sequence>`: an entry of a stream.
struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    let time: UInt64
    let sequence: UInt64

    init(time: UInt64, sequence: UInt64) { (self.time, self.sequence) = (time, sequence) }

    init?(_ text: String) {
        let parts = text.split(separator: "-")
        guard parts.count == 2, let time = UInt64(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        self.time = time
        self.sequence = sequence
    }

    var description: String { "\(time)-\(sequence)" }

    static func < (one: StreamID, other: StreamID) -> Bool {
        (one.time, one.sequence) < (other.time, other.sequence)
    }
}
