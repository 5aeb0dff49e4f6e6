// SPDX-License-Identifier: Apache-2.0

/// Frames that carry no message.
extension HTTP2Connection {
    /// PRIORITY (RFC 9113, 6.3): means nothing any more, and costs who sends many.
    mutating func priority(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard header.stream != 0 else { throw .frameOnStreamZero }
        try budget.countPriority()
        let place = streams.place(of: header.stream)
        var fault: Fault?
        if payload.count != 5 {
            fault = .frameSize
        } else if Octets.word(payload, 0) & 0x7fff_ffff == header.stream {
            fault = .selfDependency
        }
        guard let fault else { return .handled }
        // An idle stream cannot be reset (RFC 9113, 6.4), and a closed one needs not be.
        guard let place else {
            if isIdle(header.stream) { throw fault }
            return .handled
        }
        return try failStream(place, header.stream, fault, &writer)
    }

    /// RST_STREAM (RFC 9113, 6.4).
    mutating func resetStream(_ header: FrameHeader, _ payload: Span<UInt8>) throws(Fault) -> HTTP2Event {
        guard payload.count == 4 else { throw .frameSize }
        guard header.stream != 0 else { throw .frameOnStreamZero }
        guard !isIdle(header.stream) else { throw .frameOnIdleStream }
        // A server may refuse as much as it likes; a client that begins and resets makes work.
        if role == .server { try budget.countReset() }
        guard let place = streams.place(of: header.stream) else { return .handled }
        leave(place)
        return .reset(place, ErrorCode(received: Octets.word(payload, 0)))
    }

    /// SETTINGS (RFC 9113, 6.5).
    mutating func peerSettings(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard header.stream == 0 else { throw .frameOffStreamZero }
        try budget.countSettings()
        if header.has(FrameFlags.acknowledge) {
            guard payload.count == 0 else { throw .frameSize }
            guard unacknowledged > 0 else { return .handled }
            unacknowledged -= 1
            decoder.allow(tableSize: settings.headerTableSize)
            return .acknowledged
        }
        guard payload.count % 6 == 0 else { throw .frameSize }
        let earlier = peer.initialWindow
        var at = 0
        while at < payload.count {
            let key = Octets.half(payload, at)
            try peer.take(key, Octets.word(payload, at + 2), fromServer: role == .client)
            // Each in turn: of two sizes the smaller one has to be told in the next block (RFC 7541, 4.2).
            if key == PeerSettings.Key.headerTableSize { encoder.allow(tableSize: peer.headerTableSize) }
            at += 6
        }
        try adjustWindows(by: Int64(peer.initialWindow) - Int64(earlier))
        FrameHeader(length: 0, type: FrameType.settings, flags: FrameFlags.acknowledge).append(to: &writer)
        phase = .open
        return peer.initialWindow > earlier ? .windowOpened(nil) : .handled
    }

    /// RFC 9113, 6.9.2: the streams' windows follow the initial one, below zero too; the connection's does not.
    private mutating func adjustWindows(by difference: Int64) throws(Fault) {
        guard difference != 0 else { return }
        var place = 0
        while let living = streams.next(from: place) {
            guard streams[living].sendWindow.expand(difference) else { throw .windowOverflow }
            place = living + 1
        }
    }

    /// PING (RFC 9113, 6.7).
    mutating func ping(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard header.stream == 0 else { throw .frameOffStreamZero }
        guard payload.count == 8 else { throw .frameSize }
        try budget.countPing()
        let high = Octets.word(payload, 0)
        let low = Octets.word(payload, 4)
        if header.has(FrameFlags.acknowledge) { return .pong(UInt64(high) << 32 | UInt64(low)) }
        FrameHeader(length: 8, type: FrameType.ping, flags: FrameFlags.acknowledge).append(to: &writer)
        writer.append(high)
        writer.append(low)
        return .handled
    }

    /// GOAWAY (RFC 9113, 6.8).
    mutating func goAway(_ header: FrameHeader, _ payload: Span<UInt8>) throws(Fault) -> HTTP2Event {
        guard header.stream == 0 else { throw .frameOffStreamZero }
        guard payload.count >= 8 else { throw .frameSize }
        let last = Octets.word(payload, 0) & 0x7fff_ffff
        guard last <= finalStream else { throw .goAwayRaised }
        finalStream = last
        return .goAway(last: last, ErrorCode(received: Octets.word(payload, 4)))
    }

    /// WINDOW_UPDATE (RFC 9113, 6.9).
    mutating func windowUpdate(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard payload.count == 4 else { throw .frameSize }
        try budget.countWindowUpdate()
        let increment = Int64(Octets.word(payload, 0) & 0x7fff_ffff)
        guard header.stream != 0 else {
            guard increment > 0 else { throw .windowIncrement }
            guard sendWindow.expand(increment) else { throw .windowOverflow }
            return .windowOpened(nil)
        }
        guard let place = streams.place(of: header.stream) else {
            if isIdle(header.stream) { throw .frameOnIdleStream }
            return .handled
        }
        guard increment > 0 else { return try failStream(place, header.stream, .windowIncrement, &writer) }
        guard streams[place].sendWindow.expand(increment) else {
            return try failStream(place, header.stream, .windowOverflow, &writer)
        }
        return .windowOpened(place)
    }
}
