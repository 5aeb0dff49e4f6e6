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
    /// One who waits reads the stream for all of them, on a connection of its own.
    private func wait(after last: StreamID?, until end: Duration) async throws {
        let limit = min(end, BootClock.now() + Self.poll)
        if let readingFrom {
            // The reader began behind this one's view: it would not be told of what lies between.
            if let last, last < readingFrom { return }
            return try await waitForReader(until: limit)
        }
        readingFrom = last ?? StreamID("0-0")
        defer {
            readingFrom = nil
            for waiter in waiters.values { waiter.yield() }
        }
        let patience = max(.milliseconds(1), limit - BootClock.now())
        let watching = try self.watching ?? RedisConnection(settings)
        self.watching = watching
        _ = try await watching.command(
            "watch", "XREAD", "COUNT", "1", "BLOCK", String(Int64((patience / .milliseconds(1)).rounded(.up))),
            "STREAMS", changes, "\(last?.description ?? "0-0")", patience: patience)
        try Task.checkCancellation()
    }

    private func waitForReader(until end: Duration) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextWaiter += 1
        let id = nextWaiter
        waiters[id] = continuation
        defer { waiters[id] = nil }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stream { return } }
            group.addTask {
                do { try await BootClock.sleep(until: end) } catch { return }
            }
            await group.next()
            group.cancelAll()
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
