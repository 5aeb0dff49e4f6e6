// SPDX-License-Identifier: Apache-2.0

/// The sentinels, which know the master. Used by one thread.
///
/// When a split ends, the old master goes on as one until a sentinel tells it otherwise, which takes some 10 s: who asks
/// the sentinel now and then has left it by then.
final class RedisSentinel {
    private let name: String
    private let lines: [RedisConnection.Line]
    private var nextLook = Duration.zero

    private static let interval = Duration.seconds(1)
    /// One that does not answer is no reason to leave a master that does, nor to let it wait.
    private static let patience = Duration.milliseconds(250)

    init(of name: String, _ settings: RedisSettings) {
        self.name = name
        lines = settings.ends.map { end in
            RedisConnection.Line(RedisSettings(host: end.host, port: end.port, tls: settings.tls))
        }
    }

    /// As the first sentinel says that answers and knows one. Each has an equal part of the time that is left.
    func master(until end: Duration) throws -> RedisEnd {
        nextLook = BootClock.now() + Self.interval
        let words = ["SENTINEL", "get-master-addr-by-name", name].map { Array($0.utf8) }
        var trouble = ""
        for (index, line) in lines.enumerated() {
            let sentinel = "the sentinel at \(RedisEnd(host: line.settings.host, port: line.settings.port))"
            let now = BootClock.now()
            do {
                let part = now + (end - now) / (lines.count - index + 1)
                let reply = try line.command("find the master", words, until: part)
                if let host = reply[0].text, let port = reply[1].text.flatMap({ UInt16($0) }) {
                    return RedisEnd(host: host, port: port)
                }
                trouble = "\(sentinel) knows no master '\(name)'"
            } catch StoreError.unreachable(_, _, let cause), StoreError.unknown(_, _, let cause),
                StoreError.refused(_, _, let cause), StoreError.denied(_, _, let cause)
            {
                trouble = "\(sentinel): \(cause)"
            }
        }
        // Of Redis itself nothing was asked.
        throw TransportFailure(cause: trouble, isSent: false)
    }

    /// Whether another is the master by now, as far as that is known.
    func hasReplaced(_ address: RedisEnd) -> Bool {
        let now = BootClock.now()
        guard now >= nextLook else { return false }
        do {
            return try master(until: now + Self.patience) != address
        } catch {
            nextLook = BootClock.now() + Self.interval * 2
            return false
        }
    }
}
