// SPDX-License-Identifier: Apache-2.0

/// One field line of a section: where its bytes are, what is known of its name, and how it came.
struct FieldLine: BitwiseCopyable, Sendable {
    /// How a line is coded in HPACK (RFC 7541, 6.2); what the peer chose is passed on.
    enum Form: UInt8, Sendable {
        /// By the dynamic table.
        case indexed
        /// As a literal, without a table entry.
        case plain
        /// As a literal, by every hop (RFC 7541, 7.1.3).
        case neverIndexed
    }

    /// What is wrong with a line; found where its bytes are read, so that a table entry is judged once.
    struct Faults: OptionSet, BitwiseCopyable, Sendable {
        let rawValue: UInt8
        /// Empty, or with a character that no name may have; in HTTP/2 also upper case (RFC 9113, 8.2.1).
        static let name = Faults(rawValue: 1)
        /// With a control character, or white space at an end (RFC 9113, 8.2.1).
        static let value = Faults(rawValue: 2)
    }

    /// Offset of the name in the section's bytes; the value follows the name.
    var start: UInt32
    var nameCount: UInt32
    var valueCount: UInt32
    /// Of name and value together; 0: not taken yet.
    var hash: UInt32
    var name: FieldName
    var form: Form
    var faults: Faults
    /// Left out by whoever reads the section.
    var isRemoved = false

    /// What the line counts in a table or a list (RFC 7541, 4.1; RFC 9113, 6.5.2).
    @inline(__always)
    var size: Int { Int(nameCount) &+ Int(valueCount) &+ Self.overhead }

    static let overhead = 32
}
