// SPDX-License-Identifier: Apache-2.0

/// What the beginning of a stream says so far.
public enum Parsed<Value: Sendable>: Sendable {
    /// More bytes decide.
    case incomplete
    /// The value, and how many bytes it took.
    case whole(Value, length: Int)
    /// It cannot become one.
    case malformed
}

extension Parsed: Equatable where Value: Equatable {}

/// A cursor over bytes that never reads beyond them.
struct ByteCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a range of other bytes")
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - offset }

    mutating func byte() -> Int? {
        guard remaining >= 1 else { return nil }
        defer { offset += 1 }
        return Int(bytes[offset])
    }

    /// A number of so many bytes, the highest first.
    mutating func number(_ width: Int) -> Int? {
        guard remaining >= width else { return nil }
        var value = 0
        for index in offset..<offset + width { value = value << 8 | Int(bytes[index]) }
        offset += width
        return value
    }

    /// Where the next bytes lie.
    mutating func range(_ count: Int) -> Range<Int>? {
        guard count >= 0, remaining >= count else { return nil }
        defer { offset += count }
        return offset..<offset + count
    }

    /// Those that follow a length of so many bytes.
    mutating func vector(_ width: Int) -> Range<Int>? {
        guard let count = number(width) else { return nil }
        return range(count)
    }
}
