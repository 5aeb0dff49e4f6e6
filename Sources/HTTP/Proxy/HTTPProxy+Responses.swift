// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Responses: heads on their way to clients, and answers of our own.
extension HTTPProxy {
    /// A final response's head lies in the section.
    func respond(_ exchange: ExchangeRef, _ head: ResponseHead, ends: Bool) {
        exchange.pointee.response.hasEnded = ends
        exchange.pointee.isCommitted = true
        if !state.pointee.isLogging { exchange.pointee.saved.forget() }
        exchange.pointee.upstream?.pointee.failures = 0
        guard let client = exchange.pointee.client else { return settle(exchange) }
        note(exchange, head.status)
        if let http2 = client.pointee.http2 {
            guard room(client, http2.pointee.headBound(state.pointee.section)) else { return }
            _ = http2.pointee.sendHead(
                Int(exchange.pointee.clientPlace), state.pointee.section, ends: ends, to: &client.pointee.out.writer)
        } else {
            writeHead(exchange, client, head, ends: ends, state.pointee.section)
        }
        exchange.pointee.isAnswered = true
        guard ends else {
            exchange.pointee.movedBefore = exchange.pointee.moved
            return arm(exchange, milliseconds: streamMilliseconds)
        }
        exchange.pointee.response.isPassed = true
        settle(exchange)
    }

    private var streamMilliseconds: Int64 { state.pointee.limits.streamTimeout.wholeNanoseconds / 1_000_000 }

    private func note(_ exchange: ExchangeRef, _ status: UInt16) {
        exchange.pointee.status = status
        exchange.pointee.answered = time()
        state.pointee.counters.responses[min(7, Int(status / 100))] &+= 1
    }

    /// To a client of HTTP/1.1.
    private func writeHead(
        _ exchange: ExchangeRef, _ client: ConnectionRef, _ head: ResponseHead, ends: Bool,
        _ section: borrowing FieldSection
    ) {
        var framing = HTTP1Framing.chunked
        if exchange.pointee.isTunnel {
            framing = .tunnel
        } else if head.hasNoContent(for: exchange.pointee.head.kind) {
            framing = .none
        } else if ends {
            framing = .length(0)
        } else if head.contentLength >= 0 {
            framing = .length(head.contentLength)
        } else if client.pointee.isOldVersion {
            framing = .untilClose
            client.pointee.keepsAlive = false
        }
        client.pointee.sending = framing
        if client.pointee.isLeaving { client.pointee.keepsAlive = false }
        var connection = HTTP1Writer.Connection.unsaid
        if exchange.pointee.isTunnel {
            connection = .upgradeToWebSocket
        } else if !client.pointee.keepsAlive {
            connection = .close
        } else if client.pointee.isOldVersion {
            connection = .keepAlive
        }
        guard room(client, HTTP1Writer.bound(section)) else { return }
        let isWritten = HTTP1Writer.response(
            section, status: head.status, framing, connection, to: &client.pointee.out.writer)
        precondition(isWritten)
    }

    /// A 1xx response's head lies in the section.
    func relayInterim(_ exchange: ExchangeRef) {
        guard let client = exchange.pointee.client, !exchange.pointee.isAnswered else { return }
        if let http2 = client.pointee.http2 {
            guard room(client, http2.pointee.headBound(state.pointee.section)) else { return }
            _ = http2.pointee.sendHead(
                Int(exchange.pointee.clientPlace), state.pointee.section, ends: false, to: &client.pointee.out.writer)
            return
        }
        // RFC 9110, 15.2: not to HTTP/1.0.
        guard !client.pointee.isOldVersion, let line = state.pointee.section.first(.status),
            let status = ContentLength.parse(state.pointee.section.value(state.pointee.section[line])),
            room(client, HTTP1Writer.bound(state.pointee.section))
        else { return }
        _ = HTTP1Writer.response(
            state.pointee.section, status: UInt16(truncatingIfNeeded: status), .none, .unsaid,
            to: &client.pointee.out.writer)
    }

    /// Answers without a backend, and without content.
    func answer(_ exchange: ExchangeRef, _ status: UInt16, _ why: StaticString?) {
        giveUpBackend(exchange)
        guard let client = exchange.pointee.client else { return settle(exchange) }
        note(exchange, status)
        fill(status, why)
        exchange.pointee.isAnswered = true
        exchange.pointee.response.hasEnded = true
        exchange.pointee.response.isPassed = true
        let head = ResponseHead(status: status, contentLength: 0)
        if let http2 = client.pointee.http2 {
            guard room(client, http2.pointee.headBound(state.pointee.spare)) else { return }
            _ = http2.pointee.sendHead(
                Int(exchange.pointee.clientPlace), state.pointee.spare, ends: true, to: &client.pointee.out.writer)
        } else {
            if !exchange.pointee.request.hasEnded { client.pointee.keepsAlive = false }
            writeHead(exchange, client, head, ends: true, state.pointee.spare)
        }
        settle(exchange)
    }

    private func fill(_ status: UInt16, _ why: StaticString?) {
        state.pointee.spare.clear()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            guard let start = digits.baseAddress else { return }
            var writer = ByteWriter(start, capacity: digits.count)
            writer.append(decimal: Int(status))
            state.pointee.spare.append(.status, writer.written)
        }
        if let why { state.pointee.spare.append(.proxyStatus, why, form: .plain) }
        if status >= 200 && status != 204 && status != 304 { state.pointee.spare.append(.contentLength, "0") }
    }

    /// Gives an exchange up: an answer where there was none, else the client sees that it is cut off.
    func fail(_ exchange: ExchangeRef, _ error: ProxyError) {
        state.pointee.counters.errors[Int(error.rawValue)] &+= 1
        exchange.pointee.error = error
        guard exchange.pointee.isAnswered else { return answer(exchange, error.status, error.proxyStatus) }
        giveUpBackend(exchange)
        giveUpClient(exchange)
        settle(exchange)
    }
}
