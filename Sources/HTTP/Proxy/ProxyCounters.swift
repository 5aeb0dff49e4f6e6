// SPDX-License-Identifier: Apache-2.0

/// What a proxy has seen and done since it began.
public struct ProxyCounters: Sendable, Equatable {
    public var connections: UInt64 = 0
    public var requests: UInt64 = 0
    /// Final responses by the first digit of their status; 0: none was sent.
    public var responses = SIMD8<UInt64>(repeating: 0)
    public var retries: UInt64 = 0
    public var upstreamConnects: UInt64 = 0
    public var upstreamConnectFailures: UInt64 = 0
    public var malformed: UInt64 = 0
    public var handshakes: UInt64 = 0
    public var handshakeFailures: UInt64 = 0
    /// Connections ended for abuse, by `Fault.Abuse`.
    public var abuse = SIMD16<UInt64>(repeating: 0)
    /// Exchanges given up, by `ProxyError`.
    public var errors = SIMD32<UInt64>(repeating: 0)

    public init() {}
}

/// Why the proxy itself answered, or gave an exchange up: error types of RFC 9209, 2.3, where there is one.
enum ProxyError: UInt8, CaseIterable, Sendable {
    case noRoute, noBackend, tooManyWaiting, connectRefused, connectTimeout, responseTimeout, streamTimeout
    case connectionTerminated, responseIncomplete, responseMalformed, headTooLarge, badRequest, methodRefused
    case exhausted, clientGone, configured, upgradeRefused

    var status: UInt16 {
        switch self {
        case .noRoute: 404
        case .noBackend, .tooManyWaiting, .exhausted: 503
        case .connectTimeout, .responseTimeout, .streamTimeout: 504
        case .headTooLarge: 431
        case .badRequest: 400
        case .methodRefused: 405
        default: 502
        }
    }

    /// RFC 9209, 2.1 and 2.3; nil: the request's own fault, which no field has to explain.
    var proxyStatus: StaticString? {
        switch self {
        case .noRoute: "sluice; error=destination_not_found"
        case .noBackend: "sluice; error=destination_unavailable"
        case .tooManyWaiting, .exhausted: "sluice; error=connection_limit_reached"
        case .connectRefused: "sluice; error=connection_refused"
        case .connectTimeout: "sluice; error=connection_timeout"
        case .responseTimeout, .streamTimeout: "sluice; error=http_response_timeout"
        case .connectionTerminated: "sluice; error=connection_terminated"
        case .responseIncomplete: "sluice; error=http_response_incomplete"
        case .responseMalformed: "sluice; error=http_protocol_error"
        case .upgradeRefused: "sluice; error=http_upgrade_failed"
        case .methodRefused: "sluice; error=http_request_denied"
        case .headTooLarge, .badRequest, .clientGone, .configured: nil
        }
    }
}
