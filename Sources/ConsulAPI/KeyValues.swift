// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One key of Consul's store.
public struct KeyValue: Decodable, Hashable, Sendable {
    public var key: String
    public var value: [UInt8]
    public var flags: UInt64
    public var createIndex: UInt64
    /// For check-and-set.
    public var modifyIndex: UInt64
    /// How often it was locked; starts again when the key was deleted, so it fences nothing.
    public var lockIndex: UInt64
    /// The session that holds it; nil where none does.
    public var session: String?

    private enum Key: String, CodingKey {
        case key = "Key"
        case value = "Value"
        case flags = "Flags"
        case session = "Session"
        case createIndex = "CreateIndex"
        case modifyIndex = "ModifyIndex"
        case lockIndex = "LockIndex"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        key = try fields.decode(String.self, forKey: .key)
        value = Array(try fields.decodeIfPresent(Data.self, forKey: .value) ?? Data())
        flags = try fields.decodeIfPresent(UInt64.self, forKey: .flags) ?? 0
        createIndex = try fields.decodeIfPresent(UInt64.self, forKey: .createIndex) ?? 0
        modifyIndex = try fields.decodeIfPresent(UInt64.self, forKey: .modifyIndex) ?? 0
        lockIndex = try fields.decodeIfPresent(UInt64.self, forKey: .lockIndex) ?? 0
        session = try fields.decodeIfPresent(String.self, forKey: .session)
    }
}

/// On what condition a key is written.
public enum KeyCondition: Hashable, Sendable {
    case none
    /// Only if its `modifyIndex` is this; 0: only if it does not exist.
    case unchanged(since: UInt64)
    /// Takes the lock for a session: only if no other holds it, and its lock-delay is over.
    case acquire(session: String)
    /// Gives the lock back: only if this session holds it.
    case release(session: String)
}

extension ConsulClient {
    /// One key; nil where it does not exist. The response's index is right for a long poll either way.
    public func keyValue(
        _ key: String, consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<KeyValue?> {
        let response = try await get(Self.path(key), consistency: consistency, blocking: blocking, accepting: [404])
        guard response.status != 404 else { return ConsulAnswer(value: nil, response: response) }
        let found: [KeyValue] = try response.decoded()
        return ConsulAnswer(value: found.first, response: response)
    }

    /// All keys that begin so, sorted; none is no error.
    public func keyValues(
        prefix: String, consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<[KeyValue]> {
        let response = try await get(
            Self.path(prefix), query: [ConsulParameter("recurse")], consistency: consistency, blocking: blocking,
            accepting: [404])
        return ConsulAnswer(value: response.status == 404 ? [] : try response.decoded(), response: response)
    }

    /// The names alone; with a separator, only as far as the first one after the prefix.
    public func keys(
        prefix: String, separator: String? = nil, consistency: ConsulConsistency = .default
    ) async throws -> [String] {
        let query = [ConsulParameter("keys")] + (separator.map { [ConsulParameter("separator", $0)] } ?? [])
        let response = try await get(Self.path(prefix), query: query, consistency: consistency, accepting: [404])
        return response.status == 404 ? [] : try response.decoded()
    }

    /// Writes a key of at most 512 KiB; false where the condition did not hold.
    public func putKey(
        _ key: String, _ value: [UInt8], flags: UInt64 = 0, condition: KeyCondition = .none
    ) async throws -> Bool {
        var query = flags == 0 ? [] : [ConsulParameter("flags", String(flags))]
        switch condition {
        case .none: break
        case .unchanged(let index): query.append(ConsulParameter("cas", String(index)))
        case .acquire(let session): query.append(ConsulParameter("acquire", session))
        case .release(let session): query.append(ConsulParameter("release", session))
        }
        return try await put(Self.path(key), query: query, body: value).decoded()
    }

    /// Deletes a key, which may not exist; false where it has changed since `modifyIndex`.
    public func deleteKey(_ key: String, unchangedSince index: UInt64? = nil) async throws -> Bool {
        let query = index.map { [ConsulParameter("cas", String($0))] } ?? []
        return try await delete(Self.path(key), query: query).decoded()
    }

    /// Deletes all keys that begin so.
    public func deleteKeys(prefix: String) async throws {
        _ = try await delete(Self.path(prefix), query: [ConsulParameter("recurse")])
    }

    private static func path(_ key: String) -> String { "/kv/" + Percent.encoded(key, keepingSlashes: true) }
}
