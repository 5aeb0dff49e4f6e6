// SPDX-License-Identifier: Apache-2.0

/// One end of an HTTP/2 connection (RFC 9113) as a value: octets in, events and octets out, nothing read, written or
/// timed by itself.
///
/// A step takes one frame at most and answers one event. Content is handed on as a range of the input as it comes;
/// every other frame must lie in the input whole, so a buffer has room for `ConnectionSettings.maxFrameSize` and nine.
struct HTTP2Connection: ~Copyable {
    enum Role: Sendable { case server, client }

    enum Phase: Sendable, Equatable {
        case preface, settings, open
        case failed(Fault)
    }

    /// A DATA frame whose content is still coming.
    struct DataUnderWay: Sendable {
        var place = -1
        var content = 0
        var padding = 0
        var ends = false
    }

    /// What any step writes at most: an acknowledgement or a reset, window updates, and GOAWAY.
    static let controlRoom = 128

    let role: Role
    let settings: ConnectionSettings
    var phase: Phase
    var peer = PeerSettings()
    var streams = StreamTable()
    var decoder = HeaderDecoder()
    var encoder: HeaderEncoder
    var assembly = BlockAssembly()
    var budget: AbuseBudget
    var resets = ResetMemory()
    var sendWindow = FlowWindow()
    var receiveWindow: FlowWindow
    /// Of the connection's window: used up here and not yet given back.
    var owed: Int32 = 0
    var data = DataUnderWay()
    /// Octets to pass over: padding, unknown frames, content of streams that are gone.
    var skip = 0
    /// The highest stream that the peer began.
    var lastPeerStream: UInt32 = 0
    /// The next that we begin.
    var nextStream: UInt32 = 1
    /// What our last GOAWAY said; the peer's streams above it are passed over.
    var finalPeerStream: UInt32 = .max
    /// What the peer's last GOAWAY said.
    var finalStream: UInt32 = .max
    /// Our SETTINGS that the peer has not acknowledged.
    var unacknowledged = 0

    init(_ role: Role, _ settings: ConnectionSettings = ConnectionSettings()) {
        self.role = role
        self.settings = settings
        phase = role == .server ? .preface : .settings
        encoder = HeaderEncoder(largest: settings.encoderTableSize)
        budget = AbuseBudget(settings.abuse)
        receiveWindow = FlowWindow(settings.connectionWindow)
    }

    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Our preface (RFC 9113, 3.4).
    /// - Parameter writer: has room for `controlRoom` octets.
    mutating func start(to writer: inout ByteWriter) {
        if role == .client { writer.append(Self.preface) }
        settings.announce(isServer: role == .server, to: &writer)
        unacknowledged += 1
    }

    /// Takes a step with the input from `at` on, and moves `at` behind what it used.
    mutating func receive(
        _ input: Span<UInt8>, _ at: inout Int, into section: inout FieldSection, to writer: inout ByteWriter
    ) -> HTTP2Event {
        guard writer.room >= Self.controlRoom else { return .blocked }
        do throws(Fault) {
            return try step(input, &at, &section, &writer)
        } catch {
            return fail(error, to: &writer)
        }
    }

    /// Ends the connection for a reason of its own: GOAWAY (RFC 9113, 5.4.1).
    mutating func fail(_ fault: Fault, to writer: inout ByteWriter) -> HTTP2Event {
        if case .failed(let first) = phase { return .failed(first) }
        writeGoAway(last: lastPeerStream, fault.code, to: &writer)
        phase = .failed(fault)
        return .failed(fault)
    }

    /// Time has passed: half of what the peer used of its limits is forgiven.
    mutating func forgive() { budget.halve() }

    private mutating func step(
        _ input: Span<UInt8>, _ at: inout Int, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        switch phase {
        case .preface: return try readPreface(input, &at)
        case .failed(let fault): throw fault
        case .settings, .open: break
        }
        if data.place >= 0 { return content(input, &at) }
        if skip > 0 {
            let count = min(skip, input.count &- at)
            skip &-= count
            at &+= count
            return skip > 0 ? .needsMore : .handled
        }
        guard let header = FrameHeader(input, at: at) else { return .needsMore }
        try checkOrder(header)
        switch header.type {
        case FrameType.data: return try beginData(header, input, &at, &writer)
        case FrameType.headers...FrameType.continuation:
            guard input.count &- at &- FrameHeader.size >= header.length else { return .needsMore }
            let payload = (at &+ FrameHeader.size)..<(at &+ FrameHeader.size &+ header.length)
            at = payload.upperBound
            return try frame(header, input.extracting(payload), &section, &writer)
        default:
            // RFC 9113, 5.5: passed over.
            try budget.countUnknown()
            at &+= FrameHeader.size
            skip = header.length
            return .handled
        }
    }

