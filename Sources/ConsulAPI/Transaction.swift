// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One operation of a transaction, which is done wholly or not at all; at most 64 together.
public enum TransactionOperation: Hashable, Sendable {
    case set(key: String, value: [UInt8])
    /// Only if its `modifyIndex` is this; 0: only if it does not exist.
    case compareAndSet(key: String, value: [UInt8], index: UInt64)
    case lock(key: String, value: [UInt8], session: String)
    case unlock(key: String, value: [UInt8], session: String)
    case get(key: String)
    case checkIndex(key: String, index: UInt64)
    case checkSession(key: String, session: String)
    case checkNotExists(key: String)
    case delete(key: String)
    case compareAndDelete(key: String, index: UInt64)
    case deleteTree(prefix: String)
}

/// What became of a transaction.
public enum TransactionOutcome: Hashable, Sendable {
    /// One result an operation that has one, in their order; writes come without their value.
    case committed([KeyValue])
    case rolledBack([TransactionFailure])
}

/// Why a transaction was not done.
public struct TransactionFailure: Decodable, Hashable, Sendable {
    /// Of the operation, from 0.
    public let operation: Int
    public let cause: String

    private enum CodingKeys: String, CodingKey {
        case operation = "OpIndex"
        case cause = "What"
    }
}

extension ConsulClient {
    /// Does all operations in one write, or none. What a `ConsulError` says with `mayHaveHappened` must be read again.
    public func transaction(_ operations: [TransactionOperation]) async throws -> TransactionOutcome {
        let body = try JSONEncoder().encode(operations.map { ["KV": $0.wire] })
        let response = try await put("/txn", body: Array(body), accepting: [409])
        let answer: TransactionAnswer = try response.decoded()
        if response.status == 409 { return .rolledBack(answer.errors ?? []) }
        return .committed((answer.results ?? []).compactMap { $0["KV"] ?? nil })
    }
}

private struct TransactionAnswer: Decodable {
    let results: [[String: KeyValue?]]?
    let errors: [TransactionFailure]?

    private enum CodingKeys: String, CodingKey {
        case results = "Results"
        case errors = "Errors"
    }
}

extension TransactionOperation {
    /// As the API spells it.
    fileprivate struct Wire: Encodable {
        var verb: String
        var key: String
        var value: Data?
        var index: UInt64?
        var session: String?

        private enum CodingKeys: String, CodingKey {
            case verb = "Verb"
            case key = "Key"
            case value = "Value"
            case index = "Index"
            case session = "Session"
        }
    }

    fileprivate var wire: Wire {
        switch self {
        case .set(let key, let value): Wire(verb: "set", key: key, value: Data(value))
        case .compareAndSet(let key, let value, let index):
            Wire(verb: "cas", key: key, value: Data(value), index: index)
        case .lock(let key, let value, let session):
            Wire(verb: "lock", key: key, value: Data(value), session: session)
        case .unlock(let key, let value, let session):
            Wire(verb: "unlock", key: key, value: Data(value), session: session)
        case .get(let key): Wire(verb: "get", key: key)
        case .checkIndex(let key, let index): Wire(verb: "check-index", key: key, index: index)
        case .checkSession(let key, let session): Wire(verb: "check-session", key: key, session: session)
        case .checkNotExists(let key): Wire(verb: "check-not-exists", key: key)
        case .delete(let key): Wire(verb: "delete", key: key)
        case .compareAndDelete(let key, let index): Wire(verb: "delete-cas", key: key, index: index)
        case .deleteTree(let prefix): Wire(verb: "delete-tree", key: prefix)
        }
    }
}
