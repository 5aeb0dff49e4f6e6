// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

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

struct ClientHelloTests {
    @Test(arguments: [16384, 100, 7, 1])
    func `the server's name is found, in records of any size`(size: Int) {
        let message = Hello.message(Hello.alpn("http/1.1", "h2") + Hello.serverName("www.example.org"))
        let bytes = Hello.records(message, of: size)
        let (parsed, name) = Hello.parse(bytes)
        #expect(name == "www.example.org")
        guard case .whole(let hello, let length) = parsed else { return #expect(Bool(false), "not whole") }
        #expect(hello.offersHTTP2 && length == bytes.count)
    }

    @Test func `every beginning of a hello is incomplete`() {
        let bytes = Hello.records(Hello.message(Hello.serverName("example.org")), of: 40)
        for count in 0..<bytes.count { #expect(Hello.parse(Array(bytes[..<count])).0 == .incomplete) }
    }

    @Test func `a hello without a name has none`() {
        let (parsed, name) = Hello.parse(Hello.records(Hello.message(Hello.alpn("h3"))))
        #expect(name == nil && parsed != .malformed && parsed != .incomplete)
    }

    @Test func `a hello with others behind it in its record is malformed, whether they have come or not`() {
        let hello = Hello.message(Hello.serverName("a"))
        let bytes = Hello.records(hello + [1, 0, 0])
        #expect(Hello.parse(bytes).0 == .malformed)
        #expect(Hello.parse(Array(bytes.dropLast(3))).0 == .malformed)
        #expect(Hello.parse(Array(bytes.dropLast(4))).0 == .incomplete)
    }

    @Test(arguments: [
        ("two names", Hello.serverName("a") + Hello.serverName("b")),
        ("an empty name", Hello.serverName("")),
        ("a name with a zero byte", Hello.serverName("a\0b")),
        ("a list longer than its extension", [0, 0, 0, 2, 0, 9]),
        ("an extension longer than the hello", [0, 0, 0xff, 0xff]),
        ("half an extension", [0, 16, 0]),
        ("an empty list of protocols", [0, 16, 0, 2, 0, 0]),
    ])
    func `a hello that breaks its rules is malformed`(what: String, extensions: [UInt8]) {
        #expect(Hello.parse(Hello.records(Hello.message(extensions))).0 == .malformed)
    }

    @Test func `a hello that would be larger than is kept is malformed at once`() {
        #expect(Hello.parse([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]).0 == .malformed)
        #expect(Hello.parse([22, 3, 1, 0, 0]).0 == .malformed)
    }
}

struct SniffTests {
    @Test(arguments: [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SniffedProtocol?.some(.http2)),
        ("PRI * HTTP/2.0\r\n\r\nSM", nil),
        ("P", nil), ("PR", nil), ("PRI ", nil),
        ("PRI * HTTP/1.1\r\n", .http1),
        ("POST /", .http1), ("GET /a HTTP/1.1\r\n", .http1), ("OPTIONS *", .http1), ("CONNECT a:1", .http1),
        ("VERSION-CONTROL /x", .http1), ("GET http://a/", .http1),
        ("GET", nil), ("GET ", nil), ("GET \r\n", .raw), (" GET", .raw), ("get /", .raw),
        ("SSH-2.0-OpenSSH_9", .raw), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", .raw), ("\u{16}abc", .raw), ("", nil),
        ("*1\r\n$4\r\nPING\r\n", .raw),
    ])
    func `protocols are told apart by their first bytes`(text: String, wanted: SniffedProtocol?) {
        #expect(Hello.sniff(Array(text.utf8)) == wanted)
    }

    @Test func `TLS is told by its hello`() {
        let bytes = Hello.records(Hello.message(Hello.serverName("a.b")))
        guard case .tls(let hello)? = Hello.sniff(bytes) else { return #expect(Bool(false), "not TLS") }
        #expect(hello.serverName?.count == 3)
        #expect(Hello.sniff(Array(bytes.dropLast())) == nil)
    }
}

struct ProxyHeaderTests {
    private static let four = ProxyHeader(
        source: SocketAddress(v4: 0xc000_0201, port: 56324), destination: SocketAddress(v4: 0xc000_020a, port: 443))
    private static let six = ProxyHeader(
        source: SocketAddress(high: 0x2001_0db8_0000_0000, low: 1, port: 65535),
        destination: SocketAddress(high: 0x2001_0db8_0000_0000, low: 0xabcd, port: 1))
    private static let mixed = ProxyHeader(source: four.source, destination: six.destination)

    static func written(_ header: ProxyHeader, _ version: RelayPolicy.ProxyProtocol) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 107)
        let count = bytes.withUnsafeMutableBytes { header.write(version, to: $0) }
        return Array(bytes[..<count])
    }

