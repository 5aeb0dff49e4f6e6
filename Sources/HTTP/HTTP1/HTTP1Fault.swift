// SPDX-License-Identifier: Apache-2.0

/// Why octets are not a message of HTTP/1.1 that we are sure of (RFC 9112). Every one ends the connection.
enum HTTP1Fault: UInt8, Error, CaseIterable, Sendable {
    case requestLine, statusLine, version, method, target, status
    case bareLineFeed, obsoleteFold, fieldName, fieldValue, fieldWithoutColon
    case hostMissing, hostTwice, host
    case contentLength, transferCoding, bothLengths, codingOfOldVersion
    case connectionOption, expectation
    case headTooLarge, tooManyFields
    case chunkSize, chunkExtension, chunkEnd

    /// What a server answers before it closes.
    var status: UInt16 {
        switch self {
        case .headTooLarge, .tooManyFields: 431
        case .version: 505
        case .transferCoding: 501
        case .expectation: 417
        default: 400
        }
    }
}
