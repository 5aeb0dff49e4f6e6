// SPDX-License-Identifier: Apache-2.0

/// Why Consul did not do what it was asked: the operation with its subject, and the cause.
public struct ConsulError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// No connection, or it broke off.
        case unreachable
        /// Nobody answered in time: slow, stopped, or a connection of which only this end is left.
        case timedOut
        /// The servers have no leader; only stale reads are answered.
        case noLeader
        /// The token is missing, unknown, or may not do it.
        case permission
        case rateLimited
        /// Any other answer that says no.
        case refused
        /// An answer that is not Consul's.
        case garbage
        /// A file of ours: token, certificate or key. Nothing was sent.
        case credentials
    }

    public let kind: Kind
    /// `GET /v1/health/service/web at http://127.0.0.1:8500`.
    public let operation: String
    public let cause: String
    /// HTTP's; nil where there was no answer.
    public let status: Int?
    /// How long the server wants to be left alone.
    public let retryAfter: Duration?
    /// Whether a write may have been done all the same: read again before acting.
    public let mayHaveHappened: Bool

    public init(
        _ kind: Kind, _ operation: String, cause: String, status: Int? = nil, retryAfter: Duration? = nil,
        mayHaveHappened: Bool = false
    ) {
        self.kind = kind
        self.operation = operation
        self.cause = cause
        self.status = status
        self.retryAfter = retryAfter
        self.mayHaveHappened = mayHaveHappened
    }

    public var description: String { "\(operation): \(cause)" }
}

extension ConsulError {
    /// What an answer with another status than the expected ones says.
    init(_ operation: String, answer: ConsulResponse, retryAfter: String?) {
        let text = Self.line(answer.body)
        let leaderless = answer.knownLeader == false || text.contains("No cluster leader")
        let kind: Kind =
            switch answer.status {
            case 401, 403: .permission
            case 429: .rateLimited
            case 503 where retryAfter != nil: .rateLimited
            case 500...: leaderless ? .noLeader : .refused
            default: .refused
            }
        self.init(
            kind, operation, cause: text.isEmpty ? "answered \(answer.status)" : "answered \(answer.status): \(text)",
            status: answer.status, retryAfter: retryAfter.flatMap { Int64($0) }.map { .seconds(min(max($0, 0), 3600)) },
            mayHaveHappened: answer.status >= 500)
    }

    /// The first line of a text that others wrote, bounded and without control characters.
    private static func line(_ body: [UInt8]) -> String {
        let first = body.prefix(200).prefix { $0 >= 0x20 }
        return String(decoding: first, as: UTF8.self)
    }
}
