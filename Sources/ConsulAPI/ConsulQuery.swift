// SPDX-License-Identifier: Apache-2.0

/// How fresh an answer must be.
public enum ConsulConsistency: Hashable, Sendable {
    /// The leader's, without a round to the other servers: stale only while a deposed leader does not know it yet.
    case `default`
    /// Any server's. An answer that is older than `maximumAge`, or from servers without a leader, is asked for again
    /// by `default`, unless it was a long poll: then the caller must look at `isOlder(than:)`.
    case stale(maximumAge: Duration)
    /// The leader's after it has asked the other servers: for what is about to be committed.
    case consistent
}

/// Asks the server to answer only when its index is above this one, or when the time has passed.
public struct ConsulBlocking: Hashable, Sendable {
    /// At least 1.
    public let index: UInt64
    /// At most 10 minutes; the server adds up to a sixteenth.
    public let wait: Duration

    public init(index: UInt64, wait: Duration) {
        self.index = max(index, 1)
        self.wait = min(max(wait, .milliseconds(10)), .seconds(600))
    }
}

/// One pair of a query, or a name without a value.
public struct ConsulParameter: Hashable, Sendable {
    public let name: String
    public let value: String?

    public init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }
}

enum Percent {
    /// RFC 3986, section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func encoded(_ text: String, keepingSlashes: Bool = false) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) || keepingSlashes && byte == UInt8(ascii: "/") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func query(_ parameters: [ConsulParameter]) -> String {
        guard !parameters.isEmpty else { return "" }
        let pairs = parameters.map { parameter in
            encoded(parameter.name) + (parameter.value.map { "=" + encoded($0) } ?? "")
        }
        return "?" + pairs.joined(separator: "&")
    }
}
