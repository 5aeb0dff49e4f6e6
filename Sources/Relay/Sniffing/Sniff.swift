// SPDX-License-Identifier: Apache-2.0

/// What a client speaks, told by its first bytes.
public enum SniffedProtocol: Hashable, Sendable {
    case tls(ClientHello)
    /// HTTP/2 with prior knowledge.
    case http2
    case http1
    case raw
}

/// Tells protocols apart by the stream's first bytes, of which none is taken away.
public enum Sniff {
    /// More bytes than these decide nothing.
    public static let bytesMax = ClientHello.bytesMax + 1024
    /// The longest method that is looked for: of RFC 9110 and its like, `CONNECT` and `OPTIONS`, and longer ones of
    /// WebDAV.
    private static let methodMax = 17
    /// RFC 9113, section 3.4.
    private static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// - Parameters:
    ///   - bytes: the stream's first ones, all of them.
    ///   - room: see `ClientHello.parse`.
    /// - Returns: nil while more bytes decide. What looks like TLS or HTTP and then breaks its rules is raw.
    public static func classify(
        _ bytes: UnsafeRawBufferPointer, room: UnsafeMutableRawBufferPointer
    ) -> SniffedProtocol? {
        guard let first = bytes.first else { return nil }
        if first == 22 {
            switch ClientHello.parse(bytes, room: room) {
            case .incomplete: return bytes.count > bytesMax ? .raw : nil
            case .malformed: return .raw
            case .whole(let hello, _): return .tls(hello)
            }
        }
        if startsPreface(bytes) { return bytes.count >= preface.utf8CodeUnitCount ? .http2 : nil }
        return method(bytes)
    }

    private static func startsPreface(_ bytes: UnsafeRawBufferPointer) -> Bool {
        preface.withUTF8Buffer { preface in
            zip(bytes, preface).allSatisfy { $0 == $1 }
        }
    }

    /// A method, a space, and the first byte of a target (RFC 9112, section 3): `/`, `*`, or a scheme's or host's.
    private static func method(_ bytes: UnsafeRawBufferPointer) -> SniffedProtocol? {
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: " ") {
                guard index > 0 else { return .raw }
                guard index + 1 < bytes.count else { return nil }
                return isTargetStart(bytes[index + 1]) ? .http1 : .raw
            }
            guard index < methodMax, isMethodByte(byte) else { return .raw }
        }
        return nil
    }

    private static func isMethodByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "-")
    }

    private static func isTargetStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"), UInt8(ascii: "*"), UInt8(ascii: "["), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
