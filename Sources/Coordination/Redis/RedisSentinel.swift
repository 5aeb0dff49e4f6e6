// SPDX-License-Identifier: Apache-2.0

/// Where a Redis is.
struct RedisAddress: Hashable, Sendable {
    let host: String
    let port: UInt16
}

/// One of the sentinels, which knows the master. Used by one thread.
///
/// When a split ends, the old master goes on as one until a sentinel tells it otherwise, which takes some 10 s: who asks
/// the sentinel now and then has left it by then.
final class RedisSentinel {
    private let name: String
    private let line: RedisConnection.Line
    private var nextLook = Duration.zero

    private static let interval = Duration.seconds(1)
    /// One that does not answer is no reason to leave a master that does, nor to let it wait.
    private static let patience = Duration.milliseconds(250)

    init(of name: String, _ settings: RedisSettings) {
        var settings = settings
        (settings.sentinelMaster, settings.user, settings.passwordFile) = (nil, nil, nil)
        self.name = name
        line = RedisConnection.Line(settings)
    }

    func master(until end: Duration) throws -> RedisAddress {
        nextLook = BootClock.now() + Self.interval
        let words = ["SENTINEL", "get-master-addr-by-name", name].map { Array($0.utf8) }
        let reply: RedisReply
        do {
            reply = try line.command("find the master", words, until: end)
        } catch StoreError.unreachable(_, _, let cause), StoreError.unknown(_, _, let cause) {
            // Of Redis itself nothing was asked.
            throw TransportFailure(cause: "the sentinel: \(cause)", isSent: false)
        }
        guard let host = reply[0].text, let port = reply[1].text.flatMap({ UInt16($0) }) else {
            throw TransportFailure(cause: "the sentinel knows no master '\(name)'", isSent: false)
        }
        return RedisAddress(host: host, port: port)
    }

    /// Whether another is the master by now, as far as that is known.
    func hasReplaced(_ address: RedisAddress) -> Bool {
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
