// SPDX-License-Identifier: Apache-2.0

@testable import Relay

/// A client's first words, put together as a client does.
enum Hello {
    static func vector(_ width: Int, _ content: [UInt8]) -> [UInt8] {
        number(content.count, width) + content
    }

    static func number(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    static func serverName(_ name: String) -> [UInt8] {
        number(0, 2) + vector(2, vector(2, [0] + vector(2, Array(name.utf8))))
    }

    static func alpn(_ names: String...) -> [UInt8] {
        number(16, 2) + vector(2, vector(2, names.flatMap { vector(1, Array($0.utf8)) }))
    }

    static func message(_ extensions: [UInt8]) -> [UInt8] {
        let body =
            [3, 3] + [UInt8](repeating: 7, count: 32) + vector(1, []) + vector(2, [0x13, 0x01]) + vector(1, [0])
            + vector(2, extensions)
        return [1] + vector(3, body)
    }

    /// In records of so many bytes at most.
    static func records(_ message: [UInt8], of size: Int = 16384) -> [UInt8] {
        stride(from: 0, to: message.count, by: size).flatMap {
            [22, 3, 1] + vector(2, Array(message[$0..<min($0 + size, message.count)]))
        }
    }

    static func parse(_ bytes: [UInt8]) -> (Parsed<ClientHello>, name: String?) {
        var room = [UInt8](repeating: 0, count: ClientHello.bytesMax)
        let parsed = room.withUnsafeMutableBytes { room in
            bytes.withUnsafeBytes { ClientHello.parse($0, room: room) }
        }
        guard case .whole(let hello, _) = parsed, let name = hello.serverName else { return (parsed, nil) }
        return (parsed, String(decoding: room[name], as: UTF8.self))
    }

    static func sniff(_ bytes: [UInt8]) -> SniffedProtocol? {
        var room = [UInt8](repeating: 0, count: ClientHello.bytesMax)
        return room.withUnsafeMutableBytes { room in bytes.withUnsafeBytes { Sniff.classify($0, room: room) } }
    }
}
