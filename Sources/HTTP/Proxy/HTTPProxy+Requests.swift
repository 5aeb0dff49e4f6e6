// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Requests: from a client's head to a backend's connection.
extension HTTPProxy {
    /// A slot for a request; nil: there is none, and the stream was refused.
    func open(_ client: ConnectionRef, _ place: Int32, _ head: RequestHead, ends: Bool) -> ExchangeRef? {
        guard let exchange = takeExchange() else {
            refuse(client, place)
            return nil
        }
        exchange.pointee.begin(client, place, head, ends: ends)
        exchange.pointee.tally = ledger.unrouted
        exchange.pointee.began = time()
        if state.pointee.isLogging { remember(client, exchange) }
        client.pointee.active &+= 1
        if place >= 0 {
            client.pointee.setExchange(exchange, at: Int(place))
        } else {
            client.pointee.exchange = exchange
        }
        state.pointee.counters.requests &+= 1
        return exchange
    }

    private func refuse(_ client: ConnectionRef, _ place: Int32) {
        guard let http2 = client.pointee.http2 else { return finish(client) }
        guard room(client, HTTP2Connection.controlRoom) else { return }
        _ = http2.pointee.reset(Int(place), .refusedStream, to: &client.pointee.out.writer)
    }

    @inline(__always)
    private func takeExchange() -> ExchangeRef? {
        if let free = state.pointee.freeExchange {
            state.pointee.freeExchange = free.pointee.next
            return free
        }
        guard state.pointee.exchangeCount < Self.exchangesMax else { return nil }
        let fresh = ExchangeRef.allocate(capacity: 1)
        fresh.initialize(to: Exchange(index: Int32(state.pointee.exchangeCount), tally: ledger.unrouted))
        exchanges[state.pointee.exchangeCount] = fresh
        state.pointee.exchangeCount &+= 1
        return fresh
    }

    /// A request's head lies in the section.
    func beginRequest(_ client: ConnectionRef, _ place: Int32, _ head: RequestHead, ends: Bool) {
        guard let exchange = open(client, place, head, ends: ends) else { return }
        route(exchange)
    }

    /// Finds where a request goes, and sends it there.
    func route(_ exchange: ExchangeRef) {
        guard forward(exchange) else { return fail(exchange, .headTooLarge) }
        route(exchange, retries: nil)
    }

    /// Its head lies in the section once more.
    func routeAgain(_ exchange: ExchangeRef, retries: Int32) { route(exchange, retries: retries) }

    private func route(_ exchange: ExchangeRef, retries: Int32?) {
        let head = exchange.pointee.head
        if state.pointee.isLogging && !exchange.pointee.saved.isKept {
            exchange.pointee.saved.keep(state.pointee.section)
        }
        // RFC 9110, 9.3.6: no proxy of this kind.
        if head.kind == .connect && head.protocolName < 0 { return fail(exchange, .methodRefused) }
        let rule = rule(head)
        guard rule >= 0 else { return fail(exchange, .noRoute) }
        let number = routes.pointee.table.number(of: rule)
        let facts = routes.pointee.facts[number]
        exchange.pointee.route = Int32(truncatingIfNeeded: number)
        exchange.pointee.tally = facts.tally
        exchange.pointee.timeout = facts.timeout
        exchange.pointee.retries = retries ?? Int32(truncatingIfNeeded: facts.retries)
        if facts.status > 0 { return answer(exchange, facts.status, nil) }
        state.pointee.retryBudget = min(1000, state.pointee.retryBudget &+ 1)
        let hash = state.pointee.nextRandom()
        guard let service = routes.pointee.table.service(of: rule, hash: hash),
            let upstream = routes.pointee.services[service].pointee.next(state.pointee.now)
        else { return fail(exchange, .noBackend) }
        exchange.pointee.upstream = upstream
        if !exchange.pointee.saved.isKept { exchange.pointee.saved.keep(state.pointee.section) }
        arm(exchange, milliseconds: facts.timeout)
        if !dispatch(exchange, &state.pointee.section) { wait(exchange) }
    }

    /// The rule for the head in the section; less than 0: none.
    private func rule(_ head: RequestHead) -> Int {
        let target = value(head.path)
        guard let path = RoutePath.normalised(target, scratch: scratch) else { return -1 }
        return routes.pointee.table.rule(
            authority: value(head.authority), path: path, method: value(head.method), state.pointee.section) ?? -1
    }

    /// Of a line of the section; empty: there is none.
    @inline(__always)
    private func value(_ line: Int32) -> UnsafeBufferPointer<UInt8> {
        guard line >= 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        return state.pointee.section.value(state.pointee.section[Int(line)])
    }

    /// Sends a request's head on a connection that has room for it; false: there is none.
    private func dispatch(_ exchange: ExchangeRef, _ section: inout FieldSection) -> Bool {
        guard let upstream = exchange.pointee.upstream else { return false }
        if upstream.pointee.version == .http1 || exchange.pointee.head.protocolName >= 0 {
            guard let connection = upstream.pointee.idle else { return false }
            upstream.pointee.removeIdle(connection)
            return send(exchange, on: connection, section)
        }
        var place = 0
        while place < upstream.pointee.multiplexedCount {
            let connection = upstream.pointee.multiplexed[place]
            if let http2 = connection.pointee.http2,
                connection.pointee.active < min(Int(http2.pointee.peer.maxConcurrentStreams), Self.streamsMax)
            {
                if send(exchange, on: connection, http2, section) { return true }
                if connection.pointee.isLeaving { continue }
            }
            place += 1
        }
        return false
    }

