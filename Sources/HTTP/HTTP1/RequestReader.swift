// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reads the heads of HTTP/1.1's requests into sections of HTTP/2's form: `:method`, `:scheme`, `:authority`, `:path`,
/// then fields in lower case without those that speak of this connection (RFC 9112, 3 and 5).
///
/// Strict where leniency lets one request pass for two (RFC 9112, 11.2).
struct RequestReader: Sendable {
    /// Empty lines before a request that are passed over (RFC 9112, 2.2).
    private static let emptyLines = 2
    /// Of `:authority` among the section's lines.
    private static let authority = 2

    private var search = HeadSearch()

    /// Reads the head that begins at `start`.
    ///
    /// - Parameter scheme: `http` or `https`, as the connection is.
    mutating func read(
        _ input: Span<UInt8>, from start: Int, scheme: StaticString, into section: inout FieldSection
    ) throws(HTTP1Fault) -> HTTP1Progress<HTTP1Request> {
        guard search.isWorthParsing(input, from: start) else {
            // Names and values count 32 a line beyond their octets, so what is longer cannot fit.
            guard input.count - start <= section.limits.bytes else { throw .headTooLarge }
            return .needsMore
        }
        section.clear()
        var lines = HTTP1Lines(at: start)
        var begin = try lines.next(input)
        var empty = 0
        while let line = begin, line.isEmpty {
            empty += 1
            guard empty <= Self.emptyLines else { throw .requestLine }
            begin = try lines.next(input)
        }
        guard let line = begin else { return .needsMore }
        var head = RequestHead()
        let target = try requestLine(input, line, scheme: scheme, &section, &head)
        var fields = HTTP1Fields()
        guard try fields.read(input, &lines, authority: Self.authority, into: &section) else {
            guard input.count - start <= section.limits.bytes else { throw .headTooLarge }
            return .needsMore
        }
        search.begin()
        let request = try finish(head, fields, target, input, &section)
        return .head(request, end: lines.at)
    }

    /// What of the request line is used after the fields.
    private struct Target {
        var isOldVersion: Bool
        /// The target's own authority, in absolute and authority form (RFC 9112, 3.2.2 and 3.2.3).
        var authority: Range<Int>?
    }

    private func requestLine(
        _ input: Span<UInt8>, _ line: Range<Int>, scheme: StaticString, _ section: inout FieldSection,
        _ head: inout RequestHead
    ) throws(HTTP1Fault) -> Target {
        guard let first = Self.blank(input, line) else { throw .requestLine }
        // RFC 9112, 3: one blank each, and the version behind the last one.
        let versionAt = line.upperBound &- 8
        guard versionAt > first &+ 2 && input[versionAt &- 1] == 0x20 else { throw .requestLine }
        let isOldVersion = try Self.version(input, versionAt)
        let target = (first &+ 1)..<(versionAt &- 1)
        var found = Target(isOldVersion: isOldVersion, authority: nil)
        var path: Range<Int>? = target
        let method = line.lowerBound..<first
        head.kind = Self.bytes(input, method) { RequestHead.Method($0) }
        guard Self.bytes(input, method, TargetRules.isMethod) else { throw .method }
        if head.kind == .connect {
            found.authority = target
            path = nil
        } else if input[target.lowerBound] != 0x2f, let rest = Self.absolute(input, target) {
            found.authority = rest.authority
            path = rest.path
        }
        head.method = 0
        guard Self.append(.method, input, method, .indexed, &section) else { throw .headTooLarge }
        if let path {
            head.scheme = 1
            head.path = 3
            guard section.append(.scheme, scheme) && section.reserveLine() else { throw .headTooLarge }
            try append(path: path, input, head.kind, &section)
        } else {
            // CONNECT has neither scheme nor path (RFC 9113, 8.5).
            let isReserved = section.reserveLine() && section.reserveLine()
            guard isReserved else { throw .headTooLarge }
        }
        return found
    }

    private func append(
        path: Range<Int>, _ input: Span<UInt8>, _ method: RequestHead.Method, _ section: inout FieldSection
    ) throws(HTTP1Fault) {
        // `http://a` asks for the root, or with OPTIONS for all (RFC 9112, 3.2.4).
        if path.isEmpty {
            guard section.append(.path, method == .options ? "*" : "/") else { throw .headTooLarge }
            return
        }
        guard Self.bytes(input, path, { TargetRules.isPath($0, for: method) }) else { throw .target }
        guard Self.append(.path, input, path, .plain, &section) else { throw .headTooLarge }
    }

