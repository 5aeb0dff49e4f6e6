// SPDX-License-Identifier: Apache-2.0

/// What we tell a peer of ourselves, and what we bear.
struct ConnectionSettings: Sendable {
    var headerTableSize = 4096
    /// Bytes that we keep for a peer to decode by, at most.
    var encoderTableSize = 4096
    var maxConcurrentStreams: UInt32 = 128
    /// Of a stream; 65,535 at least, the size that counts before the peer has read our SETTINGS.
    var initialWindow: Int32 = 65_536
    /// Of the connection; 65,535 at least.
    var connectionWindow: Int32 = 1_048_576
    /// What HEADERS and DATA of a peer may hold; the smallest that may be announced, and what a buffer must have room for.
    let maxFrameSize = 16_384
    var fields = FieldLimits()
    /// RFC 8441.
    var extendedConnect = false
    var abuse = AbuseLimits()

    /// Octets that `announce` writes at most.
    static let announcementRoom = FrameHeader.size + 7 * 6 + FrameHeader.size + 4

    /// Our SETTINGS, and the connection's window.
    func announce(isServer: Bool, to writer: inout ByteWriter) {
        precondition(initialWindow >= FlowWindow.initial && connectionWindow >= FlowWindow.initial)
        let count = isServer ? (extendedConnect ? 5 : 4) : 4
        FrameHeader(length: count * 6, type: FrameType.settings).append(to: &writer)
        put(PeerSettings.Key.headerTableSize, UInt32(min(headerTableSize, DynamicTable.largest)), &writer)
        if isServer {
            put(PeerSettings.Key.maxConcurrentStreams, maxConcurrentStreams, &writer)
        } else {
            put(PeerSettings.Key.enablePush, 0, &writer)
        }
        put(PeerSettings.Key.initialWindow, UInt32(initialWindow), &writer)
        put(PeerSettings.Key.maxHeaderListSize, UInt32(fields.bytes), &writer)
        if isServer && extendedConnect { put(PeerSettings.Key.enableConnectProtocol, 1, &writer) }
        let more = connectionWindow - FlowWindow.initial
        guard more > 0 else { return }
        FrameHeader(length: 4, type: FrameType.windowUpdate).append(to: &writer)
        writer.append(UInt32(more))
    }

    private func put(_ key: UInt16, _ value: UInt32, _ writer: inout ByteWriter) {
        writer.append(key)
        writer.append(value)
    }
}
