// SPDX-License-Identifier: Apache-2.0

/// Judges a section in HTTP/2's form: RFC 9113, 8.2 and 8.3.
///
/// One walk over the lines; what the bytes may be was judged as they were read.
enum HeadRules {
    /// - Parameter extendedConnect: whether `:protocol` is allowed (RFC 8441, 4).
    static func request(
        _ section: inout FieldSection, extendedConnect: Bool
    ) throws(Malformed) -> RequestHead {
        try lines(section)
        var head = RequestHead()
        var host: Int32 = -1
        var isPast = false
        for index in 0..<section.count {
            let line = section[index]
            let place = Int32(truncatingIfNeeded: index)
            switch line.name {
            case .method: try pseudo(&head.method, place, isPast)
            case .scheme: try pseudo(&head.scheme, place, isPast)
            case .authority: try pseudo(&head.authority, place, isPast)
            case .path: try pseudo(&head.path, place, isPast)
            case .protocolName: try pseudo(&head.protocolName, place, isPast)
            case .status: throw .pseudoUnexpected
            case .host:
                guard host < 0 else { throw .authorityConflict }
                host = place
                isPast = true
            default:
                isPast = true
                try field(line, section, &head)
            }
        }
        try pseudoFields(section, &head, host: host, extendedConnect: extendedConnect)
        if host >= 0 && head.authority != host { section.remove(at: Int(host)) }
        return head
    }

    static func response(_ section: borrowing FieldSection) throws(Malformed) -> ResponseHead {
        try lines(section)
        var status: Int32 = -1
        var isPast = false
        var length = ContentLength.none
        for index in 0..<section.count {
            let line = section[index]
            if line.name == .status {
                try pseudo(&status, Int32(truncatingIfNeeded: index), isPast)
                continue
            }
            guard !line.name.isPseudo else { throw .pseudoUnexpected }
            isPast = true
            guard !line.name.isConnectionSpecific else { throw .connectionSpecific }
            if line.name == .contentLength { try contentLength(section.value(line), &length) }
        }
        guard status >= 0 else { throw .pseudoMissing }
        let code = try Self.status(section.value(section[Int(status)]))
        return ResponseHead(status: code, contentLength: length)
    }

    /// Judges trailers, and takes out what they may not carry (RFC 9110, 6.5.1).
    static func trailers(_ section: inout FieldSection) throws(Malformed) {
        try lines(section)
        for index in 0..<section.count {
            let line = section[index]
            guard !line.name.isPseudo else { throw .pseudoInTrailers }
            guard !line.name.isConnectionSpecific else { throw .connectionSpecific }
            if line.name.isBarredFromTrailers { section.remove(at: index) }
        }
    }

    @inline(__always)
    private static func lines(_ section: borrowing FieldSection) throws(Malformed) {
        guard !section.faults.contains(.name) else { throw .name }
        guard !section.faults.contains(.value) else { throw .value }
    }

    @inline(__always)
    private static func pseudo(_ held: inout Int32, _ place: Int32, _ isPast: Bool) throws(Malformed) {
        guard !isPast else { throw .pseudoAfterField }
        guard held < 0 else { throw .pseudoTwice }
        held = place
    }

    @inline(__always)
    private static func field(
        _ line: FieldLine, _ section: borrowing FieldSection, _ head: inout RequestHead
    ) throws(Malformed) {
        switch line.name {
        case .contentLength: try contentLength(section.value(line), &head.contentLength)
        case .te:
            // RFC 9113, 8.2.2: nothing but `trailers`.
            guard FieldText.equalIgnoringCase(section.value(line), "trailers") else { throw .te }
            head.takesTrailers = true
        case .expect: head.expectsContinue = FieldText.equalIgnoringCase(section.value(line), "100-continue")
        default: guard !line.name.isConnectionSpecific else { throw .connectionSpecific }
        }
    }

    @inline(__always)
    private static func contentLength(
        _ value: UnsafeBufferPointer<UInt8>, _ held: inout Int64
    ) throws(Malformed) {
        // A second one is refused though it were the same: who forwards it would have to be sure of all who read it.
        guard held < 0, let length = ContentLength.parse(value) else { throw .contentLength }
        held = length
    }

    private static func pseudoFields(
        _ section: borrowing FieldSection, _ head: inout RequestHead, host: Int32, extendedConnect: Bool
    ) throws(Malformed) {
        guard head.method >= 0 else { throw .pseudoMissing }
        let method = section.value(section[Int(head.method)])
        guard TargetRules.isMethod(method) else { throw .method }
        head.kind = RequestHead.Method(method)
        if head.authority >= 0 && !TargetRules.isAuthority(section.value(section[Int(head.authority)])) {
            throw .authority
        }
        if head.kind == .connect && head.protocolName < 0 {
            // RFC 9113, 8.5: method and authority, nothing else.
            guard head.scheme < 0 && head.path < 0 else { throw .pseudoUnexpected }
            guard head.authority >= 0 else { throw .authorityMissing }
        } else {
            guard head.protocolName < 0 || (extendedConnect && head.kind == .connect) else { throw .pseudoUnexpected }
            guard head.scheme >= 0 && head.path >= 0 else { throw .pseudoMissing }
            guard TargetRules.isScheme(section.value(section[Int(head.scheme)])) else { throw .scheme }
            guard TargetRules.isPath(section.value(section[Int(head.path)]), for: head.kind) else { throw .path }
        }
        try authority(section, &head, host: host)
    }

    /// RFC 9113, 8.3.1: one of `:authority` and `host`, or both saying the same.
    private static func authority(
        _ section: borrowing FieldSection, _ head: inout RequestHead, host: Int32
    ) throws(Malformed) {
        guard host >= 0 else {
            guard head.authority >= 0 else { throw .authorityMissing }
            return
        }
        let value = section.value(section[Int(host)])
        guard TargetRules.isAuthority(value) else { throw .authority }
        guard head.authority >= 0 else {
            head.authority = host
            return
        }
        guard FieldText.equalIgnoringCase(value, section.value(section[Int(head.authority)])) else {
            throw .authorityConflict
        }
    }

    /// Three digits from 100 (RFC 9110, 15); 101 has no meaning in HTTP/2 (RFC 9113, 8.6).
    private static func status(_ value: UnsafeBufferPointer<UInt8>) throws(Malformed) -> UInt16 {
        guard value.count == 3 else { throw .status }
        var code: UInt16 = 0
        for byte in value {
            guard byte &- 0x30 < 10 else { throw .status }
            code = code * 10 + UInt16(byte &- 0x30)
        }
        guard code >= 100 && code != 101 else { throw .status }
        return code
    }
}
