// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Connections of HTTP/1.1: one exchange at a time, and what was sent ahead waits unread.
extension HTTPProxy {
    // MARK: Clients

    func receiveRequests(_ connection: ConnectionRef, _ count: Int) -> Int {
        var at = 0
        let bytes = UnsafeBufferPointer(start: input, count: count)
        while at < count && !connection.pointee.isPaused && !connection.pointee.isClosing
            && !connection.pointee.hasFailed
        {
            let before = at
            do throws(HTTP1Fault) {
                if connection.pointee.reading == .head {
                    guard try request(connection, bytes.span, &at) else { return at }
                } else {
                    guard let exchange = connection.pointee.exchange else { return count }
                    guard try content(connection, exchange, bytes, &at) || at > before else { return at }
                }
            } catch {
                refuse(connection, error)
                return count
            }
        }
        return at
    }

    /// Reads a request's head and sends it on; false: it is not all there.
    private func request(_ connection: ConnectionRef, _ input: Span<UInt8>, _ at: inout Int) throws(HTTP1Fault) -> Bool
    {
        let progress = try connection.pointee.requestReader.read(
            input, from: at, scheme: connection.pointee.tls == nil ? "http" : "https", into: &state.pointee.section)
        guard case .head(let request, let end) = progress else { return false }
        at = end
        connection.pointee.keepsAlive = request.keepsAlive
        connection.pointee.isOldVersion = request.isOldVersion
        connection.pointee.requests &+= 1
        let ends = begin(connection, request.framing)
        guard let exchange = open(connection, -1, request.head, ends: ends) else { return true }
        if request.upgradesToWebSocket && ends { exchange.pointee.upgrades = true }
        route(exchange)
        return true
    }

    /// What is read after a head; whether that is nothing.
    private func begin(_ connection: ConnectionRef, _ framing: HTTP1Framing) -> Bool {
        switch framing {
        case .none:
            connection.pointee.reading = .done
            // The next message's turn comes with the end of this exchange.
            if connection.pointee.side == .client { connection.pointee.isPaused = true }
            return true
        case .length(let count):
            connection.pointee.reading = .length
            connection.pointee.contentLeft = count
        case .chunked:
            connection.pointee.reading = .chunked
            connection.pointee.chunked = ChunkedDecoder()
        case .untilClose, .tunnel: connection.pointee.reading = .untilClose
        }
        return false
    }

    /// Hands on content; false: more octets are needed.
    private func content(
        _ connection: ConnectionRef, _ exchange: ExchangeRef, _ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int
    ) throws(HTTP1Fault) -> Bool {
        let side = connection.pointee.side
        switch connection.pointee.reading {
        case .length:
            let count = Int(min(connection.pointee.contentLeft, Int64(bytes.count &- at)))
            connection.pointee.contentLeft &-= Int64(count)
            let ends = connection.pointee.contentLeft == 0
            let content = UnsafeBufferPointer(rebasing: bytes[at..<(at &+ count)])
            at &+= count
            if ends { endReading(connection, hasMore: at < bytes.count) }
            take(content, ends: ends, of: exchange, from: side)
        case .chunked:
            switch try connection.pointee.chunked.next(bytes.span, &at, into: &state.pointee.section) {
            case .needsMore: return false
            case .data(let range):
                take(UnsafeBufferPointer(rebasing: bytes[range]), ends: false, of: exchange, from: side)
            case .end:
                endReading(connection, hasMore: at < bytes.count)
                endChunked(connection, exchange)
            }
        case .untilClose:
            let content = UnsafeBufferPointer(rebasing: bytes[at...])
            at = bytes.count
            take(content, ends: false, of: exchange, from: side)
        case .head, .done: return false
        }
        return true
    }

    private func endChunked(_ connection: ConnectionRef, _ exchange: ExchangeRef) {
        let side = connection.pointee.side
        // The decoder cleared the section for them.
        if state.pointee.section.count > 0 { return takeTrailers(of: exchange, from: side) }
        take(UnsafeBufferPointer(start: nil, count: 0), ends: true, of: exchange, from: side)
    }

    private func endReading(_ connection: ConnectionRef, hasMore: Bool) {
        connection.pointee.reading = .done
        if connection.pointee.side == .client {
            connection.pointee.isPaused = true
        } else if hasMore {
            // What comes behind an answer is no answer to what we may ask next.
            connection.pointee.keepsAlive = false
        }
    }

    /// What a client sent is no message that we are sure of: it is told, and its connection ends.
    private func refuse(_ connection: ConnectionRef, _ fault: HTTP1Fault) {
        state.pointee.counters.malformed &+= 1
        connection.pointee.keepsAlive = false
        if let exchange = connection.pointee.exchange {
            if exchange.pointee.isAnswered {
                fail(exchange, .badRequest)
            } else {
                answer(exchange, fault.status, nil)
            }
            return
        }
        guard let exchange = open(connection, -1, RequestHead(), ends: true) else { return }
        answer(exchange, fault.status, nil)
    }

    // MARK: Backends

    func receiveResponses(_ connection: ConnectionRef, _ count: Int) -> Int {
        var at = 0
        let bytes = UnsafeBufferPointer(start: input, count: count)
        while at < count && !connection.pointee.isPaused && !connection.pointee.hasFailed {
            // Octets that answer nothing: whose they are cannot be known.
            guard let exchange = connection.pointee.exchange else {
                connection.pointee.upstream?.pointee.removeIdle(connection)
                fail(connection)
                return count
            }
            let before = at
            do throws(HTTP1Fault) {
                if connection.pointee.reading == .head {
                    guard try response(connection, exchange, bytes.span, &at) else { return at }
                } else {
                    guard try content(connection, exchange, bytes, &at) || at > before else { return at }
                }
            } catch {
                connection.pointee.keepsAlive = false
                fail(exchange, .responseMalformed)
                return count
            }
        }
        return at
    }

    /// Reads a response's head and sends it on; false: it is not all there.
    private func response(
        _ connection: ConnectionRef, _ exchange: ExchangeRef, _ input: Span<UInt8>, _ at: inout Int
    ) throws(HTTP1Fault) -> Bool {
        exchange.pointee.isCommitted = true
        let progress = try connection.pointee.responseReader.read(
            input, from: at, answering: exchange.pointee.head.kind, into: &state.pointee.section)
        guard case .head(let response, let end) = progress else { return false }
        at = end
        if response.head.status == 101 {
            guard exchange.pointee.upgrades else { throw .status }
            exchange.pointee.isTunnel = true
            openTunnel(connection, exchange, response.head)
            return true
        }
        if response.head.isInterim {
            relayInterim(exchange)
            return true
        }
        connection.pointee.keepsAlive = response.keepsAlive
        let ends = begin(connection, response.framing)
        if ends { endReading(connection, hasMore: at < input.count) }
        respond(exchange, response.head, ends: ends)
        return true
    }

    /// From here on the connection belongs to another protocol (RFC 9110, 7.8).
    private func openTunnel(_ connection: ConnectionRef, _ exchange: ExchangeRef, _ head: ResponseHead) {
        connection.pointee.keepsAlive = false
        connection.pointee.reading = .untilClose
        connection.pointee.sending = .tunnel
        exchange.pointee.request.hasEnded = false
        exchange.pointee.request.isPassed = false
        if let client = exchange.pointee.client {
            client.pointee.keepsAlive = false
            client.pointee.reading = .untilClose
            client.pointee.isPaused = false
            enqueue(client)
        }
        respond(exchange, head, ends: false)
    }
}
