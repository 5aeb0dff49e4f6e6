// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

struct ResponseReaderTests {
    static func read(_ text: String, _ method: RequestHead.Method) -> String {
        var reader = ResponseReader()
        var section = FieldSection()
        do throws(HTTP1Fault) {
            let progress = try reader.read(Array(text.utf8).span, from: 0, answering: method, into: &section)
            guard case .head(let response, _) = progress else { return "needs more" }
            return "\(response.framing)\(response.keepsAlive ? "" : " close") \(section.texts)"
        } catch {
            return "\(error)"
        }
    }

    static let cases: [(String, RequestHead.Method, String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .get, #"length(5) [":status: 200", "content-length: 5"]"#),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .get, #"none [":status: 200", "content-length: 0"]"#),
        ("HTTP/1.1 200 \r\n\r\n", .get, #"untilClose close [":status: 200"]"#),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n", .get, #"chunked [":status: 200", "a: b"]"#),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", .get,
            #"length(5) close [":status: 200", "content-length: 5"]"#
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .head, #"none [":status: 200", "content-length: 5"]"#),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .get,
            #"none [":status: 304", "content-length: 5"]"#
        ),
        ("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", .get, #"none close [":status: 204"]"#),
        ("HTTP/1.1 100 Continue\r\n\r\n", .post, #"none [":status: 100"]"#),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", .get,
            #"tunnel [":status: 101"]"#
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .get, "bothLengths"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", .get, "contentLength"),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .get, "codingOfOldVersion"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .get, "transferCoding"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .get, "obsoleteFold"),
        ("HTTP/1.1 200 OK\nA: b\n\n", .get, "bareLineFeed"),
        ("HTTP/1.1 20 OK\r\n\r\n", .get, "statusLine"),
        ("HTTP/1.1 099 OK\r\n\r\n", .get, "status"),
        ("HTTP/1.1 2000\r\n\r\n", .get, "statusLine"),
        ("HTTP/1.1 200 O\u{7}K\r\n\r\n", .get, "statusLine"),
        ("HTTP/2 200 OK\r\n\r\n", .get, "statusLine"),
        ("SSH-2.0-OpenSSH\r\n", .get, "statusLine"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", .get, "needs more"),
    ]

    @Test(arguments: cases)
    func `a response's head has one meaning or none`(text: String, method: RequestHead.Method, expected: String) {
        #expect(Self.read(text, method) == expected)
    }
}
