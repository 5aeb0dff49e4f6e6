// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Health

struct ResponseHeadTests {
    static let cases: [(String, ResponseHead.Progress)] = [
        ("HTTP/1.1 200 OK\r\n\r\n", .status(200)),
        ("HTTP/1.0 204 No Content\r\nServer: a\r\n\r\nbody", .status(204)),
        ("HTTP/1.1 503\r\nA: b\r\n\r\n", .status(503)),
        ("HTTP/1.1 200 OK\nA: b\n\n", .status(200)),
        ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", .status(200)),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .status(200)),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", .needsMore),
        ("HTT", .needsMore),
        ("SSH-2.0-OpenSSH_9.2", .malformed("not an HTTP answer")),
        ("HTTP/2 200\r\n\r\n", .malformed("not an HTTP answer")),
        ("HTTP/1.1 2x0 OK\r\n\r\n", .malformed("not an HTTP status line")),
        ("HTTP/1.1 999 No\r\n\r\n", .malformed("not an HTTP status line")),
        ("HTTP/1.1 2000\r\n\r\n", .malformed("not an HTTP status line")),
        ("HTTP/1.1 20\r\n\r\n", .malformed("not an HTTP status line")),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .malformed("a header line without a name")),
        ("HTTP/1.1 200 OK\r\n: nameless\r\n\r\n", .malformed("a header line without a name")),
        (
            "HTTP/1.1 200 OK\r\nA: " + String(repeating: "x", count: 20_000),
            .malformed("headers longer than 16384 bytes")
        ),
    ]

    @Test(arguments: 0..<cases.count)
    func `a head is understood whether it comes at once or byte by byte`(index: Int) {
        let (text, expected) = Self.cases[index]
        #expect(progress(of: text, piece: text.utf8.count) == expected)
        #expect(progress(of: text, piece: 1) == expected)
        #expect(progress(of: text, piece: 7) == expected)
    }

    private func progress(of text: String, piece: Int) -> ResponseHead.Progress {
        var head = ResponseHead()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let progress = rest.prefix(piece).withUnsafeBytes { head.take($0) }
            if progress != .needsMore { return progress }
            rest = rest.dropFirst(piece)
        }
        return .needsMore
    }
}
