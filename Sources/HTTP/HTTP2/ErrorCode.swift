// SPDX-License-Identifier: Apache-2.0

/// RFC 9113, 7.
enum ErrorCode: UInt32, Sendable {
    case noError = 0
    case protocolError, internalError, flowControlError, settingsTimeout, streamClosed, frameSizeError, refusedStream
    case cancel, compressionError, connectError, enhanceYourCalm, inadequateSecurity, http11Required

    /// An unknown one is no error (RFC 9113, 7): it counts as `internalError`.
    init(received value: UInt32) { self = ErrorCode(rawValue: value) ?? .internalError }
}
