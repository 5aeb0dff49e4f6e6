// SPDX-License-Identifier: Apache-2.0

/// Heads and trailers as they come.
extension HTTP2Connection {
    /// HEADERS (RFC 9113, 6.2).
    mutating func headers(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard header.stream != 0 else { throw .frameOnStreamZero }
        guard header.stream & 1 == 1 else { throw .streamNumber }
        var begin = 0
        var end = payload.count
        if header.has(FrameFlags.padded) {
            guard end > 0 else { throw .frameSize }
            let padding = Int(payload[0])
            begin = 1
            guard padding < end else { throw .padding }
            end &-= padding
        }
        var dependsOnItself = false
        if header.has(FrameFlags.priority) {
            guard end &- begin >= 5 else { throw .frameSize }
            dependsOnItself = Octets.word(payload, begin) & 0x7fff_ffff == header.stream
            begin &+= 5
        }
        let ends = header.has(FrameFlags.endStream)
        let fragment = payload.extracting(begin..<end)
        guard header.has(FrameFlags.endHeaders) else {
            assembly.begin(header.stream, endsStream: ends, dependsOnItself: dependsOnItself)
            try assembly.append(fragment, settings.abuse)
            return .handled
        }
        try decode(fragment, &section)
        return try head(header.stream, ends: ends, dependsOnItself: dependsOnItself, &section, &writer)
    }

    /// CONTINUATION (RFC 9113, 6.10), within bounds: frames and octets.
    mutating func continuation(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard assembly.isActive else { throw .continuationUnexpected }
        try assembly.countFrame(settings.abuse)
        try assembly.append(payload, settings.abuse)
        guard header.has(FrameFlags.endHeaders) else { return .handled }
        let ends = assembly.endsStream
        let dependsOnItself = assembly.dependsOnItself
        // The assembly keeps its memory until `finish`, and nobody else writes it.
        try decode(assembly.block.span, &section)
        assembly.finish()
        return try head(header.stream, ends: ends, dependsOnItself: dependsOnItself, &section, &writer)
    }

    /// Every block is decoded, whatever becomes of its stream: the table lives by it (RFC 9113, 4.3).
    @inline(__always)
    private mutating func decode(_ block: Span<UInt8>, _ section: inout FieldSection) throws(Fault) {
        section.clear()
        do throws(HPACKError) {
            try decoder.decode(block, into: &section)
        } catch {
            throw .compression(error)
        }
    }

    private mutating func head(
        _ id: UInt32, ends: Bool, dependsOnItself: Bool, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        if let place = streams.place(of: id) {
            guard streams[place].state.mayReceive else {
                return try failStream(place, id, .frameOnClosedStream, &writer)
            }
            if dependsOnItself { return try failStream(place, id, .selfDependency, &writer) }
            if streams[place].hasHead { return try trailers(place, ends: ends, &section, &writer) }
            return try response(place, ends: ends, &section, &writer)
        }
        guard role == .server else {
            guard !isIdle(id) else { throw .frameOnIdleStream }
            return try closed(id)
        }
        guard id > lastPeerStream else { return try closed(id) }
        lastPeerStream = id
        guard id <= finalPeerStream else { return .handled }
        if dependsOnItself { return try failStream(nil, id, .selfDependency, &writer) }
        return try request(id, ends: ends, &section, &writer)
    }

    @inline(__always)
    private mutating func request(
        _ id: UInt32, ends: Bool, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard streams.count < Int(settings.maxConcurrentStreams) else {
            return try failStream(nil, id, .tooManyStreams, &writer)
        }
        var stream = Stream()
        stream.id = id
        stream.hasHead = true
        stream.state = ends ? .halfClosedRemote : .open
        stream.sendWindow = FlowWindow(peer.initialWindow)
        stream.receiveWindow = FlowWindow(settings.initialWindow)
        guard section.excess == .none else { return .oversized(streams.add(stream), ends: ends) }
        do throws(Malformed) {
            let head = try HeadRules.request(&section, extendedConnect: settings.extendedConnect)
            if ends && head.contentLength > 0 { throw .contentLengthDisagrees }
            stream.promised = head.contentLength
            stream.method = head.kind
            return .request(streams.add(stream), head, ends: ends)
        } catch {
            return try failStream(nil, id, .malformed(error), &writer)
        }
    }

    @inline(__always)
    private mutating func response(
        _ place: Int, ends: Bool, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        guard section.excess == .none else {
            streams[place].hasHead = true
            if ends { ended(place) }
            return .oversized(place, ends: ends)
        }
        do throws(Malformed) {
            let head = try HeadRules.response(section)
            if head.isInterim {
                if ends { throw .interimWithEnd }
                return .interim(place, head)
            }
            let hasNoContent = head.hasNoContent(for: streams[place].method)
            if ends && !hasNoContent && head.contentLength > 0 { throw .contentLengthDisagrees }
            streams[place].hasHead = true
            streams[place].promised = hasNoContent ? 0 : head.contentLength
            if ends { ended(place) }
            return .response(place, head, ends: ends)
        } catch {
            return try failStream(place, streams[place].id, .malformed(error), &writer)
        }
    }

    private mutating func trailers(
        _ place: Int, ends: Bool, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        let id = streams[place].id
        guard section.excess == .none else { return try failStream(place, id, .abuse(.headBytes), &writer) }
        do throws(Malformed) {
            // RFC 9113, 8.1: a head in the middle of content is none.
            guard ends else { throw .trailersWithoutEnd }
            guard streams[place].promised <= 0 else { throw .contentLengthDisagrees }
            try HeadRules.trailers(&section)
        } catch {
            return try failStream(place, id, .malformed(error), &writer)
        }
        ended(place)
        return .trailers(place)
    }
}
