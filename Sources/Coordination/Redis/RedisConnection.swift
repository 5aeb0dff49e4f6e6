// SPDX-License-Identifier: Apache-2.0

import CHiredis
import Synchronization

/// Where Redis is and as whom it is asked.
public struct RedisSettings: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    /// An ACL user; nil: the default one, by password alone.
    public var user: String?
    public var passwordFile: String?
    /// Nil: without TLS.
    public var tls: StoreTLS?
    public var timeout: Duration
    /// The name by which Sentinel knows the master: then host and port are a sentinel's, which is asked for the master
    /// at each connection. Nil: they are Redis' own.
    public var sentinelMaster: String?
    /// Other sentinels: the next is asked where one does not answer, or knows no master.
    public var otherSentinels: [RedisEnd]

    public init(
        host: String, port: UInt16 = 6379, user: String? = nil, passwordFile: String? = nil, tls: StoreTLS? = nil,
        timeout: Duration = .seconds(1), sentinelMaster: String? = nil,
        otherSentinels: [RedisEnd] = []
    ) {
        self.otherSentinels = otherSentinels
        self.sentinelMaster = sentinelMaster
        self.host = host
        self.port = port
        self.user = user
        self.passwordFile = passwordFile
        self.tls = tls
        self.timeout = timeout
    }

    var ends: [RedisEnd] { [RedisEnd(host: host, port: port)] + otherSentinels }
    var place: String { "redis at " + ends.map(\.description).joined(separator: ", ") }
}

/// Where a Redis or a sentinel listens.
public struct RedisEnd: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// One connection to Redis with a thread of its own, made anew after each failure.
final class RedisConnection: Sendable {
    let settings: RedisSettings
    private let thread: BlockingThread
    private let line: Line

    /// Opens no connection yet.
    init(_ settings: RedisSettings) throws {
        self.settings = settings
        thread = try BlockingThread()
        line = Line(settings)
    }

    /// Sends one command and answers its reply; an error reply of Redis is thrown as `StoreError`.
    ///
    /// - Parameter patience: beyond the settings' time-out, for commands that block there.
    func command(_ operation: String, _ words: [[UInt8]], patience: Duration = .zero) async throws -> RedisReply {
        try Task.checkCancellation()
        let line = line
        return try await thread.run {
            try line.command(operation, words, until: BootClock.now() + line.settings.timeout + patience)
        }
    }

    func command(_ operation: String, _ words: String..., patience: Duration = .zero) async throws -> RedisReply {
        try await command(operation, words.map { Array($0.utf8) }, patience: patience)
    }

    /// Runs a script by its digest, and by its text where the server does not know it (any more).
    func script(
        _ operation: String, _ script: RedisScript, keys: [String], _ arguments: [[UInt8]]
    ) async throws -> RedisReply {
        try Task.checkCancellation()
        let line = line
        return try await thread.run { try line.script(operation, script, keys: keys, arguments) }
    }

    /// What only the thread touches.
    final class Line: @unchecked Sendable {
        // Unchecked, because all of it is used on the connection's one thread alone, a job after the other.
        let settings: RedisSettings
        /// Nil where Redis is asked for by its own address.
        private let sentinel: RedisSentinel?
        private var address: RedisEnd
        private var transport: RedisTransport?
        private var reader: UnsafeMutablePointer<redisReader>?
        private var buffer = [UInt8](repeating: 0, count: 16384)
        private var digests: [String: [UInt8]] = [:]

        init(_ settings: RedisSettings) {
            self.settings = settings
            sentinel = settings.sentinelMaster.map { RedisSentinel(of: $0, settings) }
            address = RedisEnd(host: settings.host, port: settings.port)
        }

        deinit { redisReaderFree(reader) }

        func command(_ operation: String, _ words: [[UInt8]], until end: Duration) throws -> RedisReply {
            let reply = try exchange(operation, words, until: end)
            if case .error(let text) = reply { throw refusal(operation, text) }
            return reply
        }

        func script(
            _ operation: String, _ script: RedisScript, keys: [String], _ arguments: [[UInt8]]
        ) throws -> RedisReply {
            let end = BootClock.now() + settings.timeout
            let tail = [Array(String(keys.count).utf8)] + keys.map { Array($0.utf8) } + arguments
            if digests[script.name] == nil {
                let loaded = try exchange(
                    operation, ["SCRIPT", "LOAD", script.text].map { Array($0.utf8) }, until: end)
                if case .error(let text) = loaded { throw refusal(operation, text) }
                digests[script.name] = loaded.bytes
            }
            var reply = try exchange(operation, [Array("EVALSHA".utf8), digests[script.name] ?? []] + tail, until: end)
            if case .error(let text) = reply, text.hasPrefix("NOSCRIPT") {
                reply = try exchange(operation, [Array("EVAL".utf8), Array(script.text.utf8)] + tail, until: end)
            }
            if case .error(let text) = reply { throw refusal(operation, text) }
            return reply
        }

