// SPDX-License-Identifier: Apache-2.0

/// Takes the chunks off a message's content (RFC 9112, 7.1).
///
/// Strict about line ends, sizes and what lies between: two readers that part chunks differently see two messages.
struct ChunkedDecoder: Sendable {
    enum Step: Sendable, Equatable {
        case needsMore
        /// Content, as a range of the input.
        case data(Range<Int>)
        /// The last chunk is past; trailers are in the section if there are any.
        case end
    }

    /// Octets of one chunk's extensions, which nobody uses and everybody has to read.
    static let longestExtension = 256

    private enum State: Sendable { case size, extensions, sizeEnd, data, dataReturn, dataFeed, trailers, done }

    private var state = State.size
    private var left: Int = 0
    private var digits = 0
    private var extensionOctets = 0
    private var search = HeadSearch()

    var isDone: Bool { state == .done }

    /// Takes the input from `at` on, and moves `at` behind what it used.
    mutating func next(
        _ input: Span<UInt8>, _ at: inout Int, into section: inout FieldSection
    ) throws(HTTP1Fault) -> Step {
        while at < input.count {
            switch state {
            case .data:
                let count = min(left, input.count &- at)
                let range = at..<(at &+ count)
                at &+= count
                left &-= count
                if left == 0 { state = .dataReturn }
                return .data(range)
            case .trailers: return try trailers(input, &at, &section)
            case .done: return .end
            default:
                try octet(input[at])
                at &+= 1
            }
        }
        return state == .done ? .end : .needsMore
    }

    /// An octet of a chunk's frame.
    @inline(__always)
    private mutating func octet(_ octet: UInt8) throws(HTTP1Fault) {
        switch state {
        case .size: try size(octet)
        case .extensions:
            if octet == 0x0d {
                state = .sizeEnd
                return
            }
            extensionOctets &+= 1
            guard !FieldRules.isControl(octet) && extensionOctets <= Self.longestExtension else {
                throw .chunkExtension
            }
        case .sizeEnd:
            guard octet == 0x0a else { throw .chunkSize }
            state = left > 0 ? .data : .trailers
            digits = 0
        case .dataReturn:
            guard octet == 0x0d else { throw .chunkEnd }
            state = .dataFeed
        default:
            guard octet == 0x0a else { throw .chunkEnd }
            state = .size
        }
    }

    /// Hexadecimal digits, fifteen at most, so that they fit; then an extension or the line's end.
    @inline(__always)
    private mutating func size(_ octet: UInt8) throws(HTTP1Fault) {
        if let digit = Self.digit(octet) {
            digits &+= 1
            guard digits <= 15 else { throw .chunkSize }
            left = left &<< 4 | digit
            return
        }
        guard digits > 0 else { throw .chunkSize }
        extensionOctets = 0
        switch octet {
        case 0x0d: state = .sizeEnd
        case 0x3b: state = .extensions
        default: throw .chunkSize
        }
    }

    @inline(__always)
    private static func digit(_ octet: UInt8) -> Int? {
        if octet &- 0x30 < 10 { return Int(octet &- 0x30) }
        let letter = octet | 0x20
        return letter &- 0x61 < 6 ? Int(letter &- 0x61 &+ 10) : nil
    }

    /// RFC 9112, 7.1.2: whole or not at all; what they may not say is left out.
    private mutating func trailers(
        _ input: Span<UInt8>, _ at: inout Int, _ section: inout FieldSection
    ) throws(HTTP1Fault) -> Step {
        let isTooLong = input.count - at > section.limits.bytes
        guard search.isWorthParsing(input, from: at) || Self.isEmpty(input, at) else {
            guard !isTooLong else { throw .headTooLarge }
            return .needsMore
        }
        section.clear()
        var lines = HTTP1Lines(at: at)
        var fields = HTTP1Fields()
        guard try fields.read(input, &lines, authority: nil, into: &section) else {
            guard !isTooLong else { throw .headTooLarge }
            return .needsMore
        }
        for index in 0..<section.count where section[index].name.isBarredFromTrailers { section.remove(at: index) }
        at = lines.at
        state = .done
        return .end
    }

    /// Whether the trailers are none: a line end alone, which no search for an empty line after another would find.
    private static func isEmpty(_ input: Span<UInt8>, _ at: Int) -> Bool {
        at + 1 < input.count && input[at] == 0x0d && input[at + 1] == 0x0a
    }
}
