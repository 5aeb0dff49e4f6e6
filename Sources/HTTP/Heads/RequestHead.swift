// SPDX-License-Identifier: Apache-2.0

/// What a valid request's head says, as indices of lines in its section; -1: there is no such line.
struct RequestHead: BitwiseCopyable, Sendable, Equatable {
    var method: Int32 = -1
    var scheme: Int32 = -1
    /// `:authority`, or `host` where a request of HTTP/2 has no other; both are never left.
    var authority: Int32 = -1
    var path: Int32 = -1
    /// `:protocol` of an extended CONNECT (RFC 8441).
    var protocolName: Int32 = -1
    var contentLength = ContentLength.none
    var kind = Method.other
    var expectsContinue = false
    /// Whether the client takes trailers (RFC 9110, 6.5.1).
    var takesTrailers = false

    /// Methods that framing, retries or refusals ask for.
    enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, patch, connect, other

        /// Whether the request may be sent again though the first may have been served (RFC 9110, 9.2.2).
        var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            default: false
            }
        }

        /// Case matters (RFC 9110, 9.1).
        init(_ text: UnsafeBufferPointer<UInt8>) {
            self = .other
            switch text.count {
            case 3: if Self.equal(text, "GET") { self = .get } else if Self.equal(text, "PUT") { self = .put }
            case 4: if Self.equal(text, "POST") { self = .post } else if Self.equal(text, "HEAD") { self = .head }
            case 5: if Self.equal(text, "PATCH") { self = .patch } else if Self.equal(text, "TRACE") { self = .trace }
            case 6: if Self.equal(text, "DELETE") { self = .delete }
            case 7:
                if Self.equal(text, "OPTIONS") {
                    self = .options
                } else if Self.equal(text, "CONNECT") {
                    self = .connect
                }
            default: break
            }
        }

        @inline(__always)
        private static func equal(_ text: UnsafeBufferPointer<UInt8>, _ name: StaticString) -> Bool {
            FieldText.equal(text, name)
        }
    }
}

/// What a valid response's head says.
struct ResponseHead: BitwiseCopyable, Sendable, Equatable {
    var status: UInt16
    var contentLength = ContentLength.none

    /// 1xx: another head follows (RFC 9110, 15.2).
    var isInterim: Bool { status < 200 }

    /// Whether no content can follow, whatever the fields say (RFC 9110, 6.4.1).
    func hasNoContent(for method: RequestHead.Method) -> Bool {
        method == .head || status < 200 || status == 204 || status == 304
    }
}
