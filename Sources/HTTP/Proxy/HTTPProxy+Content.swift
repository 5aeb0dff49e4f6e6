// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Content and trailers, both ways: written at once where the receiver takes it, queued where it does not. What is
/// queued was let through by the sender's flow window, or stops the sender's connection being read.
extension HTTPProxy {
    /// Octets queued before a sender of HTTP/1.1 is not read any more, and below which it is again.
    private static let queueMost = 65_536
    private static let queueLeast = 32_768
    /// Of frame headers and chunk lines around what is written at once.
    private static let overhead = 64

    /// Content came from a side, and maybe its end.
    func take(
        _ content: UnsafeBufferPointer<UInt8>, ends: Bool, of exchange: ExchangeRef, from side: ProxyConnection.Side
    ) {
        let flow = flow(exchange, from: side)
        if ends { flow.pointee.hasEnded = true }
        flow.pointee.octets &+= Int64(content.count)
        let receiver = side == .client ? exchange.pointee.backend : exchange.pointee.client
        guard let receiver else {
            let isWanted = side == .client && exchange.pointee.isWaiting
            if isWanted && keep(content, exchange, flow, side) { return }
            consumed(exchange, side, content.count)
            return settle(exchange)
        }
        var sent = 0
        if flow.pointee.queue.isEmpty {
            if side == .client { exchange.pointee.isCommitted = true }
            sent = write(content, ends: ends, exchange, flow, to: receiver)
            consumed(exchange, side, sent)
        }
        if sent < content.count {
            let rest = UnsafeBufferPointer(rebasing: content[sent...])
            guard keep(rest, exchange, flow, side) else { return fail(exchange, .exhausted) }
        }
        if flow.pointee.isPassed {
            settle(exchange)
        } else if !flow.pointee.isCounted && (!flow.pointee.queue.isEmpty || ends) {
            flow.pointee.isCounted = true
            receiver.pointee.waiting &+= 1
        }
    }

    /// Trailers came: the side has ended.
    func takeTrailers(of exchange: ExchangeRef, from side: ProxyConnection.Side) {
        let flow = flow(exchange, from: side)
        flow.pointee.hasEnded = true
        flow.pointee.trailers.keep(state.pointee.section)
        guard let receiver = side == .client ? exchange.pointee.backend : exchange.pointee.client else {
            return settle(exchange)
        }
        if flow.pointee.queue.isEmpty {
            writeEnd(exchange, flow, to: receiver)
            settle(exchange)
        } else if !flow.pointee.isCounted {
            flow.pointee.isCounted = true
            receiver.pointee.waiting &+= 1
        }
    }

    @inline(__always)
    func flow(
        _ exchange: ExchangeRef, from side: ProxyConnection.Side
    ) -> UnsafeMutablePointer<Exchange.Flow> {
        exchange.pointee.flow(from: side)
    }

    /// False: no memory is left for it.
    private func keep(
        _ content: UnsafeBufferPointer<UInt8>, _ exchange: ExchangeRef,
        _ flow: UnsafeMutablePointer<Exchange.Flow>, _ side: ProxyConnection.Side
    ) -> Bool {
        guard flow.pointee.queue.append(content, &state.pointee.contents) else { return false }
        let sender = side == .client ? exchange.pointee.client : exchange.pointee.backend
        if let sender, sender.pointee.stage == .http1, flow.pointee.queue.count >= Self.queueMost {
            sender.pointee.isPaused = true
        }
        return true
    }

    /// A side's octets are used up: it may send more.
    func consumed(_ exchange: ExchangeRef, _ side: ProxyConnection.Side, _ count: Int) {
        guard let sender = side == .client ? exchange.pointee.client : exchange.pointee.backend else { return }
        guard let http2 = sender.pointee.http2 else { return resume(sender, flow(exchange, from: side)) }
        guard count > 0 && room(sender, HTTP2Connection.controlRoom) else { return }
        let other = flow(exchange, from: side == .client ? .backend : .client)
        let hasLeft = flow(exchange, from: side).pointee.hasEnded && other.pointee.isPassed
        let place = Int(side == .client ? exchange.pointee.clientPlace : exchange.pointee.backendPlace)
        http2.pointee.consumed(hasLeft ? nil : place, count, to: &sender.pointee.out.writer)
    }

    private func resume(_ sender: ConnectionRef, _ flow: UnsafeMutablePointer<Exchange.Flow>) {
        guard sender.pointee.isPaused && sender.pointee.reading != .done else { return }
        guard flow.pointee.queue.count <= Self.queueLeast else { return }
        sender.pointee.isPaused = false
        enqueue(sender)
    }

    // MARK: Writing

    /// Writes as much as the receiver takes; answers how many octets. With the last of them its end is passed.
    private func write(
        _ content: UnsafeBufferPointer<UInt8>, ends: Bool, _ exchange: ExchangeRef,
        _ flow: UnsafeMutablePointer<Exchange.Flow>, to receiver: ConnectionRef
    ) -> Int {
        let sent: Int
        if let http2 = receiver.pointee.http2 {
            let place = Int(
                receiver.pointee.side == .client ? exchange.pointee.clientPlace : exchange.pointee.backendPlace)
            sent = writeFrames(content, ends: ends, receiver, http2, place)
            if ends && sent == content.count && !content.isEmpty {
                flow.pointee.isPassed = true
                return sent
            }
        } else {
            sent = writeOctets(content, receiver)
        }
        if ends && sent == content.count { writeEnd(exchange, flow, to: receiver) }
        return sent
    }

