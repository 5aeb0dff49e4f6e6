// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a message's head or trailers, in both protocols (RFC 9113, 8.1.1; RFC 9112, 3).
enum Malformed: UInt8, Error, CaseIterable, Sendable {
    case name, value
    case pseudoAfterField, pseudoTwice, pseudoMissing, pseudoUnexpected, pseudoInTrailers
    case method, scheme, authority, path, status
    case authorityMissing, authorityConflict
    case connectionSpecific, te, contentLength, contentLengthDisagrees, trailersWithoutEnd, interimWithEnd
}
