// SPDX-License-Identifier: Apache-2.0

/// Reads the heads of HTTP/1.1's responses into sections of HTTP/2's form: `:status`, then fields in lower case
/// (RFC 9112, 4). What is ambiguous is refused: its connection cannot be used again.
struct ResponseReader: Sendable {
    private var search = HeadSearch()

    /// Reads the head that begins at `start`.
    ///
    /// - Parameter method: of the request that it answers.
    mutating func read(
        _ input: Span<UInt8>, from start: Int, answering method: RequestHead.Method,
        into section: inout FieldSection
    ) throws(HTTP1Fault) -> HTTP1Progress<HTTP1Response> {
        guard search.isWorthParsing(input, from: start) else {
            guard input.count - start <= section.limits.bytes else { throw .headTooLarge }
            return .needsMore
        }
        section.clear()
        var lines = HTTP1Lines(at: start)
        guard let line = try lines.next(input) else { return .needsMore }
        let (status, isOldVersion) = try statusLine(input, line, &section)
        var fields = HTTP1Fields()
        guard try fields.read(input, &lines, authority: nil, into: &section) else {
            guard input.count - start <= section.limits.bytes else { throw .headTooLarge }
            return .needsMore
        }
        search.begin()
        let head = ResponseHead(status: status, contentLength: fields.contentLength)
        let framing = try framing(head, fields, method, isOldVersion: isOldVersion)
        let keepsAlive = !fields.closes && (!isOldVersion || fields.keepsAlive) && framing != .untilClose
        return .head(HTTP1Response(head: head, framing: framing, keepsAlive: keepsAlive), end: lines.at)
    }

    /// `HTTP/1.1 200 OK`; the reason may be missing, and its blank with it, as many servers leave it out.
    private func statusLine(
        _ input: Span<UInt8>, _ line: Range<Int>, _ section: inout FieldSection
    ) throws(HTTP1Fault) -> (status: UInt16, isOldVersion: Bool) {
        guard line.count >= 12 else { throw .statusLine }
        let begin = line.lowerBound
        let isHTTP = input.extracting(begin..<(begin + 7)).withUnsafeBufferPointer { FieldText.equal($0, "HTTP/1.") }
        guard isHTTP else { throw .statusLine }
        let minor = input[begin + 7]
        guard minor == 0x30 || minor == 0x31 else { throw .version }
        guard input[begin + 8] == 0x20 && (line.count == 12 || input[begin + 12] == 0x20) else { throw .statusLine }
        var status: UInt16 = 0
        for at in (begin + 9)..<(begin + 12) {
            guard input[at] &- 0x30 < 10 else { throw .status }
            status = status * 10 + UInt16(input[at] &- 0x30)
        }
        guard status >= 100 else { throw .status }
        for at in (begin + 12)..<line.upperBound where FieldRules.isControl(input[at]) { throw .statusLine }
        let isThere = input.extracting((begin + 9)..<(begin + 12)).withUnsafeBufferPointer {
            section.append(.status, $0)
        }
        guard isThere else { throw .headTooLarge }
        return (status, minor == 0x30)
    }

    /// RFC 9112, 6.3, from its first rule to its last.
    private func framing(
        _ head: ResponseHead, _ fields: HTTP1Fields, _ method: RequestHead.Method, isOldVersion: Bool
    ) throws(HTTP1Fault) -> HTTP1Framing {
        if fields.isChunked {
            guard fields.contentLength < 0 else { throw .bothLengths }
            guard !isOldVersion else { throw .codingOfOldVersion }
        }
        if head.status == 101 { return .tunnel }
        if head.hasNoContent(for: method) { return .none }
        if method == .connect && head.status < 300 { return .tunnel }
        if fields.isChunked { return .chunked }
        if fields.contentLength == 0 { return .none }
        return fields.contentLength > 0 ? .length(fields.contentLength) : .untilClose
    }
}