    private func writeFrames(
        _ content: UnsafeBufferPointer<UInt8>, ends: Bool, _ receiver: ConnectionRef,
        _ http2: UnsafeMutablePointer<HTTP2Connection>, _ place: Int
    ) -> Int {
        var sent = 0
        while sent < content.count && http2.pointee.sendable(place) > 0 {
            let space = contentRoom(receiver) &- Self.overhead
            guard space > 0 else { break }
            let end = min(content.count, sent &+ space)
            let part = UnsafeBufferPointer(rebasing: content[sent..<end])
            sent &+= http2.pointee.sendData(
                place, part.span, ends: ends && end == content.count, to: &receiver.pointee.out.writer)
        }
        return sent
    }

    private func writeOctets(_ content: UnsafeBufferPointer<UInt8>, _ receiver: ConnectionRef) -> Int {
        // An answer that has no content by its head carries none (RFC 9110, 6.4.1).
        if receiver.pointee.sending == .none { return content.count }
        let isChunked = receiver.pointee.sending == .chunked
        var sent = 0
        while sent < content.count {
            let space = contentRoom(receiver) &- Self.overhead
            guard space > 0 else { break }
            let end = min(content.count, sent &+ space)
            if isChunked { HTTP1Writer.chunkHeader(end &- sent, to: &receiver.pointee.out.writer) }
            receiver.pointee.out.writer.append(UnsafeBufferPointer(rebasing: content[sent..<end]))
            if isChunked { receiver.pointee.out.writer.append(HTTP1Writer.lineEnd) }
            sent = end
        }
        return sent
    }

    /// Passes the end on, with trailers if there are any.
    private func writeEnd(
        _ exchange: ExchangeRef, _ flow: UnsafeMutablePointer<Exchange.Flow>, to receiver: ConnectionRef
    ) {
        flow.pointee.isPassed = true
        let hasTrailers = flow.pointee.trailers.isKept
        if hasTrailers {
            flow.pointee.trailers.restore(to: &state.pointee.spare)
            flow.pointee.trailers.forget()
        }
        if let http2 = receiver.pointee.http2 {
            let place = Int(
                receiver.pointee.side == .client ? exchange.pointee.clientPlace : exchange.pointee.backendPlace)
            let needed = hasTrailers ? http2.pointee.headBound(state.pointee.spare) : FrameHeader.size
            guard room(receiver, needed) else { return }
            if hasTrailers {
                _ = http2.pointee.sendHead(place, state.pointee.spare, ends: true, to: &receiver.pointee.out.writer)
            } else {
                _ = http2.pointee.sendEnd(place, to: &receiver.pointee.out.writer)
            }
            return
        }
        writeLastChunk(exchange, hasTrailers, to: receiver)
    }

    private func writeLastChunk(_ exchange: ExchangeRef, _ hasTrailers: Bool, to receiver: ConnectionRef) {
        switch receiver.pointee.sending {
        case .chunked:
            // Who did not say that it takes trailers may take them for something else (RFC 9110, 6.5.1).
            let isTaken = hasTrailers && (receiver.pointee.side == .backend || exchange.pointee.head.takesTrailers)
            guard room(receiver, isTaken ? HTTP1Writer.bound(state.pointee.spare) : HTTP1Writer.chunkRoom) else {
                return
            }
            if isTaken {
                _ = HTTP1Writer.trailers(state.pointee.spare, to: &receiver.pointee.out.writer)
            } else {
                receiver.pointee.out.writer.append(HTTP1Writer.lastChunk)
            }
        case .untilClose, .tunnel: finish(receiver)
        case .none, .length: break
        }
    }

    // MARK: Moving on

    /// The connection has room again: all that waits for it goes on, another first each time.
    func pump(_ connection: ConnectionRef) {
        if let exchange = connection.pointee.exchange { return pump(exchange, to: connection.pointee.side) }
        let capacity = connection.pointee.exchangeCapacity
        guard capacity > 0 else { return }
        let from = connection.pointee.pumpFrom
        for step in 0..<capacity {
            guard connection.pointee.waiting > 0 else { return }
            let place = (from &+ step) % capacity
            guard let exchange = connection.pointee.exchange(at: place) else { continue }
            pump(exchange, to: connection.pointee.side)
            connection.pointee.pumpFrom = place &+ 1
        }
    }

    /// What is queued for a side goes on, as far as it is taken.
    func pump(_ exchange: ExchangeRef, to side: ProxyConnection.Side) {
        let sender = side == .client ? ProxyConnection.Side.backend : .client
        let flow = flow(exchange, from: sender)
        guard flow.pointee.isCounted,
            let receiver = side == .client ? exchange.pointee.client : exchange.pointee.backend
        else { return }
        if side == .backend { exchange.pointee.isCommitted = true }
        while !flow.pointee.queue.isEmpty {
            let first = flow.pointee.queue.first
            let isLast =
                flow.pointee.hasEnded && first.count == flow.pointee.queue.count
                && !flow.pointee.trailers.isKept
            let sent = write(first, ends: isLast, exchange, flow, to: receiver)
            if sent == 0 { return }
            flow.pointee.queue.drop(sent, &state.pointee.contents)
            consumed(exchange, sender, sent)
        }
        if flow.pointee.hasEnded && !flow.pointee.isPassed { writeEnd(exchange, flow, to: receiver) }
        flow.pointee.isCounted = false
        receiver.pointee.waiting &-= 1
        if flow.pointee.isPassed { settle(exchange) }
    }
}
