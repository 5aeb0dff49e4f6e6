// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a session is to be.
public struct SessionRequest: Hashable, Sendable {
    public enum Behaviour: String, Hashable, Sendable {
        /// The keys that it locked stay, unlocked; or they go with it.
        case release, delete
    }

    public var name: String
    /// 10 s...24 h, less where the agent sets `session_ttl_min`; it ends between this and twice as late.
    public var timeToLive: Duration
    /// 0...60 s during which nobody can lock what a lost session had locked.
    public var lockDelay: Duration
    public var behaviour: Behaviour

    public init(name: String, timeToLive: Duration, lockDelay: Duration, behaviour: Behaviour = .release) {
        self.name = name
        self.timeToLive = timeToLive
        self.lockDelay = lockDelay
        self.behaviour = behaviour
    }
}

/// A session as the server has it.
public struct ConsulSession: Decodable, Hashable, Sendable {
    public let id: String
    public let name: String
    public let node: String
    /// As Go writes durations: `10s`. The server may have made it longer than it was asked to.
    public let timeToLive: String

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case name = "Name"
        case node = "Node"
        case timeToLive = "TTL"
    }
}

extension ConsulClient {
    /// Makes a session that only its time to live ends, and answers its id.
    ///
    /// No health check is bound to it: a flapping agent must not take a lock away.
    public func createSession(_ request: SessionRequest) async throws -> String {
        let body = SessionBody(
            name: request.name, timeToLive: Self.text(request.timeToLive), lockDelay: Self.text(request.lockDelay),
            behaviour: request.behaviour.rawValue, checks: [])
        let response = try await put("/session/create", body: Array(try JSONEncoder().encode(body)))
        return try response.decoded(as: SessionID.self).id
    }

    /// Begins the time to live anew; nil where the session is no more.
    public func renewSession(_ id: String) async throws -> ConsulSession? {
        let response = try await put("/session/renew/" + Self.encoded(id), accepting: [404])
        guard response.status != 404 else { return nil }
        return try response.decoded(as: [ConsulSession].self).first
    }

    /// Ends a session at once; no error where it is no more.
    public func destroySession(_ id: String) async throws {
        _ = try await put("/session/destroy/" + Self.encoded(id))
    }

    /// A session; nil where it is no more.
    public func session(
        _ id: String, consistency: ConsulConsistency = .default, blocking: ConsulBlocking? = nil
    ) async throws -> ConsulAnswer<ConsulSession?> {
        let response = try await get(
            "/session/info/" + Self.encoded(id), consistency: consistency, blocking: blocking)
        return ConsulAnswer(value: try response.decoded(as: [ConsulSession]?.self)?.first, response: response)
    }

    private static func text(_ duration: Duration) -> String {
        let milliseconds = Int64(duration / .milliseconds(1))
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}

/// As the API spells a request for a session.
private struct SessionBody: Encodable {
    let name: String
    let timeToLive: String
    let lockDelay: String
    let behaviour: String
    let checks: [String]

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case timeToLive = "TTL"
        case lockDelay = "LockDelay"
        case behaviour = "Behavior"
        case checks = "Checks"
    }
}

private struct SessionID: Decodable {
    let id: String

    private enum CodingKeys: String, CodingKey { case id = "ID" }
}
