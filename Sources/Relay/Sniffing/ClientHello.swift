// SPDX-License-Identifier: Apache-2.0

/// What a TLS client says before anything is agreed on: enough to choose where its connection goes, and no more.
///
/// Source: RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3; RFC 7301, section 3.1.
public struct ClientHello: Hashable, Sendable {
    /// Where the server's name lies in the handshake message, nil where the client does not say. ASCII letters, digits,
    /// dots, hyphens and underscores; not lowered.
    public let serverName: Range<Int>?
    /// The client offers `h2` by ALPN.
    public let offersHTTP2: Bool

    /// Of the hello: records' headers not counted. Above, it is malformed: nobody's is larger with one post-quantum share.
    public static let bytesMax = 16384
    private static let recordHandshake = 22
    private static let clientHello = 1
    private static let extensionServerName = 0
    private static let extensionALPN = 16
    private static let hostName = 0

    /// Reads the records of a hello, which it may be spread over.
    ///
    /// - Parameters:
    ///   - bytes: the stream's first ones.
    ///   - room: as large as `bytesMax`; the message is put together there, and `serverName` lies in it.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, room: UnsafeMutableRawBufferPointer
    ) -> Parsed<ClientHello> {
        var records = ByteCursor(bytes, 0..<bytes.count)
        var length = 0
        while true {
            guard let type = records.byte() else { return .incomplete }
            if type != recordHandshake { return .malformed }
            guard let major = records.byte() else { return .incomplete }
            if major != 3 { return .malformed }
            guard records.byte() != nil, let count = records.number(2) else { return .incomplete }
            // RFC 8446, 5.1: no empty fragments, none above 2^14.
            guard count > 0, count <= 16384, length + count <= min(room.count, bytesMax) else { return .malformed }
            let present = min(count, records.remaining)
            guard let fragment = records.range(present) else { return .incomplete }
            // In bounds: length + count is within the room, which was looked at above.
            UnsafeMutableRawBufferPointer(rebasing: room[length...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[fragment]))
            length += present
            switch message(UnsafeRawBufferPointer(rebasing: room[..<length])) {
            case .incomplete: if present < count { return .incomplete }
            case .malformed: return .malformed
            case .whole(let hello, let end):
                // RFC 8446, 5.1: a hello ends with its record. What its record holds behind it would be read by one
                // server and passed over by the next.
                guard present == count, end == length else { return .malformed }
                return .whole(hello, length: records.offset)
            }
        }
    }

    private static func message(_ bytes: UnsafeRawBufferPointer) -> Parsed<ClientHello> {
        var cursor = ByteCursor(bytes, 0..<bytes.count)
        guard let type = cursor.byte() else { return .incomplete }
        if type != clientHello { return .malformed }
        guard let length = cursor.number(3) else { return .incomplete }
        if length + 4 > bytesMax { return .malformed }
        guard let body = cursor.range(length) else { return .incomplete }
        guard let hello = hello(bytes, body) else { return .malformed }
        return .whole(hello, length: body.upperBound)
    }

    private static func hello(_ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) -> ClientHello? {
        var cursor = ByteCursor(bytes, body)
        // Version, random, session, cipher suites, compression.
        guard cursor.range(2 + 32) != nil, let session = cursor.vector(1), session.count <= 32,
            let suites = cursor.vector(2), suites.count >= 2, suites.count % 2 == 0,
            let compressions = cursor.vector(1), !compressions.isEmpty
        else { return nil }
        if cursor.remaining == 0 { return ClientHello(serverName: nil, offersHTTP2: false) }
        guard let extensions = cursor.vector(2), cursor.remaining == 0 else { return nil }
        return read(extensions: extensions, of: bytes)
    }

    private static func read(extensions: Range<Int>, of bytes: UnsafeRawBufferPointer) -> ClientHello? {
        var cursor = ByteCursor(bytes, extensions)
        var name: Range<Int>?
        var offersHTTP2 = false
        while cursor.remaining > 0 {
            guard let type = cursor.number(2), let content = cursor.vector(2) else { return nil }
            if type == extensionServerName {
                // RFC 8446, 4.2: no extension twice. Two names are two answers to where it goes.
                guard name == nil, let found = serverName(bytes, content) else { return nil }
                name = found
            } else if type == extensionALPN {
                guard let offers = offersHTTP2In(bytes, content) else { return nil }
                offersHTTP2 = offersHTTP2 || offers
            }
        }
        return ClientHello(serverName: name, offersHTTP2: offersHTTP2)
    }

    private static func serverName(_ bytes: UnsafeRawBufferPointer, _ content: Range<Int>) -> Range<Int>? {
        var cursor = ByteCursor(bytes, content)
        guard let list = cursor.vector(2), cursor.remaining == 0 else { return nil }
        var names = ByteCursor(bytes, list)
        // RFC 6066: one name of a type, and host_name is the only type.
        guard names.byte() == hostName, let name = names.vector(2), names.remaining == 0,
            (1...255).contains(name.count), name.allSatisfy({ isNameByte(bytes[$0]) })
        else { return nil }
        return name
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func offersHTTP2In(_ bytes: UnsafeRawBufferPointer, _ content: Range<Int>) -> Bool? {
        var cursor = ByteCursor(bytes, content)
        guard let list = cursor.vector(2), cursor.remaining == 0, !list.isEmpty else { return nil }
        var names = ByteCursor(bytes, list)
        var offers = false
        while names.remaining > 0 {
            guard let name = names.vector(1), !name.isEmpty else { return nil }
            if name.count == 2, bytes[name].elementsEqual([UInt8(ascii: "h"), UInt8(ascii: "2")]) { offers = true }
        }
        return offers
    }
}
