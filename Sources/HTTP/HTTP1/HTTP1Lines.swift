// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Lines of a head, each ended by CR LF and nothing else (RFC 9112, 2.2): a reader that takes a bare LF and one that
/// does not see two messages where there is one.
struct HTTP1Lines {
    var at: Int

    /// The next line without its end; nil: it is not all there.
    @inline(__always)
    mutating func next(_ input: Span<UInt8>) throws(HTTP1Fault) -> Range<Int>? {
        guard let end = Self.lineFeed(input, from: at) else { return nil }
        guard end > at && input[end &- 1] == 0x0d else { throw .bareLineFeed }
        let line = at..<(end &- 1)
        at = end &+ 1
        return line
    }

    @inline(__always)
    static func lineFeed(_ input: Span<UInt8>, from start: Int) -> Int? {
        precondition(start >= 0 && start <= input.count)
        return input.withUnsafeBufferPointer { bytes -> Int? in
            guard let base = bytes.baseAddress else { return nil }
            // `count - start` bytes from `start` on: within the input.
            guard let found = memchr(base + start, 0x0a, bytes.count &- start) else { return nil }
            return UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }
}

/// How far the end of a head was looked for, so that octets which come one by one are not all read again each time.
struct HeadSearch: Sendable {
    private var searched = 0

    /// Whether it is worth parsing what lies from `start` on: at the first look, and then once a line is empty.
    ///
    /// - Parameter start: the same in every call for one head.
    mutating func isWorthParsing(_ input: Span<UInt8>, from start: Int) -> Bool {
        guard searched > 0 else {
            searched = 1
            return true
        }
        // From the line feed that the last look may have ended with.
        var at = start + max(0, searched - 3)
        searched = max(1, input.count - start)
        while let end = HTTP1Lines.lineFeed(input, from: at) {
            let next = end + 1
            if next < input.count && input[next] == 0x0a { return true }
            if next + 1 < input.count && input[next] == 0x0d && input[next + 1] == 0x0a { return true }
            at = next
        }
        return false
    }

    /// The next head is another one.
    mutating func begin() { searched = 0 }
}
