// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// How exchanges end: whole, cut off by a side, or sent again.
extension HTTPProxy {
    /// Lets go of the sides that are over, and of the exchange once both are.
    func settle(_ exchange: ExchangeRef) {
        if exchange.pointee.response.isPassed, let client = exchange.pointee.client { endClient(exchange, client) }
        if let backend = exchange.pointee.backend {
            if exchange.pointee.request.isPassed && exchange.pointee.response.hasEnded {
                endBackend(exchange, backend)
            } else if exchange.pointee.client == nil || exchange.pointee.isLingering {
                giveUpBackend(exchange)
            }
        }
        guard exchange.pointee.client == nil && exchange.pointee.backend == nil else { return }
        if exchange.pointee.isWaiting { exchange.pointee.upstream?.pointee.stopWaiting(exchange) }
        free(exchange)
    }

    private func free(_ exchange: ExchangeRef) {
        guard !exchange.pointee.isFree else { return }
        disarm(exchange)
        count(exchange)
        exchange.pointee.request.queue.removeAll(&state.pointee.contents)
        exchange.pointee.response.queue.removeAll(&state.pointee.contents)
        exchange.pointee.request.trailers.forget()
        exchange.pointee.response.trailers.forget()
        exchange.pointee.saved.forget()
        exchange.pointee.isFree = true
        exchange.pointee.next = state.pointee.freeExchange
        state.pointee.freeExchange = exchange
    }

    /// The response was passed on whole.
    private func endClient(_ exchange: ExchangeRef, _ client: ConnectionRef) {
        let isWhole = exchange.pointee.request.hasEnded
        if exchange.pointee.ended == 0 { exchange.pointee.ended = time() }
        if let http2 = client.pointee.http2 {
            if isWhole { return forget(client, exchange) }
            return stopRequest(exchange, client, http2)
        }
        forget(client, exchange)
        guard isWhole && client.pointee.keepsAlive && !client.pointee.isLeaving else { return finish(client) }
        client.pointee.reading = .head
        client.pointee.isPaused = false
        if client.pointee.held != nil || client.pointee.isReadable || client.pointee.hasEnded { enqueue(client) }
    }

    /// The response is complete before its request: what still comes is passed over for a while, as some clients take a
    /// reset for a failure; then the rest is refused (RFC 9113, 8.1).
    private func stopRequest(
        _ exchange: ExchangeRef, _ client: ConnectionRef, _ http2: UnsafeMutablePointer<HTTP2Connection>
    ) {
        guard exchange.pointee.isLingering else {
            exchange.pointee.isLingering = true
            return arm(exchange, milliseconds: state.pointee.limits.goAwayDelay.wholeNanoseconds / 1_000_000)
        }
        guard exchange.pointee.isRefused && room(client, HTTP2Connection.controlRoom) else { return }
        _ = http2.pointee.reset(Int(exchange.pointee.clientPlace), .noError, to: &client.pointee.out.writer)
        forget(client, exchange)
    }

    /// The request was sent whole, and the response came whole.
    private func endBackend(_ exchange: ExchangeRef, _ backend: ConnectionRef) {
        forget(backend, exchange)
        guard let upstream = backend.pointee.upstream else { return }
        if backend.pointee.stage == .http1 {
            guard backend.pointee.keepsAlive && !backend.pointee.isLeaving && !backend.pointee.isEnding else {
                return fail(backend)
            }
            upstream.pointee.addIdle(backend)
        }
        if upstream.pointee.waiting > 0 { serveWaiting(upstream) }
    }

    /// Takes an exchange from a connection that is done with it, or that it is done with.
    func forget(_ connection: ConnectionRef, _ exchange: ExchangeRef) {
        let isClient = connection.pointee.side == .client
        let place = isClient ? exchange.pointee.clientPlace : exchange.pointee.backendPlace
        if place >= 0 {
            connection.pointee.setExchange(nil, at: Int(place))
        } else {
            connection.pointee.exchange = nil
        }
        let own = flow(exchange, from: connection.pointee.side)
        let other = flow(exchange, from: isClient ? .backend : .client)
        if other.pointee.isCounted {
            other.pointee.isCounted = false
            connection.pointee.waiting &-= 1
        }
        // What it sent and nobody has taken yet: the stream's window goes with the stream, the connection's does not.
        if !own.pointee.queue.isEmpty, let http2 = connection.pointee.http2,
            room(connection, HTTP2Connection.controlRoom)
        {
            http2.pointee.consumed(nil, own.pointee.queue.count, to: &connection.pointee.out.writer)
        }
        if isClient { exchange.pointee.client = nil } else { exchange.pointee.backend = nil }
        connection.pointee.active &-= 1
        if connection.pointee.active == 0 { becameIdle(connection) }
    }

    private func becameIdle(_ connection: ConnectionRef) {
        if connection.pointee.isLeaving && connection.pointee.goAwaySteps != 1 { return finish(connection) }
        let limits = state.pointee.limits
        if connection.pointee.goAwaySteps == 1 { return }
        arm(connection, connection.pointee.side == .client ? limits.idleTimeout : limits.backendIdleTimeout)
    }

    // MARK: Cutting off

