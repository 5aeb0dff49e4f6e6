// SPDX-License-Identifier: Apache-2.0

/// What the peer's SETTINGS say (RFC 9113, 6.5.2; RFC 8441, 3).
struct PeerSettings: Sendable, Equatable {
    var headerTableSize = 4096
    var allowsPush = true
    var maxConcurrentStreams = UInt32.max
    var initialWindow = FlowWindow.initial
    var maxFrameSize = 16_384
    var maxHeaderListSize = UInt32.max
    var allowsExtendedConnect = false

    static let largestFrame = 16_777_215

    enum Key {
        static let headerTableSize: UInt16 = 1
        static let enablePush: UInt16 = 2
        static let maxConcurrentStreams: UInt16 = 3
        static let initialWindow: UInt16 = 4
        static let maxFrameSize: UInt16 = 5
        static let maxHeaderListSize: UInt16 = 6
        static let enableConnectProtocol: UInt16 = 8
    }

    /// Takes one setting; an unknown one says nothing (RFC 9113, 6.5.2).
    mutating func take(_ key: UInt16, _ value: UInt32, fromServer: Bool) throws(Fault) {
        switch key {
        case Key.headerTableSize: headerTableSize = Int(value)
        case Key.enablePush:
            // A server may only say that it takes none, which it never does.
            guard value == 0 || value == 1 && !fromServer else { throw .settingsValue }
            allowsPush = value == 1
        case Key.maxConcurrentStreams: maxConcurrentStreams = value
        case Key.initialWindow:
            guard value <= UInt32(FlowWindow.largest) else { throw .windowOverflow }
            initialWindow = Int32(value)
        case Key.maxFrameSize:
            guard value >= 16_384 && value <= UInt32(Self.largestFrame) else { throw .settingsValue }
            maxFrameSize = Int(value)
        case Key.maxHeaderListSize: maxHeaderListSize = value
        case Key.enableConnectProtocol:
            // RFC 8441, 3: never taken back.
            guard value == 1 || value == 0 && !allowsExtendedConnect else { throw .settingsValue }
            allowsExtendedConnect = value == 1
        default: break
        }
    }
}
