// SPDX-License-Identifier: Apache-2.0

/// Why a field block cannot be decoded: the connection's compression state is lost (RFC 9113, 4.3).
enum HPACKError: Error, Sendable, Equatable {
    /// The block ends within a representation.
    case truncated
    /// An integer beyond 32 bits, or of more than five octets after its prefix (RFC 7541, 5.1).
    case integerTooLarge
    /// The index 0, or one beyond both tables (RFC 7541, 2.3.3 and 6.1).
    case badIndex
    /// A code that ends nowhere, padding that is too long or not of ones, or the end of a string (RFC 7541, 5.2).
    case badHuffman
    /// A table size above the announced one, after a field line, or missing where it must come (RFC 7541, 4.2 and 6.3).
    case badSizeUpdate
}
