// SPDX-License-Identifier: Apache-2.0

/// Content, and who owes whom how many octets of window.
extension HTTP2Connection {
    /// DATA (RFC 9113, 6.1): accounted for when it begins, handed on as it comes.
    mutating func beginData(
        _ header: FrameHeader, _ input: Span<UInt8>, _ at: inout Int, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard header.stream != 0 else { throw .frameOnStreamZero }
        var head = FrameHeader.size
        var padding = 0
        if header.has(FrameFlags.padded) {
            guard header.length > 0 else { throw .frameSize }
            guard input.count &- at > head else { return .needsMore }
            padding = Int(input[at &+ head])
            guard padding < header.length else { throw .padding }
            head &+= 1
        }
        at &+= head
        let content = header.length &- (head &- FrameHeader.size) &- padding
        guard receiveWindow.consume(header.length) else { throw .windowExceeded }
        guard let place = streams.place(of: header.stream) else {
            guard !isIdle(header.stream) else { throw .frameOnIdleStream }
            return try passOver(content &+ padding, of: header.length, closed(header.stream), &writer)
        }
        if let fault = account(place, header, content: content) {
            let event = try failStream(place, header.stream, fault, &writer)
            return passOver(content &+ padding, of: header.length, event, &writer)
        }
        let ends = header.has(FrameFlags.endStream)
        if content == 0 && !ends { try budget.countEmptyData() }
        giveBack(place, header.length &- content, &writer)
        guard content > 0 else {
            skip = padding
            guard ends else { return .handled }
            ended(place)
            return .data(place, at..<at, ends: true)
        }
        data = DataUnderWay(place: place, content: content, padding: padding, ends: ends)
        return self.content(input, &at)
    }

    /// As much of the content as has come.
    mutating func content(_ input: Span<UInt8>, _ at: inout Int) -> HTTP2Event {
        let count = min(data.content, input.count &- at)
        guard count > 0 else { return .needsMore }
        let range = at..<(at &+ count)
        at = range.upperBound
        data.content &-= count
        guard data.content == 0 else { return .data(data.place, range, ends: false) }
        let whole = data
        data = DataUnderWay()
        skip = whole.padding
        if whole.ends { ended(whole.place) }
        return .data(whole.place, range, ends: whole.ends)
    }

    /// The peer's side of the stream has ended.
    @inline(__always)
    mutating func ended(_ place: Int) {
        streams[place].state.receivedEnd()
        if streams[place].state == .closed { leave(place) }
    }

    /// Counts a frame on its stream; answers what is wrong with it.
    @inline(__always)
    private mutating func account(_ place: Int, _ header: FrameHeader, content: Int) -> Fault? {
        guard streams[place].state.mayReceive else { return .frameOnClosedStream }
        guard streams[place].hasHead else { return .malformed(.pseudoMissing) }
        guard streams[place].receiveWindow.consume(header.length) else { return .windowExceeded }
        guard streams[place].promised >= 0 else { return nil }
        streams[place].promised &-= Int64(content)
        let promised = streams[place].promised
        // RFC 9113, 8.1.1: content and content-length agree.
        guard promised >= 0 && (promised == 0 || !header.has(FrameFlags.endStream)) else {
            return .malformed(.contentLengthDisagrees)
        }
        return nil
    }

    /// Passes over content that nobody wants; the connection's window is given back all the same.
    private mutating func passOver(
        _ count: Int, of length: Int, _ event: HTTP2Event, _ writer: inout ByteWriter
    ) -> HTTP2Event {
        skip = count
        owed &+= Int32(truncatingIfNeeded: length)
        giveBackConnection(&writer)
        return event
    }

    // MARK: Giving back

    /// Octets of content that were used up: written on, or dropped.
    ///
    /// The peer is told once half of a window is owed to it; without room in the writer it is told the next time.
    /// - Parameter place: nil once the stream has left it.
    mutating func consumed(_ place: Int?, _ count: Int, to writer: inout ByteWriter) {
        guard let place else {
            owed &+= Int32(truncatingIfNeeded: count)
            giveBackConnection(&writer)
            return
        }
        giveBack(place, count, &writer)
    }

    @inline(__always)
    private mutating func giveBack(_ place: Int, _ count: Int, _ writer: inout ByteWriter) {
        guard count > 0 else { return }
        streams[place].owed &+= Int32(truncatingIfNeeded: count)
        owed &+= Int32(truncatingIfNeeded: count)
        giveBackConnection(&writer)
        let debt = streams[place].owed
        guard debt >= settings.initialWindow / 2 && streams[place].state.mayReceive else { return }
        guard writer.room >= FrameHeader.size + 4 else { return }
        writeWindowUpdate(streams[place].id, debt, to: &writer)
        // Never beyond the initial size: what is owed was consumed before.
        _ = streams[place].receiveWindow.expand(Int64(debt))
        streams[place].owed = 0
    }

    @inline(__always)
    private mutating func giveBackConnection(_ writer: inout ByteWriter) {
        guard owed >= settings.connectionWindow / 2 && writer.room >= FrameHeader.size + 4 else { return }
        writeWindowUpdate(0, owed, to: &writer)
        _ = receiveWindow.expand(Int64(owed))
        owed = 0
    }
}
