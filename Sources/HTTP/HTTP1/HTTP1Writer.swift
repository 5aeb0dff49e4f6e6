// SPDX-License-Identifier: Apache-2.0

/// Writes heads, chunks and trailers of HTTP/1.1 from sections of HTTP/2's form.
///
/// Everything is written anew and nothing copied raw, from bytes that were judged as they were read: no value holds a
/// line end, no target a blank, and a message has one length (RFC 9113, 10.3; RFC 9112, 11.2).
enum HTTP1Writer {
    /// Octets of a head beyond its lines: the first line's own, framing, connection.
    private static let headRoom = 256
    /// Octets of the longest chunk's frame: sixteen digits and two line ends.
    static let chunkRoom = 20

    /// Octets that the head of this section takes at most.
    static func bound(_ section: borrowing FieldSection) -> Int { section.used &+ section.count &* 4 &+ headRoom }

    /// How the connection is to go on after the message.
    enum Connection: Sendable { case unsaid, close, keepAlive, upgradeToWebSocket }

    /// False: no room, nothing written.
    static func request(
        _ section: borrowing FieldSection, _ head: RequestHead, _ framing: HTTP1Framing, _ connection: Connection,
        to writer: inout ByteWriter
    ) -> Bool {
        guard head.method >= 0 && writer.room >= bound(section) else { return false }
        if connection == .upgradeToWebSocket {
            // Whatever brought it here: the handshake of HTTP/1.1 is a GET (RFC 6455, 4.1; RFC 8441, 5).
            writer.append("GET")
        } else {
            writer.append(section.value(section[Int(head.method)]))
        }
        writer.append(" ")
        // CONNECT asks for the authority (RFC 9112, 3.2.3).
        let target = head.path >= 0 ? head.path : head.authority
        if target >= 0 { writer.append(section.value(section[Int(target)])) }
        writer.append(" HTTP/1.1\r\nhost: ")
        if head.authority >= 0 { writer.append(section.value(section[Int(head.authority)])) }
        writer.append(lineEnd)
        let needsLength = framing == .none && (head.kind == .post || head.kind == .put || head.kind == .patch)
        lines(section, to: &writer)
        length(needsLength ? .length(0) : framing, to: &writer)
        self.connection(connection, to: &writer)
        writer.append(lineEnd)
        return true
    }

    /// - Parameter framing: `.none` writes no length, as 204, 304 and answers to HEAD have theirs in the section.
    static func response(
        _ section: borrowing FieldSection, status: UInt16, _ framing: HTTP1Framing, _ connection: Connection,
        to writer: inout ByteWriter
    ) -> Bool {
        guard status >= 100 && status <= 999 && writer.room >= bound(section) else { return false }
        writer.append("HTTP/1.1 ")
        writer.append(decimal: Int(status))
        writer.append(" ")
        writer.append(reason(status))
        writer.append(lineEnd)
        lines(section, keepsLength: framing == .none && status >= 200 && status != 204, to: &writer)
        length(framing, to: &writer)
        self.connection(connection, to: &writer)
        writer.append(lineEnd)
        return true
    }

    /// What comes before a chunk's content; `lineEnd` comes after it.
    ///
    /// - Parameter count: above 0: a chunk of nothing would be the last.
    /// - Parameter writer: has room for `chunkRoom`.
    static func chunkHeader(_ count: Int, to writer: inout ByteWriter) {
        precondition(count > 0)
        var shift = (63 - count.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: count &>> shift & 15)
            writer.append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
            shift -= 4
        }
        writer.append(lineEnd)
    }

    /// The last chunk, without trailers: `0`, and two line ends.
    static let lastChunk: StaticString = "0\r\n\r\n"
    static let lineEnd: StaticString = "\r\n"

    /// The last chunk with the section's lines as trailers; false: no room, nothing written.
    static func trailers(_ section: borrowing FieldSection, to writer: inout ByteWriter) -> Bool {
        guard writer.room >= bound(section) else { return false }
        writer.append("0\r\n")
        lines(section, to: &writer)
        writer.append(lineEnd)
        return true
    }

    // MARK: Parts

    /// All lines that end at the other end of the message and not of this connection.
    @inline(__always)
    private static func lines(
        _ section: borrowing FieldSection, keepsLength: Bool = false, to writer: inout ByteWriter
    ) {
        var firstCookie = -1
        for index in 0..<section.count {
            let line = section[index]
            guard !line.isRemoved && !line.name.isPseudo && !line.name.isConnectionSpecific else { continue }
            switch line.name {
            case .host, .te: continue
            case .contentLength where !keepsLength: continue
            case .cookie:
                if firstCookie < 0 {
                    firstCookie = index
                    cookies(section, from: index, to: &writer)
                }
                continue
            default: break
            }
            writer.append(section.name(line))
            writer.append(": ")
            writer.append(section.value(line))
            writer.append(lineEnd)
        }
    }

    /// Crumbs become one line again (RFC 9113, 8.2.3).
    private static func cookies(_ section: borrowing FieldSection, from first: Int, to writer: inout ByteWriter) {
        writer.append("cookie: ")
        for index in first..<section.count {
            let line = section[index]
            guard line.name == .cookie && !line.isRemoved else { continue }
            if index > first { writer.append("; ") }
            writer.append(section.value(line))
        }
        writer.append(lineEnd)
    }

    @inline(__always)
    private static func length(_ framing: HTTP1Framing, to writer: inout ByteWriter) {
        switch framing {
        case .length(let count):
            writer.append("content-length: ")
            writer.append(decimal: Int(count))
            writer.append(lineEnd)
        case .chunked: writer.append("transfer-encoding: chunked\r\n")
        case .none, .untilClose, .tunnel: break
        }
    }

    private static func connection(_ connection: Connection, to writer: inout ByteWriter) {
        switch connection {
        case .unsaid: break
        case .close: writer.append("connection: close\r\n")
        case .keepAlive: writer.append("connection: keep-alive\r\n")
        case .upgradeToWebSocket: writer.append("connection: upgrade\r\nupgrade: websocket\r\n")
        }
    }

    /// RFC 9110, 15. Means nothing to a program; an unknown status has none.
    private static func reason(_ status: UInt16) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}
