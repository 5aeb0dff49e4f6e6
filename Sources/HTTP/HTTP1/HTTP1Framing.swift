// SPDX-License-Identifier: Apache-2.0

/// How long a message's content is (RFC 9112, 6.3).
enum HTTP1Framing: Sendable, Equatable {
    case none
    case length(Int64)
    case chunked
    /// A response's, to the end of its connection.
    case untilClose
    /// What follows a 101 belongs to another protocol.
    case tunnel
}

/// A request of HTTP/1.1: its head in HTTP/2's form, and what concerns this connection alone.
struct HTTP1Request: Sendable, Equatable {
    var head: RequestHead
    var framing: HTTP1Framing
    var keepsAlive: Bool
    /// HTTP/1.0 takes no chunks and no 1xx.
    var isOldVersion: Bool
    var upgradesToWebSocket: Bool
}

/// A response of HTTP/1.1, likewise.
struct HTTP1Response: Sendable, Equatable {
    var head: ResponseHead
    var framing: HTTP1Framing
    var keepsAlive: Bool
}

/// What reading a head came to.
enum HTTP1Progress<Message: Sendable & Equatable>: Sendable, Equatable {
    case needsMore
    /// The head and where the octets behind it begin.
    case head(Message, end: Int)
}