        private func exchange(_ operation: String, _ words: [[UInt8]], until end: Duration) throws -> RedisReply {
            do {
                // What was lost between two requests was not asked for: it is no unknown outcome.
                if transport?.isStale ?? false { drop() }
                if transport != nil, sentinel?.hasReplaced(address) ?? false { drop() }
                if transport == nil { try connect(until: end) }
                return try ask(words, until: end)
            } catch let failure as TransportFailure {
                drop()
                throw failure.isSent
                    ? StoreError.unknown(place: settings.place, operation: operation, cause: failure.cause)
                    : StoreError.unreachable(place: settings.place, operation: operation, cause: failure.cause)
            } catch {
                drop()
                throw error
            }
        }

        private func drop() {
            transport = nil
            redisReaderFree(reader)
            reader = nil
        }

        private func connect(until end: Duration) throws {
            if let sentinel { address = try sentinel.master(until: end) }
            transport = try RedisTransport(host: address.host, port: address.port, tls: settings.tls, until: end)
            reader = redisReaderCreate()
            guard let file = settings.passwordFile else { return }
            let words = ["AUTH"] + (settings.user.map { [$0] } ?? []) + [try SecretFile.word(file)]
            let reply = try ask(words.map { Array($0.utf8) }, until: end)
            if case .error(let text) = reply {
                throw StoreError.denied(place: settings.place, operation: "authenticate", cause: text)
            }
        }

        private func ask(_ words: [[UInt8]], until end: Duration) throws -> RedisReply {
            guard let transport, let reader else { throw TransportFailure(cause: "no connection", isSent: false) }
            let request = try Self.format(words)
            try request.withUnsafeBytes { try transport.send($0, until: end) }
            while true {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else {
                    throw TransportFailure(cause: "the answer is not of Redis", isSent: true)
                }
                if let reply {
                    defer { freeReplyObject(reply) }
                    return RedisReply(reply.assumingMemoryBound(to: redisReply.self).pointee)
                }
                let count = try buffer.withUnsafeMutableBytes { try transport.receive(into: $0, until: end) }
                let isFed = buffer.withUnsafeBytes { bytes in
                    // `count` bytes of the buffer were just written.
                    redisReaderFeed(reader, bytes.bindMemory(to: CChar.self).baseAddress, count) == REDIS_OK
                }
                guard isFed else { throw TransportFailure(cause: "no memory for the answer", isSent: true) }
            }
        }

        private static func format(_ words: [[UInt8]]) throws -> [UInt8] {
            // The words one after the other, so that each has an address while hiredis copies them.
            let all = words.flatMap { $0 }
            return try all.withUnsafeBytes { bytes in
                var starts: [UnsafePointer<CChar>?] = []
                var offset = 0
                let base = bytes.bindMemory(to: CChar.self).baseAddress
                for word in words {
                    starts.append(base.map { $0 + offset })
                    offset += word.count
                }
                var target: UnsafeMutablePointer<CChar>?
                let count = redisFormatCommandArgv(&target, Int32(words.count), &starts, words.map(\.count))
                guard count > 0, let target else { throw TransportFailure(cause: "no memory", isSent: false) }
                defer { redisFreeCommand(target) }
                return Array(UnsafeRawBufferPointer(start: target, count: Int(count)))
            }
        }

        /// By the first word, which Redis and Valkey have in common.
        private func refusal(_ operation: String, _ text: String) -> StoreError {
            let place = settings.place
            switch text.prefix(while: { $0 != " " }) {
            case "NOAUTH", "WRONGPASS", "NOPERM":
                // Another password may be in the file by now.
                drop()
                return .denied(place: place, operation: operation, cause: text)
            case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY":
                return .unreachable(place: place, operation: operation, cause: text)
            case "READONLY":
                drop()
                return .unreachable(place: place, operation: operation, cause: "it is a replica: \(text)")
            case "MOVED", "ASK":
                let node = text.split(separator: " ").last.map { ", and the fleet's keys lie at \($0)" } ?? ""
                return .refused(
                    place: place, operation: operation,
                    cause:
                        "it is a node of a Redis Cluster\(node): name a Redis alone, or its Sentinel (sentinel-master)")
            default: return .refused(place: place, operation: operation, cause: text)
            }
        }
    }
}

/// A Lua script, which Redis runs as one transaction.
struct RedisScript: Sendable {
    let name: String
    let text: String
}
