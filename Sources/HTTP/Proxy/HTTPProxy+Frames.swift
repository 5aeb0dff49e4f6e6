// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Connections of HTTP/2, of clients and to backends: events of the codec become steps of exchanges.
extension HTTPProxy {
    func receiveFrames(_ connection: ConnectionRef, _ count: Int) -> Int {
        guard let http2 = connection.pointee.http2 else { return count }
        var at = 0
        let bytes = UnsafeBufferPointer(start: input, count: count)
        while room(connection, HTTP2Connection.controlRoom) {
            let event = http2.pointee.receive(
                bytes.span, &at, into: &state.pointee.section, to: &connection.pointee.out.writer)
            switch event {
            case .needsMore: return at
            case .handled, .acknowledged, .pong: continue
            case .data(let place, let range, let ends):
                guard let exchange = connection.pointee.exchange(at: place) else {
                    http2.pointee.consumed(nil, range.count, to: &connection.pointee.out.writer)
                    continue
                }
                let content = UnsafeBufferPointer(rebasing: bytes[range])
                take(content, ends: ends, of: exchange, from: connection.pointee.side)
            case .request(let place, let head, let ends):
                beginRequest(connection, Int32(truncatingIfNeeded: place), head, ends: ends)
            case .response(let place, let head, let ends):
                if let exchange = connection.pointee.exchange(at: place) {
                    respond(exchange, head, ends: ends)
                }
            case .blocked: continue
            default: if !rare(connection, http2, event) { return at }
            }
            if connection.pointee.isClosing || !connection.pointee.isOpen { return count }
        }
        return count
    }

    /// Events that few exchanges see; false: nothing more is to be read.
    private func rare(
        _ connection: ConnectionRef, _ http2: UnsafeMutablePointer<HTTP2Connection>, _ event: HTTP2Event
    ) -> Bool {
        switch event {
        case .interim(let place, _):
            if let exchange = connection.pointee.exchange(at: place) { relayInterim(exchange) }
        case .trailers(let place):
            if let exchange = connection.pointee.exchange(at: place) {
                takeTrailers(of: exchange, from: connection.pointee.side)
            }
        case .oversized(let place, let ends): oversized(connection, place, ends: ends)
        case .reset(let place, let code):
            if let exchange = detach(connection, at: place) { wasReset(exchange, connection.pointee.side, code) }
        case .streamFailed(let place, _, let fault):
            state.pointee.counters.malformed &+= 1
            if case .abuse(let kind) = fault { state.pointee.counters.abuse[Int(kind.rawValue)] &+= 1 }
            if let place, let exchange = detach(connection, at: place) {
                wasReset(exchange, connection.pointee.side, .protocolError)
            }
        case .windowOpened(let place):
            if let place {
                if let exchange = connection.pointee.exchange(at: place) { pump(exchange, to: connection.pointee.side) }
            } else if connection.pointee.waiting > 0 {
                pump(connection)
            }
        case .goAway(let last, _): wentAway(connection, http2, last)
        case .failed(let fault):
            if case .abuse(let kind) = fault { state.pointee.counters.abuse[Int(kind.rawValue)] &+= 1 }
            abandon(connection)
            finish(connection)
            return false
        default: break
        }
        return true
    }

    /// The stream has left its place by itself; nil: there was no exchange.
    private func detach(_ connection: ConnectionRef, at place: Int) -> ExchangeRef? {
        guard let exchange = connection.pointee.exchange(at: place) else { return nil }
        forget(connection, exchange)
        return exchange
    }

    private func oversized(_ connection: ConnectionRef, _ place: Int, ends: Bool) {
        if connection.pointee.side == .backend {
            guard let exchange = connection.pointee.exchange(at: place) else { return }
            exchange.pointee.response.hasEnded = ends
            return fail(exchange, .responseMalformed)
        }
        guard let exchange = open(connection, Int32(truncatingIfNeeded: place), RequestHead(), ends: ends) else {
            return
        }
        fail(exchange, .headTooLarge)
    }

    /// A peer begins no more streams, or takes none above the last.
    private func wentAway(
        _ connection: ConnectionRef, _ http2: UnsafeMutablePointer<HTTP2Connection>, _ last: UInt32
    ) {
        guard connection.pointee.side == .backend else {
            // A client that says so still reads what it asked for.
            connection.pointee.isLeaving = true
            if connection.pointee.active == 0 { finish(connection) }
            return
        }
        if !connection.pointee.isLeaving {
            connection.pointee.isLeaving = true
            connection.pointee.upstream?.pointee.removeMultiplexed(connection)
        }
        // RFC 9113, 8.7: those above the last were not served.
        for place in 0..<connection.pointee.exchangeCapacity {
            guard let exchange = connection.pointee.exchange(at: place),
                http2.pointee.streams[place].id > last
            else { continue }
            if room(connection, HTTP2Connection.controlRoom) {
                _ = http2.pointee.reset(place, .cancel, to: &connection.pointee.out.writer)
            }
            forget(connection, exchange)
            sendAgain(exchange, wasRefused: true, .connectionTerminated)
        }
        if connection.pointee.active == 0 { finish(connection) }
    }

    /// Says that the connection takes no more requests, in two steps (RFC 9113, 6.8); of HTTP/1.1, after the exchange
    /// that is under way.
    func leave(_ connection: ConnectionRef) {
        guard !connection.pointee.isLeaving else { return }
        connection.pointee.isLeaving = true
        if connection.pointee.side == .backend {
            connection.pointee.upstream?.pointee.removeMultiplexed(connection)
            if connection.pointee.active == 0 && connection.pointee.stage != .connecting { finish(connection) }
            return
        }
        guard let http2 = connection.pointee.http2 else {
            if connection.pointee.active == 0 && !mayAsk(connection) { finish(connection) }
            return
        }
        guard room(connection, HTTP2Connection.controlRoom) else { return }
        http2.pointee.announceGoAway(to: &connection.pointee.out.writer)
        connection.pointee.goAwaySteps = 1
        arm(connection, state.pointee.limits.goAwayDelay)
    }

    /// The second step.
    func finishLeaving(_ connection: ConnectionRef) {
        guard let http2 = connection.pointee.http2, room(connection, HTTP2Connection.controlRoom) else { return }
        http2.pointee.finishGoAway(to: &connection.pointee.out.writer)
        connection.pointee.goAwaySteps = 2
        if connection.pointee.active == 0 {
            finish(connection)
        } else {
            arm(connection, state.pointee.limits.idleTimeout)
        }
    }
}