    static func parse(_ bytes: [UInt8]) -> Parsed<ProxyAnnouncement> {
        bytes.withUnsafeBytes { ProxyHeader.parse($0) }
    }

    @Test(arguments: [four, six, mixed], [RelayPolicy.ProxyProtocol.v1, .v2])
    func `a header is read as it was written, and every beginning of it is incomplete`(
        header: ProxyHeader, version: RelayPolicy.ProxyProtocol
    ) {
        let bytes = Self.written(header, version)
        #expect(Self.parse(bytes + [1, 2, 3]) == .whole(header, length: bytes.count))
        for count in 0..<bytes.count { #expect(Self.parse(Array(bytes[..<count])) == .incomplete) }
    }

    @Test func `version 1 is written as its specification shows`() {
        let text = String(decoding: Self.written(Self.four, .v1), as: UTF8.self)
        #expect(text == "PROXY TCP4 192.0.2.1 192.0.2.10 56324 443\r\n")
    }

    @Test(arguments: [
        "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0", "\r\n\r\n\0\r\nQUIT\n\u{21}\0\0\u{3}abc",
    ])
    func `a sender that speaks for itself announces nobody`(text: String) {
        #expect(Self.parse(Array(text.utf8)) == .whole(nil, length: text.utf8.count))
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.10 56324\r\n", "PROXY TCP4 192.0.2.1 ::1 1 1\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.1 1 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 1\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 1 \r\n", "PROXY TCP5 192.0.2.1 192.0.2.2 1 1\r\n",
        "PROXY " + String(repeating: "x", count: 120), "\r\n\r\n\0\r\nQUIX",
        "\r\n\r\n\0\r\nQUIT\n\u{31}\u{11}\0\0", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{0b}01234567890",
        "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\u{7f}\u{7f}",
    ])
    func `a header that breaks its rules is malformed`(text: String) {
        #expect(Self.parse(Array(text.utf8)) == .malformed)
    }
}

/// Inputs that nobody sends, by the hundred thousand: no parser reads beyond what it has, and each answers.
struct ParserFuzzTests {
    private func mutate(_ seed: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(place...)
            case 3: bytes.remove(at: place)
            case 4: bytes.insert([0, 0xff, 0x7f, 1].randomElement(using: &random) ?? 0, at: place)
            default: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
            }
        }
        return bytes
    }

    @Test func `mutated hellos and headers are answered within bounds`() {
        let seeds =
            [
                Hello.records(Hello.message(Hello.alpn("h2") + Hello.serverName("www.example.org")), of: 60),
                Hello.records(Hello.message(Hello.serverName("a"))),
                Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), Array("GET / HTTP/1.1\r\n".utf8),
            ]
            + [RelayPolicy.ProxyProtocol.v1, .v2].map {
                ProxyHeaderTests.written(
                    ProxyHeader(source: .loopback(port: 1), destination: .loopback(port: 65535)), $0)
            }
        var random = SplitMix(seed: 20)
        for round in 0..<30_000 {
            let bytes = mutate(seeds[round % seeds.count], &random)
            if case .whole(_, let length) = ProxyHeaderTests.parse(bytes), length > bytes.count {
                Issue.record("\(bytes): \(length) bytes of \(bytes.count)")
            }
            if case (.whole(let hello, let length), _) = Hello.parse(bytes) {
                let nameEnd = hello.serverName?.upperBound ?? 0
                if length > bytes.count || nameEnd > bytes.count { Issue.record("\(bytes): beyond its end") }
            }
            _ = Hello.sniff(bytes)
        }
    }
}
