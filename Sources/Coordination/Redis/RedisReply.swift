// SPDX-License-Identifier: Apache-2.0

import CHiredis

/// What Redis answers.
enum RedisReply: Hashable, Sendable {
    case bytes([UInt8])
    case integer(Int64)
    case array([RedisReply])
    case null
    /// `NOAUTH Authentication required.`: only the first word is the same in all versions.
    case error(String)

    var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }

    var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    var elements: [RedisReply] { if case .array(let elements) = self { elements } else { [] } }

    subscript(_ index: Int) -> RedisReply { elements.indices.contains(index) ? elements[index] : .null }

    init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .bytes(Self.bytes(reply))
        case REDIS_REPLY_ERROR: self = .error(String(decoding: Self.bytes(reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_ARRAY:
            // hiredis made `element` with `elements` places and filled each before it gave the reply out.
            self = .array(
                (0..<Int(reply.elements)).map { index in
                    reply.element?[index].map { RedisReply($0.pointee) } ?? .null
                })
        default: self = .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        // `len` bytes lie at `str`, with a NUL behind them.
        reply.str.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(reply.len))) } ?? []
    }
}
