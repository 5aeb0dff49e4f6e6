// SPDX-License-Identifier: Apache-2.0

/// Why a connection or a stream was ended by us: the names that counters and logs use.
enum Fault: Error, Sendable, Equatable {
    case badPreface
    case settingsExpected
    case frameTooLarge
    case frameSize
    case frameOnStreamZero
    case frameOffStreamZero
    case frameOnIdleStream
    case frameOnClosedStream
    case streamNumber
    case continuationExpected
    case continuationUnexpected
    case pushPromise
    case padding
    case settingsValue
    case windowIncrement
    case windowOverflow
    case windowExceeded
    case goAwayRaised
    case selfDependency
    case compression(HPACKError)
    case malformed(Malformed)
    case tooManyStreams
    case abuse(Abuse)

    /// Floods, each counted by its name.
    enum Abuse: UInt8, CaseIterable, Sendable {
        case resets, continuations, headBytes, pings, settings, emptyData, priorities, windowUpdates, unknownFrames
    }

    var code: ErrorCode {
        switch self {
        case .frameTooLarge, .frameSize: .frameSizeError
        case .frameOnClosedStream: .streamClosed
        case .windowOverflow, .windowExceeded: .flowControlError
        case .compression: .compressionError
        case .tooManyStreams: .refusedStream
        case .abuse: .enhanceYourCalm
        default: .protocolError
        }
    }
}
