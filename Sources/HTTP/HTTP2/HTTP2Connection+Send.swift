// SPDX-License-Identifier: Apache-2.0

/// What we send. Whoever calls keeps what there was no room or no window for, and asks again.
extension HTTP2Connection {
    enum Opening: Sendable, Equatable {
        case opened(Int)
        /// Of the writer: flush it first.
        case noRoom
        /// The peer bears no more streams at once.
        case tooMany
        /// The peer takes no new streams, or the numbers are used up: another connection is needed.
        case exhausted
    }

    /// Octets that a section's frames take at most.
    func headBound(_ section: borrowing FieldSection) -> Int {
        let block = HeaderEncoder.bound(section)
        return block &+ (block / peer.maxFrameSize &+ 1) &* FrameHeader.size
    }

    /// Begins a stream with a request's head. For a client.
    mutating func open(
        _ section: borrowing FieldSection, method: RequestHead.Method, ends: Bool, to writer: inout ByteWriter
    ) -> Opening {
        precondition(role == .client)
        if case .failed = phase { return .exhausted }
        guard nextStream <= 0x7fff_ffff && finalStream == .max else { return .exhausted }
        guard streams.count < Int(peer.maxConcurrentStreams) else { return .tooMany }
        guard writer.room >= headBound(section) else { return .noRoom }
        var stream = Stream()
        stream.id = nextStream
        stream.method = method
        stream.state = ends ? .halfClosedLocal : .open
        stream.sendWindow = FlowWindow(peer.initialWindow)
        stream.receiveWindow = FlowWindow(settings.initialWindow)
        nextStream &+= 2
        writeHead(stream.id, section, ends: ends, to: &writer)
        return .opened(streams.add(stream))
    }

    /// Sends a response's head, interim or final, or trailers; false: no room, nothing sent.
    mutating func sendHead(
        _ place: Int, _ section: borrowing FieldSection, ends: Bool, to writer: inout ByteWriter
    ) -> Bool {
        precondition(streams[place].state.maySend)
        guard writer.room >= headBound(section) else { return false }
        writeHead(streams[place].id, section, ends: ends, to: &writer)
        if ends { sentEnd(place) }
        return true
    }

    /// Octets of content that both windows let through on the stream now.
    @inline(__always)
    func sendable(_ place: Int) -> Int {
        min(streams[place].sendWindow.available, sendWindow.available, peer.maxFrameSize)
    }

    /// Writes what comes before `count` octets of content, which the caller sends right behind it.
    ///
    /// - Parameter count: at most `sendable(place)`.
    /// - Parameter writer: has room for `FrameHeader.size`.
    mutating func sendDataHeader(_ place: Int, count: Int, ends: Bool, to writer: inout ByteWriter) {
        precondition(streams[place].state.maySend && count <= peer.maxFrameSize)
        let isWithin = streams[place].sendWindow.consume(count) && sendWindow.consume(count)
        precondition(isWithin)
        FrameHeader(
            length: count, type: FrameType.data, flags: ends ? FrameFlags.endStream : 0, stream: streams[place].id
        ).append(to: &writer)
        if ends { sentEnd(place) }
    }

    /// Copies content to the writer, in as many frames as it takes; answers how many octets there was window and room
    /// for. The stream ends with the last of them.
    mutating func sendData(_ place: Int, _ content: Span<UInt8>, ends: Bool, to writer: inout ByteWriter) -> Int {
        var sent = 0
        while sent < content.count {
            let count = min(content.count &- sent, sendable(place), writer.room &- FrameHeader.size)
            guard count > 0 else { return sent }
            let isLast = sent &+ count == content.count
            sendDataHeader(place, count: count, ends: ends && isLast, to: &writer)
            writer.append(content.extracting(sent..<(sent &+ count)))
            sent &+= count
        }
        return sent
    }

    /// Ends the stream without content; false: no room.
    mutating func sendEnd(_ place: Int, to writer: inout ByteWriter) -> Bool {
        guard writer.room >= FrameHeader.size else { return false }
        sendDataHeader(place, count: 0, ends: true, to: &writer)
        return true
    }

    /// Resets the stream for a reason of ours; false: no room.
    mutating func reset(_ place: Int, _ code: ErrorCode, to writer: inout ByteWriter) -> Bool {
        guard writer.room >= FrameHeader.size + 4 else { return false }
        let id = streams[place].id
        writeReset(id, code, to: &writer)
        resets.note(id)
        leave(place)
        return true
    }

    func ping(_ value: UInt64, to writer: inout ByteWriter) {
        FrameHeader(length: 8, type: FrameType.ping).append(to: &writer)
        writer.append(UInt32(truncatingIfNeeded: value >> 32))
        writer.append(UInt32(truncatingIfNeeded: value))
    }

    // MARK: Going away (RFC 9113, 6.8)

    /// The first step: says that no stream should be begun, and still takes those that are on their way.
    func announceGoAway(to writer: inout ByteWriter) {
        writeGoAway(last: 0x7fff_ffff, .noError, to: &writer)
    }

    /// The second, a round trip later or more: streams that come now are passed over, and may be sent elsewhere.
    mutating func finishGoAway(to writer: inout ByteWriter) {
        finalPeerStream = lastPeerStream
        writeGoAway(last: lastPeerStream, .noError, to: &writer)
    }

    // MARK: Parts

    @inline(__always)
    private mutating func sentEnd(_ place: Int) {
        streams[place].state.sentEnd()
        if streams[place].state == .closed { leave(place) }
    }

    /// - Parameter writer: has room for `headBound`.
    private mutating func writeHead(
        _ id: UInt32, _ section: borrowing FieldSection, ends: Bool, to writer: inout ByteWriter
    ) {
        let begin = writer.count
        let flags = ends ? FrameFlags.endStream : 0
        FrameHeader(length: 0, type: FrameType.headers, flags: flags, stream: id).append(to: &writer)
        let isWritten = encoder.encode(section, to: &writer)
        precondition(isWritten)
        let length = writer.count &- begin &- FrameHeader.size
        guard length > peer.maxFrameSize else {
            writer.patch(UInt8(truncatingIfNeeded: length &>> 16), at: begin)
            writer.patch(UInt8(truncatingIfNeeded: length &>> 8), at: begin &+ 1)
            writer.patch(UInt8(truncatingIfNeeded: length), at: begin &+ 2)
            writer.patch(flags | FrameFlags.endHeaders, at: begin &+ 4)
            return
        }
        split(id, block: begin + FrameHeader.size, length, flags, to: &writer)
    }

    /// Parts a block that is too long for one frame: its pieces move back, the last one first, and each gets a header.
    private func split(_ id: UInt32, block: Int, _ length: Int, _ flags: UInt8, to writer: inout ByteWriter) {
        let size = peer.maxFrameSize
        let pieces = (length + size - 1) / size
        writer.advance((pieces - 1) * FrameHeader.size)
        for piece in stride(from: pieces - 1, through: 0, by: -1) {
            let count = min(size, length - piece * size)
            let place = block + piece * (size + FrameHeader.size)
            writer.move(from: block + piece * size, to: place, count)
            let isLast = piece == pieces - 1
            let type = piece == 0 ? FrameType.headers : FrameType.continuation
            let own = (piece == 0 ? flags : 0) | (isLast ? FrameFlags.endHeaders : 0)
            var header = writer.revised(at: place - FrameHeader.size)
            FrameHeader(length: count, type: type, flags: own, stream: id).append(to: &header)
        }
    }
}