    /// RFC 9113, 3.4: compared as it comes, so that another protocol is known by its first octets.
    private mutating func readPreface(_ input: Span<UInt8>, _ at: inout Int) throws(Fault) -> HTTP2Event {
        let count = min(input.count - at, Self.preface.utf8CodeUnitCount)
        for index in 0..<count where input[at + index] != Self.preface.utf8Start[index] { throw .badPreface }
        guard count == Self.preface.utf8CodeUnitCount else { return .needsMore }
        at += count
        phase = .settings
        return .handled
    }

    /// What must be true of a frame whatever it is.
    @inline(__always)
    private func checkOrder(_ header: FrameHeader) throws(Fault) {
        guard header.length <= settings.maxFrameSize else { throw .frameTooLarge }
        if phase == .settings && (header.type != FrameType.settings || header.has(FrameFlags.acknowledge)) {
            throw .settingsExpected
        }
        // RFC 9113, 6.10: nothing comes between a block's frames.
        if assembly.isActive && (header.type != FrameType.continuation || header.stream != assembly.stream) {
            throw .continuationExpected
        }
    }

    private mutating func frame(
        _ header: FrameHeader, _ payload: Span<UInt8>, _ section: inout FieldSection, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        switch header.type {
        case FrameType.headers: try headers(header, payload, &section, &writer)
        case FrameType.continuation: try continuation(header, payload, &section, &writer)
        case FrameType.priority: try priority(header, payload, &writer)
        case FrameType.resetStream: try resetStream(header, payload)
        case FrameType.settings: try peerSettings(header, payload, &writer)
        case FrameType.ping: try ping(header, payload, &writer)
        case FrameType.goAway: try goAway(header, payload)
        case FrameType.windowUpdate: try windowUpdate(header, payload, &writer)
        default: throw .pushPromise  // A server takes none, and we told the others that we do not (RFC 9113, 8.4).
        }
    }

    // MARK: Streams

    /// Whether no head has begun it: frames on it but HEADERS and PRIORITY end the connection (RFC 9113, 5.1, 'idle').
    @inline(__always)
    func isIdle(_ id: UInt32) -> Bool {
        // The peer begins odd streams at a server, and none at a client, which takes no pushes.
        if id & 1 == 0 { return true }
        return role == .server ? id > lastPeerStream : id >= nextStream
    }

    /// A frame on a stream that is closed: passed over where the peer may not have known (RFC 9113, 5.1, 'closed').
    func closed(_ id: UInt32) throws(Fault) -> HTTP2Event {
        guard resets.mayHold(id) || role == .server && id > finalPeerStream else { throw .frameOnClosedStream }
        return .handled
    }

    /// A stream's own error (RFC 9113, 5.4.2). It is held against the peer: provoking resets is cheap.
    mutating func failStream(
        _ place: Int?, _ id: UInt32, _ fault: Fault, _ writer: inout ByteWriter
    ) throws(Fault) -> HTTP2Event {
        try budget.countReset()
        writeReset(id, fault.code, to: &writer)
        resets.note(id)
        if let place { leave(place) }
        return .streamFailed(place, id, fault)
    }

    /// Gives up a place. Content that is still coming for it is passed over.
    mutating func leave(_ place: Int) {
        if data.place == place {
            skip = data.content &+ data.padding
            owed &+= Int32(truncatingIfNeeded: data.content)
            data = DataUnderWay()
        }
        streams.remove(place)
    }

    // MARK: Writing

    func writeReset(_ id: UInt32, _ code: ErrorCode, to writer: inout ByteWriter) {
        FrameHeader(length: 4, type: FrameType.resetStream, stream: id).append(to: &writer)
        writer.append(code.rawValue)
    }

    func writeGoAway(last: UInt32, _ code: ErrorCode, to writer: inout ByteWriter) {
        FrameHeader(length: 8, type: FrameType.goAway).append(to: &writer)
        writer.append(last)
        writer.append(code.rawValue)
    }

    func writeWindowUpdate(_ id: UInt32, _ increment: Int32, to writer: inout ByteWriter) {
        FrameHeader(length: 4, type: FrameType.windowUpdate, stream: id).append(to: &writer)
        writer.append(UInt32(increment))
    }
}
