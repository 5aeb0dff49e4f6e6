// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the fields of a head say of this connection and of the content's length; gathered while they are read.
struct HTTP1Fields {
    var contentLength = ContentLength.none
    var isChunked = false
    var closes = false
    var keepsAlive = false
    var hasUpgradeOption = false
    var upgradesToWebSocket = false
    var expectsContinue = false
    var takesTrailers = false
    var hasHost = false
    /// Whether Connection names fields that have to go.
    private var namesFields = false

    /// Reads field lines to the empty one; false: it is not there yet.
    ///
    /// - Parameter authority: where a request's Host goes; nil: to a line as it is.
    mutating func read(
        _ input: Span<UInt8>, _ lines: inout HTTP1Lines, authority: Int?, into section: inout FieldSection
    ) throws(HTTP1Fault) -> Bool {
        while let line = try lines.next(input) {
            if line.isEmpty {
                if namesFields { removeNamed(&section) }
                return true
            }
            try field(input, line, authority: authority, &section)
        }
        return false
    }

    @inline(__always)
    private mutating func field(
        _ input: Span<UInt8>, _ line: Range<Int>, authority: Int?, _ section: inout FieldSection
    ) throws(HTTP1Fault) {
        let tail = section.tail
        // Name and value go there, and the longer name `:authority` for `host`.
        guard tail.count >= line.count &+ 8, let start = tail.baseAddress else { throw .headTooLarge }
        let nameCount = try name(input, line, to: start)
        var begin = line.lowerBound &+ nameCount &+ 1
        var end = line.upperBound
        while begin < end && FieldRules.isBlank(input[begin]) { begin &+= 1 }
        while end > begin && FieldRules.isBlank(input[end &- 1]) { end &-= 1 }
        let name = Tables.shared.names.name(start, nameCount, hash: FieldHash.hash(start, nameCount))
        let isAuthority = name == .host && authority != nil
        let value = start + (isAuthority ? Self.authority.utf8CodeUnitCount : nameCount)
        let count = end &- begin
        input.withUnsafeBufferPointer { bytes in
            // begin..<end lies within the line.
            if let base = bytes.baseAddress { memcpy(value, base + begin, count) }
        }
        guard FieldRules.isValue(value, count) else { throw .fieldValue }
        var fieldLine = FieldLine(
            start: 0, nameCount: UInt32(truncatingIfNeeded: nameCount),
            valueCount: UInt32(truncatingIfNeeded: count), hash: 0, name: name, form: FieldLine.Form(for: name),
            faults: [])
        guard try take(name, UnsafeBufferPointer(start: value, count: count)) else { return }
        if isAuthority, let authority {
            memcpy(start, Self.authority.utf8Start, Self.authority.utf8CodeUnitCount)
            fieldLine.name = .authority
            fieldLine.nameCount = UInt32(Self.authority.utf8CodeUnitCount)
            if section.fill(authority, fieldLine) { return }
        } else if section.commit(fieldLine) {
            return
        }
        throw section.excess == .lines ? .tooManyFields : .headTooLarge
    }

    private static let authority: StaticString = ":authority"

    /// Copies a name in lower case; answers its length.
    /// - Parameter out: has room for the line.
    @inline(__always)
    private func name(
        _ input: Span<UInt8>, _ line: Range<Int>, to out: UnsafeMutablePointer<UInt8>
    ) throws(HTTP1Fault) -> Int {
        // RFC 9112, 5.2: a line that goes on from the one before.
        if FieldRules.isBlank(input[line.lowerBound]) { throw .obsoleteFold }
        var count = 0
        for at in line {
            let byte = input[at]
            if byte == 0x3a {
                guard count > 0 else { throw .fieldName }
                return count
            }
            // No blank before the colon either (RFC 9112, 5.1).
            guard ByteSet.token.contains(byte) else { throw .fieldName }
            out[count] = FieldText.lower(byte)
            count &+= 1
        }
        throw .fieldWithoutColon
    }

