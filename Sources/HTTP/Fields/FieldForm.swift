// SPDX-License-Identifier: Apache-2.0

extension FieldLine.Form {
    /// How a line is coded that came without HPACK: what differs from message to message would only throw others out
    /// of the table, and secrets are not to be guessed by compression (RFC 7541, 7.1.3).
    @inline(__always)
    init(for name: FieldName) {
        switch name {
        case .authorization, .proxyAuthorization: self = .neverIndexed
        case .path, .age, .contentLength, .contentRange, .etag, .ifModifiedSince, .ifNoneMatch, .ifMatch, .ifRange,
            .location, .range, .setCookie, .lastModified, .expires, .xRequestID, .traceparent, .tracestate,
            .xForwardedFor, .forwarded, .secWebSocketKey, .secWebSocketAccept, .contentMD5, .grpcTimeout:
            self = .plain
        default: self = .indexed
        }
    }
}
