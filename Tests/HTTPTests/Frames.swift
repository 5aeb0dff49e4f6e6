// SPDX-License-Identifier: Apache-2.0

@testable import HTTP

/// Frames as tests write them, and as they read what we wrote.
enum Frames {
    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        written(room: payload.count + 9) {
            FrameHeader(length: payload.count, type: type, flags: flags, stream: stream).append(to: &$0)
            $0.append(payload.span)
        }
    }

    static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    static func settings(_ pairs: [(UInt16, UInt32)] = []) -> [UInt8] {
        frame(4, 0, 0, pairs.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + word($0.1) })
    }

    static let acknowledgement = frame(4, 1, 0, [])

    static func data(_ stream: UInt32, _ text: String, ends: Bool = false) -> [UInt8] {
        frame(0, ends ? 1 : 0, stream, Array(text.utf8))
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> [UInt8] { frame(3, 0, stream, word(code)) }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] { frame(8, 0, stream, word(increment)) }

    /// A block without the dynamic table, so that it may come in any order.
    static func block(_ lines: [String]) -> [UInt8] {
        var encoder = HeaderEncoder(largest: 0)
        encoder.allow(tableSize: 0)
        var section = FieldSection()
        section.add(lines.map { Field($0) })
        // Behind the size update.
        return Array(written { _ = encoder.encode(section, to: &$0) }.dropFirst())
    }

    static func headers(_ stream: UInt32, _ lines: [String], ends: Bool = true) -> [UInt8] {
        frame(1, 4 | (ends ? 1 : 0), stream, block(lines))
    }

    static let get = [":method: GET", ":scheme: http", ":authority: a.example", ":path: /"]
    static let post = [":method: POST", ":scheme: http", ":authority: a.example", ":path: /"]

    /// Frames as a line each: `RST_STREAM 1 cancel`.
    static func read(_ octets: [UInt8]) -> [String] {
        var at = 0
        var lines: [String] = []
        if octets.starts(with: "PRI".utf8) {
            lines.append("preface")
            at = 24
        }
        while let header = FrameHeader(octets.span, at: at) {
            let payload = Array(octets[(at + 9)..<(at + 9 + header.length)])
            lines.append(line(header, payload))
            at += 9 + header.length
        }
        return lines
    }

    private static func line(_ header: FrameHeader, _ payload: [UInt8]) -> String {
        func code(_ at: Int) -> String { "\(ErrorCode(received: Octets.word(payload.span, at)))" }
        let end = header.flags & 1 == 1 ? " end" : ""
        switch header.type {
        case 0: return "DATA \(header.stream) \(payload.count)\(end)"
        case 1: return "HEADERS \(header.stream)\(end)"
        case 3: return "RST_STREAM \(header.stream) \(code(0))"
        case 4: return header.flags & 1 == 1 ? "SETTINGS ack" : "SETTINGS"
        case 6: return header.flags & 1 == 1 ? "PING ack \(payload.hexadecimal)" : "PING"
        case 7: return "GOAWAY \(Octets.word(payload.span, 0)) \(code(4))"
        case 8: return "WINDOW_UPDATE \(header.stream) \(Octets.word(payload.span, 0))"
        case 9: return "CONTINUATION \(header.stream)"
        default: return "type \(header.type)"
        }
    }
}