    /// Notes what a field says; false: it concerns this connection alone and becomes no line.
    @inline(__always)
    private mutating func take(
        _ name: FieldName, _ value: UnsafeBufferPointer<UInt8>
    ) throws(HTTP1Fault) -> Bool {
        switch name {
        case .host:
            guard !hasHost else { throw .hostTwice }
            guard TargetRules.isAuthority(value) else { throw .host }
            hasHost = true
        case .contentLength:
            // A second one is refused though it were the same (RFC 9112, 6.3).
            guard contentLength < 0, let length = ContentLength.parse(value) else { throw .contentLength }
            contentLength = length
        case .transferEncoding:
            // `chunked` alone and once: anything else is read in as many ways as there are readers.
            guard !isChunked && FieldText.equalIgnoringCase(value, "chunked") else { throw .transferCoding }
            isChunked = true
            return false
        case .connection:
            try options(value)
            return false
        case .te:
            TokenList.each(value) { if FieldText.equalIgnoringCase($0, "trailers") { takesTrailers = true } }
            return false
        case .upgrade:
            TokenList.each(value) {
                if FieldText.equalIgnoringCase($0, "websocket") { upgradesToWebSocket = true }
            }
            return false
        case .keepAlive, .proxyConnection, .http2Settings: return false
        case .expect:
            guard FieldText.equalIgnoringCase(value, "100-continue") else { throw .expectation }
            expectsContinue = true
        default: break
        }
        return true
    }

    private mutating func options(_ value: UnsafeBufferPointer<UInt8>) throws(HTTP1Fault) {
        var isWrong = false
        TokenList.each(value) { option in
            if FieldText.equalIgnoringCase(option, "close") {
                closes = true
            } else if FieldText.equalIgnoringCase(option, "keep-alive") {
                keepsAlive = true
            } else if FieldText.equalIgnoringCase(option, "upgrade") {
                hasUpgradeOption = true
            } else if !FieldText.equalIgnoringCase(option, "te") {
                isWrong = isWrong || Self.isVital(option) || !named.add(option)
                namesFields = true
            }
        }
        guard !isWrong else { throw .connectionOption }
    }

    /// That the message's target or length should go is an attack.
    private static func isVital(_ option: UnsafeBufferPointer<UInt8>) -> Bool {
        FieldText.equalIgnoringCase(option, "host") || FieldText.equalIgnoringCase(option, "content-length")
            || FieldText.equalIgnoringCase(option, "transfer-encoding")
    }

    /// The fields that Connection names.
    private var named = NamedFields()

    /// RFC 9110, 7.6.1: they go.
    private func removeNamed(_ section: inout FieldSection) {
        for index in 0..<section.count where named.holds(section.name(section[index])) {
            section.remove(at: index)
        }
    }
}

/// The hashes of the few names that a Connection field lists.
struct NamedFields {
    private var hashes = SIMD8<UInt32>(repeating: 0)
    private var counts = SIMD8<UInt32>(repeating: 0)
    private var count = 0

    /// False: there are more than eight, or one too long for any purpose.
    mutating func add(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count < 8 && name.count <= 64 else { return false }
        hashes[count] = Self.hash(name)
        counts[count] = UInt32(name.count)
        count += 1
        return true
    }

    func holds(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count > 0 && name.count <= 64 else { return false }
        return any((hashes .== Self.hash(name)) .& (counts .== UInt32(name.count)))
    }

    /// Of the name in lower case, a byte at a time (Fowler, Noll, Vo).
    private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash: UInt32 = 0x811c_9dc5
        for byte in name { hash = (hash ^ UInt32(FieldText.lower(byte))) &* 0x0100_0193 }
        return hash
    }
}

/// Lists of tokens (RFC 9110, 5.6.1), parameters left aside.
enum TokenList {
    @inline(__always)
    static func each(_ value: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        var at = 0
        while at < value.count {
            while at < value.count && (FieldRules.isBlank(value[at]) || value[at] == 0x2c) { at &+= 1 }
            var end = at
            while end < value.count && ByteSet.token.contains(value[end]) { end &+= 1 }
            if end > at { body(UnsafeBufferPointer(rebasing: value[at..<end])) }
            at = end
            while at < value.count && value[at] != 0x2c { at &+= 1 }
        }
    }
}
