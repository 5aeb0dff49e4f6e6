// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Lines of the access log, where there is one.
extension HTTPProxy {
    /// From now on a line a request goes there; nil: none does.
    public func log(to log: AccessLog?) {
        accessLog = log
        state.pointee.isLogging = log != nil
    }

    /// An exchange that is over, before its head is forgotten.
    func log(_ exchange: ExchangeRef) {
        guard let accessLog else { return }
        let isKept = exchange.pointee.saved.isKept
        if isKept { exchange.pointee.saved.restore(to: &accessLog.section) }
        let (began, sent, answered) = (exchange.pointee.began, exchange.pointee.sent, exchange.pointee.answered)
        accessLog.write(
            LogEntry(
                client: exchange.pointee.peer, speech: exchange.pointee.speech,
                head: isKept ? exchange.pointee.head : RequestHead(), status: exchange.pointee.status,
                bytesIn: exchange.pointee.request.octets, bytesOut: exchange.pointee.response.octets,
                duration: (exchange.pointee.ended > 0 ? exchange.pointee.ended : time()) &- began,
                upstreamTime: sent > 0 && answered > 0 ? answered &- sent : -1, route: exchange.pointee.tally.text,
                service: exchange.pointee.upstream?.pointee.serviceText,
                backend: exchange.pointee.upstream?.pointee.backendText, reason: reason(exchange)))
    }

    private func reason(_ exchange: ExchangeRef) -> StaticString {
        if let error = exchange.pointee.error { return error.name }
        return exchange.pointee.response.isPassed ? "finished" : ProxyError.clientGone.name
    }

    /// What an exchange keeps of its client, who may be gone when it is over.
    @inline(__always)
    func remember(_ client: ConnectionRef, _ exchange: ExchangeRef) {
        exchange.pointee.peer = client.pointee.peer
        exchange.pointee.speech =
            client.pointee.http2 != nil ? "HTTP/2" : client.pointee.isOldVersion ? "HTTP/1.0" : "HTTP/1.1"
    }
}

extension ProxyError {
    /// As metrics call it.
    var name: StaticString {
        switch self {
        case .noRoute: "noRoute"
        case .noBackend: "noBackend"
        case .tooManyWaiting: "tooManyWaiting"
        case .connectRefused: "connectRefused"
        case .connectTimeout: "connectTimeout"
        case .responseTimeout: "responseTimeout"
        case .streamTimeout: "streamTimeout"
        case .connectionTerminated: "connectionTerminated"
        case .responseIncomplete: "responseIncomplete"
        case .responseMalformed: "responseMalformed"
        case .headTooLarge: "headTooLarge"
        case .badRequest: "badRequest"
        case .methodRefused: "methodRefused"
        case .exhausted: "exhausted"
        case .clientGone: "clientGone"
        case .configured: "configured"
        case .upgradeRefused: "upgradeRefused"
        }
    }
}