    /// The backend is to stop: nobody wants its answer.
    func giveUpBackend(_ exchange: ExchangeRef) {
        if exchange.pointee.isWaiting { exchange.pointee.upstream?.pointee.stopWaiting(exchange) }
        guard let backend = exchange.pointee.backend else { return }
        if let http2 = backend.pointee.http2 {
            let isClosed = exchange.pointee.request.isPassed && exchange.pointee.response.hasEnded
            if !isClosed && room(backend, HTTP2Connection.controlRoom) {
                _ = http2.pointee.reset(
                    Int(exchange.pointee.backendPlace), .cancel, to: &backend.pointee.out.writer)
            }
            forget(backend, exchange)
            if let upstream = backend.pointee.upstream, upstream.pointee.waiting > 0 { serveWaiting(upstream) }
            return
        }
        forget(backend, exchange)
        fail(backend)
    }

    /// The client has part of a response of which the rest will not come (RFC 9113, 8.1; RFC 9112, 8).
    func giveUpClient(_ exchange: ExchangeRef) {
        guard let client = exchange.pointee.client else { return }
        if let http2 = client.pointee.http2 {
            let isClosed = exchange.pointee.request.hasEnded && exchange.pointee.response.isPassed
            if !isClosed && room(client, HTTP2Connection.controlRoom) {
                _ = http2.pointee.reset(
                    Int(exchange.pointee.clientPlace), .internalError, to: &client.pointee.out.writer)
            }
            return forget(client, exchange)
        }
        forget(client, exchange)
        switch client.pointee.sending {
        // Without a length a close in good order would pass for the end: what is not sent yet goes with a reset.
        case .untilClose, .tunnel: fail(client)
        case .none, .length, .chunked: finish(client)
        }
    }

    /// A side reset its stream, which has left its place.
    func wasReset(_ exchange: ExchangeRef, _ side: ProxyConnection.Side, _ code: ErrorCode) {
        guard side == .backend else { return settle(exchange) }
        // RFC 9113, 8.7: refused streams were not served.
        if code == .refusedStream { return sendAgain(exchange, wasRefused: true, .connectionTerminated) }
        if exchange.pointee.isAnswered && code == .noError && exchange.pointee.response.hasEnded {
            return settle(exchange)
        }
        fail(exchange, .connectionTerminated)
    }

    /// All exchanges of a connection that is lost.
    func abandon(_ connection: ConnectionRef) {
        if let exchange = connection.pointee.exchange { lost(connection, exchange) }
        for place in 0..<connection.pointee.exchangeCapacity {
            if let exchange = connection.pointee.exchange(at: place) { lost(connection, exchange) }
        }
    }

    private func lost(_ connection: ConnectionRef, _ exchange: ExchangeRef) {
        forget(connection, exchange)
        if connection.pointee.side == .client {
            settle(exchange)
        } else if exchange.pointee.response.hasEnded {
            settle(exchange)
        } else {
            sendAgain(exchange, wasRefused: false, .connectionTerminated)
        }
    }

    /// Sends a request anew where that is safe, else answers.
    ///
    /// - Parameter wasRefused: the backend said that it did nothing for it.
    func sendAgain(_ exchange: ExchangeRef, wasRefused: Bool, _ error: ProxyError) {
        let isSafe = wasRefused || exchange.pointee.head.kind.isIdempotent
        guard isSafe && !exchange.pointee.isCommitted else { return fail(exchange, error) }
        // A server that goes away in good order refuses what is on its way: that is no failure, and costs no retry.
        if wasRefused && exchange.pointee.refusals < Self.refusalsMost {
            exchange.pointee.refusals &+= 1
            exchange.pointee.retries &+= 1
            state.pointee.retryBudget &+= 10
        }
        sendElsewhere(exchange, error)
    }

    private static let refusalsMost = 4

    /// Sends a request of which nothing was served to the next backend.
    func sendElsewhere(_ exchange: ExchangeRef, _ error: ProxyError) {
        guard exchange.pointee.client != nil && exchange.pointee.saved.isKept && exchange.pointee.retries > 0,
            state.pointee.retryBudget >= 10
        else { return fail(exchange, error) }
        let left = exchange.pointee.retries &- 1
        state.pointee.retryBudget &-= 10
        state.pointee.counters.retries &+= 1
        exchange.pointee.backend = nil
        exchange.pointee.request.isPassed = false
        exchange.pointee.saved.restore(to: &state.pointee.section)
        routeAgain(exchange, retries: left)
    }

    // MARK: Time

    /// An answer goes on as long as anything moves, both ways, however slowly.
    private func lookForLife(_ exchange: ExchangeRef) {
        let moved = exchange.pointee.moved
        guard moved != exchange.pointee.movedBefore else { return fail(exchange, .streamTimeout) }
        exchange.pointee.movedBefore = moved
        arm(exchange, milliseconds: state.pointee.limits.streamTimeout.wholeNanoseconds / 1_000_000)
    }

    func timedOut(_ exchange: ExchangeRef) {
        guard !exchange.pointee.isFree else { return }
        if exchange.pointee.isLingering {
            exchange.pointee.isRefused = true
            return settle(exchange)
        }
        if exchange.pointee.isAnswered { return lookForLife(exchange) }
        fail(exchange, exchange.pointee.isWaiting ? .connectTimeout : .responseTimeout)
    }
}
