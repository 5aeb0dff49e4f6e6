// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct RequestReaderTests {
    /// Reads one head; what it was, or the fault.
    static func read(_ text: String, limits: FieldLimits = FieldLimits()) -> String {
        var reader = RequestReader()
        var section = FieldSection(limits: limits)
        let input = Array(text.utf8)
        do throws(HTTP1Fault) {
            let progress = try reader.read(input.span, from: 0, scheme: "http", into: &section)
            guard case .head(let request, let end) = progress else { return "needs more" }
            let rest = end < input.count ? " | \(Array(input[end...]).text)" : ""
            return "\(describe(request)) \(section.texts)\(rest)"
        } catch {
            return "\(error)"
        }
    }

    static func describe(_ request: HTTP1Request) -> String {
        var words: [String] = []
        switch request.framing {
        case .length(let count): words.append("\(count)")
        case .chunked: words.append("chunked")
        default: break
        }
        if !request.keepsAlive { words.append("close") }
        if request.upgradesToWebSocket { words.append("websocket") }
        if request.head.expectsContinue { words.append("expects") }
        return words.joined(separator: " ")
    }

    static let get = "GET / HTTP/1.1\r\nHost: a.example\r\n"
    static let post = "POST / HTTP/1.1\r\nHost: a.example\r\n"
    static let head = #"[":method: GET", ":scheme: http", ":authority: a.example", ":path: /""#

    static let good: [(String, String)] = [
        (get + "\r\n", " \(head)]"),
        ("\r\n\r\n" + get + "\r\n", " \(head)]"),
        (get + "X-Y:  Z \t\r\nEmpty:\r\n\r\nrest", " \(head), \"x-y: Z\", \"empty: \"] | rest"),
        (get + "Connection: close\r\n\r\n", "close \(head)]"),
        (get + "Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n\r\n", " \(head)]"),
        (get + "Connection: X-A, close\r\nX-A: 1\r\nX-B: 2\r\n\r\n", "close \(head), \"x-b: 2\"]"),
        (get + "Proxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: upgrade\r\n\r\n", " \(head)]"),
        (get + "TE: gzip, trailers;q=1\r\nConnection: TE\r\n\r\n", " \(head), \"te: trailers\"]"),
        (get + "Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", "websocket \(head)]"),
        (
            post + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
            "5 expects \(head.replacing("GET", with: "POST")), \"content-length: 5\", \"expect: 100-continue\"] | hello"
        ),
        (post + "Transfer-Encoding: Chunked\r\n\r\n", "chunked \(head.replacing("GET", with: "POST"))]"),
        ("GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "close \(head)]"),
        ("GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n", " \(head)]"),
        ("GET / HTTP/1.0\r\n\r\n", #"close [":method: GET", ":scheme: http", ":path: /"]"#),
        (
            "GET http://b.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
            #" [":method: GET", ":scheme: http", ":authority: b.example", ":path: /x?y"]"#
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            #" [":method: OPTIONS", ":scheme: http", ":authority: a", ":path: *"]"#
        ),
        (
            "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            #" [":method: OPTIONS", ":scheme: http", ":authority: a", ":path: *"]"#
        ),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", #" [":method: CONNECT", ":authority: a:443"]"#),
        (get + "Authorization: secret\r\n\r\n", " \(head), \"!authorization: secret\"]"),
    ]

    @Test(arguments: good)
    func `a head is read to HTTP/2's form`(text: String, expected: String) {
        #expect(Self.read(text) == expected)
    }

    static let bad: [(String, String)] = [
        // How requests are smuggled (RFC 9112, 11.2).
        (post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "bothLengths"),
        (post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "bothLengths"),
        (post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "contentLength"),
        (post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "contentLength"),
        (post + "Content-Length: 5, 5\r\n\r\n", "contentLength"),
        (post + "Content-Length: +5\r\n\r\n", "contentLength"),
        (post + "Content-Length: 0x5\r\n\r\n", "contentLength"),
        (post + "Content-Length: 5 5\r\n\r\n", "contentLength"),
        (post + "Content-Length:\r\n\r\n", "contentLength"),
        (post + "Content-Length: 99999999999999999999\r\n\r\n", "contentLength"),
        (post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: chunked, chunked\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: xchunked\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: chunked;q=1\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: \"chunked\"\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding: identity\r\n\r\n", "transferCoding"),
        (post + "Transfer-Encoding:\u{b}chunked\r\n\r\n", "fieldValue"),
        (post + "Transfer-Encoding : chunked\r\n\r\n", "fieldName"),
        (post + "Transfer_Encoding\t: chunked\r\n\r\n", "fieldName"),
        (post + " Transfer-Encoding: chunked\r\n\r\n", "obsoleteFold"),
        (post + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", "obsoleteFold"),
        (post + "X: y\r\n\tz\r\n\r\n", "obsoleteFold"),
        (post + "X: y\nTransfer-Encoding: chunked\r\n\r\n", "bareLineFeed"),
        (post + "X: y\rTransfer-Encoding: chunked\r\n\r\n", "fieldValue"),
        (post + "X: y\r\r\nZ: a\r\n\r\n", "fieldValue"),
        (post + "X: y\r\n\nZ: a\r\n\r\n", "bareLineFeed"),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "codingOfOldVersion"),
        (post + "X: a\u{0}b\r\n\r\n", "fieldValue"),
        (post + "Connection: content-length\r\nContent-Length: 5\r\n\r\n", "connectionOption"),
        (post + "Connection: host\r\n\r\n", "connectionOption"),
        (post + "Connection: a,b,c,d,e,f,g,h,i\r\n\r\n", "connectionOption"),
        // The request line (RFC 9112, 3).
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "requestLine"),
        ("GET /\r\nHost: a\r\n\r\n", "requestLine"),
        ("GET / x HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "requestLine"),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", "requestLine"),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "version"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version"),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "method"),
        (" / HTTP/1.1\r\nHost: a\r\n\r\n", "method"),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "target"),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n", "requestLine"),
        ("\n\nGET / HTTP/1.1\r\n", "bareLineFeed"),
        // Host (RFC 9112, 3.2).
        ("GET / HTTP/1.1\r\n\r\n", "hostMissing"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "hostMissing"),
        (get + "Host: a.example\r\n\r\n", "hostTwice"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "host"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "host"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "host"),
        (get + "X\r\n\r\n", "fieldWithoutColon"),
        (get + ": y\r\n\r\n", "fieldName"),
        (get + "Ü: y\r\n\r\n", "fieldName"),
        (get + "Expect: 200-ok\r\n\r\n", "expectation"),
        (get + String(repeating: "a: b\r\n", count: 100) + "\r\n", "tooManyFields"),
        (get + "a: " + String(repeating: "x", count: 66_000), "headTooLarge"),
    ]

    @Test(arguments: bad)
    func `what could be read in two ways is not read at all`(text: String, fault: String) {
        #expect(Self.read(text) == fault)
    }

    @Test(arguments: good)
    func `octets that come one by one make the same head`(text: String, expected: String) throws {
        let whole = Array(text.utf8)
        var reader = RequestReader()
        var section = FieldSection()
        for count in 0...whole.count {
            let input = Array(whole.prefix(count))
            guard
                case .head(let request, let end) = try reader.read(input.span, from: 0, scheme: "http", into: &section)
            else { continue }
            #expect(end == count)
            let rest = end < whole.count ? " | \(Array(whole[end...]).text)" : ""
            #expect("\(Self.describe(request)) \(section.texts)\(rest)" == expected)
            return
        }
        Issue.record("never whole")
    }
}
