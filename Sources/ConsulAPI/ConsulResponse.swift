// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOHTTP1

/// What a server answered, with all that Consul says about it in the head.
public struct ConsulResponse: Hashable, Sendable {
    public let status: Int
    public let body: [UInt8]
    /// For the next long poll; no proof of a change. Nil where the endpoint has none.
    public let index: UInt64?
    public let knownLeader: Bool?
    /// Since the answering server last heard of its leader.
    public let lastContact: Duration?
    /// Whether entries are missing because the token may not read them. Servers before 1.11 do not say.
    public let filteredByACLs: Bool?
    /// `leader`, `consistent` or `stale`, where the server says so.
    public let effectiveConsistency: String?
    let operation: String

    init(status: Int, headers: HTTPHeaders, body: [UInt8], operation: String) {
        self.status = status
        self.body = body
        self.operation = operation
        index = headers.first(name: "X-Consul-Index").flatMap { UInt64($0) }
        knownLeader = headers.first(name: "X-Consul-Knownleader").map { $0 == "true" }
        lastContact = headers.first(name: "X-Consul-Lastcontact").flatMap { Int64($0) }.map { .milliseconds($0) }
        filteredByACLs = headers.first(name: "X-Consul-Results-Filtered-By-ACLs").map { $0 == "true" }
        effectiveConsistency = headers.first(name: "X-Consul-Effective-Consistency")
    }

    /// Whether it may lack what was written longer ago than that.
    public func isOlder(than age: Duration) -> Bool {
        knownLeader == false || lastContact.map { $0 > age } ?? false
    }

    /// The body as JSON; throws `garbage` where it is something else.
    public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw ConsulError(
                .garbage, operation, cause: "the answer is not what Consul says there: \(Self.cause(error))",
                status: status)
        }
    }

    private static func cause(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .keyNotFound(let key, let context): return "no \(key.stringValue) in \(path(context))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return "wrong value at \(path(context))"
        case .dataCorrupted(let context): return "no JSON at \(path(context))"
        @unknown default: return "no JSON"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        return path.isEmpty ? "its start" : path.joined(separator: ".")
    }
}

/// A value with what the server said about it.
public struct ConsulAnswer<Value: Sendable>: Sendable {
    public let value: Value
    public let response: ConsulResponse
}
