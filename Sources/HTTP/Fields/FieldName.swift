// SPDX-License-Identifier: Apache-2.0

/// The names of field lines that Sluice or HPACK's static table know; any other is `other`.
///
/// The first 52 are in the order of RFC 7541, appendix A, so that a name's static index is arithmetic.
enum FieldName: UInt8, CaseIterable, Sendable {
    case other
    case authority, method, path, scheme, status
    case acceptCharset, acceptEncoding, acceptLanguage, acceptRanges, accept, accessControlAllowOrigin, age, allow
    case authorization, cacheControl, contentDisposition, contentEncoding, contentLanguage, contentLength
    case contentLocation, contentRange, contentType, cookie, date, etag, expect, expires, from, host, ifMatch
    case ifModifiedSince, ifNoneMatch, ifRange, ifUnmodifiedSince, lastModified, link, location, maxForwards
    case proxyAuthenticate, proxyAuthorization, range, referer, refresh, retryAfter, server, setCookie
    case strictTransportSecurity, transferEncoding, userAgent, vary, via, wwwAuthenticate
    // Not in the static table.
    case protocolName, te, connection, keepAlive, proxyConnection, upgrade, trailer, http2Settings
    case forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort, xRealIP, xRequestID, proxyStatus
    case grpcStatus, grpcMessage, grpcTimeout, secWebSocketKey, secWebSocketAccept, secWebSocketVersion
    case secWebSocketProtocol, secWebSocketExtensions, origin, priority, traceparent, tracestate, contentMD5
    case authenticationInfo, proxyAuthenticationInfo

    /// In the order of the cases.
    static let texts: [StaticString] = [
        "",
        ":authority", ":method", ":path", ":scheme", ":status",
        "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "accept",
        "access-control-allow-origin", "age", "allow",
        "authorization", "cache-control", "content-disposition", "content-encoding", "content-language",
        "content-length",
        "content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from",
        "host", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location",
        "max-forwards",
        "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server",
        "set-cookie",
        "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate",
        ":protocol", "te", "connection", "keep-alive", "proxy-connection", "upgrade", "trailer", "http2-settings",
        "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip",
        "x-request-id", "proxy-status",
        "grpc-status", "grpc-message", "grpc-timeout", "sec-websocket-key", "sec-websocket-accept",
        "sec-websocket-version",
        "sec-websocket-protocol", "sec-websocket-extensions", "origin", "priority", "traceparent", "tracestate",
        "content-md5",
        "authentication-info", "proxy-authentication-info",
    ]

    static let lastStatic = FieldName.wwwAuthenticate

    /// Whether the name begins with a colon: it says what the request or status line of HTTP/1.1 does.
    var isPseudo: Bool { rawValue >= FieldName.authority.rawValue && self <= .status || self == .protocolName }

    /// Fields that speak of one connection (RFC 9110, 7.6.1): never handed on, malformed in HTTP/2 (RFC 9113, 8.2.2).
    ///
    /// `te` is another matter: it may say `trailers`.
    var isConnectionSpecific: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade, .http2Settings: true
        default: false
        }
    }

    /// Whether trailers may not carry it: it frames, routes, authenticates or asks (RFC 9110, 6.5.1).
    var isBarredFromTrailers: Bool {
        switch self {
        case .contentLength, .transferEncoding, .host, .trailer, .te, .connection, .keepAlive, .proxyConnection,
            .upgrade, .http2Settings, .authorization, .proxyAuthorization, .wwwAuthenticate, .proxyAuthenticate,
            .setCookie, .cookie, .contentEncoding, .contentType, .contentRange, .maxForwards, .expect, .range,
            .ifMatch, .ifNoneMatch, .ifRange, .ifModifiedSince, .ifUnmodifiedSince, .cacheControl, .age, .expires,
            .date, .location, .retryAfter, .vary, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost,
            .xForwardedPort, .xRealIP:
            true
        default: isPseudo
        }
    }

    /// The lowest index of the name in HPACK's static table; 0: it is not there.
    @inline(__always)
    var staticIndex: Int {
        switch self {
        case .other: 0
        case .authority: 1
        case .method: 2
        case .path: 4
        case .scheme: 6
        case .status: 8
        default: self <= Self.lastStatic ? Int(rawValue) + 9 : 0
        }
    }

    @inline(__always)
    static func <= (one: FieldName, other: FieldName) -> Bool { one.rawValue <= other.rawValue }
}
