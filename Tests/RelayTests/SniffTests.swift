// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

@testable import Relay

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

    static let malformed: [(String, [UInt8])] = [
        ("two names", Hello.serverName("a") + Hello.serverName("b")),
        ("an empty name", Hello.serverName("")),
        ("a name with a zero byte", Hello.serverName("a\0b")),
        ("a list longer than its extension", [0, 0, 0, 2, 0, 9]),
        ("an extension longer than the hello", [0, 0, 0xff, 0xff]),
        ("half an extension", [0, 16, 0]),
        ("an empty list of protocols", [0, 16, 0, 2, 0, 0]),
    ]

    @Test func `a hello with others behind it in its record is malformed, whether they have come or not`() {
        let hello = Hello.message(Hello.serverName("a"))
        let bytes = Hello.records(hello + [1, 0, 0])
        #expect(Hello.parse(bytes).0 == .malformed)
        #expect(Hello.parse(Array(bytes.dropLast(3))).0 == .malformed)
        #expect(Hello.parse(Array(bytes.dropLast(4))).0 == .incomplete)
    }

    @Test(arguments: malformed)
    func `a hello that breaks its rules is malformed`(what: String, extensions: [UInt8]) {
        #expect(Hello.parse(Hello.records(Hello.message(extensions))).0 == .malformed)
    }

    @Test func `a hello that would be larger than is kept is malformed at once`() {
        #expect(Hello.parse([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]).0 == .malformed)
        #expect(Hello.parse([22, 3, 1, 0, 0]).0 == .malformed)
    }
}

struct SniffTests {
    static let texts: [(String, SniffedProtocol?)] = [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SniffedProtocol?.some(.http2)),
        ("PRI * HTTP/2.0\r\n\r\nSM", nil),
        ("P", nil), ("PR", nil), ("PRI ", nil),
        ("PRI * HTTP/1.1\r\n", .http1),
        ("POST /", .http1), ("GET /a HTTP/1.1\r\n", .http1), ("OPTIONS *", .http1), ("CONNECT a:1", .http1),
        ("VERSION-CONTROL /x", .http1), ("GET http://a/", .http1),
        ("GET", nil), ("GET ", nil), ("GET \r\n", .raw), (" GET", .raw), ("get /", .raw),
        ("SSH-2.0-OpenSSH_9", .raw), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", .raw), ("\u{16}abc", .raw), ("", nil),
        ("*1\r\n$4\r\nPING\r\n", .raw),
    ]

    @Test(arguments: texts)
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
    static let four = ProxyHeader(
        source: SocketAddress(v4: 0xc000_0201, port: 56324), destination: SocketAddress(v4: 0xc000_020a, port: 443))
    static let six = ProxyHeader(
        source: SocketAddress(high: 0x2001_0db8_0000_0000, low: 1, port: 65535),
        destination: SocketAddress(high: 0x2001_0db8_0000_0000, low: 0xabcd, port: 1))
    static let mixed = ProxyHeader(source: four.source, destination: six.destination)

    @Test(arguments: [four, six, mixed], [RelayPolicy.ProxyProtocol.v1, .v2])
    func `a header is read as it was written, and every beginning of it is incomplete`(
        header: ProxyHeader, version: RelayPolicy.ProxyProtocol
    ) {
        let bytes = SniffFuzzEntry.written(header, version)
        #expect(SniffFuzzEntry.header(bytes + [1, 2, 3]) == .whole(header, length: bytes.count))
        for count in 0..<bytes.count { #expect(SniffFuzzEntry.header(Array(bytes[..<count])) == .incomplete) }
    }

    @Test func `version 1 is written as its specification shows`() {
        let text = String(decoding: SniffFuzzEntry.written(Self.four, .v1), as: UTF8.self)
        #expect(text == "PROXY TCP4 192.0.2.1 192.0.2.10 56324 443\r\n")
    }

    static let nobody: [String] = [
        "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0", "\r\n\r\n\0\r\nQUIT\n\u{21}\0\0\u{3}abc",
    ]

    @Test(arguments: nobody)
    func `a sender that speaks for itself announces nobody`(text: String) {
        #expect(SniffFuzzEntry.header(Array(text.utf8)) == .whole(nil, length: text.utf8.count))
    }

    static let malformed: [String] = [
        "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.10 56324\r\n", "PROXY TCP4 192.0.2.1 ::1 1 1\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.1 1 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 1\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 1 \r\n", "PROXY TCP5 192.0.2.1 192.0.2.2 1 1\r\n",
        "PROXY " + String(repeating: "x", count: 120), "\r\n\r\n\0\r\nQUIX",
        "\r\n\r\n\0\r\nQUIT\n\u{31}\u{11}\0\0", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{0b}01234567890",
        "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\u{7f}\u{7f}",
    ]

    @Test(arguments: malformed)
    func `a header that breaks its rules is malformed`(text: String) {
        #expect(SniffFuzzEntry.header(Array(text.utf8)) == .malformed)
    }
}