    /// Of one connection to a backend that sets no limit.
    private static let streamsMax = 256

    /// By HTTP/2.
    private func send(
        _ exchange: ExchangeRef, on connection: ConnectionRef, _ http2: UnsafeMutablePointer<HTTP2Connection>,
        _ section: borrowing FieldSection
    ) -> Bool {
        guard room(connection, http2.pointee.headBound(section)) else { return false }
        let ends =
            exchange.pointee.request.hasEnded && exchange.pointee.request.queue.isEmpty
            && !exchange.pointee.request.trailers.isKept
        switch http2.pointee.open(
            section, method: exchange.pointee.head.kind, ends: ends, to: &connection.pointee.out.writer)
        {
        case .opened(let place):
            connection.pointee.setExchange(exchange, at: place)
            wasSent(exchange, on: connection, Int32(truncatingIfNeeded: place), ends: ends)
            return true
        case .exhausted:
            leave(connection)
            return false
        case .noRoom, .tooMany: return false
        }
    }

    /// By HTTP/1.1.
    private func send(_ exchange: ExchangeRef, on connection: ConnectionRef, _ section: borrowing FieldSection) -> Bool
    {
        let head = exchange.pointee.head
        let request = exchange.pointee.request
        let ends = request.hasEnded && request.queue.isEmpty && !request.trailers.isKept
        var framing = HTTP1Framing.none
        if !ends { framing = head.contentLength >= 0 ? .length(head.contentLength) : .chunked }
        if exchange.pointee.upgrades { framing = .none }
        guard room(connection, HTTP1Writer.bound(section)) else { return false }
        let isWritten = HTTP1Writer.request(
            section, head, framing, exchange.pointee.upgrades ? .upgradeToWebSocket : .unsaid,
            to: &connection.pointee.out.writer)
        guard isWritten else { return false }
        connection.pointee.exchange = exchange
        connection.pointee.sending = framing
        connection.pointee.reading = .head
        connection.pointee.requests &+= 1
        wasSent(exchange, on: connection, -1, ends: ends)
        return true
    }

    @inline(__always)
    private func wasSent(_ exchange: ExchangeRef, on connection: ConnectionRef, _ place: Int32, ends: Bool) {
        exchange.pointee.backend = connection
        exchange.pointee.backendPlace = place
        exchange.pointee.upstream?.pointee.requests &+= 1
        exchange.pointee.sent = time()
        exchange.pointee.request.isPassed = ends
        connection.pointee.active &+= 1
        if !exchange.pointee.request.queue.isEmpty || (exchange.pointee.request.hasEnded && !ends) {
            exchange.pointee.request.isCounted = true
            connection.pointee.waiting &+= 1
            pump(exchange, to: .backend)
        }
    }

    // MARK: Waiting for a connection

    func wait(_ exchange: ExchangeRef) {
        guard let upstream = exchange.pointee.upstream else { return fail(exchange, .noBackend) }
        guard upstream.pointee.waiting < state.pointee.limits.waitingPerBackend else {
            return fail(exchange, .tooManyWaiting)
        }
        upstream.pointee.wait(exchange)
        connectMore(upstream)
    }

    /// As many connections as the waiting requests need, within the limits.
    func connectMore(_ upstream: UpstreamRef) {
        let limits = state.pointee.limits
        let isMultiplexed = upstream.pointee.version == .http2
        let most = isMultiplexed ? limits.multiplexedPerBackend : limits.connectionsPerBackend
        while upstream.pointee.waiting > 0 && upstream.pointee.count < most {
            let expected = upstream.pointee.connecting * (isMultiplexed ? Self.expectedStreams : 1)
            guard upstream.pointee.waiting > expected else { return }
            guard connect(upstream) else {
                // What has connections already waits for one of them.
                if upstream.pointee.count == 0 { failWaiting(upstream, .connectRefused) }
                return
            }
        }
    }

    /// What most servers bear on one connection.
    private static let expectedStreams = 100

    func failWaiting(_ upstream: UpstreamRef, _ error: ProxyError) {
        while let exchange = upstream.pointee.waitingFirst {
            upstream.pointee.stopWaiting(exchange)
            sendElsewhere(exchange, error)
        }
    }

    /// Requests that wait go out as far as there are connections.
    func serveWaiting(_ upstream: UpstreamRef) {
        while let exchange = upstream.pointee.waitingFirst {
            if upstream.pointee.version == .http1 && upstream.pointee.idle == nil { return }
            exchange.pointee.saved.restore(to: &state.pointee.spare)
            // It leaves the queue first: what fails on the way may touch it.
            upstream.pointee.stopWaiting(exchange)
            guard !dispatch(exchange, &state.pointee.spare) else { continue }
            upstream.pointee.waitFirst(exchange)
            return connectMore(upstream)
        }
    }
}