    private func finish(
        _ begun: RequestHead, _ fields: HTTP1Fields, _ target: Target, _ input: Span<UInt8>,
        _ section: inout FieldSection
    ) throws(HTTP1Fault) -> HTTP1Request {
        var head = begun
        // RFC 9112, 3.2: a request of HTTP/1.1 has a Host whatever its target says.
        guard fields.hasHost || target.isOldVersion else { throw .hostMissing }
        if let authority = target.authority {
            guard Self.bytes(input, authority, TargetRules.isAuthority) else { throw .target }
            // RFC 9112, 3.2.2: the target's authority stands for the Host.
            guard Self.fill(Self.authority, input, authority, &section) else { throw .headTooLarge }
        }
        // A client of HTTP/1.0 may leave it out: its request is for whoever serves any host.
        if fields.hasHost || target.authority != nil { head.authority = Int32(Self.authority) }
        head.contentLength = fields.contentLength
        head.expectsContinue = fields.expectsContinue && !target.isOldVersion
        head.takesTrailers = fields.takesTrailers
        if fields.takesTrailers && !section.append(.te, "trailers") { throw .headTooLarge }
        var framing = HTTP1Framing.none
        if fields.isChunked {
            // RFC 9112, 6.1 and 6.3: each of these is how requests are smuggled.
            guard !target.isOldVersion else { throw .codingOfOldVersion }
            guard fields.contentLength < 0 else { throw .bothLengths }
            framing = .chunked
        } else if fields.contentLength > 0 {
            framing = .length(fields.contentLength)
        }
        return HTTP1Request(
            head: head, framing: framing,
            keepsAlive: !fields.closes && (!target.isOldVersion || fields.keepsAlive),
            isOldVersion: target.isOldVersion,
            upgradesToWebSocket: fields.hasUpgradeOption && fields.upgradesToWebSocket && !target.isOldVersion
                && head.kind == .get)
    }
}

/// Parts of a request line.
extension RequestReader {
    private static func blank(_ input: Span<UInt8>, _ line: Range<Int>) -> Int? {
        for at in line where input[at] == 0x20 { return at }
        return nil
    }

    /// `HTTP/1.1` or `HTTP/1.0` at `at`, which has eight octets; whether it is the latter.
    private static func version(_ input: Span<UInt8>, _ at: Int) throws(HTTP1Fault) -> Bool {
        guard bytes(input, at..<(at &+ 5), { FieldText.equal($0, "HTTP/") }) else { throw .requestLine }
        guard input[at &+ 5] == 0x31 && input[at &+ 6] == 0x2e else { throw .version }
        switch input[at &+ 7] {
        case 0x31: return false
        case 0x30: return true
        default: throw .version
        }
    }

    /// The parts of `http://authority/path` (RFC 9112, 3.2.2); nil: it is of another form.
    private static func absolute(
        _ input: Span<UInt8>, _ target: Range<Int>
    ) -> (authority: Range<Int>, path: Range<Int>)? {
        var begin: Int?
        for prefix in ["http://", "https://"] as [StaticString] {
            let end = target.lowerBound + prefix.utf8CodeUnitCount
            guard end < target.upperBound else { continue }
            if bytes(input, target.lowerBound..<end, { FieldText.equalIgnoringCase($0, prefix) }) { begin = end }
        }
        guard let begin else { return nil }
        for at in begin..<target.upperBound where input[at] == 0x2f { return (begin..<at, at..<target.upperBound) }
        // A query without a path is more than we promise to understand: refused as a path below.
        for at in begin..<target.upperBound where input[at] == 0x3f { return (begin..<at, at..<target.upperBound) }
        return (begin..<target.upperBound, target.upperBound..<target.upperBound)
    }

    @inline(__always)
    private static func bytes<Answer>(
        _ input: Span<UInt8>, _ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) -> Answer
    ) -> Answer {
        input.extracting(range).withUnsafeBufferPointer(body)
    }

    private static func append(
        _ name: FieldName, _ input: Span<UInt8>, _ value: Range<Int>, _ form: FieldLine.Form,
        _ section: inout FieldSection
    ) -> Bool {
        bytes(input, value) { section.append(name, $0, form: form) }
    }

    private static func fill(
        _ index: Int, _ input: Span<UInt8>, _ value: Range<Int>, _ section: inout FieldSection
    ) -> Bool {
        bytes(input, value) { section.fill(index, .authority, $0) }
    }
}
