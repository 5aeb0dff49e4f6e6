// SPDX-License-Identifier: Apache-2.0

/// The beginning of an HTTP/1.x answer as far as a probe needs it: the status line, and headers up to a bound
/// (RFC 9112, 2-5). Bytes come in pieces of any size; interim answers (1xx) are skipped.
struct ResponseHead {
    enum Progress: Hashable {
        case needsMore
        case status(Int)
        /// Why this is no answer that a server should give.
        case malformed(String)
    }

    /// Of the whole head, interim answers included.
    static let bytesMax = 16 * 1024

    private enum Place {
        case statusLine
        case headers(status: Int)
    }

    private var place = Place.statusLine
    private var line: [UInt8] = []
    private var total = 0

    /// Takes the next bytes; what follows the head is left alone.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Progress {
        for byte in bytes {
            total += 1
            if total > Self.bytesMax { return .malformed("headers longer than \(Self.bytesMax) bytes") }
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                // Said early: a server of another protocol may wait for us.
                if case .statusLine = place, !Self.mayBegin(line) { return .malformed("not an HTTP answer") }
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            let progress = finishLine()
            line.removeAll(keepingCapacity: true)
            if progress != .needsMore { return progress }
        }
        return .needsMore
    }

    private mutating func finishLine() -> Progress {
        switch place {
        case .statusLine:
            guard let status = Self.status(of: line) else { return .malformed("not an HTTP status line") }
            place = .headers(status: status)
        case .headers(let status) where line.isEmpty:
            if status >= 200 { return .status(status) }
            place = .statusLine
        case .headers:
            guard Self.isHeader(line) else { return .malformed("a header line without a name") }
        }
        return .needsMore
    }

    private static func mayBegin(_ line: [UInt8]) -> Bool {
        let beginning = "HTTP/1.".utf8
        return zip(line, beginning).allSatisfy { $0 == $1 }
    }

    /// `HTTP/1.1 200 OK`; the reason may be missing, and its space too.
    private static func status(of line: [UInt8]) -> Int? {
        guard line.count >= 12, mayBegin(line), isDigit(line[7]), line[8] == UInt8(ascii: " "),
            line.count == 12 || line[12] == UInt8(ascii: " "), line[9...11].allSatisfy(isDigit)
        else { return nil }
        let status = line[9...11].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return (100...599).contains(status) ? status : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// A name and a colon, or the obsolete continuation of the line before.
    private static func isHeader(_ line: [UInt8]) -> Bool {
        if line[0] == UInt8(ascii: " ") || line[0] == UInt8(ascii: "\t") { return true }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
        return colon > 0
    }
}
